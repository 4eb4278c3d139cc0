"""What every TSE has to do, whoever made it. A new adapter joins the fixture `tse`."""

from __future__ import annotations

import pytest

from fiscal_signer.adapters.fiskaly.cloud import Limits
from fiscal_signer.adapters.memory import MemoryChip, MemoryDeviceStorage
from fiscal_signer.adapters.software_tses import SoftwareTses
from fiscal_signer.country.de import log_message
from fiscal_signer.country.de.algorithms import key_of, serial_of, verify_plain
from fiscal_signer.ports import (
    AlreadyDone,
    Authenticate,
    Chore,
    DeleteExported,
    FinishTransaction,
    Refused,
    RegisterClient,
    SelfTest,
    Signed,
    StartTransaction,
    Tse,
    TseError,
    Tses,
    UpdateTime,
)
from fiscal_signer.testing.fiskaly_line import TSE, Line

PATIENT = Limits(call_s=30.0)
"""No fault here: a busy machine is no silent vendor."""

TILL = "KV-berlin-1"
RECEIPT = "Kassenbeleg-V1"
SALE = "Beleg^11.90_0.00_0.00_0.00_0.00^11.90:Bar"


@pytest.fixture(params=["software", "fiskaly"])
def tses(request: pytest.FixtureRequest, line: Line) -> Tses:
    if request.param == "fiskaly":
        return line.tses(limits=PATIENT)
    return SoftwareTses(
        MemoryDeviceStorage(),
        MemoryChip(),
        curves={TSE: "P-256"},
        sealing_key=bytes(32),
        nonce=lambda: bytes(12),
        clock=line.clock,
    )


@pytest.fixture
async def tse(tses: Tses) -> Tse:
    device = await tses.open(TSE)
    await device.execute([RegisterClient(TILL)])
    return device


def finish(
    number: int | None, *, of_step: int | None = None, data: str = SALE
) -> FinishTransaction:
    return FinishTransaction(TILL, RECEIPT, data, transaction_number=number, of_step=of_step)


async def begun(tse: Tse, name: str = "r1/b1/start") -> Signed:
    (answer,) = await tse.execute([StartTransaction(TILL, name)])
    assert isinstance(answer, Signed)
    return answer


async def test_a_sale_in_one_call_is_started_and_finished_with_rising_counters(tse: Tse) -> None:
    start, end = await tse.execute([StartTransaction(TILL, "r1/b1/start"), finish(None, of_step=0)])
    assert isinstance(start, Signed)
    assert isinstance(end, Signed)
    assert end.transaction_number == start.transaction_number
    assert end.signature_counter > start.signature_counter
    assert (end.process_type, end.process_data) == (RECEIPT, SALE)


async def test_every_signature_holds_over_the_bytes_of_its_log_message(tse: Tse) -> None:
    info = await tse.info()
    answers = await tse.execute([StartTransaction(TILL, "r1/b1/start"), finish(None, of_step=0)])
    for answer in answers:
        assert isinstance(answer, Signed)
        log = log_message.parse(answer.log_message)
        assert log.serial == serial_of(info.public_key)
        assert log.signature == answer.value
        assert verify_plain(key_of(info.public_key), info.algorithm, answer.value, log.signed)


async def test_a_start_signs_empty_process_type_and_data(tse: Tse) -> None:
    log = log_message.parse((await begun(tse)).log_message)
    assert (log.process_type or "", log.process_data or b"") == ("", b"")


async def test_the_serial_number_is_the_hash_of_the_key(tse: Tse) -> None:
    info = await tse.info()
    assert info.serial == serial_of(info.public_key).hex()


async def test_registering_again_signs_nothing(tse: Tse) -> None:
    before = (await tse.info()).signature_counter
    assert await tse.execute([RegisterClient(TILL)]) == [AlreadyDone()]
    assert (await tse.info()).signature_counter == before


async def test_the_device_counts_what_it_signed(tse: Tse) -> None:
    before = await tse.info()
    start = await begun(tse)
    after = await tse.info()
    assert after.signature_counter == start.signature_counter == before.signature_counter + 1
    assert after.transaction_number == start.transaction_number


async def test_its_log_names_every_counter_once_and_in_order(tse: Tse) -> None:
    first = await begun(tse, "r1/b1/start")
    second = await begun(tse, "r1/b2/start")
    await tse.execute([finish(first.transaction_number)])
    last = (await tse.info()).signature_counter
    logs = await tse.logs_after(0)
    assert [log.signature_counter for log in logs] == list(range(1, last + 1))
    operations = [log.operation for log in logs if log.transaction_number]
    assert operations == ["StartTransaction", "StartTransaction", "FinishTransaction"]
    assert second in logs


