"""The room of devices, over real serial lines (pty pairs): scans, unplugging, who drives what."""

from __future__ import annotations

import asyncio
import os
import tty
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from device_gateway.adapters.readers.serial_line import SerialScanner
from device_gateway.devices.ports import DeviceAway, KnownDevice
from device_gateway.devices.room import DeviceRoom, Patience
from device_gateway.handlers.devices import DevicesTold
from device_gateway.testing import MemoryDeviceShelf
from events.testing.waiting import until

EAN = b"4006381333931"
BACK_S = 3.0
"""A scanner that is plugged in again scans after this long at the latest."""


class Plug:
    """A socket into which a scanner is plugged: a link to a pty, as `/dev/serial/by-id/` has it."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self._ends: list[int] = []

    def plug(self) -> None:
        scanner, computer = os.openpty()
        tty.setraw(computer)
        self._ends = [scanner, computer]
        self.link.symlink_to(os.ttyname(computer))

    def unplug(self) -> None:
        self.link.unlink()
        for end in self._ends:
            os.close(end)
        self._ends = []

    def scan(self, data: bytes) -> None:
        os.write(self._ends[0], data)


class Hand:
    """A clock that somebody moves."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


class Shelf:
    """Devices that are simply there. `elsewhere`: those that another process drives."""

    def __init__(self, *devices: KnownDevice) -> None:
        self.devices = list(devices)
        self.elsewhere: set[str] = set()

    async def of(self, stores: Sequence[str]) -> Sequence[KnownDevice]:
        return list(self.devices)

    async def lease(
        self, devices: Sequence[str], *, owner: str, now: datetime, until: datetime
    ) -> frozenset[str]:
        return frozenset(devices) - self.elsewhere

    async def give_back(self, device_id: str, *, owner: str) -> None:
        return None


def scanner(path: Path, **settings: str) -> KnownDevice:
    return KnownDevice(
        "scanner-1", "berlin", "serial_scanner", "Scanner", "till-1", str(path), settings
    )


class Till:
    """A till with a scanner, and what its screen hears."""

    def __init__(self, rig: Any) -> None:
        self.rig = rig
        self.screen = rig.gateway.live.listen("berlin", "till-1")

    async def hears(self, kind: str, within_s: float = 10.0) -> Any:
        """The next event of this kind."""
        async with asyncio.timeout(within_s):
            while True:
                found = await self.screen.next(within_s)
                if found is not None and found[1].kind == kind:
                    return found[1].data

    async def sees(self, state: str, reason: str = "", within_s: float = 10.0) -> None:
        """The scanner is like this now."""

        def so() -> bool:
            now = self.rig.gateway.devices.of("scanner-1")
            return now is not None and (now.state, now.reason) == (state, reason)

        await until(so, deadline_s=within_s)


@asynccontextmanager
async def driven(rig: Any, shelf: Any, **other: Any) -> AsyncIterator[Till]:
    """A running room over `shelf`."""
    till = Till(rig)
    room = DeviceRoom(
        shelf,
        DevicesTold(rig.gateway),
        stores=["berlin"],
        drivers=other.pop("drivers", {"serial_scanner": SerialScanner}),
        clock=rig.clock,
        patience=Patience(look_every_s=0.2, renew_every_s=0.2, lease_s=0.6),
        **other,
    )
    rig.gateway.devices.look = room.look
    running = asyncio.create_task(room.run())
    try:
        yield till
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        till.screen.close()


@pytest.fixture
def plug(tmp_path: Path) -> Iterator[Plug]:
    made = Plug(tmp_path / "scanner")
    yield made
    if made.link.is_symlink():
        made.unplug()


async def test_what_a_scanner_reads_is_on_the_screen_of_its_till(rig: Any, plug: Plug) -> None:
    plug.plug()
    async with driven(rig, Shelf(scanner(plug.link))) as till:
        await till.sees("connected")
        plug.scan(b"]E0" + EAN + b"\r\n")
        heard = await till.hears("scan")
    assert (heard["device"], heard["value"], heard["rule"]) == ("scanner-1", EAN.decode(), "ean13")


