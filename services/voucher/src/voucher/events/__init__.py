"""The facts of vouchers, accounts and what back office prepares.

No fact carries a secret code. `serial` is the public name on receipts and in reports; a code's
keyed hash lets a till find the voucher.
"""

from __future__ import annotations

from events import Event
from voucher.events.account import (
    AccountBlocked,
    AccountCardAssigned,
    AccountCardEnded,
    AccountCredited,
    AccountHeld,
    AccountHoldConfirmed,
    AccountHoldReleased,
    AccountLimitsSet,
    AccountLoadCancelled,
    AccountLoadPrepared,
    AccountOpened,
    AccountPaidOut,
    AccountSpendReversed,
    AccountSpent,
    AccountUnblocked,
    CreditLot,
    CreditSource,
    FeePosted,
    FeeSettled,
    FeeSettlementDropped,
    FeeSettlementFailed,
    FeeSettlementPrepared,
    FeeWithdrawn,
    Limits,
    Settlement,
)
from voucher.events.catalogue import (
    PRESETS_MAX,
    Article,
    ArticlePair,
    BatchCompleted,
    BatchExported,
    BatchOrdered,
    BatchProgressed,
    BatchVoided,
    PresetsSet,
    TemplateDefined,
    Validity,
)
from voucher.events.life import (
    ActivationFault,
    BlockReason,
    CodeReason,
    Origin,
    VoucherActivated,
    VoucherActivationFailed,
    VoucherBlocked,
    VoucherCancelled,
    VoucherCardPrepared,
    VoucherCodeReplaced,
    VoucherExpired,
    VoucherIssued,
    VoucherSaleReversed,
    VoucherToppedUp,
    VoucherTopUpCancelled,
    VoucherTopUpPrepared,
    VoucherUnblocked,
    VoucherValidityExtended,
)
from voucher.events.moving import (
    OverdraftBooked,
    OverdraftSettled,
    TransferReason,
    VoucherClaimed,
    VoucherTransferredIn,
    VoucherTransferredOut,
)
from voucher.events.spending import (
    CaptureFault,
    Purpose,
    ReleaseReason,
    VoucherCaptureFailed,
    VoucherEntitlementExtended,
    VoucherHeld,
    VoucherHoldConfirmed,
    VoucherHoldReleased,
    VoucherPaidOut,
    VoucherRedeemed,
    VoucherRedemptionReversed,
)
from voucher.events.terms import (
    MULTI_PURPOSE,
    Cover,
    Effect,
    Funding,
    Kind,
    Lot,
    LotUse,
    Payout,
    Restrictions,
    SoldAt,
    Terms,
)

VoucherEvent = (
    VoucherIssued
    | VoucherCardPrepared
    | VoucherActivated
    | VoucherActivationFailed
    | VoucherCancelled
    | VoucherTopUpPrepared
    | VoucherToppedUp
    | VoucherTopUpCancelled
    | VoucherBlocked
    | VoucherUnblocked
    | VoucherCodeReplaced
    | VoucherValidityExtended
    | VoucherExpired
    | VoucherSaleReversed
    | VoucherHeld
    | VoucherHoldConfirmed
    | VoucherHoldReleased
    | VoucherRedeemed
    | VoucherCaptureFailed
    | VoucherRedemptionReversed
    | VoucherPaidOut
    | VoucherEntitlementExtended
    | VoucherTransferredOut
    | VoucherTransferredIn
    | VoucherClaimed
)
"""Facts of one voucher's stream."""

AccountEvent = (
    AccountOpened
    | AccountLimitsSet
    | AccountCardAssigned
    | AccountCardEnded
    | AccountBlocked
    | AccountUnblocked
    | AccountLoadPrepared
    | AccountLoadCancelled
    | AccountCredited
    | AccountHeld
    | AccountHoldConfirmed
    | AccountHoldReleased
    | AccountSpent
    | AccountSpendReversed
    | AccountPaidOut
    | FeePosted
    | FeeWithdrawn
    | FeeSettlementPrepared
    | FeeSettlementDropped
    | FeeSettled
    | FeeSettlementFailed
)
"""Facts of one account's stream."""

OverdraftEvent = OverdraftBooked | OverdraftSettled
TemplateEvent = TemplateDefined
PresetsEvent = PresetsSet
BatchEvent = BatchOrdered | BatchProgressed | BatchCompleted | BatchExported | BatchVoided

EVENTS: tuple[type[Event], ...] = (
    *VoucherEvent.__args__,
    *AccountEvent.__args__,
    *OverdraftEvent.__args__,
    TemplateDefined,
    PresetsSet,
    *BatchEvent.__args__,
)

__all__ = [
    "EVENTS",
    "MULTI_PURPOSE",
    "PRESETS_MAX",
    "AccountBlocked",
    "AccountCardAssigned",
    "AccountCardEnded",
    "AccountCredited",
    "AccountEvent",
    "AccountHeld",
    "AccountHoldConfirmed",
    "AccountHoldReleased",
    "AccountLimitsSet",
    "AccountLoadCancelled",
    "AccountLoadPrepared",
    "AccountOpened",
    "AccountPaidOut",
    "AccountSpendReversed",
    "AccountSpent",
    "AccountUnblocked",
    "ActivationFault",
    "Article",
    "ArticlePair",
    "BatchCompleted",
    "BatchEvent",
    "BatchExported",
    "BatchOrdered",
    "BatchProgressed",
    "BatchVoided",
    "BlockReason",
    "CaptureFault",
    "CodeReason",
    "Cover",
    "CreditLot",
    "CreditSource",
    "Effect",
    "FeePosted",
    "FeeSettled",
    "FeeSettlementDropped",
    "FeeSettlementFailed",
    "FeeSettlementPrepared",
    "FeeWithdrawn",
    "Funding",
    "Kind",
    "Limits",
    "Lot",
    "LotUse",
    "Origin",
    "OverdraftBooked",
    "OverdraftEvent",
    "OverdraftSettled",
    "Payout",
    "PresetsEvent",
    "PresetsSet",
    "Purpose",
    "ReleaseReason",
    "Restrictions",
    "Settlement",
    "SoldAt",
    "TemplateDefined",
    "TemplateEvent",
    "Terms",
    "TransferReason",
    "Validity",
    "VoucherActivated",
    "VoucherActivationFailed",
    "VoucherBlocked",
    "VoucherCancelled",
    "VoucherCaptureFailed",
    "VoucherCardPrepared",
    "VoucherClaimed",
    "VoucherCodeReplaced",
    "VoucherEntitlementExtended",
    "VoucherEvent",
    "VoucherExpired",
    "VoucherHeld",
    "VoucherHoldConfirmed",
    "VoucherHoldReleased",
    "VoucherIssued",
    "VoucherPaidOut",
    "VoucherRedeemed",
    "VoucherRedemptionReversed",
    "VoucherSaleReversed",
    "VoucherTopUpCancelled",
    "VoucherTopUpPrepared",
    "VoucherToppedUp",
    "VoucherTransferredIn",
    "VoucherTransferredOut",
    "VoucherUnblocked",
    "VoucherValidityExtended",
]
