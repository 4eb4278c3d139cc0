"""What the gateway needs from others, as it wants to say it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol

from device_gateway.events import (
    BasketPart,
    BookingRecorded,
    ChargeProblem,
    LimitLeft,
    MasterDataChanged,
    SoldTerms,
    VatPart,
    VerdictReceived,
    VoucherKind,
)
from events import DomainError
from money import Money

# --- paper ---


@dataclass(frozen=True, slots=True)
class ReceiptOrder:
    """All that a receipt is made of. `verdict` None with `outage`: the signer is dead and the
    paper carries the outage mark; None without it: not signed yet (a preview)."""

    booking: BookingRecorded
    verdict: VerdictReceived | None
    master_data: MasterDataChanged
    outage: bool = False
    is_copy: bool = False


@dataclass(frozen=True, slots=True)
class SoldVoucher:
    """A voucher with its secret code. Lives in memory, in the answer and on paper only."""

    voucher_id: str
    serial: str
    value: Money
    code: str | None
    """None once the print was acknowledged or the delivery's time is up."""
    valid_until: date | None = None
    qr: str | None = None
    """What the QR code on the slip says; it holds the code. None: the code itself."""
    paid: Money | None = None
    """What it costs; None: its value."""
    kind: VoucherKind = "multi_purpose"
    vat: str = "zero"
    rate: int | None = None
    """Single-purpose: basis points."""
    goods: str | None = None
    """Single-purpose: the kind of goods."""

    def __repr__(self) -> str:
        return f"SoldVoucher({self.serial})"


class ReceiptDesk(Protocol):
    """Renders receipts and queues them for the till's printer."""

    def text(self, order: ReceiptOrder) -> str:
        """As the till's printer shows it. It stands in every answer to a till, so it has to be
        quick. Pure."""
        ...

    def html(self, order: ReceiptOrder) -> str:
        """As a page. Pure."""
        ...

    def escpos(self, order: ReceiptOrder) -> bytes:
        """As bytes for the till's printer. Pure."""
        ...

    async def enqueue(self, order: ReceiptOrder, *, job_id: str) -> bool:
        """Queue the receipt once; the same `job_id` again changes nothing.

        True: a printer has a new job, and says so when it is on paper. A till without a printer
        is no error.
        """
        ...

    async def enqueue_voucher_slips(
        self, order: ReceiptOrder, *, job_id: str, vouchers: Sequence[SoldVoucher]
    ) -> bool:
        """Queue one slip per sold voucher, code included; otherwise as `enqueue`."""
        ...


# --- what another service holds ---


class ServiceUnavailable(DomainError):
    """No answer within the time a cashier can wait, after bounded tries with the same id."""

    status = 503


class ServiceRefused(DomainError):
    """The other service said no; `code`, `status` and `detail` are its own."""

    def __init__(self, code: str, status: int, detail: str, **extra: object) -> None:
        super().__init__(detail, **extra)
        self.code = code
        self.status = status


class Holder(Protocol):
    """A service that holds something for a booking. Every call may be repeated with the same id.
    Raises `ServiceRefused` for an answer that says no, `ServiceUnavailable` where none came."""

    async def confirm(self, hold_id: str) -> None:
        """A confirmed hold no longer expires."""
        ...

    async def release(self, hold_id: str) -> None:
        """End the hold; an unknown one leaves a tombstone, so a late hold is refused."""
        ...


# --- vouchers ---


@dataclass(frozen=True, slots=True)
class Place:
    """Who asks: the till, and what of its booking."""

    store_id: str
    till_id: str
    booking_id: str
    part_id: str
    """The booking's line or payment."""


@dataclass(frozen=True, slots=True)
class ToppedUp:
    """A top-up that counts once its booking is recorded."""

    voucher_id: str
    serial: str
    value: Money
    kind: VoucherKind
    vat: str


@dataclass(frozen=True, slots=True)
class Hold:
    """The voucher service's answer to a hold."""

    hold_id: str
    voucher_id: str
    serial: str
    amount: Money
    voucher_remaining: Money
    expires_at: datetime
    dsfinvk_key: int
    vat: str
    kind: VoucherKind = "multi_purpose"
    rate: int | None = None
    """Single-purpose: basis points."""
    waiver: str | None = None
    """It was given away, and this is the reason: it is no means of payment."""


class VoucherUnavailable(ServiceUnavailable):
    code = "voucher.unavailable"
    title = "The voucher service does not answer; take another means of payment or ask again"


class VoucherRefused(ServiceRefused):
    """The voucher service said no."""


