"""What is asked and answered about accounts."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from kassenverbund.kit.routes import Answer, Body, Day, Positive
from kassenverbund.kit.text import Identifier, SafeName
from money import Money
from voucher.api.cards import usable
from voucher.api.kit import Code
from voucher.decider.account.state import Opened
from voucher.events import Limits

LOAD_MINOR_MAX = 100_000
"""The largest single load: 1,000.00. Larger is a typing error."""


def _loadable(amount: Money) -> Money:
    if not 0 < amount.amount <= LOAD_MINOR_MAX:
        raise ValueError(f"a load is between 1 and {LOAD_MINOR_MAX} minor units")
    return amount


Loadable = Annotated[Money, AfterValidator(_loadable)]


class LimitsBody(Body):
    balance_max: Positive | None = None
    load_per_month: Positive | None = None
    spend_per_day: Positive | None = None
    spend_per_month: Positive | None = None

    def limits(self) -> Limits:
        return Limits(**dict(self))


class OpenBody(Body):
    legal_entity_id: Identifier
    holder_id: Identifier | None = None
    """The person's id in the system that knows them. Never a name."""
    limits: LimitsBody = LimitsBody()
    receipt_duty: bool = True
    store_id: Identifier
    """Whose time zone the account's days are counted in."""


class BlockBody(Body):
    reason: SafeName


class GoodwillBody(Body):
    credit_id: Identifier
    amount: Loadable
    reason: SafeName
    fee_kinds: Annotated[tuple[Identifier, ...], Field(max_length=100)] = ()
    valid_until: Day | None = None


class CardBody(Body):
    replaces: Identifier | None = None
    """The serial of a card that opens nothing any more from now on."""


class EndCardBody(Body):
    reason: Literal["lost", "returned"]


class LoadBody(Body):
    account_id: Identifier | None = None
    code: Code | None = None
    amount: Loadable
    booking_id: Identifier
    store_id: Identifier
    till_id: Identifier

    @model_validator(mode="after")
    def _one_of_two(self) -> LoadBody:
        if (self.account_id is None) == (self.code is None):
            raise ValueError("name either the account or the card's code")
        return self


class ReversalBody(Body):
    hold_id: Identifier
    amount: Positive
    store_id: Identifier


class CancelBody(Body):
    reason: SafeName


class CardAnswer(Answer):
    account_id: str
    card_serial: str
    code: str
    """To be printed once. This is the only answer that holds it."""
    position: int


class CardShown(Answer):
    card_serial: str
    live: bool


class FeeShown(Answer):
    fee_id: str
    kind: str
    amount: Money
    open: Money
    due: date
    text: str | None
    withdrawn: bool


class AccountAnswer(Answer):
    account_id: str
    legal_entity_id: str
    holder_id: str | None
    balance: Money
    available: Money
    """What a payment at a till can use: no fee-bound and no given-away credit."""
    blocked: str | None
    receipt_duty: bool
    time_zone: str
    limits: Limits
    cards: tuple[CardShown, ...]
    fees: tuple[FeeShown, ...]
    """That are open."""


class LoadAnswer(Answer):
    load_id: str
    account_id: str
    amount: Money
    state: str
    balance: Money


class LoadCancelled(Answer):
    load_id: str
    state: Literal["cancelled"] = "cancelled"


class DeliveredAnswer(Answer):
    card_serial: str
    delivered: Literal[True] = True


class MoveShown(Answer):
    position: int
    day: date
    what: str
    amount: Money
    balance: Money
    booking_id: str | None
    reference: str
    text: str | None


class StatementAnswer(Answer):
    account_id: str
    first: date
    last: date
    opening: Money
    moves: tuple[MoveShown, ...]
    closing: Money


def account_answer(account: Opened, now: datetime) -> AccountAnswer:
    """An account as office and till see it."""
    return AccountAnswer(
        account_id=account.account_id,
        legal_entity_id=account.legal_entity_id,
        holder_id=account.holder_id,
        balance=account.balance,
        available=usable(account, now),
        blocked=account.blocked,
        receipt_duty=account.receipt_duty,
        time_zone=account.time_zone,
        limits=account.limits,
        cards=tuple(
            CardShown(card_serial=card.serial, live=card.live) for card in account.cards.values()
        ),
        fees=tuple(
            FeeShown(
                fee_id=fee.fee_id,
                kind=fee.kind,
                amount=fee.amount,
                open=fee.open,
                due=fee.due,
                text=fee.text,
                withdrawn=fee.withdrawn,
            )
            for fee in sorted(account.fees.values(), key=lambda fee: (fee.due, fee.place))
            if fee.open
        ),
    )
