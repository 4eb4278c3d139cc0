"""Names of streams and claims, limits, and what a chain may decide otherwise."""

from __future__ import annotations

import hashlib
from calendar import monthrange
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from events import Claim, DomainError, Take
from kassenverbund.kit.chain_policies import VoucherPolicy
from voucher import codes
from voucher.decider import Issued
from voucher.events import VoucherIssued

TOMBSTONE = "tombstone"

HOLD_S = 300
"""How long a hold lasts unless the till says otherwise: a payment at a counter."""

HOLD_S_MAX = 1800
"""The longest hold a till may ask for: a payment on a web page."""

DELIVERY_KEPT = timedelta(hours=72)
"""How long a code waits for the acknowledgement of its print: a printer that is out over a
week-end. After that it is gone, and the voucher has to be replaced."""

CODES_CACHED_MAX = 20_000
"""How many code hashes one process remembers the stream of. The decider checks the hash again."""

CLAIM_TRIES_MAX = 3
"""A hold and its release may meet; each of them settles the matter, so one repeat is enough."""


class RateLimited(DomainError):
    """Too many wrong codes. `extra`: `retry_after_s`."""

    code = "voucher.rate_limited"
    status = 429
    title = "Too many wrong codes; wait before the next one"


class StoreUnknown(DomainError):
    code = "store.unknown"
    status = 422
    title = "The chain has no such store"


class LegalEntityUnknown(DomainError):
    code = "legal_entity.unknown"
    status = 422
    title = "The chain has no such legal entity"


class VoucherUnknown(DomainError):
    code = "voucher.unknown"
    status = 404
    title = "There is no voucher with this serial"


class ValueTooLarge(DomainError):
    """`extra`: `value_max`."""

    code = "voucher.value_max"
    status = 422
    title = "A voucher may not be worth that much"


class ValueMissing(DomainError):
    code = "voucher.value_missing"
    status = 422
    title = "This voucher has no fixed value: the request has to name one"


class TermsImpossible(DomainError):
    code = "voucher.terms"
    status = 422
    title = "No voucher can have these terms"


class VatUnknown(DomainError):
    code = "vat.unknown"
    status = 422
    title = "The chain has no such VAT rate on this day"


class NeedsBooking(DomainError):
    """Money that came in stands in a booking of a till."""

    code = "voucher.needs_booking"
    status = 422
    title = "A voucher that is paid for is sold at a till"


class CodesRepeated(DomainError):
    code = "group.codes_repeated"
    status = 422
    title = "The same voucher is named twice"


class GroupReused(DomainError):
    code = "group.reused"
    status = 422
    title = "This group id belongs to another request"


Rules = VoucherPolicy
"""The section `vouchers` of chain.yaml."""


@dataclass(frozen=True, slots=True)
class Prepared:
    voucher: Issued
    code: str
    """Empty: a printed card, which shows its own."""
    position: int


@dataclass(frozen=True, slots=True)
class Found:
    """The stream behind a code."""

    stream: str
    code_hash: str
    own: bool = True
    """False: a short code of another system, to be replaced at its first use."""


@dataclass(frozen=True, slots=True)
class Named:
    """A voucher by its code, as a till has it, or by its serial, as back office does."""

    code: str | None = None
    serial: str | None = None


Find = Callable[[str, str, datetime], Awaitable[Found]]
"""A typed code, its source and the time → the stream behind it: see `Desk.find`."""


def stream_of(voucher_id: str) -> str:
    return f"voucher-{voucher_id}"


def serial_of(voucher_id: str) -> str:
    """The public name: 60 bits of SHA-256 over the voucher's id. Says nothing about the code."""
    number = int.from_bytes(hashlib.sha256(voucher_id.encode()).digest()[:8], "big")
    symbols = "".join(codes.ALPHABET[(number >> (5 * place)) & 31] for place in range(12))
    return f"GS-{symbols[:4]}-{symbols[4:8]}-{symbols[8:]}"


def last_day(day: date, rules: Rules) -> date:
    """The last day on which a voucher sold on `day` can be used."""
    return date(day.year + rules.validity_years, 12, 31)


def months_later(day: date, months: int) -> date:
    """The same day `months` later, or the last day of that month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


ACCOUNTS = "account-"
"""How the names of accounts' streams begin."""


def on_account(stream: str | None) -> bool:
    """Whether a claim leads to an account: a prepaid card holds it, no voucher."""
    return stream is not None and stream.startswith(ACCOUNTS)


def hold_claim(hold_id: str) -> str:
    return f"hold:{hold_id}"


def top_up_claim(top_up_id: str) -> str:
    return f"top_up:{top_up_id}"


def preparation_claim(preparation_id: str) -> str:
    return f"preparation:{preparation_id}"


def group_claim(group_id: str) -> str:
    return f"group:{group_id}"


def replacement_claim(replacement_id: str) -> str:
    return f"replacement:{replacement_id}"


def claims_of_issue(stream: str) -> Callable[[Sequence[Any]], Sequence[Claim]]:
    def claims(decided: Sequence[Any]) -> Sequence[Claim]:
        return tuple(
            Take(key, stream)
            for event in decided
            if isinstance(event, VoucherIssued)
            for key in (f"code:{event.code_hash}", f"serial:{event.serial}")
        )

    return claims
