"""Pairing a till, telling its token, revoking it."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import uuid5

from device_gateway.commands import OfferPairing, PairTill, RevokeTill, RollToken
from device_gateway.decider.refusals import PairingUnknown, StoreUnknown, TillUnknown
from device_gateway.decider.store import STORE
from device_gateway.decider.till import TILL, Till, offer, pair, revoke, roll
from device_gateway.events import PairingOffered, TillPaired, TokenRolled
from device_gateway.handlers.gateway import IDS, Gateway, store_stream, till_stream
from device_gateway.handlers.live import LiveEvent
from device_gateway.handlers.shifts import newest_shift
from events import (
    Ask,
    Claim,
    Decider,
    Decision,
    GiveBack,
    Recorded,
    Take,
    handle_together,
    state_of,
)
from kassenverbund.kit.auth import Caller

TOKEN_PREFIX = "kvt_"  # noqa: S105  (the prefix of every token, not a token)
PAIRING_ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
PAIRING_CODE_LENGTH = 8
PAIRING_VALID_S = 600.0
"""How long a code may be exchanged, and how long a lost answer may be asked for again."""
TOKENS_CACHED_MAX = 10_000
ROLL_OVERLAP_S = 60.0
"""How long the token before is good yet: a lost answer must not lock a till out."""


@dataclass(frozen=True, slots=True)
class OfferedPairing:
    till_id: str
    code: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class PairedTill:
    till_id: str
    client_id: str
    token: str

    def __repr__(self) -> str:
        return f"PairedTill({self.till_id})"


@dataclass(frozen=True, slots=True)
class ListedTill:
    till_id: str
    name: str
    client_id: str
    tse_id: str
    active: bool
    paired_at: datetime | None
    revoked_at: datetime | None
    numbers: int
    unattended: bool = False


async def offer_pairing(
    gateway: Gateway, *, store_id: str, till_id: str | None, name: str, ask: Ask
) -> OfferedPairing:
    """A code for `till_id` (a new till where None). The same ask gives the same code.

    Raises `StoreUnknown`, `TillTaken`.
    """
    await gateway.master_data(store_id)
    pairing_id = str(uuid5(IDS, f"pairing/{ask.key}"))
    chosen = till_id or f"t-{pairing_id[:8]}"
    code = _code(gateway, pairing_id)
    now = gateway.clock()
    command = OfferPairing(
        store_id=store_id,
        till_id=chosen,
        pairing_id=pairing_id,
        name=name,
        code_hash=_code_hash(gateway, code),
        expires_at=now + timedelta(seconds=PAIRING_VALID_S),
        now=now,
    )
    stream = till_stream(chosen)

    def decide(states: Mapping[str, Any]) -> Decision:
        till: Till = states[stream]
        claims = _give_back_offer(till)
        claims.append(Take(_pairing_claim(command.code_hash), chosen))
        return Decision({stream: offer(command, till)}, claims)

    done = await handle_together(gateway.store, {stream: TILL}, decide, ask=ask)
    offered = _first(done.appended.recorded, PairingOffered)
    return OfferedPairing(chosen, code, offered.expires_at)


async def pair_till(gateway: Gateway, *, store_id: str, code: str, ask: Ask) -> PairedTill:
    """Exchange a code for the till's token. Raises `PairingUnknown`, `StoreUnknown`."""
    stored = await gateway.store.outcome(ask.key, ask.input_hash)
    if stored is not None:
        return _repeated(gateway, _first(stored.recorded, TillPaired), ask)
    code_hash = _code_hash(gateway, normalized(code))
    till_id = await gateway.store.owner_of(_pairing_claim(code_hash))
    if till_id is None:
        raise PairingUnknown
    _, seen = await state_of(gateway.store, TILL, till_stream(till_id))
    if seen.offer is None:
        raise PairingUnknown
    token = _token(gateway, seen.offer.pairing_id, ask)
    command = PairTill(store_id, till_id, code_hash, token_hash(token), gateway.clock())
    till_part, store_part = till_stream(till_id), store_stream(store_id)

    def decide(states: Mapping[str, Any]) -> Decision:
        till: Till = states[till_part]
        paired, joined = pair(command, till, states[store_part])
        if paired[0].pairing_id != seen.offer.pairing_id:  # type: ignore[union-attr]  # checked
            raise PairingUnknown
        claims = _give_back_offer(till) + _give_back_token(till)
        claims.append(Take(_token_claim(command.token_hash), till_id))
        return Decision({till_part: paired, store_part: joined}, claims)

    parts: dict[str, Decider[Any, Any]] = {till_part: TILL, store_part: STORE}
    done = await handle_together(gateway.store, parts, decide, ask=ask)
    return PairedTill(till_id, _first(done.appended.recorded, TillPaired).client_id, token)


