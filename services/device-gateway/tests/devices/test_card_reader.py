"""Card readers over the real PC/SC service with a virtual reader and card; keyboards by evdev.

Needs `make readers`. Without it the run says what was left out; with REQUIRE_READERS=1 it fails.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import importlib.util
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from device_gateway.adapters.readers.pcsc import CardReader
from device_gateway.adapters.readers.wedge import WedgeScanner, assemble
from device_gateway.codes.scanned import Scanned
from device_gateway.devices.keys import DOWN, EV_KEY
from device_gateway.devices.ports import DeviceAway, KnownDevice
from events.testing.waiting import until

UID = bytes.fromhex("04A1B2C3D4E580")
ATR = bytes.fromhex("3B8F8001804F0CA0000003060300030000000068")
DRIVER = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
SOCKET = Path("/run/pcscd/pcscd.comm")


def lacking(what: str) -> None:
    """Skip, or fail where readers are required."""
    told = f"{what} is not there: run `make readers`"
    if os.environ.get("REQUIRE_READERS") == "1":
        pytest.fail(told)
    pytest.skip(told)


def served() -> bool:
    """Whether somebody listens; a service that was killed leaves its socket behind."""
    with socket.socket(socket.AF_UNIX) as asking:
        try:
            asking.connect(str(SOCKET))
        except OSError:
            return False
    return True


class VirtualCard:
    """Plays a card for the virtual reader: two bytes of length before each frame."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._line: socket.socket | None = None

    def insert(self, uid: bytes = UID) -> None:
        self._line = socket.create_connection(("127.0.0.1", self._port), timeout=10)
        threading.Thread(target=self._play, args=(self._line, uid), daemon=True).start()

    def remove(self) -> None:
        if self._line is not None:
            with contextlib.suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)
            self._line.close()
            self._line = None

    def _play(self, line: socket.socket, uid: bytes) -> None:
        with contextlib.suppress(OSError, EOFError):
            line.settimeout(None)
            while True:
                (length,) = struct.unpack(">H", _read(line, 2))
                asked = _read(line, length)
                if length == 1:
                    answer = ATR if asked == b"\x04" else None
                else:
                    answer = uid + b"\x90\x00" if asked[:2] == b"\xff\xca" else b"\x6a\x81"
                if answer is not None:
                    line.sendall(struct.pack(">H", len(answer)) + answer)


def _read(line: socket.socket, length: int) -> bytes:
    found = b""
    while len(found) < length:
        part = line.recv(length - len(found))
        if not part:
            raise EOFError
        found += part
    return found


