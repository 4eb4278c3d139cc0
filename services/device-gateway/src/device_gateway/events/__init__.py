"""The facts that the gateway records. Shapes are binding between services: a changed one is a new
version with an upcaster. Instants are UTC; money is integer minor units.
"""

from __future__ import annotations

from device_gateway.events.booking import (
    BookingAborted,
    BookingRecorded,
    BookingStarted,
    LinePrepared,
    LineRefused,
    LinesAdded,
    PaymentAccepted,
    PaymentHeld,
    PaymentRefused,
    PaymentReleased,
    PaymentReopened,
    PaymentRequested,
    VerdictOverdue,
    VerdictReceived,
)
from device_gateway.events.booking_parts import (
    BasketPart,
    Cover,
    Line,
    Payment,
    SoldTerms,
    VatTotal,
    Waiver,
)
from device_gateway.events.charges import (
    ChargeProblem,
    LimitLeft,
    VatPart,
    VatTreatment,
)
from device_gateway.events.offline import (
    OfflineAccepted,
    OfflineGivenBack,
    OfflineSettled,
)
from device_gateway.events.paper import (
    PaperKind,
    ReceiptPrinted,
    ReceiptQueued,
)
from device_gateway.events.parts import (
    PAYS_GOODS,
    FiscalKind,
    LineKind,
    Part,
    PaymentKind,
    Quantity,
    VoucherKind,
)
from device_gateway.events.store import (
    Address,
    CostCenterTerms,
    LegalEntity,
    MasterDataChanged,
    MeansOfPayment,
    StorePrinter,
    StoreTse,
    TillJoined,
    VatRate,
    VoucherArticle,
    VoucherArticles,
)
from device_gateway.events.till import (
    NumberGiven,
    PairingOffered,
    TillPaired,
    TillRevoked,
)
from device_gateway.upcasters import UPCASTERS
from events import Event, Registry

__all__ = [
    "EVENTS",
    "PAYS_GOODS",
    "Address",
    "BasketPart",
    "BookingAborted",
    "BookingEvent",
    "BookingRecorded",
    "BookingStarted",
    "ChargeProblem",
    "CostCenterTerms",
    "Cover",
    "FiscalKind",
    "LegalEntity",
    "LimitLeft",
    "Line",
    "LineKind",
    "LinePrepared",
    "LineRefused",
    "LinesAdded",
    "MasterDataChanged",
    "MeansOfPayment",
    "NumberGiven",
    "OfflineAccepted",
    "OfflineGivenBack",
    "OfflineSettled",
    "PairingOffered",
    "PaperKind",
    "Part",
    "Payment",
    "PaymentAccepted",
    "PaymentHeld",
    "PaymentKind",
    "PaymentRefused",
    "PaymentReleased",
    "PaymentReopened",
    "PaymentRequested",
    "Quantity",
    "ReceiptPrinted",
    "ReceiptQueued",
    "SoldTerms",
    "StoreEvent",
    "StorePrinter",
    "StoreTse",
    "TillEvent",
    "TillJoined",
    "TillPaired",
    "TillRevoked",
    "VatPart",
    "VatRate",
    "VatTotal",
    "VatTreatment",
    "VerdictOverdue",
    "VerdictReceived",
    "VoucherArticle",
    "VoucherArticles",
    "VoucherKind",
    "Waiver",
    "registry",
]

StoreEvent = MasterDataChanged | TillJoined
TillEvent = PairingOffered | TillPaired | TillRevoked | NumberGiven
BookingEvent = (
    BookingStarted
    | LinesAdded
    | LinePrepared
    | LineRefused
    | PaymentAccepted
    | PaymentRequested
    | PaymentHeld
    | PaymentRefused
    | PaymentReopened
    | PaymentReleased
    | BookingRecorded
    | BookingAborted
    | VerdictReceived
    | VerdictOverdue
    | ReceiptQueued
    | ReceiptPrinted
)

EVENTS: tuple[type[Event], ...] = (
    MasterDataChanged, TillJoined, PairingOffered, TillPaired, TillRevoked, NumberGiven,
    BookingStarted, LinesAdded, LinePrepared, LineRefused, PaymentAccepted, PaymentRequested,
    PaymentHeld, PaymentRefused, PaymentReopened, PaymentReleased, BookingRecorded,
    BookingAborted, VerdictReceived, VerdictOverdue, ReceiptQueued, ReceiptPrinted,
    OfflineAccepted, OfflineGivenBack, OfflineSettled,
)  # fmt: skip


def registry(*others: type[Event]) -> Registry:
    """The service's registry; `others` are the events of the printing room."""
    return Registry(*EVENTS, *others, upcasters=UPCASTERS)
