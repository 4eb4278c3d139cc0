"""The ways in which a voucher says no. Codes are stable; a till shows them in its own words."""

from __future__ import annotations

from events import DomainError


class VoucherNotUsable(DomainError):
    """Unknown, pending, cancelled, blocked, foreign, expired, spent or not for these goods. The
    answer is the same for all, so that it tells nothing to somebody who tries codes."""

    code = "voucher.not_usable"
    title = "This voucher cannot be used here"


class VoucherInsufficient(DomainError):
    """`exact` was asked, and less is available. `extra`: `available`."""

    code = "voucher.insufficient"
    title = "The voucher does not hold this amount"


class BasketNeeded(DomainError):
    code = "voucher.basket_needed"
    status = 422
    title = "This voucher pays for some goods only: the request has to name them"


class VoucherReused(DomainError):
    code = "voucher.reused"
    status = 422
    title = "This voucher id was prepared before with other terms"


class VoucherCancelledBefore(DomainError):
    code = "voucher.cancelled"
    title = "This voucher was cancelled"


class CodeGone(DomainError):
    """The code is printed (or its time is up); nobody can read it again."""

    code = "voucher.code_gone"
    title = "The code of this voucher was delivered and is not kept"


class VoucherSold(DomainError):
    code = "voucher.sold"
    title = "The sale of this voucher is recorded; it cannot be cancelled"


class CardNotForSale(DomainError):
    """A card that is sold, being sold at another till, void, or of another value."""

    code = "voucher.card_not_for_sale"
    title = "This card cannot be sold"


class BalanceTooLarge(DomainError):
    """`extra`: `room`."""

    code = "voucher.balance_max"
    status = 422
    title = "A voucher may not hold that much"


class TopUpReused(DomainError):
    code = "top_up.reused"
    status = 422
    title = "This top-up id belongs to another request"


class TopUpCancelled(DomainError):
    code = "top_up.cancelled"
    title = "This top-up was cancelled"


class PayoutNotAllowed(DomainError):
    """`extra`: `policy`, and `payout_max` where the rest is larger."""

    code = "voucher.no_payout"
    title = "The terms of this voucher do not allow this payout"


class SaleNotReversible(DomainError):
    """Given away, or larger than what the booking gives back. `extra`: `available`."""

    code = "voucher.sale_not_reversible"
    title = "The sale of this voucher cannot be taken back"


class VoucherHeldNow(DomainError):
    code = "voucher.held"
    title = "A payment holds this voucher"


class VoucherEnded(DomainError):
    """`extra`: `state`, and `successor` where there is one."""

    code = "voucher.ended"
    title = "This voucher has ended"


class NotBlocked(DomainError):
    code = "voucher.not_blocked"
    title = "This voucher is not blocked"


class ShorterValidity(DomainError):
    """`extra`: `valid_until`."""

    code = "voucher.shorter"
    status = 422
    title = "The new last day is not later than the present one"


class VouchersDiffer(DomainError):
    """`extra`: `differs`, the names of the terms."""

    code = "voucher.differ"
    title = "Value moves only between vouchers of the same issuer, kind, VAT, funding and use"


class TransferReused(DomainError):
    code = "transfer.reused"
    status = 422
    title = "This transfer id belongs to another request"


class RedemptionUnknown(DomainError):
    code = "redemption.unknown"
    status = 404
    title = "There is no such redemption"


class ReversalTooLarge(DomainError):
    """`extra`: `reversible`."""

    code = "reversal.too_large"
    title = "Not so much of this redemption is left to be reversed"


class ReversalReused(DomainError):
    code = "reversal.reused"
    status = 422
    title = "This reversal id belongs to another request"


class NoEffect(DomainError):
    code = "voucher.no_effect"
    title = "This voucher extends nothing, or has done so before"


class HoldUnknown(DomainError):
    code = "hold.unknown"
    status = 404
    title = "There is no such hold"


class HoldOpen(DomainError):
    code = "hold.open"
    title = "This payment is not recorded yet; ask again"


class HoldReleased(DomainError):
    code = "hold.released"
    title = "This hold was released"


class HoldExpired(DomainError):
    code = "hold.expired"
    title = "This hold has expired and its amount is not available any more"


class HoldCaptured(DomainError):
    code = "hold.captured"
    title = "This hold was captured by a recorded booking"


class HoldReused(DomainError):
    code = "hold.reused"
    status = 422
    title = "This hold id belongs to another request"


class TooManyHolds(DomainError):
    code = "voucher.too_many_holds"
    title = "Too many payments hold this voucher at once"


class TooManyLots(DomainError):
    code = "voucher.too_many_lots"
    title = "This voucher was topped up too often"


class WrongCurrency(DomainError):
    code = "money.currency"
    status = 422
    title = "The voucher is in another currency"
