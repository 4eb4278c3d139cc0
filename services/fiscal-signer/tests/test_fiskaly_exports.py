"""Exports of a TSS over a real socket, judged by `kassenverbund.fiscal` and Python's tarfile."""

from __future__ import annotations

import base64
import io
import tarfile
from datetime import timedelta

import pytest

from fiscal_signer.adapters.fiskaly import Patience
from fiscal_signer.adapters.fiskaly.logs import UNREAD
from fiscal_signer.country.de import log_message
from fiscal_signer.events import SignatureSurplus, SurplusRead
from fiscal_signer.handlers import Settings, SurplusReader
from fiscal_signer.ports import Archives, TseError, TseFault
from fiscal_signer.testing import NOON, World, paired, recorded
from fiscal_signer.testing.fiskaly_line import TSE, Line
from kassenverbund.fiscal.archives import Judge, verify_archive
from kassenverbund.fiscal.certificates import Certificates
from kassenverbund.fiscal.verdicts import Level

HOUR = NOON + timedelta(hours=1)


async def worked(line: Line) -> World:
    """A till was registered, and two sales were signed, an hour apart."""
    world = World(
        ("berlin",), clock=line.clock, devices=line.tses(), settings=Settings(pause_s=0.0)
    )
    await world.reactor.handle([paired(), recorded("b1", sign_by=HOUR)])
    line.clock.pass_by(3_600)
    await world.reactor.handle([recorded("b2", sign_by=HOUR + timedelta(hours=1))])
    return world


async def whole(archives: Archives, **period: object) -> tuple[str, bytes]:
    archive = await archives.open(TSE, **period)  # type: ignore[arg-type]  # begin, end
    return archive.label, b"".join([piece async for piece in archive.pieces])


def counters(content: bytes) -> list[int]:
    found = []
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for name in archive.getnames():
            if "_Sig-" in name:
                found.append(int(name.split("_Sig-")[1].split("_")[0]))
    return sorted(found)


def triggered(line: Line) -> int:
    return sum(method == "PUT" and "/export/" in path for method, path in line.cloud.calls)


async def test_an_export_holds_every_counter_and_every_signature_is_right(line: Line) -> None:
    await worked(line)
    label, content = await whole(line.archives())
    assert label == f"1-{line.tss.counter}"
    assert counters(content) == list(range(1, line.tss.counter + 1))
    findings = list(verify_archive(io.BytesIO(content), "x.tar", Judge(Certificates())))
    assert [one.code for one in findings].count("signature_right") == line.tss.counter
    assert [one for one in findings if one.level is Level.WRONG] == []


async def test_an_export_of_a_period_begins_with_it_and_ends_before_its_end(line: Line) -> None:
    await worked(line)
    line.clock.pass_by(7_200)
    later = NOON + timedelta(hours=1)
    first = counters((await whole(line.archives(), end=later))[1])
    second = counters((await whole(line.archives(), begin=later))[1])
    assert sorted(first + second) == list(range(1, line.tss.counter + 1))
    assert len(second) == 2


async def test_the_same_question_gives_the_same_bytes_and_makes_no_second_export(
    line: Line,
) -> None:
    await worked(line)
    period = {"begin": NOON, "end": NOON + timedelta(minutes=1)}
    before = await whole(line.archives(), **period)
    await line.tses().open(TSE)
    assert await whole(line.archives(), **period) == before
    assert triggered(line) == 1


async def test_an_export_that_takes_long_is_gone_on_with_when_it_is_asked_for_again(
    line: Line,
) -> None:
    await worked(line)
    line.tss.export_looks = 3
    line.cloud.export_after_s = 60
    with pytest.raises(TseFault) as fault:
        await whole(line.archives())
    assert fault.value.code is TseError.BUSY
    line.cloud.export_after_s = 0
    assert counters((await whole(line.archives()))[1])
    assert triggered(line) == 1


async def test_a_pause_that_the_vendor_asks_for_is_kept(line: Line) -> None:
    await worked(line)
    line.tss.export_looks = 99
    line.cloud.export_after_s = 2
    before = len(line.cloud.calls)
    with pytest.raises(TseFault):
        await whole(line.archives(patience=Patience(wait_s=1)))
    looked = [path for _, path in line.cloud.calls[before:] if "/export/" in path]
    assert len(looked) == 2  # whether there is one, and to begin it


async def test_an_export_that_failed_is_asked_for_anew_a_few_times(line: Line) -> None:
    await worked(line)
    line.tss.export_fails = 2
    assert counters((await whole(line.archives()))[1])
    line.tss.export_fails = 99
    line.tss.system("logOut", b"")
    with pytest.raises(TseFault) as fault:
        await whole(line.archives())
    assert fault.value.code is TseError.STORAGE_FAILURE


async def test_a_sale_and_an_export_take_turns_at_the_tss(line: Line) -> None:
    await worked(line)
    await whole(line.archives())
    assert line.cloud.overlaps == 0


# -- what only the export holds ---------------------------------------------------------------


def unread(world: World) -> list[int]:
    known = {one.signature_counter for one in world.events(SurplusRead)}
    return [
        one.signature_counter
        for one in world.events(SignatureSurplus)
        if one.operation == UNREAD and one.signature_counter not in known
    ]


def reader(world: World, line: Line) -> SurplusReader:
    async def counters_of(tse_id: str) -> list[int]:
        del tse_id
        return unread(world)

    return SurplusReader(world.store, line.archives(), counters_of, clock=world.clock)


async def test_the_devices_own_log_messages_are_read_from_an_export(line: Line) -> None:
    world = await worked(line)
    counters_before = unread(world)
    assert len(counters_before) >= 4
    assert await reader(world, line).read(TSE, "berlin")
    assert unread(world) == []
    found = {one.signature_counter: one for one in world.events(SurplusRead)}
    assert sorted(found) == counters_before
    operations = [one.operation for one in found.values()]
    assert operations == ["initialize", "authenticateUser", "registerClient", "logOut"]
    assert found[3].client_id == "KV-berlin-1"
    for counter, entry in found.items():
        raw = base64.b64decode(entry.log_message)
        assert raw == line.tss.logs[counter]
        assert log_message.parse(raw).kind == entry.kind


async def test_what_was_read_is_not_read_twice(line: Line) -> None:
    world = await worked(line)
    known = unread(world)

    async def as_before(tse_id: str) -> list[int]:
        del tse_id
        return known

    for _ in range(2):
        await SurplusReader(world.store, line.archives(), as_before, clock=world.clock).read(
            TSE, "berlin"
        )
    assert len(world.events(SurplusRead)) == len(known)


async def test_a_log_message_whose_signature_does_not_hold_stays_unread(line: Line) -> None:
    world = await worked(line)
    raw = bytearray(line.tss.logs[2])
    raw[-1] ^= 1
    line.tss.logs[2] = bytes(raw)
    await reader(world, line).read(TSE, "berlin")
    assert unread(world) == [2]


async def test_a_file_that_ends_in_the_middle_is_a_fault(line: Line) -> None:
    world = await worked(line)
    wanted = unread(world)
    assert len(await line.archives().read(TSE, wanted)) == len(wanted)
    for export in line.tss.exports.values():
        export.file = export.file[: export.file.rindex(b"_Log-Sys_") - 40]
    with pytest.raises(TseFault) as fault:
        await line.archives().read(TSE, wanted)
    assert fault.value.code is TseError.UNREACHABLE
