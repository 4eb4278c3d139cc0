"""One act of a cashier: what a form of the sale asks for, and of which sale.

The page holds no truth. A form says for which sale it was made; where the till has another one by
now (a second window, an answer that was lost), nothing is done and the page shows what there is. A
repeat of the same form is a repeat of the same request: it has its key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fastapi import Request

from device_gateway.api.guards import guarded
from device_gateway.api.pages.forms import Form
from device_gateway.api.pages.sale.typed import amount_of
from device_gateway.api.pages.shell import Session
from device_gateway.codes.scanned import Classified
from device_gateway.decider.booking_state import Booking
from device_gateway.decider.refusals import BookingUnknown
from device_gateway.events import MasterDataChanged
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.sales import booking_id_of
from device_gateway.handlers.scans import code_of
from events import Ask, DomainError
from kassenverbund.kit.chain_tills import TillRight
from money import Money

CODE_MAX = 500
"""A signed QR code is scanned whole; a foreign one may be longer than ours."""


class SaleMoved(DomainError):
    """Another window, or a request whose answer was lost, has changed it."""

    code = "page.sale_moved"
    title = "The sale has changed meanwhile; nothing was done, look at it and go on"


class NoSale(DomainError):
    code = "page.no_sale"
    title = "No sale is open"


class SaleOpen(DomainError):
    code = "page.sale_open"
    title = "Finish, park or abort the open sale first"


@dataclass(frozen=True, slots=True)
class Deed:
    """`sale`: the open sale that the form was made for; None: it was made when there was none."""

    request: Request
    gateway: Gateway
    session: Session
    form: Form
    ask: Ask
    sale: Booking | None
    approval: str | None = None

    @property
    def store_id(self) -> str:
        return self.session.store_id

    @property
    def till_id(self) -> str:
        return self.session.till_id

    @property
    def must_sale(self) -> Booking:
        """Raises `NoSale`."""
        if self.sale is None:
            raise NoSale
        return self.sale

    @property
    def master_data(self) -> MasterDataChanged:
        return self.session.master_data

    @property
    def cashier_id(self) -> str | None:
        """Who is signed in."""
        return None if self.session.cashier is None else self.session.cashier.cashier_id

    @property
    def next_id(self) -> str:
        """Of the open sale, or of the one that this act begins."""
        return booking_id_of(self.ask) if self.sale is None else self.sale_id

    async def allowed(self, right: TillRight) -> str | None:
        """Who lent it; None: nobody had to. Raises `RightMissing`, `SignInNeeded`,
        `ApprovalNotValid`."""
        booking_id = None if self.sale is None else self.sale_id
        who = await guarded(
            self.gateway, self.session.caller, right, self.approval, ask=self.ask,
            booking_id=booking_id,
        )  # fmt: skip
        return who.approved_by

    @property
    def currency(self) -> str:
        return self.master_data.currency

    @property
    def code(self) -> str:
        """What was scanned or typed as a code; empty: nothing. Raises `FieldInvalid`,
        `ScanUnknown`."""
        if self.form.raw("scan"):
            return self.scanned(self.form.raw("scan"), use=True).value
        return self.form.text("code", required=False, max_length=CODE_MAX)

    def scanned(self, scan_id: str, *, use: bool) -> Classified:
        """What a scanner at the till has read and keeps for this screen. Raises `ScanUnknown`,
        and, where it is used up, `ScanOther`."""
        if use:
            return code_of(self.gateway, self.till_id, scan_id, by=self.ask.key)
        return self.gateway.scans.look(self.till_id, scan_id, now=self.gateway.clock())

    def amount(self, name: str) -> Money | None:
        """None: the field is empty. Raises `AmountUnclear`."""
        return amount_of(self.form.raw(name), self.currency, self.session.locale)

    @property
    def sale_id(self) -> str:
        started = self.must_sale.started
        assert started is not None
        return started.booking_id


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the page shows next. `ended`: the sale that this act recorded or aborted."""

    sale: Booking | None = None
    ended: Booking | None = None
    note: str = ""
    """What is said in the line for messages: an English text of the catalogue."""
    dialog: str = ""
    """A dialog that opens next."""
    prefill: str = ""
    """What the page fills into that dialog of what was scanned last: the name of its field."""
    about: dict[str, Any] = field(default_factory=dict)
    """For the texts."""


def seen_of(sale: Booking | None) -> str:
    """What a form was made for, beyond the sale: lines, payments and what is open."""
    if sale is None:
        return ""
    return f"{len(sale.lines)}/{len(sale.tenders)}/{sale.open_amount.amount}"


async def sale_for(
    gateway: Gateway, form: Form, ask: Ask, current: Booking | None
) -> Booking | None:
    """The sale that the form is about. Raises `SaleMoved` where that is no longer the till's."""
    said = form.raw("booking")
    now = None if current is None else _id(current)
    if said == (now or ""):
        stale = form.raw("seen") not in ("", seen_of(current))
        if stale and await gateway.store.outcome(ask.key, ask.input_hash) is None:
            raise SaleMoved
        return current
    if not said and current is not None and now == booking_id_of(ask):
        return current
    if await gateway.store.outcome(ask.key, ask.input_hash) is None:
        raise SaleMoved
    if not said:
        # The form began a sale, which is no longer the open one.
        return await _known(gateway, booking_id_of(ask))
    return await _known(gateway, said)


async def _known(gateway: Gateway, booking_id: str) -> Booking | None:
    try:
        return await gateway.booking(booking_id)
    except BookingUnknown:
        return None


def _id(booking: Booking) -> str:
    assert booking.started is not None
    return booking.started.booking_id


def money_left(sale: Booking) -> Money:
    """What is open; never below nothing."""
    left = sale.open_amount
    return left if left.amount > 0 else left.zero
