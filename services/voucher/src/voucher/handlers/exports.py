"""All vouchers that are worth something, as a file that another installation imports (V13).

No code leaves: their keyed hashes do, and open the vouchers wherever the same root key is. The file
rests on the log alone, as of one position.
"""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from events import Event, EventStore, fold
from money import Money, total
from voucher.decider import VOUCHER, Issued, Status
from voucher.events import VoucherBlocked, VoucherCodeReplaced, VoucherIssued
from voucher.handlers.import_file import COLUMNS
from voucher.ports import VoucherStreams

WRITTEN = tuple(
    name
    for name in COLUMNS
    if name in {
        "serial", "code_hash", "hash_key_id", "code_kind", "status", "balance", "value",
        "consideration", "valid_until", "issued_on", "legal_entity_id", "blocked", "terms",
    }
)  # fmt: skip
"""The columns of an export."""


@dataclass(slots=True)
class Sums:
    """What an export holds, for whoever imports it."""

    position: int
    """Of the log: later facts are not in it."""
    count: int = 0
    total: int = 0
    """Minor units."""
    held: int = 0
    """Vouchers with open payments: their holds stay behind."""
    pending: int = 0
    """Vouchers that are being sold; they are not in the file."""


class Exports:
    def __init__(self, store: EventStore, streams: VoucherStreams) -> None:
        self._store = store
        self._streams = streams

    async def begin(self) -> Sums:
        """An export of the log as it is now; `lines` fills in the rest."""
        return Sums(position=await self._store.head())

    async def lines(self, sums: Sums) -> AsyncIterator[bytes]:
        """The file, page by page."""
        yield _csv([WRITTEN])
        async for page in self._streams.pages(head=sums.position):
            rows = [row for events in page if (row := _row(events, sums)) is not None]
            if rows:
                yield _csv(rows)


def _csv(rows: Sequence[Sequence[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue().encode()


def _row(events: Sequence[Event], sums: Sums) -> tuple[str, ...] | None:
    voucher = fold(VOUCHER, events)
    if not isinstance(voucher, Issued):
        return None
    sums.pending += voucher.status is Status.PENDING
    inactive = voucher.status is Status.INACTIVE
    worth = voucher.status is Status.ACTIVE and (voucher.balance or voucher.terms.effect)
    if not (inactive or worth):
        return None
    balance = voucher.balance.zero if inactive else voucher.balance
    sums.count += 1
    sums.total += balance.amount
    sums.held += bool(voucher.open)
    issued, key_id, own = _origin(events)
    lots = [part for part in voucher.lots if part.left]
    cells = {
        "serial": voucher.serial,
        "code_hash": voucher.code_hash,
        "hash_key_id": key_id,
        "code_kind": "own" if own else "weak",
        "status": "inactive" if inactive else "active",
        "balance": _amount(balance),
        "value": _amount(voucher.value) if inactive else "",
        "consideration": "" if inactive else _amount(_paid(voucher)),
        "valid_until": "" if voucher.valid_until is None else voucher.valid_until.isoformat(),
        # The oldest part says in which year the liability arose.
        "issued_on": min([part.opened for part in lots], default=issued.opened).isoformat(),
        "legal_entity_id": voucher.legal_entity_id,
        "blocked": _blocked(events) if voucher.blocked else "",
        "terms": voucher.terms.model_dump_json(),
    }
    return tuple(cells[name] for name in WRITTEN)


def _origin(events: Sequence[Event]) -> tuple[VoucherIssued, str, bool]:
    """(its issue, the key of its code's hash, whether the code is ours)."""
    issued = next(event for event in events if isinstance(event, VoucherIssued))
    key_id, own = issued.hash_key_id, issued.code_kind == "own"
    for event in events:
        if isinstance(event, VoucherCodeReplaced):
            key_id, own = event.hash_key_id, True
    return issued, key_id, own


def _paid(voucher: Issued) -> Money:
    """For what is left of it."""
    if voucher.terms.funding != "purchased":
        return voucher.balance.zero
    parts = (part.use(part.left).consideration for part in voucher.lots if part.left)
    return total(parts, currency=voucher.balance.currency)


def _blocked(events: Sequence[Event]) -> str:
    reasons = [event.reason for event in events if isinstance(event, VoucherBlocked)]
    return reasons[-1]


def _amount(amount: Money) -> str:
    return f"{amount.amount // 100}.{amount.amount % 100:02}"
