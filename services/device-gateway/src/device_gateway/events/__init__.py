"""The facts that the gateway records. Shapes are binding between services: a changed one is a new
version with an upcaster. Instants are UTC; money is integer minor units.
"""

from __future__ import annotations

from device_gateway.events.acts import (
    BookingParked,
    BookingResumed,
    LineChanged,
    LineGivenBack,
    LineVoided,
)
from device_gateway.events.article import (
    ArticleDelisted,
    ArticleKind,
    ArticleListed,
    Function,
    TouchKey,
    TouchKeysSet,
    TouchPage,
)
from device_gateway.events.booking import (
    BookingAborted,
    BookingOrdered,
    BookingRecorded,
    BookingStarted,
    LinePrepared,
    LineRefused,
    LinesAdded,
    OrderedLine,
    PaymentAccepted,
    PaymentHeld,
    PaymentRefused,
    PaymentReleased,
    PaymentReopened,
    PaymentRequested,
    PaymentResolved,
    PaymentUnknown,
    Record,
    TrainingRecorded,
    VerdictOverdue,
    VerdictReceived,
)
from device_gateway.events.booking_parts import (
    Act,
    BasketPart,
    Cover,
    Line,
    Payment,
    SoldTerms,
    VatTotal,
    Waiver,
)
from device_gateway.events.cashiers import (
    ApprovalGiven,
    ApprovalUsed,
    CashierChanged,
    CashierEnrolled,
    CashierRemoved,
    CashierRole,
    CashierSignedIn,
    CashierSignedOut,
    TrainingBegun,
    TrainingEnded,
)
from device_gateway.events.charges import (
    ChargeProblem,
    LimitLeft,
    Payer,
    VatPart,
    VatTreatment,
)
from device_gateway.events.devices import (
    DeviceChanged,
    DeviceKind,
    DevicePaired,
    DeviceRemoved,
)
from device_gateway.events.offline import (
    OfflineAccepted,
    OfflineGivenBack,
    OfflineSettled,
)
from device_gateway.events.paper import (
    DrawerOpened,
    PaperKind,
    ReceiptPrinted,
    ReceiptQueued,
)
from device_gateway.events.parts import (
    PAYS_GOODS,
    BookingKind,
    FiscalKind,
    LineKind,
    Part,
    PaymentKind,
    ProcessKind,
    Quantity,
    QuantityAsked,
    Reference,
    ReferenceType,
    VoucherKind,
)
from device_gateway.events.process import Process
from device_gateway.events.shift import (
    CORRECTIONS_MAX,
    TYPED_CARDS_MAX,
    BookingBegun,
    CaseTotal,
    CashCount,
    CashMoved,
    CashMoveKind,
    ClosedPayment,
    Correction,
    NumberGiven,
    PaymentTotal,
    ShiftClosed,
    TillClosed,
    TillOpened,
    TseChange,
    TypedCard,
)
from device_gateway.events.store import (
    Address,
    ClockAccepted,
    CostCenterTerms,
    FeeVat,
    FiscalChoice,
    LegalEntity,
    LibraryTerms,
    MasterDataChanged,
    MeansOfPayment,
    OnAccountTerms,
    PaidOnline,
    PrinterPurpose,
    RecordingSystem,
    StorePrinter,
    StoreTse,
    TillJoined,
    TseBack,
    TseOut,
    VatRate,
    VoucherArticle,
    VoucherArticles,
)
from device_gateway.events.taken_back import (
    BookingTakenBack,
    Restored,
    TakenLine,
)
from device_gateway.events.terminal import (
    TerminalAnswered,
    TerminalAsked,
    TerminalReconciled,
    TerminalTold,
)
from device_gateway.events.terminal_parts import (
    CardTotal,
    TerminalAct,
    TerminalReceipt,
    TerminalWish,
)
from device_gateway.events.till import (
    PairingOffered,
    ShiftBegun,
    TillPaired,
    TillRevoked,
    TokenRolled,
    TseRequested,
)
from device_gateway.events.withdrawn import PaymentWithdrawn
from device_gateway.upcasters import UPCASTERS
from events import Event, Registry

