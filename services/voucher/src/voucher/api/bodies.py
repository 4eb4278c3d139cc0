"""What tills send, and how a hold is shown to them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any, Literal

from fastapi.responses import Response
from pydantic import AfterValidator, Field

from events import Handled
from kassenverbund.kit.routes import Answer, Body, Positive, as_json
from kassenverbund.kit.text import Identifier, SafeName
from money import Money
from voucher.api.kit import Code
from voucher.commands import Goods, Mode
from voucher.decider import Hold, Issued, Voucher, eligible, restricted
from voucher.decider.together import CODES_MAX
from voucher.events import Cover, Funding, Kind, Purpose, Terms
from voucher.handlers import HOLD_S, HOLD_S_MAX

VALUE_MINOR_MAX = 1_000_000
"""No voucher is larger than 10,000.00, whatever a chain allows: larger is a typing error."""

BASKET_MAX = 1_000
"""Parts of a basket; goods of one article group and VAT key may be added up."""

DSFINVK_KEY = 5
"""A multi-purpose voucher is taxed by what it buys: its own lines are not taxable (key 5)."""


def _issuable(amount: Money) -> Money:
    if not 0 < amount.amount <= VALUE_MINOR_MAX:
        raise ValueError(f"a voucher is worth at most {VALUE_MINOR_MAX} minor units")
    return amount


def _no_less_than_nothing(amount: Money) -> Money:
    if not 0 <= amount.amount <= VALUE_MINOR_MAX:
        raise ValueError(f"the amount lies between 0 and {VALUE_MINOR_MAX} minor units")
    return amount


Issuable = Annotated[Money, AfterValidator(_issuable)]
Price = Annotated[Money, AfterValidator(_no_less_than_nothing)]


class GoodsBody(Body):
    """A part of the basket."""

    gross: Money
    vat: Identifier
    dsfinvk_key: Annotated[int, Field(ge=1, le=9999)]
    article_group: Identifier | None = None
    line_id: Identifier | None = None
    """With it, `gross` is what is still unpaid of that line: nothing is taken off again here."""


def _each_line_once(basket: tuple[GoodsBody, ...]) -> tuple[GoodsBody, ...]:
    named = [part.line_id for part in basket if part.line_id is not None]
    if len(set(named)) < len(named):
        raise ValueError("a basket names each line once")
    return basket


Basket = Annotated[
    tuple[GoodsBody, ...], Field(max_length=BASKET_MAX), AfterValidator(_each_line_once)
]


def goods_of(basket: tuple[GoodsBody, ...] | None) -> tuple[Goods, ...] | None:
    if basket is None:
        return None
    return tuple(
        Goods(
            gross=part.gross,
            vat=part.vat,
            dsfinvk_key=part.dsfinvk_key,
            article_group=part.article_group,
            line_id=part.line_id,
        )
        for part in basket
    )


class Sells(Body):
    """The booking line that sells something."""

    store_id: Identifier
    till_id: Identifier
    booking_id: Identifier
    line_id: Identifier


class PrepareBody(Sells):
    value: Price | None = None
    """None: the template or the printed card fixes it."""
    legal_entity_id: Identifier
    template: Identifier | None = None
    kind: Kind = "multi_purpose"
    vat: Identifier | None = None
    goods: SafeName | None = None
    consideration: Price | None = None
    """What is paid; None: the face value."""
    funding: Funding = "purchased"
    reason: SafeName | None = None
    card_code: Code | None = None
    """A printed card is sold: its terms are those it was printed with."""


class CancelBody(Body):
    reason: SafeName


class TopUpBody(Sells):
    code: Code
    value: Issuable
    consideration: Price | None = None


class HoldBody(Body):
    code: Code
    amount: Positive
    mode: Mode
    store_id: Identifier
    till_id: Identifier
    booking_id: Identifier
    payment_id: Identifier
    expires_in_s: Annotated[int, Field(ge=1, le=HOLD_S_MAX)] = HOLD_S
    purpose: Purpose = "payment"
    basket: Basket | None = None
    approved_by: Identifier | None = None
    """Payout by goodwill: the manager who allows it, as the gateway has seen."""


class GroupBody(Body):
    codes: Annotated[tuple[Code, ...], Field(min_length=2, max_length=CODES_MAX)]
    amount: Positive
    store_id: Identifier
    till_id: Identifier
    booking_id: Identifier
    payment_id: Identifier
    expires_in_s: Annotated[int, Field(ge=1, le=HOLD_S_MAX)] = HOLD_S
    basket: Basket | None = None


class CaptureBody(Body):
    booking_id: Identifier
    """Of the system that records it; the same again changes nothing."""
    amount: Positive
    final: bool = True
    """False: the hold keeps the rest for another capture."""


class LookupBody(Body):
    code: Code


class RedeemBody(Body):
    code: Code
    amount: Positive
    mode: Mode
    redemption_id: Identifier
    store_id: Identifier
    basket: Basket | None = None


class Taxed(Answer):
    """How a voucher counts in a booking."""

    kind: Kind = "multi_purpose"
    dsfinvk_key: int = DSFINVK_KEY
    vat: str = "zero"
    """Single-purpose: the key of its VAT rate. Its lines carry that rate, so the net tax is 0."""
    rate: int | None = None
    """Single-purpose: basis points on the day of issue."""
    waiver: str | None = None
    """Given away: it is no tender; it lowers the price, and this is the reason."""


def taxed(terms: Terms) -> dict[str, Any]:
    """The fields of `Taxed`."""
    if terms.kind == "single_purpose":
        return {
            "kind": terms.kind,
            "dsfinvk_key": terms.dsfinvk_key,
            "vat": terms.vat,
            "rate": terms.rate,
            "waiver": None,
        }
    return {"waiver": None if terms.funding == "purchased" else terms.reason}


class PreparedAnswer(Taxed):
    voucher_id: str
    """Of a printed card: its own, to be used from now on."""
    serial: str
    code: str | None
    """To be printed once. This is the only answer that holds it. None: a card shows its own."""
    qr: str | None = None
    """The signed text for the QR code, which holds the code; where there is a code."""
    value: Money
    consideration: Money
    goods: str | None = None
    valid_until: date
    state: str
    position: int


class VoucherState(Answer):
    voucher_id: str
    state: str


class DeliveredAnswer(Answer):
    voucher_id: str
    delivered: Literal[True] = True


class TopUpAnswer(Taxed):
    top_up_id: str
    voucher_id: str
    serial: str
    value: Money
    consideration: Money
    balance: Money
    """Before it is recorded."""
    valid_until: date
    """Of the new value."""
    state: str
    position: int


class TopUpState(Answer):
    top_up_id: str
    state: Literal["cancelled"] = "cancelled"


class HoldAnswer(Taxed):
    hold_id: str
    voucher_id: str
    serial: str
    amount: Money
    voucher_remaining: Money
    """What is left for further payments once this one is captured."""
    expires_at: datetime
    state: str
    purpose: Purpose = "payment"
    eligible: Money | None = None
    """What of the basket it may pay for; None: everything."""
    covers: tuple[Cover, ...] | None = None
    """Which entries of the basket it pays for, and how much of each; together `amount`. None: it
    pays for everything."""
    new_code: bool = False
    """A short code of another system: where a rest is left, the booking that captures it gets a new
    code to print (`PUT …/new-code`), and this one is dead."""
    position: int


class GroupAnswer(Answer):
    group_id: str
    legs: tuple[HoldAnswer, ...]
    total: Money
    remaining_due: Money
    """To be paid by other means."""
    position: int


class NewCodeAnswer(Taxed):
    """The new code of a voucher that was paid with, if it got one."""

    hold_id: str
    state: Literal["renewed", "kept"]
    """`kept`: there is nothing to print. No rest is left, the code was one of ours, or the slip is
    printed already."""
    voucher_id: str | None = None
    serial: str | None = None
    code: str | None = None
    qr: str | None = None
    value: Money | None = None
    """What is left on it now."""
    goods: str | None = None
    valid_until: date | None = None


class HoldState(Answer):
    """A hold, or what became of it."""

    hold_id: str
    voucher_id: str
    serial: str
    state: str
    purpose: Purpose
    amount: Money
    captured: Money
    reversible: Money
    """Of what was captured: not reversed yet."""
    balance: Money


class CaptureAnswer(Taxed):
    hold_id: str
    serial: str
    captured: Money
    """By this hold so far."""
    held: Money
    """Still kept for another capture."""
    remaining: Money
    position: int


class ReleasedAnswer(Answer):
    hold_id: str
    state: Literal["released"] = "released"


class GroupReleased(Answer):
    group_id: str
    state: Literal["released"] = "released"


class LookupAnswer(Taxed):
    serial: str
    value: Money
    balance: Money
    available: Money
    valid_until: date | None
    state: str
    basket_needed: bool = False
    """It pays for some goods only."""
    goods: str | None = None


class RedeemAnswer(Taxed):
    redemption_id: str
    serial: str
    amount: Money
    remaining: Money
    valid_until: date | None = None
    """For a slip that shows the rest."""
    position: int


def hold_of(state: Voucher, hold_id: str) -> tuple[Issued, Hold]:
    assert isinstance(state, Issued)  # A hold stands on an issued voucher.
    hold = state.hold(hold_id)
    assert hold is not None  # The decision was accepted or is a repeat of one that was.
    return state, hold


def shown_hold(
    voucher: Issued,
    hold: Hold,
    position: int,
    basket: tuple[Goods, ...] | None = None,
    *,
    new_code: bool,
) -> HoldAnswer:
    terms = voucher.terms
    choosy = basket and restricted(terms)
    limit = eligible(terms, basket, hold.amount.currency) if choosy else None
    return HoldAnswer(
        hold_id=hold.hold_id,
        voucher_id=voucher.voucher_id,
        serial=voucher.serial,
        amount=hold.amount,
        voucher_remaining=hold.left,
        expires_at=hold.expires_at,
        state=hold.state.value,
        purpose=hold.purpose,
        eligible=limit,
        covers=hold.covers or None,
        new_code=new_code,
        position=position,
        **taxed(terms),
    )


def held(
    done: Handled[Voucher],
    hold_id: str,
    basket: tuple[Goods, ...] | None,
    comes: Callable[[Issued], bool],
) -> Response:
    """`comes`: whether a new code comes after the payment (`Renewal.comes`)."""
    voucher, hold = hold_of(done.state, hold_id)
    return as_json(shown_hold(voucher, hold, done.position, basket, new_code=comes(voucher)))
