"""The store: its declared master data, and which till signs where under which serial."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import assert_never

from device_gateway.commands import DeclareStore
from device_gateway.events import MasterDataChanged, StoreEvent, TillJoined
from events import Decider

CLIENT_ID_MAX = 30
"""A TSE takes serial numbers of recording systems up to this length (BSI TR-03151)."""


@dataclass(frozen=True, slots=True)
class Store:
    master_data: MasterDataChanged | None = None
    tills: dict[str, TillJoined] = field(default_factory=dict)


def declare(command: DeclareStore, store: Store) -> tuple[StoreEvent, ...]:
    """An event only where the declaration says something new."""
    known = store.master_data
    if known is not None:
        same = known.model_copy(update={"changed_at": command.declared.changed_at})
        if same == command.declared:
            return ()
    return (command.declared,)


def least_used_tse(store: Store) -> str:
    """The TSE with the fewest tills; among equals the one declared first."""
    assert store.master_data is not None
    used = {tse.tse_id: 0 for tse in store.master_data.tses}
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
            return Store(master_data=event, tills=store.tills)
        case TillJoined():
            return Store(store.master_data, {**store.tills, event.till_id: event})
        case _:
            assert_never(event)


STORE: Decider[DeclareStore, Store] = Decider(initial=Store(), decide=declare, evolve=evolve)