class VoucherService(Holder, Protocol):
    """Every call may be repeated with the same id. Raises `VoucherRefused` for an answer that
    says no, `VoucherUnavailable` where no answer came."""

    async def prepare(
        self,
        voucher_id: str,
        *,
        price: Money,
        terms: SoldTerms | None,
        vat: str,
        legal_entity_id: str,
        place: Place,
        card_code: str | None = None,
    ) -> SoldVoucher:
        """A pending voucher with its code. The same id gives the same code until delivered. With
        `card_code` a printed card, which has its code already."""
        ...  # fmt: skip

    async def top_up(self, top_up_id: str, *, code: str, value: Money, place: Place) -> ToppedUp:
        """More value for a voucher."""
        ...

    async def delivered(self, voucher_id: str) -> None:
        """The slip is printed: the code may be forgotten."""
        ...

    async def cancel_top_up(self, top_up_id: str, *, reason: str) -> None:
        """A top-up that will not be sold."""
        ...

    async def cancel(self, voucher_id: str, *, reason: str) -> None:
        """A prepared voucher that will not be sold."""
        ...

    async def hold(
        self,
        hold_id: str,
        *,
        code: str,
        up_to: Money,
        basket: Sequence[BasketPart],
        place: Place,
    ) -> Hold:
        """Hold as much of the voucher as there is, at most `up_to`; one for some goods only looks
        into the basket."""
        ...  # fmt: skip

    async def hold_together(
        self,
        group_id: str,
        *,
        codes: Sequence[str],
        up_to: Money,
        basket: Sequence[BasketPart],
        place: Place,
    ) -> Sequence[Hold]:
        """Several vouchers for one amount, all at once or none. Those that pay nothing are left
        out."""
        ...  # fmt: skip

    async def release_together(self, group_id: str) -> None:
        """As `release`, for all holds of a group."""
        ...


# --- cost centers ---


@dataclass(frozen=True, slots=True)
class ChargeCard:
    """What stands for the cost center at the till: a scanned card (`code`), a card's number, or a
    center's number, with the number of its card where it has several."""

    code: str | None = None
    number: str | None = None
    center_number: str | None = None
    card_number: str | None = None

    def __repr__(self) -> str:
        """Without the code."""
        return f"ChargeCard({self.number}, {self.center_number}, {self.card_number})"


@dataclass(frozen=True, slots=True)
class ChargeOverride:
    """A manager lets it pass although a limit is exceeded."""

    by: str
    """Person id."""
    reason: str


@dataclass(frozen=True, slots=True)
class ChargeAsked:
    """What of a payment by cost center the till sends with each try and nobody keeps."""

    card: ChargeCard
    exact: bool = True
    """All of the amount or nothing; otherwise as much as the limits leave."""
    override: ChargeOverride | None = None


@dataclass(frozen=True, slots=True)
class HeldSubsidy:
    """What somebody else pays of a charge."""

    rule_id: str
    name: str
    case: str
    """`ZuschussEcht` or `ZuschussUnecht`."""
    amount: Money
    parts: tuple[VatPart, ...]


@dataclass(frozen=True, slots=True)
class ChargeHold:
    """The cost center service's answer to a charge. The VAT keys of all parts are the goods'."""

    hold_id: str
    center_id: str
    center_number: str
    center_name: str
    address: tuple[str, ...]
    """As printed: the center's own, or its company's."""
    card_id: str
    card_number: str
    amount: Money
    """What the center pays: zero where subsidies pay all that is not paid otherwise."""
    parts: tuple[VatPart, ...]
    expires_at: datetime | None
    """None: it was confirmed before and does not expire."""
    subsidies: tuple[HeldSubsidy, ...] = ()
    limits_left: tuple[LimitLeft, ...] = ()
    warnings: tuple[str, ...] = ()


class ChargeUnavailable(ServiceUnavailable):
    code = "costcenter.unavailable"
    title = "The cost centers do not answer; take another means of payment or ask again"


class ChargeRefused(ServiceRefused):
    """The cost center service said no. `problem` stands in the answer to the till, too."""

    def __init__(
        self,
        code: str,
        status: int,
        detail: str,
        *,
        problem: ChargeProblem | None = None,
        **extra: object,
    ) -> None:
        told = {} if problem is None else problem.model_dump(mode="json")
        super().__init__(code, status, detail, **told, **extra)
        self.problem = problem


CardMode = Literal["prepaid", "cost_center", "cash"]
"""How the cards of a group pay: from a prepaid account, on a cost center, or at once."""


class ChargeService(Holder, Protocol):
    """Every call may be repeated with the same id. Raises `ChargeRefused` for an answer that says
    no, `ChargeUnavailable` where no answer came."""

    async def mode_of(self, code: str, *, store_id: str) -> CardMode | None:
        """How the group of a scanned card pays. None: it is no card of a group."""
        ...

    async def charge(
        self,
        hold_id: str,
        asked: ChargeAsked,
        *,
        up_to: Money,
        basket: Sequence[BasketPart],
        place: Place,
    ) -> ChargeHold:
        """Keep an amount on the account of the card's center, within all limits."""
        ...  # fmt: skip


# --- what is kept outside the log ---


class PairingTries(Protocol):
    """Counts tries to pair, over all processes, so that a code cannot be guessed."""

    async def admit(self, *, store_id: str, source: str, now: datetime) -> float | None:
        """Count one try. None: go on. A number: refused, ask again after so many seconds."""
        ...

    async def succeeded(self, *, store_id: str, source: str, now: datetime) -> None:
        """The try was right: it does not count."""
        ...


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A booking that somebody still has to do something about."""

    booking_id: str
    store_id: str
    last_at: datetime


class UnfinishedBookings(Protocol):
    """A read model of the own log: only where to look, never what to decide."""

    async def list(self, *, untouched_since: datetime, bookings_max: int) -> Sequence[Unfinished]:
        """Those that nothing happened to since, the longest untouched first."""
        ...
