"""People at the tills: enrolled by a manager, signed in by PIN or card, lending a right."""

from __future__ import annotations

import asyncio
import hmac
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import uuid5

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from device_gateway.decider import cashier as rules
from device_gateway.decider.cashier import (
    CASHIER,
    Cashier,
    CashierLocked,
    CashierNotRecognized,
    CashierUnknown,
    EnrollCashier,
    RightMissing,
)
from device_gateway.decider.till import TILL
from device_gateway.events import ApprovalGiven, CashierRole
from device_gateway.handlers.gateway import IDS, Gateway, cashier_stream, till_stream
from device_gateway.handlers.rights import allowed, at_till, cashier_of
from device_gateway.ports import CashierDesk, PinHash
from events import (
    Ask,
    Claim,
    ClaimTaken,
    Decision,
    DomainError,
    GiveBack,
    HandledTogether,
    Take,
    handle_together,
)
from kassenverbund.kit.auth import Caller
from kassenverbund.kit.chain_tills import ALL_RIGHTS, TillRight

APPROVAL_VALID_S = 120.0
SCRYPT_N = 2**14
"""16 MiB and some 40 ms per try: nobody tries many, and a stolen table costs much more."""
_PURPOSE_CARD = "device_gateway.cashier_card"
_PURPOSE_ASK = "device_gateway.cashier_ask"


class CardTaken(DomainError):
    code = "cashier.card_taken"
    title = "Somebody else signs in with this card"


class SignInAway(DomainError):
    code = "cashier.no_desk"
    status = 503
    title = "This gateway keeps no cashiers"


@dataclass(frozen=True, slots=True)
class WantedCashier:
    """What a manager says of a person. `pin` and `card` None: as before."""

    name: str
    role: CashierRole
    store_ids: tuple[str, ...]
    pin: str | None = None
    card: str | None = None
    remove_card: bool = False

    def __repr__(self) -> str:
        return f"WantedCashier({self.role})"


@dataclass(frozen=True, slots=True)
class Proof:
    """Who somebody says he is, and what shows it: a PIN, or a card alone."""

    cashier_id: str | None = None
    pin: str | None = None
    card: str | None = None

    def __repr__(self) -> str:
        return f"Proof({self.cashier_id})"


@dataclass(frozen=True, slots=True)
class KnownCashier:
    cashier_id: str
    name: str
    role: CashierRole
    store_ids: tuple[str, ...]
    has_pin: bool
    has_card: bool


@dataclass(frozen=True, slots=True)
class AtTill:
    """Who stands at a till, and what he may do there."""

    cashier_id: str | None
    name: str | None
    role: CashierRole | None
    rights: tuple[TillRight, ...]
    required: bool
    """Nothing is sold without somebody who is signed in."""
    training: bool = False
    """Its sales are trainings."""


def keyed(gateway: Gateway, ask: Ask) -> Ask:
    """The ask of a request that holds a PIN: a plain hash of four digits would tell them."""
    mixed = hmac.digest(gateway.secrets.key(_PURPOSE_ASK), ask.input_hash, "sha256")
    return replace(ask, input_hash=mixed)


async def enroll(
    gateway: Gateway,
    *,
    store_id: str,
    cashier_id: str,
    wanted: WantedCashier,
    by: Caller,
    ask: Ask,
) -> KnownCashier:
    """Enroll a person, or change one. Raises `CashierElsewhere`, `StoreUnknown`, `ClaimTaken`
    where somebody else has the card."""
    desk = _desk(gateway)
    for each in {store_id, *wanted.store_ids}:
        await gateway.master_data(each)
    card_hash = None if wanted.card is None else _card_hash(gateway, wanted.card)
    command = EnrollCashier(
        cashier_id, wanted.store_ids, wanted.role, card_hash, wanted.remove_card,
        wanted.pin is not None, by.actor, by.store_id, gateway.clock(),
    )  # fmt: skip
    stream = cashier_stream(cashier_id)

    def decide(states: Mapping[str, Any]) -> Decision:
        before: Cashier = states[stream]
        events = rules.enroll(command, before)
        card = events[0].card_hash
        return Decision({stream: events}, _claims(cashier_id, before, card))

    step = keyed(gateway, ask)
    try:
        done = await handle_together(gateway.store, {stream: CASHIER}, decide, ask=step)
    except ClaimTaken as taken:
        raise CardTaken from taken
    pin = None if wanted.pin is None else await _hashed(gateway, wanted.pin)
    # A late repeat of an older request changes nothing: its version is the older one.
    version = done.appended.recorded[-1].version
    await desk.keep(
        cashier_id, name=wanted.name, store_ids=wanted.store_ids, pin=pin, version=version
    )
    found = await _known(gateway, [cashier_id])
    if not found:
        raise CashierUnknown  # He was removed since: this is a late repeat.
    return found[0]