class Service:
    """pcscd with one virtual reader. There is one per machine: its socket has a fixed place."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._config = folder / "reader.conf"
        self._config.write_text(
            f'FRIENDLYNAME "Virtual PCD"\nDEVICENAME /dev/null:{self.port:#x}\n'
            f"LIBPATH {DRIVER}\nCHANNELID {self.port:#x}\n"
        )
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._running = subprocess.Popen(
            ["pcscd", "--foreground", "-c", str(self._config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def stop(self) -> None:
        if self._running is not None:
            self._running.terminate()
            self._running.wait(10)
            self._running = None


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    if importlib.util.find_spec("smartcard") is None:
        lacking("pyscard")
    if shutil.which("pcscd") is None or not DRIVER.exists():
        lacking("pcscd with vsmartcard-vpcd")
    with (Path(tempfile.gettempdir()) / "kassenverbund-pcscd.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if served():
            lacking("a machine without a pcscd of its own")
        made = Service(tmp_path_factory.mktemp("pcsc"))
        made.start()
        yield made
        made.stop()


@pytest.fixture
def card(service: Service) -> Iterator[VirtualCard]:
    made = VirtualCard(service.port)
    yield made
    made.remove()


class Heard:
    """What a driver tells."""

    def __init__(self) -> None:
        self.scans: list[Scanned] = []
        self.alive = 0
        self.away: list[str] = []

    def connected(self) -> None:
        self.alive += 1

    def waiting(self, reason: str) -> None:
        self.away.append(reason)

    async def scanned(self, raw: Scanned) -> None:
        self.scans.append(raw)

    @property
    def uids(self) -> list[str]:
        return [one.text for one in self.scans]


def reader(address: str = "*", **other: Any) -> CardReader:
    device = KnownDevice("reader-1", "berlin", "card_reader", "R", "till-1", address)
    return CardReader(device, **other)


async def reason_of(running: Any, within_s: float = 15.0) -> str:
    """Why a driver ends."""
    with pytest.raises(DeviceAway) as gone:
        async with asyncio.timeout(within_s):
            await running
    return gone.value.reason


@contextlib.asynccontextmanager
async def reading(driver: Any) -> Any:
    heard = Heard()
    running = asyncio.create_task(driver.run(heard))
    try:
        yield heard
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_card_is_read_each_time_it_is_laid_on(card: VirtualCard) -> None:
    await until(served)
    async with reading(reader("Virtual PCD 00 00")) as heard:
        await until(lambda: heard.alive > 0)
        card.insert()
        await until(lambda: len(heard.scans) == 1)
        alive = heard.alive
        card.remove()
        await until(lambda: heard.alive > alive + 1)
        card.insert(bytes.fromhex("04A1B2C3"))
        await until(lambda: len(heard.scans) == 2)
    assert (heard.uids, heard.scans[0].source) == (["04A1B2C3D4E580", "04A1B2C3"], "card")


@pytest.mark.usefixtures("service")
async def test_a_reader_that_is_not_there_is_not_plugged() -> None:
    await until(served)
    async with reading(reader("Another reader")) as heard:
        await until(lambda: heard.away == ["not_plugged"])


async def test_the_reader_comes_back_with_its_service(service: Service, card: VirtualCard) -> None:
    await until(served)
    async with reading(reader()) as heard:
        await until(lambda: heard.alive > 0)
        service.stop()
        await until(lambda: "no_service" in heard.away)
        alive = heard.alive
        service.start()
        await until(served)
        await until(lambda: heard.alive > alive)
        card.insert()
        await until(lambda: heard.uids == [UID.hex().upper()])


async def test_a_child_that_hangs_is_ended() -> None:
    hangs = (sys.executable, "-c", "import time; time.sleep(600)")
    assert await reason_of(reader(command=hangs, silence_s=0.2).run(Heard())) == "hangs"


@pytest.mark.parametrize(
    ("says", "reason"),
    [("''", "ended"), ("'no json'", "fault"), ("'[1]'", "fault"), ("'x' * 9999", "fault")],
)
async def test_a_child_that_says_nonsense_is_ended(says: str, reason: str) -> None:
    command = (sys.executable, "-c", f"print({says}, end='')")
    assert await reason_of(reader(command=command).run(Heard())) == reason


# --- keyboards ---


def key_events(*codes: int) -> asyncio.Queue[Any]:
    events: asyncio.Queue[Any] = asyncio.Queue()
    for code in codes:
        events.put_nowait((EV_KEY, code, DOWN))
    return events


async def test_keys_become_scans_until_the_keyboard_is_gone() -> None:
    events = key_events(2, 3, 28, 4)
    heard = Heard()
    running = asyncio.create_task(assemble(events, heard, gap_s=0.02))
    await until(lambda: heard.uids == ["12", "3"])
    events.put_nowait(OSError(errno.ENODEV, "gone"))
    with pytest.raises(OSError, match="gone"):
        await running


@pytest.fixture
def wedge() -> Callable[[str], WedgeScanner]:
    if importlib.util.find_spec("evdev") is None:
        lacking("evdev")

    def made(path: str) -> WedgeScanner:
        return WedgeScanner(KnownDevice("w", "berlin", "wedge_scanner", "W", "till-1", path))

    return made


async def test_what_is_no_keyboard_is_not_driven(wedge: Any, tmp_path: Path) -> None:
    nothing = wedge(str(tmp_path / "absent"))
    assert not nothing.present()
    assert await reason_of(nothing.run(Heard())) == "unplugged"
    assert await reason_of(wedge("/dev/null").run(Heard())) == "unplugged"


async def test_a_grabbed_keyboard_types_nowhere_else(wedge: Any) -> None:
    if not os.access("/dev/uinput", os.W_OK):
        pytest.skip("no /dev/uinput here (containers have none): keys are tested without a device")
    import evdev

    with evdev.UInput(name="kassenverbund test scanner") as keyboard:
        await until(lambda: keyboard.device is not None)
        async with reading(wedge(keyboard.device.path)) as heard:
            await until(lambda: heard.alive > 0)
            for code in (2, 3, 28):
                keyboard.write(EV_KEY, code, 1)
                keyboard.write(EV_KEY, code, 0)
                keyboard.syn()
            await until(lambda: heard.uids == ["12"])
            with pytest.raises(OSError, match="busy"):
                keyboard.device.grab()
