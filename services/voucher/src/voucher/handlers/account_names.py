"""Names of streams and claims of accounts, and what a chain may decide otherwise."""

from __future__ import annotations

from dataclasses import dataclass

from events import Ask, ClaimTaken, Decision, EventStore, LostRace, Take, handle_together
from kassenverbund.kit.chain import Chain
from money import Money
from voucher.events import Limits
from voucher.handlers.names import CLAIM_TRIES_MAX, TOMBSTONE, serial_of

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

    @classmethod
    def of(cls, chain: Chain) -> AccountRules:
        """As chain.yaml has them."""

        def minor(amount: int | None) -> Money | None:
            return None if amount is None else Money(amount=amount, currency=chain.currency)

        policy = chain.accounts
        return cls(
            caps=Limits(
                balance_max=minor(policy.balance_max), load_per_month=minor(policy.load_per_month)
            ),
            payout_max=minor(policy.payout_max),
            validity_years=policy.validity_years,
            settlement_s=policy.settlement_s,
        )


def account_stream(account_id: str) -> str:
    return f"account-{account_id}"


def load_claim(load_id: str) -> str:
    return f"load:{load_id}"


def card_serial_of(account_id: str, card_id: str) -> str:
    """The public name of a card: says nothing about its code or its holder."""
    return f"KK{serial_of(f'{account_id}/{card_id}')[2:]}"


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