async def test_a_scanner_without_a_suffix_is_understood_too(rig: Any, plug: Plug) -> None:
    plug.plug()
    async with driven(rig, Shelf(scanner(plug.link))) as till:
        await till.sees("connected")
        plug.scan(EAN)
        assert (await till.hears("scan"))["value"] == EAN.decode()


async def test_a_scanner_that_is_plugged_in_again_scans_within_three_seconds(
    rig: Any, plug: Plug
) -> None:
    plug.plug()
    async with driven(rig, Shelf(scanner(plug.link))) as till:
        await till.sees("connected")
        plug.unplug()
        await till.sees("away", "not_plugged", within_s=BACK_S)
        plug.plug()
        await till.sees("connected", within_s=BACK_S)
        plug.scan(EAN + b"\r")
        assert (await till.hears("scan", BACK_S))["value"] == EAN.decode()


async def test_the_same_scan_within_300_ms_is_one_and_after_a_second_two(
    rig: Any, plug: Plug
) -> None:
    plug.plug()
    clock = Hand()
    async with driven(rig, Shelf(scanner(plug.link)), monotonic=clock) as till:
        await till.sees("connected")
        plug.scan(EAN + b"\r")
        await till.hears("scan")
        clock.at += 0.3
        plug.scan(EAN + b"\r" + b"9783161484100\r")
        assert (await till.hears("scan"))["value"] == "9783161484100"
        clock.at += 1.0
        plug.scan(EAN + b"\r")
        assert (await till.hears("scan"))["value"] == EAN.decode()


async def test_a_device_that_another_process_drives_is_left_alone(rig: Any, plug: Plug) -> None:
    plug.plug()
    shelf = Shelf(scanner(plug.link))
    shelf.elsewhere = {"scanner-1"}
    async with driven(rig, shelf) as till:
        await till.sees("away", "driven_elsewhere")
        shelf.elsewhere = set()
        await till.sees("connected")


async def test_who_loses_a_device_lets_go_of_it(rig: Any, plug: Plug) -> None:
    plug.plug()
    shelf = Shelf(scanner(plug.link))
    async with driven(rig, shelf) as till:
        await till.sees("connected")
        shelf.elsewhere = {"scanner-1"}
        rig.clock.advance(1)
        await till.sees("away", "driven_elsewhere")
        # The line is closed: another process may open it exclusively.
        again = os.open(plug.link, os.O_RDWR | os.O_NOCTTY)
        os.close(again)


async def test_a_driver_that_fails_does_not_end_the_others(rig: Any, plug: Plug) -> None:
    plug.plug()

    class Broken:
        def present(self) -> bool:
            return True

        async def run(self, reports: Any) -> None:
            raise ValueError("defect")

    def reader(device: KnownDevice) -> Any:
        return Broken()

    def missing(device: KnownDevice) -> Any:
        raise DeviceAway("not_installed")

    broken = KnownDevice("r", "berlin", "card_reader", "R", "till-1", "*")
    wedge = KnownDevice("w", "berlin", "wedge_scanner", "W", "till-1", "/dev/input/event0")
    drivers = {
        "card_reader": reader, "wedge_scanner": missing, "serial_scanner": SerialScanner,
    }  # fmt: skip
    async with driven(rig, Shelf(broken, wedge, scanner(plug.link)), drivers=drivers) as till:
        await till.sees("connected")
        board = rig.gateway.devices
        await until(lambda: board.of("r") is not None and board.of("r").reason == "fault")
        await until(lambda: board.of("w") is not None and board.of("w").reason == "not_installed")
        plug.scan(EAN + b"\r")
        assert (await till.hears("scan"))["value"] == EAN.decode()


