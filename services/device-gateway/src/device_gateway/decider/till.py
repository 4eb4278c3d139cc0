"""The till: its pairing, its token, and which shift is its newest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import assert_never

from device_gateway.commands import (
    DeclareUnattended,
    OfferPairing,
    PairTill,
    RevokeTill,
    RollToken,
    TillCommand,
)
from device_gateway.commands.shifts import RequestTse
from device_gateway.decider.refusals import (
    PairingUnknown,
    StoreUnknown,
    TillDeclared,
    TillRevokedAlready,
    TillTaken,
    TillUnknown,
)
from device_gateway.decider.store import Store, client_id_of, least_used_tse
from device_gateway.events import (
    ApprovalGiven,
    ApprovalUsed,
    CashierSignedIn,
    CashierSignedOut,
    DrawerOpened,
    NumberGiven,
    PairingOffered,
    ShiftBegun,
    TillEvent,
    TillJoined,
    TillPaired,
    TillRevoked,
    TokenRolled,
    TrainingBegun,
    TrainingEnded,
    TseRequested,
)
from events import Decider

APPROVALS_MAX = 20
"""How many lent rights may wait at a till."""


@dataclass(frozen=True, slots=True)
class Till:
    """`token_hash` None: nobody may act as this till now."""

    store_id: str = ""
    till_id: str = ""
    name: str = ""
    client_id: str = ""
    tse_id: str = ""
    offer: PairingOffered | None = None
    token_hash: str | None = None
    old_hash: str | None = None
    """The token before, good until `old_until`."""
    old_until: datetime | None = None
    paired_at: datetime | None = None
    revoked_at: datetime | None = None
    numbers: int = 0
    """The last number that was given before there were shifts."""
    shift: int = 0
    """The newest shift, open or closed; 0: there was none."""
    tse_requested: str | None = None
    """Where a manager wants it to sign, from the next shift on."""
    unattended: bool = False
    """Declared by the chain file, without a device."""
    cashier: str | None = None
    """Who is signed in."""
    training: bool = False
    """Its sales are trainings."""
    approvals: Mapping[str, ApprovalGiven] = field(default_factory=dict)
    """The newest that are not used yet, by id."""

    @property
    def known(self) -> bool:
        return bool(self.store_id)

    @property
    def active(self) -> bool:
        return self.token_hash is not None


def offer(command: OfferPairing, till: Till) -> tuple[TillEvent, ...]:
    """A new offer replaces the one before; a paired till keeps its token until the new one."""
    if till.known and (till.store_id != command.store_id or till.unattended):
        raise TillTaken
    return (
        PairingOffered(
            store_id=command.store_id,
            till_id=command.till_id,
            pairing_id=command.pairing_id,
            name=command.name or till.name or command.till_id,
            code_hash=command.code_hash,
            expires_at=command.expires_at,
            offered_at=command.now,
        ),
    )


def pair(
    command: PairTill, till: Till, store: Store
) -> tuple[tuple[TillPaired, ...], tuple[TillJoined, ...]]:
    """Events for the till and for its store. A till that comes back keeps serial and numbers."""
    found = till.offer
    if store.master_data is None:
        raise StoreUnknown
    if (
        found is None
        or found.code_hash != command.code_hash
        or found.expires_at <= command.now
        or found.store_id != command.store_id
    ):
        raise PairingUnknown
    joined, news = _join(store, command.store_id, command.till_id, command.now)
    paired = TillPaired(
        store_id=command.store_id,
        till_id=command.till_id,
        name=found.name,
        client_id=joined.client_id,
        tse_id=joined.tse_id,
        pairing_id=found.pairing_id,
        token_hash=command.token_hash,
        paired_at=command.now,
    )
    return (paired,), news


def _join(
    store: Store, store_id: str, till_id: str, now: datetime
) -> tuple[TillJoined, tuple[TillJoined, ...]]:
    """TSE and serial of a till of the store, and what is new about them."""
    assert store.master_data is not None
    joined = store.tills.get(till_id)
    if joined is not None and joined.tse_id in {tse.tse_id for tse in store.master_data.tses}:
        return joined, ()
    joined = TillJoined(
        store_id=store_id,
        till_id=till_id,
        tse_id=least_used_tse(store),
        client_id=joined.client_id if joined else client_id_of(store_id, len(store.tills) + 1),
        joined_at=now,
    )
    return joined, (joined,)


def declare_unattended(
    command: DeclareUnattended, till: Till, store: Store
) -> tuple[tuple[TillPaired, ...], tuple[TillJoined, ...]]:
    """A till without a device, as the chain file has it. Nothing where it is there already.

    Raises `StoreUnknown`, and `TillTaken` where a device is or was paired under this id.
    """
    if store.master_data is None:
        raise StoreUnknown
    if till.known and (till.store_id != command.store_id or not till.unattended):
        raise TillTaken
    joined, news = _join(store, command.store_id, command.till_id, command.now)
    if till.active and not news and till.name == command.name:
        return (), ()
    paired = TillPaired(
        store_id=command.store_id,
        till_id=command.till_id,
        name=command.name,
        client_id=joined.client_id,
        tse_id=joined.tse_id,
        pairing_id="chain",
        token_hash="",
        paired_at=command.now,
        unattended=True,
    )
    return (paired,), news


def roll(command: RollToken, till: Till) -> tuple[TokenRolled, ...]:
    """Raises `TillUnknown`, `TillRevokedAlready`."""
    must_be_active(till, command.store_id)
    if till.unattended:
        raise TillDeclared
    return (
        TokenRolled(
            store_id=command.store_id,
            till_id=command.till_id,
            token_hash=command.token_hash,
            old_until=command.old_until,
            rolled_at=command.now,
        ),
    )


def revoke(command: RevokeTill, till: Till) -> tuple[TillEvent, ...]:
    if not till.known or till.store_id != command.store_id:
        raise TillUnknown
    if till.unattended and not command.undeclared:
        raise TillDeclared
    if not till.active and till.offer is None:
        return ()
    return (
        TillRevoked(
            store_id=command.store_id,
            till_id=command.till_id,
            revoked_at=command.now,
            reason=command.reason,
        ),
    )


def request_tse(command: RequestTse, till: Till) -> tuple[TillEvent, ...]:
    """Whether the store has it, the caller has asked the store. The newest request counts."""
    if not till.known or till.store_id != command.store_id:
        raise TillUnknown
    if command.tse_id == (till.tse_requested or till.tse_id):
        return ()
    return (
        TseRequested(
            store_id=command.store_id,
            till_id=command.till_id,
            tse_id=command.tse_id,
            requested_at=command.now,
            requested_by=command.requested_by,
        ),
    )


def decide(command: TillCommand, till: Till) -> tuple[TillEvent, ...]:
    match command:
        case OfferPairing():
            return offer(command, till)
        case RevokeTill():
            return revoke(command, till)
        case RequestTse():
            return request_tse(command, till)
        case RollToken():
            return roll(command, till)
        case PairTill():
            raise AssertionError("pairing is decided together with the store: pair()")
        case _:
            assert_never(command)


def evolve(till: Till, event: TillEvent) -> Till:
    match event:
        case PairingOffered():
            return replace(
                till,
                store_id=event.store_id,
                till_id=event.till_id,
                name=till.name or event.name,
                offer=event,
            )
        case TillPaired() | TillRevoked() | TokenRolled():
            return _with_token(till, event)
        case NumberGiven():
            assert event.number == till.numbers + 1
            return replace(till, numbers=event.number)
        case TseRequested():
            return replace(till, tse_requested=event.tse_id)
        case CashierSignedIn():
            return replace(till, cashier=event.cashier_id, training=False)
        case CashierSignedOut():
            return replace(till, cashier=None, training=False)
        case TrainingBegun():
            return replace(till, training=True)
        case TrainingEnded():
            return replace(till, training=False)
        case ApprovalGiven():
            newest = list(till.approvals.items())[1 - APPROVALS_MAX :]
            return replace(till, approvals={**dict(newest), event.approval_id: event})
        case ApprovalUsed():
            left = {k: v for k, v in till.approvals.items() if k != event.approval_id}
            return replace(till, approvals=left)
        case DrawerOpened():
            return till
        case ShiftBegun():
            return replace(
                till,
                shift=event.shift,
                tse_id=event.tse_id,
                client_id=event.client_id,
                tse_requested=None,
            )
        case _:
            assert_never(event)


def _with_token(till: Till, event: TillPaired | TillRevoked | TokenRolled) -> Till:
    match event:
        case TillPaired():
            return replace(
                till,
                store_id=event.store_id,
                till_id=event.till_id,
                name=event.name,
                client_id=event.client_id,
                tse_id=event.tse_id,
                offer=None,
                unattended=event.unattended,
                token_hash=event.token_hash,
                old_hash=None,
                old_until=None,
                paired_at=event.paired_at,
                revoked_at=None,
            )
        case TillRevoked():
            return replace(
                till, token_hash=None, old_hash=None, offer=None, revoked_at=event.revoked_at
            )
        case TokenRolled():
            return replace(
                till,
                token_hash=event.token_hash,
                old_hash=till.token_hash,
                old_until=event.old_until,
            )
        case _:
            assert_never(event)


def must_be_active(till: Till, store_id: str) -> None:
    """Raises `TillUnknown` or `TillRevokedAlready`."""
    if not till.known or till.store_id != store_id:
        raise TillUnknown
    if not till.active:
        raise TillRevokedAlready


TILL: Decider[TillCommand, Till] = Decider(initial=Till(), decide=decide, evolve=evolve)
