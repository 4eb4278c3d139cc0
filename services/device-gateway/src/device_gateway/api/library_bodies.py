"""Lines and payments of accounts, as a till sends them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, StrictBool, model_validator

from device_gateway.handlers.fee_payments import FeePayment
from device_gateway.handlers.library import ExtensionWanted, FeeWanted, LoadWanted
from device_gateway.handlers.tendered import TenderedPayment
from kassenverbund.kit.auth import Caller
from kassenverbund.kit.routes import Body, Day
from kassenverbund.kit.text import Identifier, SafeName
from money import Money

AccountCode = Annotated[SafeName, Field(max_length=200)]


class FeeLineBody(Body):
    """A fee of an account is settled. Without an `amount`: all that is open of it."""

    kind: Literal["fee"]
    account_id: Identifier
    fee_id: Identifier
    amount: Money | None = None

    def sent(self) -> FeeWanted:
        return FeeWanted(self.account_id, self.fee_id, self.amount)


class LoadLineBody(Body):
    """Money for an account, named or by the `code` of its card."""

    kind: Literal["account_load"]
    amount: Money
    account_id: Identifier | None = None
    code: AccountCode | None = None
    scan: Identifier | None = None
    """Stands for `code`."""

    @model_validator(mode="after")
    def _one_of_them(self) -> LoadLineBody:
        if sum(named is not None for named in (self.account_id, self.code, self.scan)) != 1:
            raise ValueError("name either the account or the code of its card")
        return self

    def sent(self) -> LoadWanted:
        return LoadWanted(self.amount, self.account_id, self.code)


class EntitlementLineBody(Body):
    """A voucher extends what `subject_id` may until `old_until`. `confirmed`: the cashier was told
    that no fee is booked (409 `entitlement.not_confirmed` shows the new date)."""

    kind: Literal["entitlement"]
    code: AccountCode | None = None
    scan: Identifier | None = None
    """Stands for `code`."""
    subject_id: Identifier
    old_until: Day
    confirmed: StrictBool = False

    @model_validator(mode="after")
    def _coded(self) -> EntitlementLineBody:
        if (self.code is None) == (self.scan is None):
            raise ValueError("a voucher is named by its `code`, or by a `scan` of it")
        return self

    def sent(self) -> ExtensionWanted:
        old_until: date = self.old_until
        return ExtensionWanted(self.code or "", self.subject_id, old_until, self.confirmed)


class FeePaymentBody(Body):
    """A fee of this booking is settled without money: waived, by a voucher that was given away
    (`code`), by credit that was given away (`use_credit`), or by decision (`reason`, and the right
    `waive`); or taken off the credit of its account. `line_id`: which one; without it the first
    that is open, and a voucher goes on with the next."""

    kind: Literal["waiver", "account_credit"]
    amount: Money | None = None
    line_id: Identifier | None = None
    code: AccountCode | None = None
    scan: Identifier | None = None
    """Stands for `code`."""
    use_credit: StrictBool = False
    reason: SafeName | None = None

    @model_validator(mode="after")
    def _hangs_together(self) -> FeePaymentBody:
        waives = sum((self.code is not None, self.scan is not None, self.use_credit))
        if self.kind == "account_credit" and waives:
            raise ValueError("`code` and `use_credit` waive: `kind` is `waiver`")
        if waives > 1:
            raise ValueError("waived by credit or by a voucher, not by both")
        return self

    def tendered(self, overrider: Caller | None) -> TenderedPayment:
        goes_on = self.line_id is None and self.amount is None
        fee = FeePayment(self.line_id, goes_on, self.use_credit, self.reason)
        return TenderedPayment(self.kind, self.amount, self.code, fee=fee)