async def test_its_log_after_a_counter_leaves_out_what_was_before(tse: Tse) -> None:
    first = await begun(tse)
    (end,) = await tse.execute([finish(first.transaction_number)])
    assert list(await tse.logs_after(first.signature_counter)) == [end]
    assert isinstance(end, Signed)
    assert list(await tse.logs_after(end.signature_counter)) == []


async def test_its_log_holds_the_end_of_a_transaction_that_began_long_before(tse: Tse) -> None:
    old, *_, newest = [await begun(tse, f"r1/b{number}/start") for number in range(4)]
    (end,) = await tse.execute([finish(old.transaction_number)])
    assert list(await tse.logs_after(newest.signature_counter)) == [end]


async def test_a_long_log_comes_whole(tse: Tse) -> None:
    names = [StartTransaction(TILL, f"r1/b{number}/start") for number in range(105)]
    ends = [finish(None, of_step=number) for number in range(2)]
    await tse.execute([*names, *ends])
    last = (await tse.info()).signature_counter
    assert [log.signature_counter for log in await tse.logs_after(0)] == list(range(1, last + 1))
    assert len(await tse.open_transactions()) == 103


async def test_open_transactions_are_those_that_were_not_finished(tse: Tse) -> None:
    first, second = await begun(tse, "r1/b1/start"), await begun(tse, "r1/b2/start")
    await tse.execute([finish(first.transaction_number)])
    assert await tse.open_transactions() == {second.transaction_number: TILL}


async def test_a_till_that_is_not_registered_is_refused(tse: Tse) -> None:
    answers = await tse.execute([StartTransaction("KV-x-9", "n"), finish(None, of_step=0)])
    assert list(answers) == [Refused(TseError.ID_NOT_FOUND)] * 2


async def test_an_unknown_transaction_is_not_finished(tse: Tse) -> None:
    (answer,) = await tse.execute([finish(4711)])
    assert answer == Refused(TseError.TRANSACTION_NUMBER_NOT_FOUND)


async def test_a_finished_transaction_does_not_take_other_data(tse: Tse) -> None:
    start = await begun(tse)
    await tse.execute([finish(start.transaction_number)])
    before = (await tse.info()).signature_counter
    other = finish(start.transaction_number, data="Beleg^0.00_0.00_0.00_0.00_0.00^")
    (answer,) = await tse.execute([other])
    assert answer == Refused(TseError.TRANSACTION_NUMBER_NOT_FOUND)
    assert (await tse.info()).signature_counter == before


async def test_another_till_does_not_finish_a_transaction(tse: Tse) -> None:
    start = await begun(tse)
    await tse.execute([RegisterClient("KV-berlin-2")])
    step = FinishTransaction("KV-berlin-2", RECEIPT, SALE, start.transaction_number)
    assert await tse.execute([step]) == [Refused(TseError.PARAMETER_MISMATCH)]
    assert start.transaction_number in await tse.open_transactions()


async def test_what_follows_a_refused_step_is_done(tse: Tse) -> None:
    refused, started = await tse.execute([finish(4711), StartTransaction(TILL, "r1/b1/start")])
    assert isinstance(refused, Refused)
    assert isinstance(started, Signed)


# -- away from any sale --------------------------------------------------------------------


async def test_looking_at_its_figures_signs_nothing(tse: Tse) -> None:
    before = (await tse.info()).signature_counter
    await tse.figures()
    assert (await tse.info()).signature_counter == before


@pytest.mark.parametrize(
    ("chore", "operation"), [(SelfTest(), "selfTest"), (UpdateTime(), "updateTime")]
)
async def test_a_chore_is_done_and_logged_where_its_figures_ask_for_it(
    tse: Tse, chore: Chore, operation: str
) -> None:
    before = (await tse.info()).signature_counter
    figures = await tse.figures()
    wanted = (
        figures.self_test_every if isinstance(chore, SelfTest) else figures.time_every
    ) is not None
    assert await tse.tend(chore) == wanted
    made = await tse.logs_after(before)
    assert [log.operation for log in made] == ([operation] if wanted else [])


async def test_what_a_device_does_not_have_is_not_done(tse: Tse) -> None:
    before = (await tse.info()).signature_counter
    assert not await tse.tend(DeleteExported(before))
    assert not await tse.tend(Authenticate("admin"))
    assert (await tse.info()).signature_counter == before
