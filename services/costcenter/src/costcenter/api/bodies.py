"""What a till says, and what it hears."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from costcenter.api.kit import Code
from costcenter.commands import Mode as HoldMode
from costcenter.decider.charging import Left
from costcenter.decider.goods import Good
from costcenter.decider.month import Charge
from costcenter.decider.structure_state import Center, Company
from costcenter.events import Mode, SubsidyShare, VatPart, Warned
from costcenter.handlers.charging import HOLD_S_MAX
from costcenter.handlers.finding import InHand
from kassenverbund.kit.routes import Answer, Body, Positive
from kassenverbund.kit.text import Identifier, SafeName
from money import Money

BASKET_MAX = 1_000

Number = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""Of a card or a center, as typed."""


class CardBody(Body):
    """What the cashier has: a scanned code, a card's number, or a center's number with the card
    that was chosen if several may be meant."""

    code: Code | None = None
    number: Number | None = None
    center_number: Number | None = None
    card_number: Number | None = None

    @model_validator(mode="after")
    def _one(self) -> CardBody:
        given = [self.code, self.number, self.center_number]
        if sum(one is not None for one in given) != 1:
            raise ValueError("exactly one of code, number and center_number")
        if self.card_number is not None and self.center_number is None:
            raise ValueError("card_number goes with center_number")
        return self

    def in_hand(self) -> InHand:
        return InHand(
            code=self.code.get_secret_value() if self.code else None,
            number=self.number,
            center_number=self.center_number,
            card_number=self.card_number,
        )


class GoodBody(Body):
    line_id: Identifier | None = None
    article_group: SafeName | None = None
    vat: Identifier
    rate: Annotated[int, Field(ge=0, le=10_000)]
    """Basis points."""
    dsfinvk_key: Annotated[int, Field(ge=1, le=9999)]
    gross: Money
    """Of all pieces. Negative: a discount."""
    quantity: Annotated[Decimal, Field(gt=0, le=100_000)] = Decimal(1)


Basket = Annotated[tuple[GoodBody, ...], Field(max_length=BASKET_MAX)]


def goods_of(basket: Basket) -> tuple[Good, ...]:
    return tuple(
        Good(
            vat=line.vat,
            rate=line.rate,
            dsfinvk_key=line.dsfinvk_key,
            gross=line.gross,
            article_group=line.article_group,
            quantity=line.quantity,
            line_id=line.line_id,
        )
        for line in basket
    )


class OverrideBody(Body):
    """A manager lets the charge pass although limits are exceeded."""

    by: SafeName | None = None
    """Person id, from the gateway; a person who asks is it."""
    reason: SafeName


class QuoteBody(Body):
    card: CardBody
    amount: Positive
    mode: HoldMode = "exact"
    basket: Basket = ()
    store_id: Identifier
    override: OverrideBody | None = None


class ChargeBody(QuoteBody):
    till_id: Identifier
    booking_id: Identifier
    payment_id: Identifier
    expires_in_s: Annotated[int, Field(ge=5, le=HOLD_S_MAX)] | None = None


class LookupBody(Body):
    card: CardBody
    store_id: Identifier


class LeftAnswer(Answer):
    limit_id: str
    name: str
    level: str
    window: str
    left: Money | None
    left_count: int | None


class CenterAnswer(Answer):
    center_id: str
    number: str
    name: str
    address: tuple[str, ...]
    """Lines to print: the center's own address, else its company's, else none."""
    company_name: str | None


class SubsidyAnswer(Answer):
    rule_id: str
    name: str
    case: Literal["ZuschussEcht", "ZuschussUnecht"]
    amount: Money
    uses: int
    parts: tuple[VatPart, ...]


class ChargeAnswer(Answer):
    hold_id: str
    state: str
    center: CenterAnswer
    card_id: str
    card_number: str
    amount: Money
    """What the center pays."""
    parts: tuple[VatPart, ...]
    subsidies: tuple[SubsidyAnswer, ...]
    remaining: tuple[LeftAnswer, ...]
    warnings: tuple[Warned, ...]
    expires_at: AwareDatetime | None
    position: int


class StateAnswer(Answer):
    hold_id: str
    state: str
    amount: Money
    position: int


class ReleasedAnswer(Answer):
    hold_id: str
    state: Literal["released"] = "released"


class QuoteAnswer(Answer):
    center: CenterAnswer
    card_id: str
    card_number: str
    amount: Money
    parts: tuple[VatPart, ...]
    subsidies: tuple[SubsidyAnswer, ...]
    remaining: tuple[LeftAnswer, ...]
    warnings: tuple[Warned, ...]


class LookupAnswer(Answer):
    card_id: str
    card_number: str
    card_state: str
    """`usable`, or why it is not."""
    kind: str
    type: str
    main_group: int
    user_group: int
    mode: Mode | None
    center: CenterAnswer | None
    center_state: str | None
    remaining: tuple[LeftAnswer, ...]


class CloseAnswer(Answer):
    month: str
    closed: int
    open_holds: tuple[str, ...]
    """Centers that could not be closed: payments are still open."""


def center_shown(center: Center, company: Company) -> CenterAnswer:
    assert center.center_id is not None
    address = center.address or company.address
    lines: tuple[str, ...] = ()
    if address is not None:
        place = f"{address.postal_code} {address.city}"
        lines = (address.name, *address.lines, place)
    return CenterAnswer(
        center_id=center.center_id,
        number=center.number,
        name=center.name,
        address=lines,
        company_name=company.name or None,
    )


def left_shown(remaining: tuple[Left, ...]) -> tuple[LeftAnswer, ...]:
    return tuple(
        LeftAnswer(
            limit_id=left.limit_id,
            name=left.name,
            level=left.level,
            window=left.window,
            left=left.left,
            left_count=left.left_count,
        )
        for left in remaining
    )


def subsidies_shown(shares: tuple[SubsidyShare, ...]) -> tuple[SubsidyAnswer, ...]:
    return tuple(
        SubsidyAnswer(
            rule_id=share.rule_id,
            name=share.name,
            case="ZuschussEcht" if share.tax_case == "real" else "ZuschussUnecht",
            amount=share.amount,
            uses=share.uses,
            parts=share.parts,
        )
        for share in shares
    )


def charge_shown(
    charge: Charge, center: CenterAnswer, remaining: tuple[Left, ...], position: int
) -> ChargeAnswer:
    return ChargeAnswer(
        hold_id=charge.charge_id,
        state=charge.state,
        center=center,
        card_id=charge.chargee.card_id,
        card_number=charge.chargee.card_number,
        amount=charge.amount,
        parts=charge.parts,
        subsidies=subsidies_shown(charge.subsidies),
        remaining=left_shown(remaining),
        warnings=charge.warnings,
        expires_at=charge.expires_at,
        position=position,
    )
