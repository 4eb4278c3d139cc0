"""Print runs: every card once, whatever dies in between; codes handed out once."""

from __future__ import annotations

import csv
import io
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from events import DomainError, IdempotencyKeyReused, Recorded, Transient
from events.testing.memory import MemoryEventStore
from money import euro
from voucher import codes
from voucher.decider import VoucherNotUsable
from voucher.decider.batch import (
    BatchEnded,
    BatchExportedBefore,
    BatchReused,
    BatchUnfinished,
    BatchUnknown,
)
from voucher.decider.catalogue import TemplateUnknown
from voucher.events import BatchProgressed, SoldAt, VoucherIssued
from voucher.handlers.batch_names import (
    CodesGone,
    DigestDiffers,
    ExportTaken,
    ValueMissing,
    card_id,
)
from voucher.testing.office import MemoryBatchParts, MemoryBatchWork, Office

if TYPE_CHECKING:
    from services.voucher.tests.conftest import Clock, World

CARDS = 600  # three parts


async def log_of(office: Office) -> list[Recorded]:
    return await office.store.read(after=0, records_max=10_000)


async def cards_of(office: Office) -> list[VoucherIssued]:
    return [entry.event for entry in await log_of(office) if isinstance(entry.event, VoucherIssued)]


def rows_of(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


@pytest.fixture
async def ordered(office: Office) -> Office:
    await office.template()
    await office.order("B1", CARDS)
    return office


@pytest.fixture
async def printed(ordered: Office) -> Office:
    await ordered.batches.work()
    return ordered


async def test_an_order_prints_nothing_by_itself(ordered: Office) -> None:
    assert (await ordered.batches.batch("B1")).state == "running"
    assert await cards_of(ordered) == []


async def test_every_card_is_there_once(printed: Office) -> None:
    cards = await cards_of(printed)
    assert [card.voucher_id for card in cards] == [card_id("B1", n) for n in range(CARDS)]
    assert len({card.code_hash for card in cards}) == CARDS
    assert (await printed.batches.batch("B1")).state == "completed"


async def test_a_printed_card_is_inactive_and_owes_nothing(printed: Office) -> None:
    card = (await cards_of(printed))[0]
    assert (card.status, card.value, card.valid_until) == ("inactive", euro("0.00"), None)
    assert (card.origin, card.batch_id, card.terms.template_id) == ("batch", "B1", "gift")


async def test_progress_is_recorded_with_the_cards(printed: Office) -> None:
    seen = 0
    for entry in await log_of(printed):
        seen += isinstance(entry.event, VoucherIssued)
        if isinstance(entry.event, BatchProgressed):
            assert entry.event.done == seen
    assert seen == CARDS


async def test_no_code_is_in_the_log(printed: Office) -> None:
    file = await printed.batches.export(printed.ask(), batch_id="B1")
    whole = b"".join(entry.data for entry in await log_of(printed))
    for row in rows_of(file.content):
        assert row["code"].replace("-", "").encode() not in whole


async def test_the_file_opens_the_cards_of_the_log(printed: Office) -> None:
    file = await printed.batches.export(printed.ask(), batch_id="B1")
    cards = {card.serial: card for card in await cards_of(printed)}
    rows = rows_of(file.content)
    assert {row["serial"] for row in rows} == cards.keys()
    for row in rows:
        code = codes.parse(row["code"], kind=codes.Kind.VOUCHER)
        assert row["qr"] == code
        assert codes.hashed(code, printed.secrets).value == cards[row["serial"]].code_hash


@pytest.mark.parametrize("fault", ["fail_before", "lose_answer"])
@pytest.mark.parametrize("at", range(3))
async def test_a_process_that_dies_at_any_append_loses_and_doubles_no_code(
    office: Office, memory: MemoryEventStore, fault: str, at: int
) -> None:
    await office.template()
    await office.order("B1", CARDS)
    appends = 0
    append = memory.append

    async def counting(request):  # type: ignore[no-untyped-def]  # as the store's own
        nonlocal appends
        if appends == at:
            setattr(memory, fault, True)
        appends += 1
        return await append(request)

    memory.append = counting  # type: ignore[method-assign]  # a crash at a chosen append
    with pytest.raises(Transient):
        await office.batches.work()
    memory.streams.forget("batch-B1")  # another process takes over
    await office.batches.work()

    cards = await cards_of(office)
    file = await office.batches.export(office.ask(), batch_id="B1")
    hashes = {
        codes.hashed(codes.parse(row["code"]), office.secrets).value
        for row in rows_of(file.content)
    }
    assert len(cards) == CARDS
    assert hashes == {card.code_hash for card in cards}


async def test_a_code_that_was_drawn_before_is_drawn_anew(office: Office) -> None:
    await office.template()
    await office.order("B1", 1)
    await office.batches.work()
    taken = (await office.parts.read("B1", 0)) or b""
    await office.order("B2", 1)
    await office.parts.keep("B2", 0, taken, until=(await office.work.open())[0][1])
    await office.batches.work()
    first, second = await cards_of(office)
    assert first.code_hash != second.code_hash
    assert (await office.batches.batch("B2")).state == "completed"


async def test_an_unfinished_run_is_not_handed_out(ordered: Office) -> None:
    with pytest.raises(BatchUnfinished):
        await ordered.batches.export(ordered.ask(), batch_id="B1")


async def test_the_same_request_gets_the_same_file_again(printed: Office) -> None:
    ask = printed.ask("one")
    first = await printed.batches.export(ask, batch_id="B1")
    assert await printed.batches.export(ask, batch_id="B1") == first


async def test_another_request_does_not_get_the_file(printed: Office) -> None:
    await printed.batches.export(printed.ask("one"), batch_id="B1")
    with pytest.raises(ExportTaken):
        await printed.batches.export(printed.ask("two"), batch_id="B1")


async def test_the_codes_are_wiped_once_the_file_has_arrived(printed: Office) -> None:
    ask = printed.ask("one")
    file = await printed.batches.export(ask, batch_id="B1")
    batch = await printed.batches.exported(printed.ask(), batch_id="B1", digest=file.digest)
    assert batch.state == "exported"
    assert isinstance(printed.parts, MemoryBatchParts)
    assert isinstance(printed.work, MemoryBatchWork)
    assert (printed.parts.rows, printed.work.rows) == ({}, {})
    with pytest.raises(BatchExportedBefore):
        await printed.batches.export(ask, batch_id="B1")


async def test_a_broken_download_wipes_nothing(printed: Office) -> None:
    ask = printed.ask("one")
    file = await printed.batches.export(ask, batch_id="B1")
    with pytest.raises(DigestDiffers):
        await printed.batches.exported(printed.ask(), batch_id="B1", digest="0" * 64)
    assert await printed.batches.export(ask, batch_id="B1") == file


async def test_the_acknowledgement_may_be_repeated(printed: Office) -> None:
    file = await printed.batches.export(printed.ask(), batch_id="B1")
    for _ in range(2):
        await printed.batches.exported(printed.ask(), batch_id="B1", digest=file.digest)
    names = [entry.name for entry in await log_of(printed)]
    assert names.count("batch.exported") == 1


async def test_a_crash_after_the_acknowledgement_still_wipes(printed: Office) -> None:
    file = await printed.batches.export(printed.ask(), batch_id="B1")
    kept = dict(printed.parts.rows)  # type: ignore[attr-defined]  # the memory's
    await printed.batches.exported(printed.ask(), batch_id="B1", digest=file.digest)
    printed.parts.rows.update(kept)  # type: ignore[attr-defined]  # as if it died before
    await printed.work.add("B1", (await printed.batches.batch("B1")).ordered_at)
    await printed.batches.work()
    assert printed.parts.rows == {}  # type: ignore[attr-defined]


async def test_codes_that_nobody_fetched_are_gone(printed: Office) -> None:
    await printed.parts.wipe("B1")
    with pytest.raises(CodesGone):
        await printed.batches.export(printed.ask(), batch_id="B1")


async def test_a_voided_run_ends_and_forgets_its_codes(printed: Office) -> None:
    await printed.batches.void(printed.ask(), batch_id="B1", reason="Karton verloren")
    assert await printed.batches.voided("B1")
    assert printed.parts.rows == {}  # type: ignore[attr-defined]
    with pytest.raises(BatchEnded):
        await printed.batches.export(printed.ask(), batch_id="B1")


async def test_a_run_that_is_voided_midway_prints_no_more(ordered: Office) -> None:
    await ordered.batches.void(ordered.ask(), batch_id="B1", reason="falsch bestellt")
    await ordered.batches.work()
    assert await cards_of(ordered) == []


async def test_an_unknown_batch_is_not_found(office: Office) -> None:
    for attempt in (
        office.batches.batch("B9"),
        office.batches.export(office.ask(), batch_id="B9"),
        office.batches.void(office.ask(), batch_id="B9", reason="?"),
    ):
        with pytest.raises(BatchUnknown):
            await attempt


async def test_the_same_order_again_is_the_same_run(printed: Office) -> None:
    assert (await printed.order("B1", CARDS)).state == "completed"


async def test_the_same_id_with_another_number_is_refused(printed: Office) -> None:
    with pytest.raises(BatchReused):
        await printed.order("B1", CARDS + 1)


async def test_the_same_key_with_another_input_is_refused(ordered: Office) -> None:
    await ordered.order("B2", 1, ask=ordered.ask("key", "one"))
    with pytest.raises(IdempotencyKeyReused):
        await ordered.order("B2", 1, ask=ordered.ask("key", "two"))


async def test_a_run_has_the_value_of_its_template(office: Office) -> None:
    await office.template(value="50.00")
    with pytest.raises(ValueMissing):
        await office.order("B1", 1, value="25.00")
    assert (await office.order("B1", 1)).value == euro("50.00")


async def test_a_run_needs_a_template(office: Office) -> None:
    refusal: type[DomainError] = TemplateUnknown
    with pytest.raises(refusal):
        await office.order("B1", 1)


async def sell_card(world: World, code: str) -> Any:
    return await world.vouchers.selling.prepare_card(
        world.ask(),
        preparation_id=uuid4().hex,
        typed=code,
        value=euro("25.00"),
        consideration=None,
        legal_entity_id="kette",
        sold_at=SoldAt(store_id="berlin", till_id="t1", booking_id="B1", line_id="L1"),
        source="till:berlin/t1",
    )


async def test_a_printed_card_can_be_sold(printed: Office, world: World) -> None:
    world.vouchers.desk.templates = printed.catalogue
    file = await printed.batches.export(printed.ask(), batch_id="B1")
    sold = await sell_card(world, rows_of(file.content)[0]["code"])
    assert (sold.voucher.status.value, sold.voucher.value) == ("pending", euro("25.00"))


async def test_a_card_of_a_voided_run_is_not_sold(printed: Office, world: World) -> None:
    file = await printed.batches.export(printed.ask(), batch_id="B1")
    await printed.batches.void(printed.ask(), batch_id="B1", reason="Karton verloren")
    with pytest.raises(VoucherNotUsable):
        await sell_card(world, rows_of(file.content)[0]["code"])


async def test_a_batch_that_fails_does_not_stop_the_others_and_is_tried_again(
    ordered: Office, clock: Clock
) -> None:
    await ordered.parts.keep("B1", 0, b"no codes", until=clock() + timedelta(days=1))
    await ordered.order("B2", 1)
    await ordered.batches.work()
    assert (await ordered.batches.batch("B1")).state == "running"
    assert (await ordered.batches.batch("B2")).state == "completed"

    await ordered.parts.wipe("B1")
    await ordered.batches.work()
    assert (await ordered.batches.batch("B1")).state == "running"
    clock.advance(minutes=1)
    await ordered.batches.work()
    assert (await ordered.batches.batch("B1")).state == "completed"
