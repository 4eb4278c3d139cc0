"""From what somebody typed or scanned to the stream that it opens.

A code that is well formed and unknown costs an attempt; a typing error and a forged QR code do not:
neither is a guess. Our own codes and the short ones of other systems are counted apart.
"""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime

from events import EventStore
from kassenverbund.kit.secrets import Secrets
from voucher import codes
from voucher.decider import VoucherNotUsable
from voucher.handlers.names import CODES_CACHED_MAX, Found, RateLimited
from voucher.ports import Attempts
from voucher.qr import QrCodes

VOUCHERS = frozenset({codes.Kind.VOUCHER})
CARDS = frozenset({codes.Kind.CARD})


class Finder:
    """Finds the owner of a code, for vouchers and for cards."""

    def __init__(
        self,
        store: EventStore,
        *,
        secrets: Secrets,
        qr: QrCodes,
        attempts: Attempts,
        weak_attempts: Attempts,
        foreign_codes: bool,
    ) -> None:
        self._store = store
        self._secrets = secrets
        self._qr = qr
        self._attempts = attempts
        self._weak_attempts = weak_attempts
        self._foreign_codes = foreign_codes
        self._streams: OrderedDict[str, str] = OrderedDict()

    async def find(
        self,
        typed: str,
        *,
        source: str,
        now: datetime,
        kinds: frozenset[codes.Kind] = VOUCHERS,
    ) -> Found:
        """Raises `CodeMistyped`, `QrForged`, `RateLimited`, and `VoucherNotUsable` for a code that
        nobody has, or that opens something else than `kinds`."""
        code, own = self._read(typed)
        if own and codes.Kind(code[0]) not in kinds:
            raise codes.CodeMistyped
        attempts = self._attempts if own else self._weak_attempts
        wait_s = await self._attempts.locked_s(source, now)
        if not own:
            wait_s = max(wait_s, await self._weak_attempts.locked_s(source, now))
        if wait_s:
            raise RateLimited(retry_after_s=wait_s)
        code_hash = codes.hashed(code, self._secrets).value
        stream = await self._owner(code_hash)
        if stream is None:
            wait_s = await attempts.wrong(source, now)
            raise RateLimited(retry_after_s=wait_s) if wait_s else VoucherNotUsable()
        return Found(stream=stream, code_hash=code_hash, own=own)

    def _read(self, typed: str) -> tuple[str, bool]:
        plain = self._qr.code_in(typed)
        if self._foreign_codes:
            return codes.parse_any(plain)
        return codes.parse(plain), True

    async def _owner(self, code_hash: str) -> str | None:
        """Remembered: the decider checks the hash again, so an old memory opens nothing."""
        stream = self._streams.get(code_hash)
        if stream is not None:
            return stream
        stream = await self._store.owner_of(f"code:{code_hash}")
        if stream is not None:
            self._streams[code_hash] = stream
            while len(self._streams) > CODES_CACHED_MAX:
                self._streams.popitem(last=False)
        return stream
