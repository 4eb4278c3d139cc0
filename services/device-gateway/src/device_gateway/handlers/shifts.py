"""Where a till's next process is numbered: its open shift, or one that opens with it.

`in_shift` is the one way to a number. The decision gets a `Counter`, which opens the shift if need
be, begins bookings and gives numbers; what it did is stored in the append of the decision.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from device_gateway.commands.shifts import OpenShift
from device_gateway.decider.booking import BOOKING
from device_gateway.decider.opening import open_shift
from device_gateway.decider.refusals import ShiftMoved, StoreUnknown, TillUnknown
from device_gateway.decider.shift import SHIFT, begin, give_number, opened_of
from device_gateway.decider.shift_state import Shift
from device_gateway.decider.store import STORE, Store
from device_gateway.decider.till import TILL, Till
from device_gateway.decider.totals import Deltas, deltas_of
from device_gateway.events import (
    BookingAborted,
    FinalEvent,
    MasterDataChanged,
    NumberGiven,
    ShiftEvent,
    TillOpened,
)
from device_gateway.handlers.gateway import (
    Gateway,
    Place,
    booking_stream,
    shift_stream,
    store_stream,
    till_stream,
)
from events import (
    Ask,
    Decider,
    Decision,
    Event,
    HandledTogether,
    LostRace,
    fold,
    handle_together,
    state_of,
)

AUTOMATIC = "automatic"
SHIFT_TRIES_MAX = 5
"""How often a process is decided anew because its till's shift changed under it."""