async def remove(gateway: Gateway, *, store_id: str, cashier_id: str, by: Caller, ask: Ask) -> None:
    """He signs in no more; name and PIN are wiped. Raises `CashierUnknown`, `CashierElsewhere`."""
    stream, now = cashier_stream(cashier_id), gateway.clock()

    def decide(states: Mapping[str, Any]) -> Decision:
        before: Cashier = states[stream]
        events = rules.remove(cashier_id, before, by=by.actor, by_store=by.store_id, now=now)
        return Decision({stream: events}, _claims(cashier_id, before, None))

    done = await handle_together(gateway.store, {stream: CASHIER}, decide, ask=ask)
    await _desk(gateway).forget(cashier_id, version=done.appended.recorded[-1].version)


async def cashiers_of(gateway: Gateway, store_id: str) -> Sequence[KnownCashier]:
    """Who may sign in in this store. Raises `StoreUnknown`."""
    await gateway.master_data(store_id)
    return await _known(gateway, await _desk(gateway).in_store(store_id))


async def _known(gateway: Gateway, cashier_ids: Sequence[str]) -> Sequence[KnownCashier]:
    names = await _desk(gateway).names_of(cashier_ids)
    found = list[KnownCashier]()
    for cashier_id in cashier_ids:
        cashier = await cashier_of(gateway, cashier_id)
        if cashier.role is not None:
            found.append(
                KnownCashier(
                    cashier_id,
                    names.get(cashier_id, ""),
                    cashier.role,
                    cashier.store_ids,
                    cashier.has_pin,
                    cashier.card_hash is not None,
                )
            )
    return found


async def sign_in(
    gateway: Gateway, *, store_id: str, till_id: str, proof: Proof, ask: Ask
) -> AtTill:
    """Raises `CashierNotRecognized`, `CashierLocked`, `TillUnknown`."""
    cashier_id, _ = await _proven(gateway, store_id, till_id, proof)
    now = gateway.clock()
    stream = till_stream(till_id)

    def decide(states: Mapping[str, Any]) -> Decision:
        return Decision(
            {
                stream: rules.sign_in(
                    states[stream],
                    store_id=store_id,
                    till_id=till_id,
                    cashier_id=cashier_id,
                    now=now,
                )
            }
        )

    await _at(gateway, stream, decide, keyed(gateway, ask))
    return await who_is_there(gateway, store_id=store_id, till_id=till_id)


async def sign_out(gateway: Gateway, *, store_id: str, till_id: str, ask: Ask) -> AtTill:
    """Raises `TillUnknown`."""
    now, stream = gateway.clock(), till_stream(till_id)

    def decide(states: Mapping[str, Any]) -> Decision:
        out = rules.sign_out(states[stream], store_id=store_id, till_id=till_id, now=now)
        return Decision({stream: out})

    await _at(gateway, stream, decide, ask)
    return await who_is_there(gateway, store_id=store_id, till_id=till_id)


async def who_is_there(gateway: Gateway, *, store_id: str, till_id: str) -> AtTill:
    """Raises `TillUnknown`."""
    till, cashier = await at_till(gateway, store_id, till_id)
    required = store_id in gateway.sign_in_required
    if cashier is None:
        return AtTill(None, None, None, () if required else ALL_RIGHTS, required, till.training)
    assert till.cashier is not None
    names = {} if gateway.cashiers is None else await gateway.cashiers.names_of([till.cashier])
    here = cashier.works_in(store_id) and cashier.role is not None
    rights = gateway.till_rights.of(cashier.role) if here and cashier.role else ()
    return AtTill(
        till.cashier, names.get(till.cashier), cashier.role, rights, required, till.training
    )


async def train(
    gateway: Gateway, *, store_id: str, till_id: str, on: bool, approval: str | None, ask: Ask
) -> AtTill:
    """Training mode; to begin it needs the right `training`, to end it none. Raises
    `RightMissing`, `SignInNeeded`, `ApprovalNotValid`, `TillUnknown`."""
    approved_by = None
    if on and await gateway.store.outcome(ask.key, ask.input_hash) is None:
        who = await allowed(gateway, store_id, till_id, "training", approval, ask=ask)
        approved_by = who.approved_by
    now, stream = gateway.clock(), till_stream(till_id)

    def decide(states: Mapping[str, Any]) -> Decision:
        events = rules.train(
            states[stream], store_id=store_id, till_id=till_id, on=on, approved_by=approved_by,
            now=now,
        )  # fmt: skip
        return Decision({stream: events})

    await _at(gateway, stream, decide, ask)
    return await who_is_there(gateway, store_id=store_id, till_id=till_id)


