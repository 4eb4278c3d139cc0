"""The signing processes: what they sign, and what is left when one of them, or the program, is
killed."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from events.testing.waiting import until
from fiscal_signer.adapters.chip import frames, helper
from fiscal_signer.adapters.chip.helper import DeviceKey
from fiscal_signer.adapters.chip.pool import CHUNK, Chips
from fiscal_signer.country.de import log_message, qr
from fiscal_signer.country.de.algorithms import verify_plain
from fiscal_signer.events import (
    ClientRegistered,
    LeftUnsigned,
    OutageBegan,
    SignatureMade,
    SignatureStarted,
    SignatureSurplus,
)
from fiscal_signer.ports import TseError, TseFault
from fiscal_signer.testing import World, recorded, started

DEADLINE_S = 20.0

PRIVATE = ec.generate_private_key(ec.SECP384R1())
KEY = DeviceKey(
    "tse-berlin",
    "sha384",
    PRIVATE.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ),
)


@pytest_asyncio.fixture
async def chips() -> AsyncIterator[Chips]:
    made = Chips(processes_max=2)
    await made.start()
    yield made
    await made.close()


def lives(pid: int) -> bool:
    """Whether a process runs; one that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def fits(message: bytes, signature: bytes) -> bool:
    return verify_plain(PRIVATE.public_key(), "ecdsa-plain-SHA384", signature, message)


# -- signing ---------------------------------------------------------------------------------


async def test_each_message_gets_its_own_signature_in_order(chips: Chips) -> None:
    messages = [f"message {number}".encode() for number in range(5 * CHUNK + 1)]
    values = await chips.sign(KEY, messages)
    assert len(values) == len(messages)
    assert all(map(fits, messages, values))


async def test_many_callers_get_their_own_answers(chips: Chips) -> None:
    wanted = [[f"{caller}/{number}".encode() for number in range(caller)] for caller in range(30)]
    values = await asyncio.gather(*(chips.sign(KEY, messages) for messages in wanted))
    assert all(all(map(fits, *pair)) for pair in zip(wanted, values, strict=True))
    assert [len(one) for one in values] == list(range(30))


async def test_there_are_never_more_processes_than_allowed(chips: Chips) -> None:
    while len(chips.pids) < 2:
        await asyncio.gather(*(chips.sign(KEY, [b"x"] * 100) for _ in range(4)))
    await asyncio.gather(*(chips.sign(KEY, [b"x"] * 100) for _ in range(4)))
    assert len(chips.pids) == 2


async def test_a_short_request_does_not_wait_for_a_long_one(chips: Chips) -> None:
    long = asyncio.create_task(chips.sign(KEY, [b"x"] * 600))
    assert fits(b"sale", (await chips.sign(KEY, [b"sale"]))[0])
    assert not long.done()
    await long


async def test_a_message_of_any_size_is_signed(chips: Chips) -> None:
    message = os.urandom(log_message.LOG_MESSAGE_BYTES_MAX)
    assert all(fits(message, value) for value in await chips.sign(KEY, [message] * CHUNK))


# -- death -----------------------------------------------------------------------------------


async def test_a_killed_process_is_an_unreachable_device_and_another_takes_its_place(
    chips: Chips,
) -> None:
    (first,) = chips.pids
    os.kill(first, signal.SIGSTOP)
    asked = asyncio.create_task(chips.sign(KEY, [b"x"]))
    await asyncio.sleep(0)
    os.kill(first, signal.SIGKILL)
    with pytest.raises(TseFault) as fault:
        await asked
    assert fault.value.code is TseError.UNREACHABLE
    assert fits(b"y", (await chips.sign(KEY, [b"y"]))[0])
    assert first not in chips.pids


