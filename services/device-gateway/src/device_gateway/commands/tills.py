"""What a store and its tills can be asked to do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from device_gateway.events import MasterDataChanged


@dataclass(frozen=True, slots=True)
class DeclareStore:
    """What `chain.yaml` says at start."""

    declared: MasterDataChanged


@dataclass(frozen=True, slots=True)
class OfferPairing:
    store_id: str
    till_id: str
    pairing_id: str
    name: str
    code_hash: str
    expires_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True)
class PairTill:
    """Exchange the code of `pairing_id` for a token, of which only the hash is known here."""

    store_id: str
    till_id: str
    code_hash: str
    token_hash: str
    now: datetime


@dataclass(frozen=True, slots=True)
class RevokeTill:
    store_id: str
    till_id: str
    reason: str
    now: datetime
    undeclared: bool = False
    """The chain file declares this unattended till no longer."""


@dataclass(frozen=True, slots=True)
class RollToken:
    store_id: str
    till_id: str
    token_hash: str
    old_until: datetime
    now: datetime


@dataclass(frozen=True, slots=True)
class DeclareUnattended:
    """The chain file has a till without a device."""

    store_id: str
    till_id: str
    name: str
    now: datetime


@dataclass(frozen=True, slots=True)
class AcceptClock:
    """A manager says that the clock is right, although something later was stored."""

    store_id: str
    latest: datetime
    reason: str
    accepted_by: str
    now: datetime
