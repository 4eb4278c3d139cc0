"""The ways in which an account says no. What a till hears about a card is in the voucher's
refusals: the same words for the same things."""

from __future__ import annotations

from events import DomainError


class AccountUnknown(DomainError):
    code = "account.unknown"
    status = 404
    title = "There is no such account"


class AccountReused(DomainError):
    code = "account.reused"
    status = 422
    title = "This account was opened before with other terms"


class AccountIsBlocked(DomainError):
    """`extra`: `reason`."""

    code = "account.blocked"
    title = "This account is blocked"


class CardUnknown(DomainError):
    code = "card.unknown"
    status = 404
    title = "This account has no such card"


class CardEnded(DomainError):
    code = "card.ended"
    title = "This card opens nothing any more"


class TooManyCards(DomainError):
    code = "account.too_many_cards"
    title = "This account has too many cards"


class OverLimit(DomainError):
    """`extra`: `limit` (which one) and `allowed` (what it still allows)."""

    code = "account.over_limit"
    title = "A limit of this account does not allow this amount"


class LoadReused(DomainError):
    code = "load.reused"
    status = 422
    title = "This load id belongs to another request"


class LoadCancelledBefore(DomainError):
    code = "load.cancelled"
    title = "This load was cancelled"


class LoadSold(DomainError):
    code = "load.sold"
    title = "The sale of this load is recorded; it cannot be cancelled"


class CreditReused(DomainError):
    code = "credit.reused"
    status = 422
    title = "This credit id belongs to another request"


class OtherEntity(DomainError):
    """The debtor of a voucher does not change by a claim."""

    code = "account.other_entity"
    title = "The account belongs to another legal entity"


class FeeUnknown(DomainError):
    code = "fee.unknown"
    status = 404
    title = "There is no such fee on this account"


class FeeReused(DomainError):
    code = "fee.reused"
    status = 422
    title = "This fee was posted before with other terms"


class FeeClosed(DomainError):
    code = "fee.closed"
    title = "Nothing of this fee is open"


class FeeInSettlement(DomainError):
    code = "fee.in_settlement"
    title = "A booking at a till is settling this fee"


class TooManyFees(DomainError):
    code = "account.too_many_fees"
    title = "This account has too many open fees"


class OverOpen(DomainError):
    """`extra`: `open`, what nobody else is settling."""

    code = "fee.over_open"
    title = "More than what is open of this fee cannot be settled"


class CreditInsufficient(DomainError):
    """`extra`: `available`, for fees of this kind."""

    code = "account.insufficient"
    title = "The account has not enough credit that may settle this fee"


class ReceiptDuty(DomainError):
    code = "account.receipt_duty"
    title = "This account settles fees by a booking at a till"


class ReasonNeeded(DomainError):
    code = "fee.reason_needed"
    status = 422
    title = "A waiver needs a reason"


class SettlementReused(DomainError):
    code = "settlement.reused"
    status = 422
    title = "This settlement id belongs to another request"


class SettlementUnknown(DomainError):
    code = "settlement.unknown"
    status = 404
    title = "There is no such settlement"


class SettlementEnded(DomainError):
    """Dropped, expired, or failed."""

    code = "settlement.ended"
    title = "This settlement has ended"


class SettlementRecorded(DomainError):
    code = "settlement.recorded"
    title = "A recorded booking holds this settlement"


class ReversalTooLarge(DomainError):
    code = "reversal.too_large"
    title = "More than what was spent cannot be given back"


class ReversalReused(DomainError):
    code = "reversal.reused"
    status = 422
    title = "This reversal id belongs to another request"
