"""A voucher: `pending` until its sale is recorded, `active` until its last cent is spent.

Balance is what the issuer owes; available is what the next payment can use: the balance less the
open holds, and less what is past its last day. A hold that has lapsed no longer counts, a
confirmed one never lapses.
"""

from events import Decider
from voucher.commands import VoucherCommand
from voucher.decider.basket import eligible, fits, restricted
from voucher.decider.decide import decide
from voucher.decider.evolve import evolve
from voucher.decider.holding import HOLDS_OPEN_MAX
from voucher.decider.lots import LOTS_MAX, Part
from voucher.decider.moving import TransferValue, forward, lot_of, transfer
from voucher.decider.refusals import (
    BalanceTooLarge,
    BasketNeeded,
    CardNotForSale,
    CodeGone,
    HoldCaptured,
    HoldExpired,
    HoldOpen,
    HoldReleased,
    HoldReused,
    HoldUnknown,
    NoEffect,
    PayoutNotAllowed,
    RedemptionUnknown,
    ReversalReused,
    ReversalTooLarge,
    SaleNotReversible,
    ShorterValidity,
    TooManyHolds,
    TooManyLots,
    TopUpCancelled,
    TopUpReused,
    TransferReused,
    VoucherCancelledBefore,
    VoucherEnded,
    VoucherHeldNow,
    VoucherInsufficient,
    VoucherNotUsable,
    VoucherReused,
    VouchersDiffer,
    VoucherSold,
    WrongCurrency,
)
from voucher.decider.rules import taken_at
from voucher.decider.state import (
    ENDED,
    Hold,
    HoldState,
    Issued,
    Status,
    TopUp,
    Unissued,
    Voucher,
    end_of,
)

VOUCHER: Decider[VoucherCommand, Voucher] = Decider(
    initial=Unissued(), decide=decide, evolve=evolve
)

__all__ = [
    "ENDED", "HOLDS_OPEN_MAX", "LOTS_MAX", "VOUCHER", "BalanceTooLarge", "BasketNeeded",
    "CardNotForSale", "CodeGone", "Hold", "HoldCaptured", "HoldExpired", "HoldOpen", "HoldReleased",
    "HoldReused", "HoldState", "HoldUnknown", "Issued", "NoEffect", "Part", "PayoutNotAllowed",
    "RedemptionUnknown", "ReversalReused", "ReversalTooLarge", "SaleNotReversible",
    "ShorterValidity", "Status", "TooManyHolds", "TooManyLots", "TopUp", "TopUpCancelled",
    "TopUpReused", "TransferReused", "TransferValue", "Unissued", "Voucher",
    "VoucherCancelledBefore", "VoucherEnded", "VoucherHeldNow", "VoucherInsufficient",
    "VoucherNotUsable", "VoucherReused", "VoucherSold", "VouchersDiffer", "WrongCurrency",
    "eligible", "end_of", "fits", "forward", "lot_of", "restricted", "taken_at", "transfer",
]  # fmt: skip
