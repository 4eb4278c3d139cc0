"""Names of streams and claims, limits, and what a chain may decide otherwise."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from events import Claim, DomainError, Take
from kassenverbund.kit.chain import VoucherPolicy
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


Rules = VoucherPolicy
"""The section `vouchers` of chain.yaml."""


@dataclass(frozen=True, slots=True)
class Prepared:
    voucher: Issued
    code: str
    position: int


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


def hold_claim(hold_id: str) -> str:
    return f"hold:{hold_id}"


def claims_of_issue(stream: str) -> Callable[[Sequence[Any]], Sequence[Claim]]:
    def claims(decided: Sequence[Any]) -> Sequence[Claim]:
        return tuple(
            Take(key, stream)
            for event in decided
            if isinstance(event, VoucherIssued)
            for key in (f"code:{event.code_hash}", f"serial:{event.serial}")
        )

    return claims