async def approve(
    gateway: Gateway,
    *,
    store_id: str,
    till_id: str,
    proof: Proof,
    right: TillRight,
    booking_id: str | None,
    ask: Ask,
) -> tuple[str, datetime]:
    """(approval, until when): a second person lends the till a right for one act.

    Raises `CashierNotRecognized`, `CashierLocked`, `RightMissing`, `TillUnknown`.
    """
    cashier_id, lender = await _proven(gateway, store_id, till_id, proof)
    if lender.role is None or right not in gateway.till_rights.of(lender.role):
        raise RightMissing(right=right, cashier=cashier_id)
    now = gateway.clock()
    given = ApprovalGiven(
        store_id=store_id,
        till_id=till_id,
        approval_id=str(uuid5(IDS, f"approval/{ask.key}")),
        cashier_id=cashier_id,
        right=right,
        booking_id=booking_id,
        given_at=now,
        expires_at=now + timedelta(seconds=APPROVAL_VALID_S),
    )
    stream = till_stream(till_id)

    def decide(states: Mapping[str, Any]) -> Decision:
        return Decision({stream: rules.approve(states[stream], given)})

    done = await _at(gateway, stream, decide, keyed(gateway, ask))
    stored = next(
        each.event for each in done.appended.recorded if isinstance(each.event, ApprovalGiven)
    )
    return stored.approval_id, stored.expires_at


class _Decides(Protocol):
    def __call__(self, states: Mapping[str, Any], /) -> Decision: ...


async def _at(gateway: Gateway, stream: str, decide: _Decides, ask: Ask) -> HandledTogether:
    return await handle_together(gateway.store, {stream: TILL}, decide, ask=ask)


async def _proven(
    gateway: Gateway, store_id: str, till_id: str, proof: Proof
) -> tuple[str, Cashier]:
    """Who it is. Every try counts until one is right. Raises `CashierNotRecognized`,
    `CashierLocked`."""
    await at_till(gateway, store_id, till_id)
    desk = _desk(gateway)
    wait_s = await desk.admit(till_id=till_id, now=gateway.clock())
    if wait_s is not None:
        raise CashierLocked(retry_after_s=int(wait_s) + 1)
    if proof.card is not None:
        claim = _card_claim(_card_hash(gateway, proof.card))
        cashier_id = await gateway.store.owner_of(claim)
        right = cashier_id is not None
    else:
        cashier_id = proof.cashier_id
        right = await _pin_fits(gateway, cashier_id, proof.pin or "")
    cashier = await cashier_of(gateway, cashier_id) if cashier_id and right else CASHIER.initial
    if cashier_id is None or not cashier.works_in(store_id):
        raise CashierNotRecognized
    await desk.succeeded(till_id=till_id)
    return cashier_id, cashier


async def _pin_fits(gateway: Gateway, cashier_id: str | None, pin: str) -> bool:
    """As slow for nobody as for somebody."""
    kept = None if cashier_id is None else await _desk(gateway).pin_of(cashier_id)
    against = kept or PinHash(bytes(16), bytes(32))
    derived = await _derived(gateway, pin, against.salt)
    return hmac.compare_digest(derived, against.hashed) and kept is not None


async def _hashed(gateway: Gateway, pin: str) -> PinHash:
    salt = os.urandom(16)
    return PinHash(salt, await _derived(gateway, pin, salt))


async def _derived(gateway: Gateway, pin: str, salt: bytes) -> bytes:
    scrypt = Scrypt(salt=salt, length=32, n=SCRYPT_N, r=8, p=1)
    async with gateway.scrypts:
        return await asyncio.to_thread(scrypt.derive, pin.encode())


def _desk(gateway: Gateway) -> CashierDesk:
    if gateway.cashiers is None:
        raise SignInAway
    return gateway.cashiers


def _card_hash(gateway: Gateway, code: str) -> str:
    return gateway.secrets.keyed_hash(_PURPOSE_CARD, code)


def _card_claim(card_hash: str) -> str:
    return f"cashier-card:{card_hash}"


def _claims(cashier_id: str, before: Cashier, card_hash: str | None) -> list[Claim]:
    if before.card_hash == card_hash:
        return []
    claims = list[Claim]()
    if before.card_hash is not None:
        claims.append(GiveBack(_card_claim(before.card_hash), cashier_id))
    if card_hash is not None:
        claims.append(Take(_card_claim(card_hash), cashier_id))
    return claims
