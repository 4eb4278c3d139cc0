"""The store: its declared master data, and which till signs where under which serial."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import assert_never

from device_gateway.commands import AcceptClock, DeclareStore, StoreCommand
from device_gateway.commands.shifts import NoteOutage
from device_gateway.events import (
    ClockAccepted,
    MasterDataChanged,
    StoreEvent,
    TillJoined,
    TseBack,
    TseOut,
)
from events import Decider

CLIENT_ID_MAX = 30
"""A TSE takes serial numbers of recording systems up to this length (BSI TR-03151)."""


@dataclass(frozen=True, slots=True)
class Store:
    master_data: MasterDataChanged | None = None
    """The newest, with its number."""
    tills: dict[str, TillJoined] = field(default_factory=dict)
    outages: dict[str, str] = field(default_factory=dict)
    """TSE → its outage."""

    @property
    def version(self) -> int:
        return 0 if self.master_data is None else self.master_data.version


def declare(command: DeclareStore, store: Store) -> tuple[StoreEvent, ...]:
    """An event only where the declaration says something new."""
    known = store.master_data
    if known is not None:
        same = known.model_copy(
            update={"changed_at": command.declared.changed_at, "version": command.declared.version}
        )
        if same == command.declared:
            return ()
    return (command.declared.model_copy(update={"version": store.version + 1}),)


def note_outage(command: NoteOutage, store: Store) -> tuple[StoreEvent, ...]:
    """The end of an outage that another one has replaced changes nothing."""
    known = store.outages.get(command.tse_id)
    if command.over:
        if known != command.outage_id:
            return ()
        return (
            TseBack(
                store_id=command.store_id,
                tse_id=command.tse_id,
                outage_id=command.outage_id,
                at=command.at,
            ),
        )
    if known == command.outage_id:
        return ()
    return (
        TseOut(
            store_id=command.store_id,
            tse_id=command.tse_id,
            outage_id=command.outage_id,
            since=command.at,
        ),
    )


def accept_clock(command: AcceptClock, store: Store) -> tuple[StoreEvent, ...]:
    """Only where there is something to accept."""
    if command.latest <= command.now:
        return ()
    return (
        ClockAccepted(
            store_id=command.store_id,
            at=command.now,
            latest=command.latest,
            reason=command.reason,
            accepted_by=command.accepted_by,
        ),
    )


def least_used_tse(store: Store, *, well: bool = False) -> str:
    """The TSE with the fewest tills; among equals the one declared first. `well`: of those without
    an outage."""
    assert store.master_data is not None
    used = {
        tse.tse_id: 0
        for tse in store.master_data.tses
        if not (well and tse.tse_id in store.outages)
    }
    for till in store.tills.values():
        if till.tse_id in used:
            used[till.tse_id] += 1
    return min(used, key=lambda tse_id: used[tse_id])


def client_id_of(store_id: str, number: int) -> str:
    """`KV-berlin-1`: PrintableString without spaces, unique in the chain, at most 30 characters."""
    tail = f"-{number}"
    room = CLIENT_ID_MAX - len("KV-") - len(tail)
    name = store_id.replace("_", "-")
    if len(name) > room or name != store_id:
        # A shortened name alone could be that of another store.
        digest = hashlib.sha256(store_id.encode()).hexdigest()[:8]
        name = f"{name[: room - 9]}-{digest}"
    return f"KV-{name}{tail}"


def evolve(store: Store, event: StoreEvent) -> Store:
    match event:
        case MasterDataChanged():
            return replace(store, master_data=numbered(event, before=store.version))
        case TillJoined():
            return replace(store, tills={**store.tills, event.till_id: event})
        case TseOut():
            return replace(store, outages={**store.outages, event.tse_id: event.outage_id})
        case TseBack():
            out = {tse: outage for tse, outage in store.outages.items() if tse != event.tse_id}
            return replace(store, outages=out)
        case ClockAccepted():
            return store
        case _:
            assert_never(event)


def numbered(declared: MasterDataChanged, *, before: int) -> MasterDataChanged:
    """With its number: declarations of older logs have none written."""
    if declared.version == 0:
        return declared.model_copy(update={"version": before + 1})
    assert declared.version == before + 1
    return declared


def decide(command: StoreCommand, store: Store) -> tuple[StoreEvent, ...]:
    match command:
        case DeclareStore():
            return declare(command, store)
        case NoteOutage():
            return note_outage(command, store)
        case AcceptClock():
            return accept_clock(command, store)
        case _:
            assert_never(command)


STORE: Decider[StoreCommand, Store] = Decider(initial=Store(), decide=decide, evolve=evolve)
