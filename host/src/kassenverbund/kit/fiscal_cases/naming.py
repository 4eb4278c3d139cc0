"""From a line, a payment or a cash move to its row in the table. Pure.

Used when a booking is recorded, and for the export of events that are older than the fields `case`
and `payment_type`. What an event says itself wins.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Protocol

from kassenverbund.kit.fiscal_cases.choices import DEFAULTS, Choices
from kassenverbund.kit.fiscal_cases.model import NOT_TAXABLE, Option
from kassenverbund.kit.fiscal_cases.table import BY_NAME
from money import Money


class LineFacts(Protocol):
    """What of a line decides. `booking.recorded` of any version has it."""

    @property
    def kind(self) -> str: ...
    @property
    def dsfinvk_key(self) -> int: ...
    @property
    def case(self) -> str | None: ...


class PaymentFacts(Protocol):
    """The same of a payment."""

    @property
    def kind(self) -> str: ...
    @property
    def fiscal(self) -> str: ...
    @property
    def amount(self) -> Money: ...
    @property
    def dsfinvk_key(self) -> int | None: ...
    @property
    def case(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Named:
    """What DSFinV-K calls it."""

    policy: str
    """Name of the row."""
    gv_typ: str | None
    """None: a means of payment."""
    gv_name: str
    """Empty: none."""
    payment_type: str | None
    """ZAHLART_TYP; None: a line."""
    dsfinvk_key: int | None
    """UST_SCHLUESSEL; None: of a payment that has none, or has it in its `parts`."""


LINE_KINDS: dict[str, tuple[str, str]] = {
    "article": ("fiscal.sale", "fiscal.sale"),
    "return": ("fiscal.sale.returned", "fiscal.sale.returned"),
    "discount": ("fiscal.voucher.donated", "fiscal.voucher.donated"),
    "voucher_sale": ("fiscal.voucher.multi_purpose.sold", "fiscal.voucher.single_purpose.sold"),
    "voucher_top_up": ("fiscal.voucher.multi_purpose.sold", "fiscal.voucher.single_purpose.sold"),
    "voucher_article_sale": (
        "fiscal.voucher.multi_purpose.sold",
        "fiscal.voucher.single_purpose.sold",
    ),
    "voucher_article_redemption": (
        "fiscal.voucher.multi_purpose.redeemed",
        "fiscal.voucher.single_purpose.redeemed",
    ),
    "voucher_sale_reversal": (
        "fiscal.voucher.multi_purpose.sold",
        "fiscal.voucher.single_purpose.sold",
    ),
    "voucher_redemption_reversal": (
        "fiscal.voucher.multi_purpose.refunded",
        "fiscal.voucher.single_purpose.refunded",
    ),
    "voucher_payout": (
        "fiscal.voucher.multi_purpose.paid_out",
        "fiscal.voucher.single_purpose.paid_out",
    ),
    "tip": ("fiscal.tip.staff", "fiscal.tip.owner"),
    "deposit": ("fiscal.deposit.charged", "fiscal.deposit.charged"),
    "deposit_return": ("fiscal.deposit.returned", "fiscal.deposit.returned"),
    "fee": ("fiscal.fee.charged", "fiscal.fee.charged"),
    "fee_waiver": ("fiscal.fee.waived", "fiscal.fee.waived"),
    "account_load": ("fiscal.account.loaded", "fiscal.account.loaded"),
    "entitlement": ("fiscal.entitlement.extended", "fiscal.entitlement.extended"),
}
"""Kind of line → its row where the line stands under key 5, and under any other key: that tells
multi-purpose from single-purpose, and staff's tips from the owner's."""

MOVE_KINDS: dict[str, str] = {
    name.removeprefix("fiscal.cash."): name for name in BY_NAME if name.startswith("fiscal.cash.")
}
"""Kind of a cash move → its row."""

PAYMENT_KINDS: dict[str, str] = {
    "cash": "fiscal.payment.cash",
    "card": "fiscal.payment.card",
    "online": "fiscal.payment.online",
    "cost_center": "fiscal.receivable.cost_center",
    "charge_reversal": "fiscal.receivable.cost_center",
    "account_credit": "fiscal.account.used",
    "on_account": "fiscal.receivable.customer",
}
"""Kind of payment → its row; vouchers and subsidies need more than the kind."""

_SUBSIDIES = {"ZuschussEcht": "fiscal.subsidy.real", "ZuschussUnecht": "fiscal.subsidy.unreal"}


def case_of_line(line: LineFacts, choices: Choices = DEFAULTS, *, on: date) -> Named:
    """The case of a line, on the business date `on`. A kind that nobody knows is a sale: a reader
    takes it for an article."""
    untaxed, taxed = LINE_KINDS.get(line.kind, LINE_KINDS["article"])
    policy = untaxed if line.dsfinvk_key == NOT_TAXABLE else taxed
    if line.case == "Rabatt" and line.kind != "fee_waiver":
        policy = "fiscal.voucher.donated"
    option = choices.option(policy, on)
    return Named(
        policy=policy,
        gv_typ=line.case or option.gv_typ,
        gv_name=BY_NAME[policy].gv_name,
        payment_type=None,
        # What a line is taxed with was decided when it was priced; here nothing is taxed anew.
        dsfinvk_key=line.dsfinvk_key,
    )


def case_of_payment(
    payment: PaymentFacts,
    choices: Choices = DEFAULTS,
    *,
    on: date,
    payment_type: str | None = None,
) -> Named:
    """The case of a payment, on the business date `on`. `payment_type`: ZAHLART_TYP as the event or
    the declared means of payment says; None: that of the table."""
    policy = _policy_of_payment(payment)
    option = choices.option(policy, on)
    if option.gv_typ is None:
        return Named(policy, None, "", payment_type or _type_of(payment, option), None)
    key = payment.dsfinvk_key
    return Named(
        policy=policy,
        gv_typ=payment.case or option.gv_typ,
        gv_name=BY_NAME[policy].gv_name,
        payment_type="Keine",
        dsfinvk_key=option.key_for(key) if key is not None else None,
    )


def _policy_of_payment(payment: PaymentFacts) -> str:
    if payment.kind == "voucher":
        # Vouchers of two plain articles and of bookings without the field are multi-purpose.
        single = payment.dsfinvk_key not in (None, NOT_TAXABLE)
        purpose = "single" if single else "multi"
        what = "refunded" if payment.amount.amount < 0 else "redeemed"
        return f"fiscal.voucher.{purpose}_purpose.{what}"
    subsidy = _SUBSIDIES.get(payment.case or "")
    if subsidy is not None and payment.kind in ("subsidy", "charge_reversal"):
        return subsidy
    if payment.kind == "subsidy":
        return "fiscal.subsidy.unreal"
    known = PAYMENT_KINDS.get(payment.kind)
    if known is not None:
        return known
    by_fiscal = {"Bar": "fiscal.payment.cash", "Unbar": "fiscal.payment.card"}
    return by_fiscal.get(payment.fiscal, "fiscal.receivable.scheme")


def _type_of(payment: PaymentFacts, option: Option) -> str | None:
    """What a till declares to count as cash or not stays so, whatever the kind's default is."""
    if payment.fiscal == "Bar":
        return "Bar"
    return "Unbar" if option.payment == "Bar" else option.payment


def case_of_move(kind: str) -> Named:
    """The case of a cash move. Raises `KeyError`: no such kind."""
    case = BY_NAME[MOVE_KINDS[kind]]
    option = case.default
    return Named(case.name, option.gv_typ, case.gv_name, option.payment, NOT_TAXABLE)
