"""The ways in which a voucher says no. Codes are stable; a till shows them in its own words."""

from __future__ import annotations

from events import DomainError


class VoucherNotUsable(DomainError):
    """Unknown, pending, cancelled, foreign, expired or spent. The answer is the same for all, so
    that it tells nothing to somebody who tries codes."""

    code = "voucher.not_usable"
    title = "This voucher cannot be used here"


class VoucherInsufficient(DomainError):
    """`exact` was asked, and less is available. `extra`: `available`."""

    code = "voucher.insufficient"
    title = "The voucher does not hold this amount"


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


class HoldUnknown(DomainError):
    code = "hold.unknown"
    status = 404
    title = "There is no such hold"


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


class WrongCurrency(DomainError):
    code = "money.currency"
    status = 422
    title = "The voucher is in another currency"
