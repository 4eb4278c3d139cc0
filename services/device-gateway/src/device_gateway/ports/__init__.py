"""What the gateway needs from others, as it wants to say it."""

from device_gateway.ports.beside import (
    PairingTries,
    TillBooking,
    TillBookings,
    TillBookingState,
    Unfinished,
    UnfinishedBookings,
)
from device_gateway.ports.cashiers import CashierDesk, PinHash
from device_gateway.ports.charges import (
    CardMode,
    ChargeAsked,
    ChargeCard,
    ChargeHold,
    ChargeOverride,
    ChargeRefused,
    ChargeService,
    ChargeUnavailable,
    HeldSubsidy,
)
from device_gateway.ports.holds import Holder, ServiceRefused, ServiceUnavailable
from device_gateway.ports.offline import (
    LineState,
    OfflineRules,
    OfflineRulesKept,
    ServiceLine,
    VoucherDesk,
)
from device_gateway.ports.paper import (
    Printable,
    ReceiptDesk,
    ReceiptOrder,
    ShiftSoFar,
    SoldVoucher,
)
from device_gateway.ports.vouchers import (
    Hold,
    Place,
    TakesBack,
    ToppedUp,
    VoucherRefused,
    VoucherService,
    VoucherUnavailable,
    VoucherUnreachable,
)

__all__ = [
    "CardMode",
    "CashierDesk",
    "ChargeAsked",
    "ChargeCard",
    "ChargeHold",
    "ChargeOverride",
    "ChargeRefused",
    "ChargeService",
    "ChargeUnavailable",
    "HeldSubsidy",
    "Hold",
    "Holder",
    "LineState",
    "OfflineRules",
    "OfflineRulesKept",
    "PairingTries",
    "PinHash",
    "Place",
    "Printable",
    "ReceiptDesk",
    "ReceiptOrder",
    "ServiceLine",
    "ServiceRefused",
    "ServiceUnavailable",
    "ShiftSoFar",
    "SoldVoucher",
    "TakesBack",
    "TillBooking",
    "TillBookingState",
    "TillBookings",
    "ToppedUp",
    "Unfinished",
    "UnfinishedBookings",
    "VoucherDesk",
    "VoucherRefused",
    "VoucherService",
    "VoucherUnavailable",
    "VoucherUnreachable",
]
