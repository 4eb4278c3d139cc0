"""A till's shift, from its opening to its closing (Z report), and the cash that is moved in it.

One stream per shift, `till-{till_id}/{shift}`: once it is closed, nothing is appended to it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from device_gateway.events.parts import (
    FiscalKind,
    LeftOut,
    Part,
    ProcessKind,
    Rare,
    Reference,
)
from device_gateway.events.process import Process
from events import Event, event_type
from money import Money

TseChange = Literal["declared", "outage", "requested"]
"""Why a till signs elsewhere: its TSE is declared no more, has an outage, or a manager wants it."""

CorrectionKind = Literal[
    "cancellation",
    "return",
    "waiver",
    "discount",
    "abort",
    "line_void",
    "payout",
    "price_change",
]

CashMoveKind = Literal[
    "opening_float",
    "transit_in",
    "transit_out",
    "owner_in",
    "owner_out",
    "wage",
    "paid_in",
    "paid_out",
    "tip_out",
    "difference",
]

TYPED_CARDS_MAX = 300
CORRECTIONS_MAX = 200
"""How many corrections a closing lists one by one; of the others it says how many there are."""


class CaseTotal(Part):
    """What a business case came to, under one UST_SCHLUESSEL and rate: gross = net + tax."""

    case: str
    """GV_TYP of DSFinV-K."""
    name: str
    """GV_NAME; empty: the case has none."""
    dsfinvk_key: int
    rate: int
    """Basis points."""
    gross: Money
    net: Money
    tax: Money


class PaymentTotal(Part):
    """What a means of payment came to: change is off, what was paid out has a minus."""

    type: str
    """ZAHLART_TYP of DSFinV-K."""
    name: str
    fiscal: FiscalKind
    currency: str
    amount: Money


class ClosedPayment(PaymentTotal):
    count: int
    """Processes that were paid so."""


class TypedCard(Part):
    """A card payment of a terminal of its own: what the terminal's journal has to have, too."""

    receipt_number: str
    amount: Money


class Correction(Part):
    """What was taken back, given away or given up, by whom, when and why."""

    kind: Annotated[CorrectionKind, Field(json_schema_extra={"x-fallback": "line_void"})]
    booking_id: str
    number: Rare[int] = None
    amount: Money
    reason: str
    person: Rare[str] = None
    """An id, never a name."""
    approved_by: Rare[str] = None
    """Who lent the right."""
    name: Rare[str] = None
    """Of the line, where it is about one."""
    at: datetime


class CashCount(Part):
    """The drawer at a closing. `expected` is what it held by the books before it was counted;
    `difference` = counted - expected; `left` is what the next shift begins with."""

    expected: Money
    counted: Rare[Money] = None
    """None: nobody counted."""
    difference: Money
    counted_by: Rare[str] = None
    skimmed: Rare[Money] = None
    """What went to the safe after the count."""
    left: Money


@event_type("till.opened")
class TillOpened(Event):
    """The first event of a shift's stream. TSE, serial and master data stay the same until the
    shift is closed."""

    store_id: str
    till_id: str
    till_name: str
    shift: int
    opened_at: datetime
    opened_by: str
    """Who asked, or `automatic`: the first process of the shift opened it."""
    float_: Annotated[Money, Field(alias="float")]
    """In the drawer before anything of this shift: what the last closing left. A float that was
    declared at the opening is the shift's first process, and counts from there."""
    numbers: int
    """The till's last number before this shift."""
    tse_id: str
    client_id: str
    master_data: int
    """`version` of the `master_data.changed` that is in force for the whole shift."""
    grand_total: Money
    """Turnover of all the till's shifts before."""
    tse_before: Rare[str] = None
    tse_changed_because: Rare[TseChange] = None

    model_config = Process.model_config | {"populate_by_name": True, "serialize_by_alias": True}


@event_type("till.booking_begun")
class BookingBegun(Event):
    """A booking of the shift is open. It ends with the number that it gets."""

    store_id: str
    till_id: str
    shift: int
    booking_id: str


@event_type("till.number_given", version=2)
class NumberGiven(Event):
    """The till's next gapless number went to a process, in the append that recorded it. It brings
    what the process adds to the shift: the closing is the sum of these.

    v2: every process has a number, not only sales; shift, kind and what it adds."""

    store_id: str
    till_id: str
    booking_id: str
    number: int
    shift: int
    kind: Annotated[ProcessKind, Field(json_schema_extra={"x-fallback": "sale"})]
    totals: Annotated[tuple[CaseTotal, ...], LeftOut] = ()
    """Empty for what does not count: training, aborted, order, closing."""
    payments: Annotated[tuple[PaymentTotal, ...], LeftOut] = ()
    corrections: Annotated[tuple[Correction, ...], LeftOut] = ()
    typed_cards: Annotated[tuple[TypedCard, ...], LeftOut] = ()


@event_type("till.shift_closed")
class ShiftClosed(Event):
    """The last event of a shift's stream. The closing itself is `till.closed` on the stream of its
    process."""

    store_id: str
    till_id: str
    shift: int
    booking_id: str
    closed_at: datetime
    left: Money
    """In the drawer when the next shift begins."""


@event_type("cash.moved")
class CashMoved(Process):
    """Cash went into the drawer or out of it without a sale."""

    kind: Annotated[CashMoveKind, Field(json_schema_extra={"x-fallback": "paid_in"})]
    case: str
    """GV_TYP of DSFinV-K."""
    case_name: Rare[str] = None
    amount: Money
    """Into the drawer; out of it with a minus."""
    means: str
    """What the store calls its cash."""
    reason: str
    reference: Rare[Reference] = None
    master_data: int


@event_type("till.closed")
class TillClosed(Process):
    """The closing (Z report): the sum of everything that got a number in the shift. Nothing of the
    shift changes any more."""

    z_number: int
    opened_at: datetime
    float_: Annotated[Money, Field(alias="float")]
    cases: tuple[CaseTotal, ...]
    payments: tuple[ClosedPayment, ...]
    cash: CashCount
    corrections: Annotated[tuple[Correction, ...], Field(max_length=CORRECTIONS_MAX)] = ()
    corrections_left_out: int = 0
    corrections_sum: Rare[Money] = None
    """Of all of them, also of those that are left out. None in older events."""
    counts: dict[str, int]
    """How many processes of each kind."""
    first_booking_id: str
    last_booking_id: str
    """The closing itself."""
    master_data: int
    grand_total: Money
    """Turnover since the till's first shift; it is never set back."""
    automatic: Annotated[bool, LeftOut] = False
    """Nobody asked: the business day was over."""
    typed_cards: Annotated[tuple[TypedCard, ...], LeftOut, Field(max_length=TYPED_CARDS_MAX)] = ()
    """Those that came first, where there are more."""

    model_config = Process.model_config | {"populate_by_name": True, "serialize_by_alias": True}
