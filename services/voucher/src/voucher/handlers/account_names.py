"""Names of streams and claims of accounts, and what a chain may decide otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from events import Ask, ClaimTaken, Decision, EventStore, LostRace, Take, handle_together
from kassenverbund.kit.secrets import Secrets
from money import Money
from voucher import codes
from voucher.decider import VoucherNotUsable
from voucher.events import Limits
from voucher.handlers.names import CLAIM_TRIES_MAX, TOMBSTONE, Found, RateLimited, serial_of
from voucher.ports import Attempts

SIMPLIFIED = Limits(
    balance_max=Money(amount=15_000, currency="EUR"),
    load_per_month=Money(amount=15_000, currency="EUR"),
)
"""KWG § 25i (2): 150.00 stored and 150.00 loaded per month keep a bearer's card within simplified
due diligence."""

CASH_BACK_MAX = Money(amount=5_000, currency="EUR")
"""KWG § 25i (2): at most 50.00 are returned in cash."""


@dataclass(frozen=True, slots=True)
class AccountRules:
    """What a chain, its tax adviser or its lawyer may decide otherwise."""

    caps: Limits = SIMPLIFIED
    """What no account's own limits exceed, and what an account without limits gets."""
    payout_max: Money | None = CASH_BACK_MAX
    """The largest rest that is returned in cash; None: none is. A balance that anybody may turn
    into cash at any time is a means of payment and no voucher (UStG § 3 (13)); whoever allows more
    asks a lawyer first."""
    validity_years: int = 3
    """Credit is valid to the end of the n-th year after the year of its load (BGB §§ 195, 199)."""
    settlement_s: int = 900
    """How long a till may take between preparing and recording the settlement of a fee."""


def account_stream(account_id: str) -> str:
    return f"account-{account_id}"


def load_claim(load_id: str) -> str:
    return f"load:{load_id}"


def card_serial_of(account_id: str, card_id: str) -> str:
    """The public name of a card: says nothing about its code or its holder."""
    return f"KK{serial_of(f'{account_id}/{card_id}')[2:]}"


class CardFinder:
    """The stream behind a typed code. A wrong code that is well formed costs an attempt."""

    def __init__(self, store: EventStore, secrets: Secrets, attempts: Attempts) -> None:
        self._store = store
        self._secrets = secrets
        self._attempts = attempts

    async def find(self, typed: str, source: str, now: datetime) -> Found:
        """Raises `CodeMistyped`, `RateLimited`, `VoucherNotUsable` for an unknown code."""
        code = codes.parse(typed, kind=codes.Kind.CARD)
        wait_s = await self._attempts.locked_s(source, now)
        if wait_s:
            raise RateLimited(retry_after_s=wait_s)
        code_hash = codes.hashed(code, self._secrets).value
        stream = await self._store.owner_of(f"code:{code_hash}")
        if stream is None:
            wait_s = await self._attempts.wrong(source, now)
            raise RateLimited(retry_after_s=wait_s) if wait_s else VoucherNotUsable()
        return Found(stream=stream, code_hash=code_hash)


async def owner_or_tombstone(store: EventStore, claim: str, ask: Ask) -> str | None:
    """Who holds a claim; None: nobody did, and nobody will, because it is given up now.

    Raises `LostRace`.
    """
    for _ in range(CLAIM_TRIES_MAX):
        owner = await store.owner_of(claim)
        if owner is not None:
            return None if owner == TOMBSTONE else owner
        try:
            await handle_together(
                store,
                {},
                lambda _: Decision(events={}, claims=(Take(claim, TOMBSTONE),)),
                ask=ask,
            )
            return None
        except ClaimTaken:
            continue  # It arrived just now: it is ended where it stands.
    raise LostRace