def _repeated(gateway: Gateway, paired: TillPaired, ask: Ask) -> PairedTill:
    """The token of a pairing whose answer was lost, for as long as the code was valid."""
    if gateway.clock() > paired.paired_at + timedelta(seconds=PAIRING_VALID_S):
        raise PairingUnknown
    return PairedTill(paired.till_id, paired.client_id, _token(gateway, paired.pairing_id, ask))


async def roll_token(gateway: Gateway, *, store_id: str, till_id: str, ask: Ask) -> PairedTill:
    """A new token for a paired till. The same ask gives the same token while the old one is good.

    Raises `TillUnknown`, `TillRevokedAlready`, `PairingUnknown` for a repeat that comes too late.
    """
    now, stream = gateway.clock(), till_stream(till_id)
    token = _token(gateway, f"roll/{till_id}", ask)
    until = now + timedelta(seconds=ROLL_OVERLAP_S)
    command = RollToken(store_id, till_id, token_hash(token), until, now)

    def decide(states: Mapping[str, Any]) -> Decision:
        till: Till = states[stream]
        events = roll(command, till)
        assert till.token_hash is not None  # roll() has looked
        claims: list[Claim] = [
            *_give_back_token(till),
            Take(_token_claim(command.token_hash), till_id),
            Take(_old_token_claim(till.token_hash), till_id),
        ]
        return Decision({stream: events}, claims)

    done = await handle_together(gateway.store, {stream: TILL}, decide, ask=ask)
    rolled = _first(done.appended.recorded, TokenRolled)
    if now > rolled.old_until:
        raise PairingUnknown
    _, till = await state_of(gateway.store, TILL, stream)
    return PairedTill(till_id, till.client_id, token)


async def revoke_till(
    gateway: Gateway, *, store_id: str, till_id: str, reason: str, ask: Ask
) -> None:
    """The token is worthless when this returns. Raises `TillUnknown`."""
    command = RevokeTill(store_id, till_id, reason, gateway.clock())
    stream = till_stream(till_id)

    def decide(states: Mapping[str, Any]) -> Decision:
        till: Till = states[stream]
        events = revoke(command, till)
        return Decision({stream: events}, _give_back_offer(till) + _give_back_token(till))

    await handle_together(gateway.store, {stream: TILL}, decide, ask=ask)
    gateway.live.tell(store_id, till_id, LiveEvent("revoked", {}, command.now))


async def tills_of(gateway: Gateway, store_id: str) -> list[ListedTill]:
    """The store's tills in the order in which they joined. Raises `StoreUnknown`."""
    _, store = await state_of(gateway.store, STORE, store_stream(store_id))
    if store.master_data is None:
        raise StoreUnknown
    listed = list[ListedTill]()
    for joined in store.tills.values():
        till, shift = await newest_shift(gateway, joined.till_id)
        listed.append(
            ListedTill(
                till_id=till.till_id,
                name=till.name,
                client_id=till.client_id,
                tse_id=till.tse_id,
                active=till.active,
                paired_at=till.paired_at,
                revoked_at=till.revoked_at,
                numbers=shift.numbers if shift.opened else till.numbers,
                unattended=till.unattended,
            )
        )
    return listed


async def till_of(gateway: Gateway, *, store_id: str, till_id: str) -> Till:
    """Raises `TillUnknown`, also for a till of another store."""
    _, till = await state_of(gateway.store, TILL, till_stream(till_id))
    if not till.known or till.store_id != store_id:
        raise TillUnknown
    return till


class TillsSeen(Protocol):
    """When tills were last there."""

    async def all(self) -> Mapping[str, datetime]:
        """By till. Raises `Transient`."""
        ...


