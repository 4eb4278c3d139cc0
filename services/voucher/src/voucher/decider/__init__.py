"""A voucher: `pending` until its sale is recorded, `active` until its last cent is spent.

Balance is what the issuer owes; available is what the next payment can use: the balance less the
open holds. A hold that has lapsed no longer counts, a confirmed one never lapses.
"""

from events import Decider
from voucher.commands import VoucherCommand
from voucher.decider.decide import HOLDS_OPEN_MAX, decide
from voucher.decider.evolve import evolve
from voucher.decider.refusals import (
    CodeGone,
    HoldCaptured,
    HoldExpired,
    HoldReleased,
    HoldReused,
    HoldUnknown,
    TooManyHolds,
    VoucherCancelledBefore,
    VoucherInsufficient,
    VoucherNotUsable,
    VoucherReused,
    VoucherSold,
    WrongCurrency,
)
from voucher.decider.state import Hold, HoldState, Issued, Status, Unissued, Voucher, end_of

VOUCHER: Decider[VoucherCommand, Voucher] = Decider(
    initial=Unissued(), decide=decide, evolve=evolve
)

__all__ = [
    "HOLDS_OPEN_MAX", "VOUCHER", "CodeGone", "Hold", "HoldCaptured", "HoldExpired",
    "HoldReleased", "HoldReused", "HoldState", "HoldUnknown", "Issued", "Status",
    "TooManyHolds", "Unissued", "Voucher", "VoucherCancelledBefore", "VoucherInsufficient",
    "VoucherNotUsable", "VoucherReused", "VoucherSold", "WrongCurrency", "end_of",
]  # fmt: skip