__all__ = [
    "CORRECTIONS_MAX",
    "EVENTS",
    "PAYS_GOODS",
    "TYPED_CARDS_MAX",
    "Act",
    "Address",
    "ApprovalGiven",
    "ApprovalUsed",
    "ArticleDelisted",
    "ArticleEvent",
    "ArticleKind",
    "ArticleListed",
    "BasketPart",
    "BookingAborted",
    "BookingBegun",
    "BookingEvent",
    "BookingKind",
    "BookingOrdered",
    "BookingParked",
    "BookingRecorded",
    "BookingResumed",
    "BookingStarted",
    "BookingTakenBack",
    "CardTotal",
    "CaseTotal",
    "CashCount",
    "CashMoveKind",
    "CashMoved",
    "CashierChanged",
    "CashierEnrolled",
    "CashierEvent",
    "CashierRemoved",
    "CashierRole",
    "CashierSignedIn",
    "CashierSignedOut",
    "ChargeProblem",
    "ClockAccepted",
    "ClosedPayment",
    "Correction",
    "CostCenterTerms",
    "Cover",
    "DeviceChanged",
    "DeviceEvent",
    "DeviceKind",
    "DevicePaired",
    "DeviceRemoved",
    "DrawerOpened",
    "FeeVat",
    "FinalEvent",
    "FiscalChoice",
    "FiscalKind",
    "Function",
    "LegalEntity",
    "LibraryTerms",
    "LimitLeft",
    "Line",
    "LineChanged",
    "LineGivenBack",
    "LineKind",
    "LinePrepared",
    "LineRefused",
    "LineVoided",
    "LinesAdded",
    "MasterDataChanged",
    "MeansOfPayment",
    "NumberGiven",
    "OfflineAccepted",
    "OfflineGivenBack",
    "OfflineSettled",
    "OnAccountTerms",
    "OrderedLine",
    "PaidOnline",
    "PairingOffered",
    "PaperKind",
    "Part",
    "Payer",
    "Payment",
    "PaymentAccepted",
    "PaymentHeld",
    "PaymentKind",
    "PaymentRefused",
    "PaymentReleased",
    "PaymentReopened",
    "PaymentRequested",
    "PaymentResolved",
    "PaymentTotal",
    "PaymentUnknown",
    "PaymentWithdrawn",
    "PrinterPurpose",
    "Process",
    "ProcessKind",
    "Quantity",
    "QuantityAsked",
    "ReceiptPrinted",
    "ReceiptQueued",
    "Record",
    "RecordingSystem",
    "Reference",
    "ReferenceType",
    "Restored",
    "ShiftBegun",
    "ShiftClosed",
    "ShiftEvent",
    "SoldTerms",
    "StoreEvent",
    "StorePrinter",
    "StoreTse",
    "TakenLine",
    "TerminalAct",
    "TerminalAnswered",
    "TerminalAsked",
    "TerminalEvent",
    "TerminalReceipt",
    "TerminalReconciled",
    "TerminalTold",
    "TerminalWish",
    "TillClosed",
    "TillEvent",
    "TillJoined",
    "TillOpened",
    "TillPaired",
    "TillRevoked",
    "TokenRolled",
    "TouchKey",
    "TouchKeysSet",
    "TouchPage",
    "TrainingBegun",
    "TrainingEnded",
    "TrainingRecorded",
    "TseBack",
    "TseChange",
    "TseOut",
    "TseRequested",
    "TypedCard",
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

StoreEvent = MasterDataChanged | TillJoined | TseOut | TseBack | ClockAccepted
TillEvent = (
    PairingOffered
    | TillPaired
    | TokenRolled
    | TillRevoked
    | NumberGiven
    | TseRequested
    | ShiftBegun
    | CashierSignedIn
    | CashierSignedOut
    | ApprovalGiven
    | ApprovalUsed
    | TrainingBegun
    | TrainingEnded
    | DrawerOpened
)
"""`NumberGiven` stands on the till's own stream only from before there were shifts."""
CashierEvent = CashierEnrolled | CashierChanged | CashierRemoved
ShiftEvent = TillOpened | BookingBegun | NumberGiven | ShiftClosed
DeviceEvent = DevicePaired | DeviceChanged | DeviceRemoved
ArticleEvent = ArticleListed | ArticleDelisted
FinalEvent = BookingRecorded | TrainingRecorded | BookingOrdered | CashMoved | TillClosed
"""What a number was given to; it stands on the stream of its process, `booking-{booking_id}`."""
BookingEvent = (
    BookingStarted
    | LinesAdded
    | LinePrepared
    | LineRefused
    | LineVoided
    | LineChanged
    | LineGivenBack
    | BookingParked
    | BookingResumed
    | PaymentAccepted
    | PaymentRequested
    | PaymentHeld
    | PaymentRefused
    | PaymentReopened
    | PaymentReleased
    | PaymentWithdrawn
    | PaymentUnknown
    | PaymentResolved
    | FinalEvent
    | BookingAborted
    | BookingTakenBack
    | VerdictReceived
    | VerdictOverdue
    | ReceiptQueued
    | ReceiptPrinted
)
TerminalEvent = TerminalAsked | TerminalTold | TerminalAnswered | TerminalReconciled

EVENTS: tuple[type[Event], ...] = (
    MasterDataChanged, TillJoined, PairingOffered, TillPaired, TillRevoked, NumberGiven,
    BookingStarted, LinesAdded, LinePrepared, LineRefused, PaymentAccepted, PaymentRequested,
    PaymentHeld, PaymentRefused, PaymentReopened, PaymentReleased, BookingRecorded,
    BookingAborted, VerdictReceived, VerdictOverdue, ReceiptQueued, ReceiptPrinted,
    OfflineAccepted, OfflineGivenBack, OfflineSettled, TseOut, TseBack, TseRequested, ShiftBegun,
    ClockAccepted, TokenRolled,
    TillOpened, BookingBegun, ShiftClosed, CashMoved, TillClosed, TrainingRecorded, BookingOrdered,
    BookingTakenBack,
    PaymentUnknown, PaymentResolved,
    TerminalAsked, TerminalTold, TerminalAnswered, TerminalReconciled,
    DevicePaired, DeviceChanged, DeviceRemoved,
    ArticleListed, ArticleDelisted, TouchKeysSet,
    CashierEnrolled, CashierChanged, CashierRemoved, CashierSignedIn, CashierSignedOut,
    DrawerOpened,
    ApprovalGiven, ApprovalUsed, LineVoided, LineChanged, LineGivenBack, BookingParked,
    BookingResumed, PaymentWithdrawn, TrainingBegun, TrainingEnded,
)  # fmt: skip


def registry(*others: type[Event]) -> Registry:
    """The service's registry; `others` are the events of the printing room."""
    return Registry(*EVENTS, *others, upcasters=UPCASTERS)
