"""A shift opens: by request, or by itself with its first process."""

from __future__ import annotations

from dataclasses import dataclass

from device_gateway.commands.shifts import OpenShift
from device_gateway.decider.refusals import StoreUnknown, TillUnknown
from device_gateway.decider.shift_state import Shift
from device_gateway.decider.store import Store, least_used_tse
from device_gateway.decider.till import Till
from device_gateway.events import ShiftBegun, TillJoined, TillOpened, TseChange
from money import Money


@dataclass(frozen=True, slots=True)
class Opening:
    """The events of an opening, by stream."""

    till: tuple[ShiftBegun, ...]
    store: tuple[TillJoined, ...]
    shift: TillOpened


def open_shift(command: OpenShift, till: Till, store: Store, before: Shift) -> Opening:
    """`before`: the till's last shift, closed, or an empty one. Numbers and cash go on from it.

    Raises `TillUnknown`, `StoreUnknown`.
    """
    if not till.known or till.store_id != command.store_id:
        raise TillUnknown
    master_data = store.master_data
    if master_data is None:
        raise StoreUnknown
    assert not before.open
    nothing = Money(amount=0, currency=master_data.currency)
    tse_id, because = signing_place(till, store)
    last = before.opened.tse_id if before.opened else till.tse_id
    moved = tse_id != last
    number = till.shift + 1
    opened = TillOpened(
        store_id=till.store_id,
        till_id=till.till_id,
        till_name=till.name,
        shift=number,
        opened_at=command.now,
        opened_by=command.opened_by,
        float_=before.closed.left if before.closed else nothing,
        numbers=before.numbers if before.opened else till.numbers,
        tse_id=tse_id,
        client_id=till.client_id,
        master_data=master_data.version,
        grand_total=before.grand_total if before.opened else nothing,
        tse_before=last if moved else None,
        # A till that was paired anew while its shift was open: its TSE was declared no more.
        tse_changed_because=(because or "declared") if moved else None,
    )
    begun = ShiftBegun(
        store_id=till.store_id,
        till_id=till.till_id,
        shift=number,
        tse_id=tse_id,
        client_id=till.client_id,
        begun_at=command.now,
    )
    joined = TillJoined(
        store_id=till.store_id,
        till_id=till.till_id,
        tse_id=tse_id,
        client_id=till.client_id,
        joined_at=command.now,
    )
    return Opening((begun,), (joined,) if tse_id != till.tse_id else (), opened)


def signing_place(till: Till, store: Store) -> tuple[str, TseChange | None]:
    """Where the next shift signs, and why not where the last one did. A till that an outage drove
    away stays where it is until a manager asks for more."""
    assert store.master_data is not None
    declared = {tse.tse_id for tse in store.master_data.tses}
    if till.tse_requested is not None and till.tse_requested in declared:
        return till.tse_requested, "requested"
    if till.tse_id not in declared:
        return least_used_tse(store, well=bool(declared - store.outages.keys())), "declared"
    if till.tse_id in store.outages and declared - store.outages.keys():
        return least_used_tse(store, well=True), "outage"
    return till.tse_id, None
