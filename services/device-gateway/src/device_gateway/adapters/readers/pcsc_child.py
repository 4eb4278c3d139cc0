"""The child process of a card reader: `python -m … NAME`. One JSON line per thing that happens.

`{"kind": "alive"}` about once a second, `{"kind": "card", "what": "04A1B2…"}` when a card comes,
`{"kind": "waiting", "what": reason}` about once a second while there is no reader or no service: a
new process for each look would cost more than the look. A uid goes to the parent's pipe and nowhere
else.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from typing import Any

WAIT_MS = 1_000
LOOK_AGAIN_S = 1.0
UID_APDU = [0xFF, 0xCA, 0x00, 0x00, 0x00]
"""Get Data, uid (PC/SC part 3): answered by the reader, whatever the card."""


class Away(Exception):
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def say(kind: str, what: str = "") -> None:
    print(json.dumps({"kind": kind, "what": what}), flush=True)


class Reader:
    """`scard`: the library's plain functions. Each returns a code first; 0 is well."""

    def __init__(self, scard: Any, wanted: str) -> None:
        self._scard = scard
        self._wanted = wanted
        self._context: Any = None
        self._name = ""

    def open(self) -> None:
        """Raises `Away`: `no_service`, `not_plugged`."""
        scard = self._scard
        failed, self._context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
        if failed:
            raise Away("no_service")
        failed, names = scard.SCardListReaders(self._context, [])
        if failed or not names:
            raise Away("not_plugged")
        fitting = [name for name in names if self._wanted == "*" or name.startswith(self._wanted)]
        if not fitting:
            raise Away("not_plugged")
        self._name = fitting[0]

    def close(self) -> None:
        if self._context is not None:
            self._scard.SCardReleaseContext(self._context)
            self._context = None

    def watch(self) -> None:
        """For ever. Raises `Away`."""
        scard = self._scard
        state = scard.SCARD_STATE_UNAWARE
        present_before = False
        while True:
            failed, changed = scard.SCardGetStatusChange(
                self._context, WAIT_MS, [(self._name, state)]
            )
            if failed not in (scard.SCARD_S_SUCCESS, scard.SCARD_E_TIMEOUT):
                raise Away("unplugged")
            say("alive")
            _, seen, _ = changed[0]
            if seen & (scard.SCARD_STATE_UNKNOWN | scard.SCARD_STATE_UNAVAILABLE):
                raise Away("unplugged")
            present = bool(seen & scard.SCARD_STATE_PRESENT)
            if present and not present_before and (uid := self._uid()):
                say("card", uid)
            # The upper half counts cards that came: one that goes and comes between two looks.
            if present and present_before and (seen ^ state) >> 16 and (uid := self._uid()):
                say("card", uid)
            present_before = present
            state = seen & ~scard.SCARD_STATE_CHANGED

    def _uid(self) -> str | None:
        """None: the card was gone again, or says nothing."""
        scard = self._scard
        failed, card, protocol = scard.SCardConnect(
            self._context,
            self._name,
            scard.SCARD_SHARE_SHARED,
            scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1,
        )
        if failed:
            return None
        try:
            failed, answer = scard.SCardTransmit(card, protocol, UID_APDU)
        finally:
            scard.SCardDisconnect(card, scard.SCARD_LEAVE_CARD)
        if failed or len(answer) < 6 or answer[-2:] != [0x90, 0x00]:
            return None
        return bytes(answer[:-2]).hex().upper()


def main(arguments: list[str]) -> int:
    scard = importlib.import_module("smartcard.scard")
    try:
        while True:
            reader = Reader(scard, arguments[0])
            try:
                reader.open()
                reader.watch()
            except Away as gone:
                say("waiting", gone.reason)
            finally:
                reader.close()
            time.sleep(LOOK_AGAIN_S)
    except BrokenPipeError:
        return 1  # Nobody listens any more.


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