def streams_of(place: Place, *, with_till: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a decision at this place writes, and what it only reads."""
    till = till_stream(place.till_id)
    if place.is_open:
        return {place.stream: SHIFT}, {till: TILL} if with_till else {}
    parts: dict[str, Decider[Any, Any]] = {
        till: TILL,
        store_stream(place.store_id): STORE,
        place.stream: SHIFT,
    }
    if place.before is not None:
        parts[place.before] = SHIFT
    return parts, {}


@dataclass(slots=True)
class Counter:
    """Of one decision: opens the shift if need be, begins bookings, gives numbers.

    Nothing is opened before something is asked of it, so a decision that comes to nothing leaves no
    shift behind.
    """

    place: Place
    states: Mapping[str, Any]
    opening: OpenShift
    _shift: Shift | None = None
    _events: list[ShiftEvent] = field(default_factory=list)
    _unfolded: list[ShiftEvent] = field(default_factory=list)
    """Most decisions give one number and look no further."""
    _beside: dict[str, tuple[Event, ...]] = field(default_factory=dict)

    @property
    def master_data(self) -> MasterDataChanged:
        """In force for the whole shift."""
        return self.place.master_data

    @property
    def till(self) -> Till:
        """Only where the decision was made `with_till`."""
        till: Till = self.states[till_stream(self.place.till_id)]
        return till

    @property
    def shift(self) -> Shift:
        """As it is by now in this decision. Raises `ShiftMoved`."""
        if self._shift is None:
            self._shift = self._found()
        if self._unfolded:
            self._shift = fold(SHIFT, self._unfolded, start=self._shift)
            self._unfolded = []
        return self._shift

    @property
    def opened(self) -> TillOpened:
        return opened_of(self.shift)

    @property
    def next_number(self) -> int:
        return self.shift.numbers + 1

    def _found(self) -> Shift:
        place, found = self.place, self.states[self.place.stream]
        if place.is_open:
            opened_of(found)
            shift: Shift = found
            return shift
        before = SHIFT.initial if place.before is None else self.states[place.before]
        store: Store = self.states[store_stream(place.store_id)]
        moved = (
            found.opened is not None
            or before.open
            or self.till.shift + 1 != place.shift
            or store.version != place.master_data.version
        )
        if moved:
            raise ShiftMoved
        made = open_shift(self.opening, self.till, store, before)
        self._beside = {
            till_stream(place.till_id): made.till,
            store_stream(place.store_id): made.store,
        }
        self._events.append(made.shift)
        return fold(SHIFT, [made.shift])

    def note(self, *events: ShiftEvent) -> None:
        """Events that were decided on `shift`."""
        self._unfolded.extend(events)
        self._events.extend(events)

    def begin(self, booking_id: str) -> None:
        """The booking stays open after this decision."""
        self.note(begin(self.shift, booking_id))

    def give(self, booking_id: str, deltas: Deltas) -> NumberGiven:
        """`next_number` goes to the process. Raises `CashShort`."""
        given = give_number(self.shift, booking_id, deltas)
        self.note(given)
        return given

    def give_to(self, final: FinalEvent | BookingAborted) -> None:
        """The number that stands in `final`. Raises `CashShort`."""
        given = self.give(final.booking_id, deltas_of(final))
        assert given.number == final.number

    @property
    def events(self) -> Mapping[str, tuple[Event, ...]]:
        """What this decision adds to till, store and shift."""
        return {**self._beside, self.place.stream: tuple(self._events)}


Decide = Callable[[Counter, Mapping[str, Any]], Mapping[str, Any]]
"""Events by stream (those of the counter apart), from the counter and the states of all streams."""


async def in_shift(
    gateway: Gateway,
    *,
    store_id: str,
    till_id: str,
    decide: Decide,
    ask: Ask,
    bookings: tuple[str, ...] = (),
    with_till: bool = False,
    opened_by: str = AUTOMATIC,
    now: datetime | None = None,
) -> HandledTogether:
    """Store what `decide` comes to, together with its numbers. `bookings`: ids of the bookings
    whose streams it writes. `with_till`: it also hangs on the till's own state (`counter.till`).

    A shift that is closed or opened meanwhile, here or by another process, makes it decide again.
    Raises what `decide` refuses, `ClockBehind`, `TillUnknown`, `StoreUnknown`, `LostRace`.
    """
    streams: dict[str, Decider[Any, Any]] = {booking_stream(each): BOOKING for each in bookings}
    opening = OpenShift(store_id, till_id, opened_by, now or gateway.clock())
    gateway.time.check(opening.now)
    for _ in range(SHIFT_TRIES_MAX):
        place = await place_of(gateway, store_id, till_id)
        parts, reads = streams_of(place, with_till=with_till)

        def decided(states: Mapping[str, Any], place: Place = place) -> Decision:
            counter = Counter(place, states, opening)
            events = decide(counter, states)
            # First of all that the shift is open: who reads along has to know it by then.
            return Decision({**counter.events, **events})

        try:
            done = await handle_together(
                gateway.store, {**parts, **streams}, decided, ask=ask, reads=reads
            )
        except ShiftMoved:
            gateway.places.pop(till_id, None)
            continue
        _remember(gateway, place, done.states[place.stream])
        return done
    raise LostRace


def _remember(gateway: Gateway, place: Place, shift: Shift) -> None:
    if not shift.open:
        gateway.places.pop(place.till_id, None)
    elif not place.is_open:
        gateway.places[place.till_id] = replace(place, is_open=True)


async def place_of(gateway: Gateway, store_id: str, till_id: str) -> Place:
    """Raises `TillUnknown`, `StoreUnknown`."""
    known = gateway.places.get(till_id)
    if known is not None and known.store_id == store_id:
        return known
    till, newest = await newest_shift(gateway, till_id)
    if not till.known or till.store_id != store_id:
        raise TillUnknown
    if newest.open:
        assert newest.opened is not None
        place = await _open_place(gateway, newest.opened)
        gateway.places[till_id] = place
        return place
    # A new shift takes the newest declaration: it is not looked up where an older one may be kept.
    _, store = await state_of(gateway.store, STORE, store_stream(store_id))
    if store.master_data is None:
        raise StoreUnknown
    return Place(store_id, till_id, till.shift + 1, is_open=False, master_data=store.master_data)


async def _open_place(gateway: Gateway, opened: TillOpened) -> Place:
    master_data = await gateway.master_data_of(opened.store_id, opened.master_data)
    return Place(
        opened.store_id, opened.till_id, opened.shift, is_open=True, master_data=master_data
    )


async def newest_shift(gateway: Gateway, till_id: str) -> tuple[Till, Shift]:
    """The till and its newest shift, open or closed; an empty one where there was none."""
    _, till = await state_of(gateway.store, TILL, till_stream(till_id))
    return till, await shift_of(gateway, till_id, till.shift)


async def shift_of(gateway: Gateway, till_id: str, shift: int) -> Shift:
    """As the log has it now; an empty one where there is none."""
    if shift == 0:
        return SHIFT.initial
    _, found = await state_of(gateway.store, SHIFT, shift_stream(till_id, shift))
    return found