@dataclass(slots=True)
class TillTokens:
    """Tells whose token it is. Whether it is still good is asked of the log each time."""

    gateway: Gateway
    seen: dict[str, datetime] = field(default_factory=dict)
    """Till → when its token was last shown to this process."""
    kept: TillsSeen | None = None
    """What all processes have seen; None: nobody keeps it."""
    _known: dict[str, Caller] = field(default_factory=dict)

    async def caller(self, token: str) -> Caller | None:
        """None: unknown or revoked. Revoking takes effect at once, in every process."""
        hashed = token_hash(token)
        till_id = await self.gateway.store.owner_of(_token_claim(hashed))
        if till_id is None:
            self._known.pop(hashed, None)
            return await self._by_old_token(hashed)
        self.seen[till_id] = self.gateway.clock()
        found = self._known.get(hashed)
        if found is None:
            _, till = await state_of(self.gateway.store, TILL, till_stream(till_id))
            if till.token_hash is None or not hmac.compare_digest(till.token_hash, hashed):
                return None
            found = _caller_of(till, till_id)
            if len(self._known) >= TOKENS_CACHED_MAX:
                self._known.clear()
            self._known[hashed] = found
        return found

    async def _by_old_token(self, hashed: str) -> Caller | None:
        """A till whose token was rolled a moment ago."""
        till_id = await self.gateway.store.owner_of(_old_token_claim(hashed))
        if till_id is None:
            return None
        _, till = await state_of(self.gateway.store, TILL, till_stream(till_id))
        if till.old_hash is None or till.old_until is None:
            return None
        good = hmac.compare_digest(till.old_hash, hashed) and self.gateway.clock() < till.old_until
        return _caller_of(till, till_id) if good else None


def _caller_of(till: Till, till_id: str) -> Caller:
    return Caller(
        kind="till",
        id=till_id,
        roles=frozenset({"cashier"}),
        store_id=till.store_id,
        till_id=till_id,
    )


def token_hash(token: str) -> str:
    """Enough for a secret of 256 random bits; a slow hash protects weak ones."""
    return hashlib.sha256(token.encode()).hexdigest()


def normalized(code: str) -> str:
    """As people type it: any case, with hyphens or spaces."""
    return code.replace("-", "").replace(" ", "").upper()


def _code(gateway: Gateway, pairing_id: str) -> str:
    """Derived with a key, so that a lost answer can be repeated and nothing has to be stored."""
    key = gateway.secrets.key("device_gateway.pairing_code")
    number = int.from_bytes(hmac.new(key, pairing_id.encode(), hashlib.sha256).digest())
    letters = ""
    for _ in range(PAIRING_CODE_LENGTH):
        number, index = divmod(number, len(PAIRING_ALPHABET))
        letters += PAIRING_ALPHABET[index]
    return letters


def _token(gateway: Gateway, pairing_id: str, ask: Ask) -> str:
    """256 bits that only the holder of the chain's root key could compute again."""
    key = gateway.secrets.key("device_gateway.till_token")
    seed = f"{pairing_id}/{ask.key}".encode() + ask.input_hash
    raw = hmac.new(key, seed, hashlib.sha256).digest()
    return TOKEN_PREFIX + base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _code_hash(gateway: Gateway, code: str) -> str:
    return gateway.secrets.keyed_hash("device_gateway.pairing_hash", code)


def _pairing_claim(code_hash: str) -> str:
    return f"pairing:{code_hash}"


def _token_claim(hashed: str) -> str:
    return f"till-token:{hashed}"


def _old_token_claim(hashed: str) -> str:
    return f"till-token-old:{hashed}"


def _give_back_offer(till: Till) -> list[Claim]:
    if till.offer is None:
        return []
    return [GiveBack(_pairing_claim(till.offer.code_hash), till.till_id)]


def _give_back_token(till: Till) -> list[Claim]:
    """Also of the one before."""
    claims = list[Claim]()
    if till.token_hash:
        claims.append(GiveBack(_token_claim(till.token_hash), till.till_id))
    if till.old_hash:
        claims.append(GiveBack(_old_token_claim(till.old_hash), till.till_id))
    return claims


def _first(recorded: Sequence[Recorded], kind: type[Any]) -> Any:
    return next(entry.event for entry in recorded if isinstance(entry.event, kind))
