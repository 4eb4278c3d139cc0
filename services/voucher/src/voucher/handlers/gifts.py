"""Donated vouchers that waive fees: what the voucher's stream gets when an account's does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from events import DomainError, Event, fold
from voucher.commands import CaptureHold, ReleaseHold
from voucher.decider import (
    VOUCHER,
    HoldCaptured,
    HoldReused,
    HoldUnknown,
    Issued,
    Voucher,
    VoucherNotUsable,
)
from voucher.decider.account import ACCOUNT, Account
from voucher.decider.account.commands import RecordSettlements, WaivedBy
from voucher.decider.account.state import Opened, SettlementState
from voucher.events import FeeSettled, FeeSettlementFailed
from voucher.handlers.names import Found, stream_of

States = Mapping[str, Any]
Events = Sequence[Event]


class NoGift(DomainError):
    """A purchased voucher is a payment: it is held and captured as on any other booking."""

    code = "voucher.no_gift"
    title = "Only a voucher that was given away waives a fee"


class FeeKindNotCovered(DomainError):
    code = "voucher.fee_kind"
    title = "This voucher is not for fees of this kind"


def parts(stream: str, found: Found | None) -> dict[str, Any]:
    return {stream: ACCOUNT, **({} if found is None else {found.stream: VOUCHER})}


def all_of(stream: str, gifts: Mapping[str, str]) -> dict[str, Any]:
    return {stream: ACCOUNT, **dict.fromkeys(gifts.values(), VOUCHER)}


def gift_in(states: States, found: Found | None) -> WaivedBy | None:
    if found is None:
        return None
    voucher: Voucher = states[found.stream]
    if not isinstance(voucher, Issued):
        raise VoucherNotUsable
    if voucher.terms.funding == "purchased":
        raise NoGift
    return WaivedBy(voucher_id=voucher.voucher_id, serial=voucher.serial)


def gift_reason(states: States, found: Found | None) -> str | None:
    voucher = None if found is None else states[found.stream]
    return voucher.terms.reason if isinstance(voucher, Issued) else None


def covers(states: States, stream: str, fee_id: str, found: Found) -> None:
    account, voucher = states[stream], states[found.stream]
    assert isinstance(account, Opened)
    assert isinstance(voucher, Issued)
    kinds = voucher.terms.restrictions.fee_kinds
    if kinds and account.fees[fee_id].kind not in kinds:
        raise FeeKindNotCovered


def gifts_of(account: Account, ids: Sequence[str]) -> dict[str, str]:
    """Settlement → stream of the voucher that waives it, of those that are not settled yet."""
    if not isinstance(account, Opened):
        return {}
    done = (SettlementState.SETTLED, SettlementState.FAILED)
    known = [account.settlements[one] for one in ids if one in account.settlements]
    return {
        entry.settlement_id: stream_of(entry.voucher_id)
        for entry in known
        if entry.voucher_id is not None and entry.state not in done
    }


def given_by_vouchers(
    command: RecordSettlements, facts: Events, gifts: Mapping[str, str], states: States
) -> dict[str, Events]:
    """What the vouchers give for the fees that they waive: exactly what was settled by them."""
    events: dict[str, list[Event]] = {stream: [] for stream in gifts.values()}
    after = {stream: states[stream] for stream in events}
    settled = {fact.settlement_id for fact in facts if isinstance(fact, FeeSettled)}
    for fact in facts:
        if not isinstance(fact, FeeSettled | FeeSettlementFailed):
            continue
        stream = gifts.get(fact.settlement_id)
        if stream is None:
            continue
        if isinstance(fact, FeeSettled):
            new = VOUCHER.decide(_capture(command, fact), after[stream])
        elif fact.settlement_id in settled:
            continue  # A part was settled; the rest of the hold went with its capture.
        else:
            release = ReleaseHold(hold_id=fact.settlement_id, reason="aborted", now=command.now)
            new = released_if_held(release, after[stream])
        after[stream] = fold(VOUCHER, new, start=after[stream])
        events[stream] += new
    return dict(events)


def _capture(command: RecordSettlements, fact: FeeSettled) -> CaptureHold:
    return CaptureHold(
        voucher_id=None,
        hold_id=fact.settlement_id,
        booking_id=command.booking_id,
        amount=fact.amount,
        store_id=command.store_id,
        till_id=command.till_id,
        accepted_by=command.legal_entity_id,
        recorded_at=command.recorded_at,
        now=command.now,
    )


def released_if_held(command: ReleaseHold, voucher: Voucher) -> Events:
    """A hold that is gone already needs no release."""
    try:
        return VOUCHER.decide(command, voucher)
    except (HoldUnknown, HoldCaptured, HoldReused):
        return ()