async def test_a_card_reader_that_types_decimal_numbers_reads_a_card(rig: Any, plug: Plug) -> None:
    plug.plug()
    device = scanner(plug.link, reads="uid", uid_format="dec", uid_order="lsb")
    async with driven(rig, Shelf(device)) as till:
        await till.sees("connected")
        plug.scan(b"3283263748\r")
        heard = await till.hears("scan")
    assert (heard["kind"], heard["rule"], heard["value"]) == ("own_card", "uid", None)
    found = rig.gateway.scans.look("till-1", heard["scan"], now=rig.clock())
    assert found.value == "04A1B2C3"


# --- as a manager sees it ---


async def put(rig: Any, path: str, body: Any, who: str = "manager") -> Any:
    return await rig.http.put(
        f"/stores/berlin/v1/devices/{path}",
        json=body,
        headers={"authorization": f"Bearer {who}", "idempotency-key": uuid4().hex},
    )


def serial_at(address: str, **other: Any) -> dict[str, Any]:
    return {
        "kind": "serial_scanner", "name": "Scanner", "till_id": "till-1", "address": address,
        **other,
    }  # fmt: skip


@pytest.mark.usefixtures("till")
async def test_a_device_is_paired_seen_and_removed_while_the_program_runs(
    rig: Any, plug: Plug
) -> None:
    plug.plug()
    shelf = MemoryDeviceShelf(rig.store)
    rig.restart(device_shelf=shelf)
    async with driven(rig, shelf) as screen:
        paired = await put(rig, "scanner-1", serial_at(os.readlink(plug.link)))
        assert paired.status_code == 200, paired.text
        await screen.sees("connected")
        listed = (await as_manager(rig)).json()["devices"]
        assert [(one["device_id"], one["state"]) for one in listed] == [("scanner-1", "connected")]
        await rig.http.delete(
            "/stores/berlin/v1/devices/scanner-1",
            headers={"authorization": "Bearer manager", "idempotency-key": "gone"},
        )
        assert (await as_manager(rig)).json()["devices"] == []
        await until(lambda: rig.gateway.devices.of("scanner-1") is None)
    assert rig.names()[-2:] == ["device.paired", "device.removed"]


async def as_manager(rig: Any) -> Any:
    return await rig.http.get(
        "/stores/berlin/v1/devices", headers={"authorization": "Bearer manager"}
    )


@pytest.mark.usefixtures("till")
@pytest.mark.parametrize(
    ("body", "code"),
    [
        (serial_at("/dev/ttyACM0", till_id="nobody"), "till.unknown"),
        (serial_at("/dev/ttyACM0", till_id=None), "device.wrong"),
        (serial_at("/etc/passwd"), "device.wrong"),
        (serial_at("/dev/../etc/passwd"), "device.wrong"),
        (serial_at("/dev/ttyACM0", settings={"pin": "1234"}), "device.wrong"),
        (serial_at("/dev/ttyACM0", settings={"debounce_ms": "50"}), "device.wrong"),
    ],
)
async def test_a_device_that_does_not_fit_is_refused(rig: Any, body: Any, code: str) -> None:
    assert (await put(rig, "scanner-1", body)).json()["code"] == code
    assert "device.paired" not in rig.names()


@pytest.mark.usefixtures("till")
async def test_two_devices_have_two_addresses(rig: Any) -> None:
    assert (await put(rig, "a", serial_at("/dev/ttyACM0"))).status_code == 200
    taken = await put(rig, "b", serial_at("/dev/ttyACM0"))
    assert (taken.status_code, taken.json()["code"]) == (409, "device.address_taken")
    assert (await put(rig, "a", serial_at("/dev/ttyACM1"))).status_code == 200
    assert (await put(rig, "b", serial_at("/dev/ttyACM0"))).status_code == 200


@pytest.mark.usefixtures("till")
async def test_only_a_manager_of_the_store_pairs_a_device(rig: Any) -> None:
    assert (await put(rig, "a", serial_at("/dev/a"), who="manager-koeln")).status_code == 403
    assert (await put(rig, "a", serial_at("/dev/a"), who="service")).status_code == 403
