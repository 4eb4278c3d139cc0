"""A contactless card reader (PC/SC): a child process reads uids and says that it is alive.

The PC/SC library may block for ever, or end its watching without a word; a child can be ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import sys

from device_gateway.codes.scanned import Scanned
from device_gateway.devices.ports import DeviceAway, KnownDevice, Reports

SILENCE_S = 5.0
"""The child says something at least once a second; after this long it hangs and is ended."""
LINE_MAX = 4096


class CardReader:
    """`address`: the reader's name, or the beginning of it; `*`: the first there is."""

    def __init__(
        self,
        device: KnownDevice,
        *,
        command: tuple[str, ...] | None = None,
        silence_s: float = SILENCE_S,
    ) -> None:
        self._silence_s = silence_s
        self._command = command or (
            sys.executable, "-m", "device_gateway.adapters.readers.pcsc_child", device.address,
        )  # fmt: skip
        if command is None and importlib.util.find_spec("smartcard") is None:
            raise DeviceAway("not_installed")

    def present(self) -> bool:
        """Only the child can tell."""
        return True

    async def run(self, reports: Reports) -> None:
        child = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=LINE_MAX,
        )
        assert child.stdout is not None
        try:
            while True:
                try:
                    async with asyncio.timeout(self._silence_s):
                        line = await child.stdout.readline()
                except TimeoutError:
                    raise DeviceAway("hangs") from None
                except ValueError:
                    raise DeviceAway("fault") from None
                if not line:
                    raise DeviceAway("ended")
                await _heard(line, reports)
        finally:
            with contextlib.suppress(ProcessLookupError):
                child.kill()
            await child.wait()


async def _heard(line: bytes, reports: Reports) -> None:
    """Raises `DeviceAway`."""
    try:
        said = json.loads(line)
        kind, what = str(said["kind"]), str(said.get("what", ""))
    except (ValueError, KeyError, TypeError):
        raise DeviceAway("fault") from None
    match kind:
        case "alive":
            reports.connected()
        case "card":
            await reports.scanned(Scanned(what, "card"))
        case "waiting":
            reports.waiting(what)
        case _:
            raise DeviceAway("fault")
