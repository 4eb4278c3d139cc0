"""What the sale's screen shows, read anew from the log with each request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse

from device_gateway.api.pages.sale import seams
from device_gateway.api.pages.sale.deed import Outcome, money_left, seen_of
from device_gateway.api.pages.sale.refusals import Told
from device_gateway.api.pages.sale.typed import quick_amounts
from device_gateway.api.pages.shell import Pages, Session
from device_gateway.decider.booking_state import Booking
from device_gateway.decider.refusals import BookingUnknown
from device_gateway.events import MasterDataChanged
from device_gateway.handlers.editing import open_sales
from device_gateway.handlers.ending import Progress
from device_gateway.handlers.gateway import Gateway, business_date
from device_gateway.queries import BookingAnswer, answer
from money import Money

OFFERS = frozenset(
    {
        "abort",
        "cancel",
        "deposit",
        "discount",
        "extend",
        "fees",
        "park",
        "parked",
        "payout",
        "pickup",
        "return",
        "tip",
        "top-up",
        "training",
        "voucher-sale",
        "waive",
    }
)
LIBRARY = frozenset({"extend", "fees", "waive"})
"""What there is only where accounts are kept."""
SETTLING = frozenset({"held", "settled"})
WAITING = frozenset({"requested", "unknown"})


@dataclass(frozen=True, slots=True)
class Parked:
    """A sale that is set aside."""

    booking_id: str
    label: str
    total: Money
    lines: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Screen:
    """Everything that the templates of the sale are made of."""

    sale: BookingAnswer | None
    seen: str
    open_amount: Money
    quick: tuple[Money, ...]
    read_back: bool
    """Somebody who pays later is read back before the sale ends."""
    training: bool
    ended: BookingAnswer | None
    parked: Sequence[Parked]
    offers: frozenset[str]
    """What `More` has."""
    kinds: frozenset[str]
    """Means of payment that the store takes."""
    terminal: seams.Terminal | None
    today: date
    told: Told | None = None
    note: str = ""
    dialog: str = ""
    about: Mapping[str, Any] = field(default_factory=dict)
    prefill: str = ""

    @property
    def booking_id(self) -> str:
        return "" if self.sale is None else self.sale.booking_id

    @property
    def pays_out(self) -> bool:
        """More comes back than is bought."""
        return self.sale is not None and self.sale.open_amount.amount < 0

    def money_of(self, told: Any) -> Money:
        """An amount as a refusal carries it."""
        return told if isinstance(told, Money) else Money.model_validate(told)

    @property
    def payments(self) -> Sequence[Any]:
        """Those that settle something, or were asked for and have no answer."""
        if self.sale is None:
            return ()
        return [each for each in self.sale.payments if each.state in (*SETTLING, *WAITING)]

    @property
    def balances(self) -> Sequence[Any]:
        """Vouchers that the ended sale was paid with, and what is left on them."""
        if self.ended is None:
            return ()
        return [each for each in self.ended.payments if each.voucher_remaining is not None]


async def look(
    gateway: Gateway,
    session: Session,
    *,
    outcome: Outcome | None = None,
    told: Told | None = None,
    ended: str = "",
    dialog: str = "",
    about: Mapping[str, Any] | None = None,
) -> Screen:
    """The screen as things are now. `ended`: the sale whose end is still shown."""
    done = outcome or Outcome()
    current, parked = await open_sales(gateway, store_id=session.store_id, till_id=session.till_id)
    over = done.ended or (await _ended(gateway, session, ended) if ended else None)
    sale = None
    if current is not None:
        sale = await answer(gateway, Progress(current), with_codes=False)
    master_data = session.master_data
    left = (
        Money(amount=0, currency=master_data.currency) if current is None else current.open_amount
    )
    return Screen(
        sale=sale,
        seen=seen_of(current),
        open_amount=left,
        quick=() if current is None else quick_amounts(money_left(current)),
        read_back=sale is not None and not left and bool(sale.lines),
        training=bool(current and current.started and current.started.training),
        ended=None if over is None else await answer(gateway, Progress(over), with_codes=False),
        parked=[_parked(each) for each in parked],
        offers=OFFERS if master_data.library is not None else OFFERS - LIBRARY,
        kinds=_kinds(master_data),
        terminal=await seams.terminal_at(gateway, session.store_id, session.till_id),
        today=business_date(master_data, gateway.clock()),
        told=told,
        note=done.note,
        dialog=dialog or done.dialog,
        about=dict(about or done.about),
        prefill=done.prefill,
    )


def _parked(booking: Booking) -> Parked:
    assert booking.started is not None
    assert booking.parked is not None
    return Parked(
        booking.started.booking_id,
        booking.parked.label or "",
        booking.total,
        len(booking.lines),
        booking.parked.parked_at,
    )


def _kinds(master_data: MasterDataChanged) -> frozenset[str]:
    """By what the store is paid."""
    kinds: set[str] = {means.kind for means in master_data.means_of_payment}
    if master_data.paid_online is not None:
        kinds.add("online")
    if master_data.on_account is not None:
        kinds.add("on_account")
    if master_data.cost_centers is not None:
        kinds.add("cost_center")
    return frozenset(kinds)


async def _ended(gateway: Gateway, session: Session, booking_id: str) -> Booking | None:
    """A sale of this till that has ended; None for anything else."""
    try:
        found = await gateway.booking(booking_id)
    except BookingUnknown:
        return None
    assert found.started is not None
    own = (found.started.store_id, found.started.till_id) == (session.store_id, session.till_id)
    return found if own and not found.open else None


def shown(
    pages: Pages,
    request: Request,
    session: Session,
    screen: Screen,
    *,
    whole: bool,
    status: int = 200,
) -> HTMLResponse:
    """The page, or the two pieces of it that an act changes: the sale and the dialog."""
    return pages.render(
        request,
        session,
        "sale/page.html" if whole else "sale/pieces.html",
        status=status,
        screen=screen,
        sale=screen.sale,
        base=f"/stores/{session.store_id}/till/sale",
        told=screen.told,
    )