async def test_a_process_that_hangs_is_killed(
    chips: Chips, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(helper, "SILENT_S", 0.2)
    (first,) = chips.pids
    os.kill(first, signal.SIGSTOP)
    with pytest.raises(TseFault):
        await chips.sign(KEY, [b"x"])
    await until(lambda: not lives(first))


async def test_a_process_that_cannot_use_a_key_is_a_fault_and_no_hang(chips: Chips) -> None:
    with pytest.raises(TseFault):
        await chips.sign(DeviceKey("tse-x", "sha384", b"no key"), [b"x"])
    assert fits(b"y", (await chips.sign(KEY, [b"y"]))[0])


async def test_where_no_process_can_be_started_the_device_is_unreachable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(helper, "_COMMAND", ("/nowhere/python",))
    chips = Chips(processes_max=1)
    with pytest.raises(TseFault):
        await chips.sign(KEY, [b"x"])
    with pytest.raises(TseFault):
        await chips.start()
    await chips.close()


async def test_signals_to_the_whole_group_leave_signing_to_the_programs_end(chips: Chips) -> None:
    (pid,) = chips.pids
    os.kill(pid, signal.SIGTERM)
    os.kill(pid, signal.SIGINT)
    assert fits(b"x", (await chips.sign(KEY, [b"x"]))[0])
    await chips.close()
    assert not lives(pid)


async def test_a_closed_pool_answers_and_leaves_no_process() -> None:
    chips = Chips(processes_max=2)
    await chips.start()
    waiting = asyncio.create_task(chips.sign(KEY, [b"x"] * 600))
    await asyncio.sleep(0)
    pids = chips.pids
    await chips.close()
    with pytest.raises(TseFault):
        await waiting
    with pytest.raises(TseFault):
        await chips.sign(KEY, [b"x"])
    assert not any(map(lives, pids))


PARENT = """
import asyncio
from fiscal_signer.adapters.chip.helper import DeviceKey
from fiscal_signer.adapters.chip.pool import Chips

async def main():
    chips = Chips(processes_max=2)
    await chips.start()
    key = DeviceKey("tse", "sha384", bytes.fromhex("%s"))
    while len(chips.pids) < 2:
        await asyncio.gather(*(chips.sign(key, [b"x"] * 100) for _ in range(8)))
    print(*chips.pids, flush=True)
    while True:
        await chips.sign(key, [b"x"] * 100)

asyncio.run(main())
"""


async def test_no_process_outlives_a_program_that_was_killed_in_the_middle() -> None:
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT % KEY.der.hex(), stdout=asyncio.subprocess.PIPE
    )
    assert program.stdout is not None
    try:
        async with asyncio.timeout(DEADLINE_S):
            pids = [int(pid) for pid in (await program.stdout.readline()).split()]
        assert len(pids) == 2
        assert all(map(lives, pids))
    finally:
        program.kill()
        await program.wait()
    await until(lambda: not any(map(lives, pids)))


# -- the signer over them --------------------------------------------------------------------


class KillingChip:
    """Kills the processes in the middle of the calls that `strike` names (counted from 1)."""

    def __init__(self, chips: Chips, strike: set[int]) -> None:
        self._chips = chips
        self._strike = strike
        self._calls = 0

    async def sign(self, key: DeviceKey, messages: Sequence[bytes]) -> list[bytes]:
        self._calls += 1
        if self._calls not in self._strike:
            return await self._chips.sign(key, messages)
        await self._chips.start()  # After the strike before this one.
        for pid in self._chips.pids:
            os.kill(pid, signal.SIGSTOP)  # So that it dies with the work in its hands.
        asked = asyncio.create_task(self._chips.sign(key, messages))
        await asyncio.sleep(0)
        for pid in self._chips.pids:
            os.kill(pid, signal.SIGKILL)
        return await asked


def assert_each_counter_has_one_event(world: World) -> None:
    device = sorted(world.storage.logs["tse-berlin"])
    assert device == list(range(1, len(device) + 1))
    explained = [
        event.signature_counter
        for event in world.events(
            ClientRegistered, SignatureStarted, SignatureMade, SignatureSurplus
        )
    ]
    assert explained == device


@pytest.mark.parametrize("strike", [{1}, {2}, {1, 2}, {1, 3, 4}])
async def test_a_booking_is_signed_once_when_the_signing_process_is_killed_in_the_middle(
    chips: Chips, strike: set[int]
) -> None:
    world = World(chip=KillingChip(chips, strike), curve="P-384", stores=("berlin",))
    for number in range(3):
        batch = [f"b{number}-{index}" for index in range(20)]
        await world.reactor.handle([event for b in batch for event in (started(b), recorded(b))])

    signed = world.events(SignatureMade)
    assert [one.booking_id for one in signed] == [f"b{n}-{i}" for n in range(3) for i in range(20)]
    assert not world.events(LeftUnsigned, OutageBegan)
    assert [one.reason for one in world.events(SignatureSurplus)] == ["system"]  # It was set up.
    assert_each_counter_has_one_event(world)
    assert all(qr.verify(one.qr).valid for one in signed)


async def test_while_no_process_survives_bookings_are_left_unsigned_with_an_outage_that_ends(
    chips: Chips,
) -> None:
    world = World(chip=KillingChip(chips, {1, 2, 3}), curve="P-384", stores=("berlin",))
    await world.reactor.handle([recorded("out")])
    (unsigned,) = world.events(LeftUnsigned)
    assert (unsigned.booking_id, unsigned.detail) == ("out", "unreachable")

    assert await world.drivers["tse-berlin"].probe()
    await world.reactor.handle([recorded("back")])
    assert [one.booking_id for one in world.events(SignatureMade)] == ["back"]
    assert_each_counter_has_one_event(world)


# -- frames ----------------------------------------------------------------------------------


@given(st.binary(max_size=200))
def test_bytes_that_are_no_frame_are_refused_and_nothing_else(body: bytes) -> None:
    for read in (frames.read, frames.read_answer):
        try:
            read(body)
        except ValueError:
            continue


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.lists(st.binary(max_size=300)))
def test_messages_come_out_of_a_frame_as_they_went_in(
    chunk: int, key: int, messages: list[bytes]
) -> None:
    frame = frames.sign(chunk, key, messages)
    assert frames.HEAD.unpack_from(frame)[0] == len(frame) - frames.HEAD.size
    assert frames.read(frame[frames.HEAD.size :]) == frames.SignFrame(chunk, key, messages)
