"""What a till sends of a booking."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator

from device_gateway.api.charges import CardBody, OverrideBody, asked_of
from device_gateway.api.library_bodies import (
    EntitlementLineBody,
    FeeLineBody,
    FeePaymentBody,
    LoadLineBody,
)
from device_gateway.commands import NewLine, ReturnedLine
from device_gateway.decider.pricing import LINES_MAX, PAYMENTS_MAX
from device_gateway.events import (
    Payer,
    QuantityAsked,
    Reference,
    ReferenceType,
    SoldTerms,
    VoucherKind,
)
from device_gateway.handlers.assortment import ListedLine
from device_gateway.handlers.sales import NewLineWithCode, Sale, SentLine
from device_gateway.handlers.taking_back import GivenBack, RefundKind, WantedPayout
from device_gateway.handlers.tendered import TenderedPayment
from kassenverbund.kit.auth import Caller
from kassenverbund.kit.text import Identifier, SafeName
from money import Money

LINE_NAME_MAX = 120
SKU_MAX = 64
CODE_MAX = 200
"""A signed QR code is scanned whole."""
CODES_MAX = 10
"""Vouchers that pay together."""
RETURNS_MAX = 200
PAYOUTS_MAX = 5
REFERENCES_MAX = 10
REFERENCE_MAX = 40
"""Characters: what DSFinV-K keeps of a foreign number."""
RECEIPT_NUMBER_MAX = 20


class Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


Code = Annotated[SafeName, Field(max_length=CODE_MAX)]


class VoucherBody(Body):
    """What kind of voucher is sold; `unit_price` of its line is what it costs."""

    kind: VoucherKind = "multi_purpose"
    value: Money | None = None
    """Face value, where it is not the price."""
    goods: Annotated[SafeName, Field(max_length=LINE_NAME_MAX)] | None = None
    template: Identifier | None = None
    card_code: Code | None = None
    """A printed card is sold."""


class LineBody(Body):
    """`unit_price` is gross, per unit. `vat` is a key of the chain's table.

    An `article` may be its `sku`, or its `gtin`, and nothing else: name, price, VAT and group come
    of the assortment, and its deposit as a line of its own.

    `voucher_article_sale` and `voucher_article_redemption` are the chain's pairs of plain articles;
    the price of the latter is positive here and taken off, and so is that of a `deposit_return`.
    `voucher_top_up` brings the code of the voucher. A `tip` is the staff's and untaxed, or the
    owner's and taxed (`tip_to`).
    """

    kind: Literal[
        "article", "voucher_sale", "voucher_article_sale", "voucher_article_redemption",
        "voucher_top_up", "tip", "deposit", "deposit_return",
    ]  # fmt: skip
    sku: Annotated[SafeName, Field(max_length=SKU_MAX)] | None = None
    gtin: Annotated[str, Field(pattern=r"^[0-9]{8,14}$")] | None = None
    name: Annotated[SafeName, Field(max_length=LINE_NAME_MAX)] | None = None
    quantity: QuantityAsked = "1"
    unit_price: Money | None = None
    vat: Identifier | None = None
    article_group: Identifier | None = None
    voucher: VoucherBody | None = None
    code: Code | None = None
    tip_to: Literal["staff", "owner"] | None = None
    scan: Identifier | None = None
    """Stands for `code`, or for the `card_code` of `voucher`: what was scanned a moment ago."""

    @model_validator(mode="after")
    def _hangs_together(self) -> LineBody:
        if self.code is not None and self.scan is not None:
            raise ValueError("a `scan` stands for a `code`: send one of them")
        sold = self.kind == "voucher_sale"
        coded = self.code is not None or (self.scan is not None and not sold)
        if (self.kind == "voucher_top_up") != coded:
            raise ValueError("a top-up has the voucher's code, other lines have none")
        card = None if self.voucher is None else self.voucher.card_code
        if sold and self.scan is not None and (self.voucher is None or card is not None):
            raise ValueError("the `scan` of a sold voucher is the `card_code` of `voucher`")
        if self.voucher is not None and self.kind != "voucher_sale":
            raise ValueError("`voucher` belongs to the sale of a voucher")
        if self.article_group is not None and self.kind != "article":
            raise ValueError("`article_group` belongs to an article")
        if self.tip_to is not None and self.kind != "tip":
            raise ValueError("`tip_to` belongs to a tip")
        if self.name is None and self.vat is None:
            if self.kind != "article" or (self.sku is None and self.gtin is None):
                raise ValueError("a line has `name`, `unit_price` and `vat`, or names an article")
        elif self.name is None or self.vat is None or self.unit_price is None:
            raise ValueError("a line has all of `name`, `unit_price` and `vat`")
        return self

    def sent(self) -> SentLine | ListedLine:
        """The line, with its code beside it; or the article that it names."""
        if self.name is None:
            return ListedLine(self.sku, self.gtin, Decimal(self.quantity), self.unit_price)
        code = self.code if self.voucher is None else self.voucher.card_code
        line = self._new()
        return line if code is None else NewLineWithCode(line, code)

    def _new(self) -> NewLine:
        assert self.name is not None
        assert self.unit_price is not None
        assert self.vat is not None
        return NewLine(
            kind=self.kind,
            sku=self.sku,
            name=self.name,
            quantity=Decimal(self.quantity),
            unit_price=self.unit_price,
            vat=self.vat,
            article_group=self.article_group,
            voucher=None if self.voucher is None else _terms(self.voucher),
            gtin=self.gtin,
            tip_to=self.tip_to or "staff",
        )


def _terms(body: VoucherBody) -> SoldTerms:
    return SoldTerms(
        kind=body.kind,
        value=body.value,
        goods=body.goods,
        template=body.template,
        card=body.card_code is not None,
    )


class PayerBody(Body):
    """Who owes it: an id that billing knows. `reference`: what stands on the invoice."""

    id: Identifier
    kind: Literal["customer", "third_party"]
    reference: Annotated[SafeName, Field(max_length=REFERENCE_MAX)] | None = None


class PaymentBody(Body):
    """Cash, card and what was paid `online` say their amount, the last the `order` that it was paid
    for; a voucher brings its code and pays what it can. `codes`:
    several vouchers at once, of which the one that ends soonest pays first. A cost center has a
    `card`; `up_to`: it pays as much of the amount as its limits leave, otherwise all or nothing. A
    `customer_card` is scanned (`code`): its group says whether its cost center pays, or what is
    loaded on it. A card with `terminal` (the device, or true: the till's own) is taken there, for
    all that is open or the amount; with `receipt_number` it was taken on a terminal of its own. On
    account a `payer` is invoiced later."""

    kind: Literal["cash", "card", "online", "voucher", "cost_center", "customer_card", "on_account"]
    amount: Money | None = None
    code: Code | None = None
    codes: Annotated[list[Code], Field(min_length=2, max_length=CODES_MAX)] | None = None
    card: CardBody | None = None
    mode: Literal["exact", "up_to"] | None = None
    override: OverrideBody | None = None
    order: Annotated[SafeName, Field(max_length=REFERENCE_MAX)] | None = None
    terminal: Identifier | Literal[True] | None = None
    receipt_number: Annotated[SafeName, Field(max_length=RECEIPT_NUMBER_MAX)] | None = None
    payer: PayerBody | None = None

    @model_validator(mode="after")
    def _card_or_account(self) -> PaymentBody:
        if self.kind != "card" and (self.terminal is not None or self.receipt_number is not None):
            raise ValueError("`terminal` and `receipt_number` belong to a card")
        if self.terminal is not None and self.receipt_number is not None:
            raise ValueError("a card is taken at our terminal, or has a `receipt_number`")
        if (self.kind == "on_account") != (self.payer is not None):
            raise ValueError("on account there is a `payer`; nothing else has one")
        return self

    scan: Identifier | None = None
    """Stands for `code`: what was scanned at this till a moment ago."""
    scans: Annotated[list[Identifier], Field(min_length=2, max_length=CODES_MAX)] | None = None
    """Stands for `codes`."""

    @model_validator(mode="after")
    def _complete(self) -> PaymentBody:
        coded = sum(one is not None for one in (self.code, self.codes, self.scan, self.scans))
        if coded != (self.kind in ("voucher", "customer_card")):
            raise ValueError("a voucher has a code, or several `codes`; cash and card have none")
        if self.kind == "customer_card" and (self.codes is not None or self.scans is not None):
            raise ValueError("one customer card is scanned at a time")
        if self.codes is not None and len(set(self.codes)) < len(self.codes):
            raise ValueError("the same code twice")
        if self.kind in ("cash", "card", "online") and self.amount is None and not self.terminal:
            raise ValueError("cash, card and online need an amount")
        if (self.kind == "online") != (self.order is not None):
            raise ValueError("what was paid online names its `order`; nothing else has one")
        charged = self.kind == "cost_center"
        if charged != (self.card is not None):
            raise ValueError("a cost center has a `card`; nothing else has one")
        if not charged and (self.mode is not None or self.override is not None):
            raise ValueError("`mode` and `override` belong to a cost center")
        return self

    def tendered(self, overrider: Caller | None) -> TenderedPayment:
        """`overrider`: the manager of the request. Raises `Forbidden` where one is needed."""
        asked = None
        if self.card is not None:
            exact = self.mode != "up_to"
            asked = asked_of(self.card, exact=exact, override=self.override, by=overrider)
        return TenderedPayment(
            self.kind, self.amount, self.code, tuple(self.codes or ()), charge=asked,
            order=self.order, terminal=self.terminal, receipt_number=self.receipt_number,
            payer=None if self.payer is None else Payer(**self.payer.model_dump()),
        )  # fmt: skip


AnyLine = Annotated[
    LineBody | FeeLineBody | LoadLineBody | EntitlementLineBody, Field(discriminator="kind")
]
AnyPayment = Annotated[PaymentBody | FeePaymentBody, Field(discriminator="kind")]
Lines = Annotated[list[AnyLine], Field(max_length=LINES_MAX)]
Payments = Annotated[list[AnyPayment], Field(max_length=PAYMENTS_MAX)]


Reason = Annotated[SafeName, Field(max_length=LINE_NAME_MAX)]


class ReturnBody(Body):
    """Goods of an earlier booking of the store come back, at the price at which they were sold."""

    booking_id: Identifier
    line_id: Identifier
    quantity: QuantityAsked = "1"
    reason: Reason

    def sent(self) -> ReturnedLine:
        return ReturnedLine(self.booking_id, self.line_id, Decimal(self.quantity), self.reason)


class PayoutBody(Body):
    """The whole rest of a voucher in cash, where its terms allow it. `code`, or a `scan` of it."""

    code: Code | None = None
    reason: Reason
    scan: Identifier | None = None

    @model_validator(mode="after")
    def _named(self) -> PayoutBody:
        if (self.code is None) == (self.scan is None):
            raise ValueError("a voucher is named by its `code`, or by a `scan` of it")
        return self


class ReferenceBody(Body):
    """`Transaktion`: a booking or an order of the store; else the number of a foreign document."""

    type: ReferenceType
    id: Annotated[SafeName, Field(max_length=REFERENCE_MAX)]
    name: Annotated[SafeName, Field(max_length=REFERENCE_MAX)] | None = None


class BookingBody(Body):
    """`finish` true: the complete sale in one request. Where more comes back than is bought, money
    goes out by `refund`. `training`: signed and printed, and without any effect."""

    lines: Lines = []
    payments: Payments = []
    finish: StrictBool = False
    returns: Annotated[list[ReturnBody], Field(max_length=RETURNS_MAX)] = []
    payouts: Annotated[list[PayoutBody], Field(max_length=PAYOUTS_MAX)] = []
    refund: RefundKind = "cash"
    training: StrictBool = False
    references: Annotated[list[ReferenceBody], Field(max_length=REFERENCES_MAX)] = []
    cashier: Identifier | None = None
    """Who stands at the till: an id, never a name."""

    def sale(
        self, store_id: str, till_id: str, overrider: Caller | None, lines: Sequence[SentLine]
    ) -> Sale:
        """`overrider`: the manager of the request. `lines`: those of the request, written out."""
        return Sale(
            store_id=store_id,
            till_id=till_id,
            lines=lines,
            payments=[payment.tendered(overrider) for payment in self.payments],
            finish=self.finish,
            back=GivenBack(
                returns=tuple(each.sent() for each in self.returns),
                payouts=tuple(
                    WantedPayout(each.code, each.reason, overrider.id if overrider else None)
                    for each in self.payouts
                    if each.code is not None
                ),
            ),
            refund=self.refund,
            training=self.training,
            references=tuple(
                Reference(type=each.type, id=each.id, name=each.name) for each in self.references
            ),
            cashier_id=self.cashier,
        )


class LinesBody(Body):
    lines: Annotated[Lines, Field(min_length=1)]


class PaymentsBody(Body):
    payments: Annotated[Payments, Field(min_length=1)]


class FinishBody(Body):
    """`refund`: how money goes out, where more comes back than is bought."""

    refund: RefundKind = "cash"


class AbortBody(Body):
    reason: Reason = "cashier"


class SoldCode(Body):
    """The code of a voucher that a line of the booking sold."""

    line_id: Identifier
    code: Code


class CancellationBody(Body):
    """A booking that sold vouchers comes back with their codes, unspent, or not at all."""

    reason: Reason
    codes: Annotated[list[SoldCode], Field(max_length=CODES_MAX)] = []
    cashier: Identifier | None = None
