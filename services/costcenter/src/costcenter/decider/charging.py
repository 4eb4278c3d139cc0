"""What a charge comes to, and what holding it stores. One pure function over the card, its center,
group and company, the limit accounts, and what the card has used of subsidies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from costcenter.commands import HoldCharge
from costcenter.decider import allowance
from costcenter.decider.allowance import Allowance
from costcenter.decider.binding import (
    Bound,
    Room,
    Structure,
    binding,
    center_hindered,
    check_card,
    check_center,
    rooms,
    typed_card,
)
from costcenter.decider.goods import by_vat, netted, parts_of
from costcenter.decider.month import CURRENCY, Charge, Month, opening
from costcenter.decider.refusals import (
    BasketNeeded,
    CardNotUsable,
    GroupMode,
    HoldExpired,
    HoldReleased,
    HoldReused,
    LimitExceeded,
    MonthIsClosed,
    WrongCurrency,
)
from costcenter.decider.structure_state import Center, Company
from costcenter.decider.subsidies import (
    Subsidised,
    When,
    evaluate,
    in_force,
    naming,
    payer_of,
)
from costcenter.decider.usage import Accounts, Posting, Stale
from costcenter.decider.windows import month_of
from costcenter.events import (
    Chargee,
    ChargeHeld,
    Mode,
    Override,
    SubsidyRule,
    SubsidyShare,
    Take,
    VatPart,
    Warned,
)
from costcenter.names import hold_claim, month_stream
from events import Claim, Decision
from events import Take as TakeClaim
from money import Money


@dataclass(frozen=True, slots=True)
class Left:
    """What one limit leaves."""

    limit_id: str
    name: str
    level: str
    window: str
    left: Money | None
    left_count: int | None


@dataclass(frozen=True, slots=True)
class Basis:
    """What a decision about one charge rests on."""

    structure: Structure
    accounts: Accounts = field(default_factory=Accounts)
    allowances: Mapping[str, Allowance] = field(default_factory=dict)
    """By rule id."""


@dataclass(frozen=True, slots=True)
class Assessed:
    """What a charge comes to."""

    chargee: Chargee
    amount: Money
    parts: tuple[VatPart, ...]
    subsidies: tuple[SubsidyShare, ...]
    rooms: tuple[Room, ...]
    """Of the limits that it takes from, before it does."""
    takes: tuple[Take, ...]
    warnings: tuple[Warned, ...]
    override: Override | None
    remaining: tuple[Left, ...]
    """Afterwards."""


def rules_for(structure: Structure, command: HoldCharge) -> tuple[SubsidyRule, ...]:
    """Subsidy rules that may pay, in their order. Without a basket: all that are in force."""
    meal = When(day=command.business_date, at=command.local_time)
    found = in_force(structure.group.rules.values(), structure.card, meal)
    return naming(found, command.basket) if command.basket else found


def home_of(structure: Structure, rules: Sequence[SubsidyRule]) -> str | None:
    """The center in whose month the charge stands: the card's own; of a card without one the
    payer of its subsidy."""
    if structure.card.center_id is not None:
        return structure.card.center_id
    payers = (payer_of(rule, structure.card) for rule in rules)
    return next((payer for payer in payers if payer is not None), None)


def assess(command: HoldCharge, basis: Basis) -> Assessed:
    """Raises `Stale` and every refusal of a charge but those of its hold id."""
    structure, day = basis.structure, command.business_date
    card = structure.card
    if command.amount.currency != CURRENCY:
        raise WrongCurrency
    if command.shown.how == "center_number":
        center = structure.center
        if center.center_id is not None and center.number != command.shown.value:
            raise Stale(command.shown.value)
        if typed_card(center, command.shown.card_number) != command.shown.card_id:
            raise Stale(command.shown.value)
    check_card(card, command.shown, day)
    group = structure.user_group
    mode: Mode | None = group.mode if group else None
    rules = rules_for(structure, command)
    if mode is None or (mode != "cost_center" and not rules):
        raise GroupMode(mode=mode)
    if mode == "cost_center":
        if card.center_id is None:
            raise CardNotUsable(reason="no_center")
        check_center(structure.center, structure.company, day)
    split = _subsidised(command, basis, rules, mode)
    if mode != "cost_center" and not split.shares:
        raise GroupMode(mode=mode)
    wanted = _own(command, split, rules)
    bounds = binding(structure, day) if mode == "cost_center" else ()
    return _within(command, basis, split, bounds, wanted)


def _subsidised(
    command: HoldCharge, basis: Basis, rules: Sequence[SubsidyRule], mode: Mode
) -> Subsidised:
    if rules and not command.basket:
        raise BasketNeeded
    structure, day = basis.structure, command.business_date
    payers = {
        center_id
        for center_id, center in structure.payers.items()
        if center.center_id is not None and center_hindered(center, Company(), day) is None
    }
    return evaluate(
        rules,
        card=structure.card,
        mode=mode,
        goods=command.basket,
        asked=command.amount,
        allowances=basis.allowances,
        payers=payers,
        day=day,
    )


def _own(command: HoldCharge, split: Subsidised, rules: Sequence[SubsidyRule]) -> int:
    """What the center is to pay. Minor units."""
    rest = command.amount.amount - sum(share.amount.amount for share in split.shares)
    if not rules:
        return rest
    return min(rest, sum(good.gross.amount for good in split.center))


def _within(
    command: HoldCharge,
    basis: Basis,
    split: Subsidised,
    bounds: Sequence[Bound],
    wanted: int,
) -> Assessed:
    """Raises `LimitExceeded`, `BasketNeeded`, `Stale`."""
    found = rooms(bounds, basis.accounts, split.center)
    hard = [room for room in found if room.bound.limit.on_exceed == "block"]
    tight = [room for room in hard if room.allows(wanted) < wanted]
    override, amount = None, wanted
    if tight and command.override is not None:
        override = Override(
            by=command.override.by,
            reason=command.override.reason,
            limit_ids=tuple(room.bound.limit.limit_id for room in tight),
        )
    elif tight:
        tightest = min(tight, key=lambda room: room.allows(wanted))
        fits = tightest.allows(wanted)
        if command.mode == "exact" or (not fits and not split.shares):
            raise exceeded(tightest, fits)
        amount = fits
    return _assessed(command, basis, split, found if amount else (), amount, override)


def exceeded(room: Room, fits: int) -> LimitExceeded:
    limit = room.bound.limit
    by_count = limit.amount is None
    return LimitExceeded(
        limit_id=limit.limit_id,
        name=limit.name,
        level=limit.scope.level,
        window=limit.window,
        available=None if by_count else _money(fits).model_dump(),
        available_count=max(0, room.left_count) if by_count else None,
    )


def _assessed(
    command: HoldCharge,
    basis: Basis,
    split: Subsidised,
    found: tuple[Room, ...],
    amount: int,
    override: Override | None,
) -> Assessed:
    takes = tuple(
        Take(
            limit_id=room.bound.limit.limit_id,
            account=room.bound.account,
            amount=_money(room.takes(amount)),
            overdrawn=room.allows(amount) < amount,
        )
        for room in found
        if room.bound.account is not None
    )
    goods = netted(split.center)
    whole = by_vat(goods)
    return Assessed(
        chargee=_chargee(basis.structure, rules_for(basis.structure, command)),
        amount=_money(amount),
        parts=parts_of(_money(amount), whole),
        subsidies=split.shares,
        rooms=found,
        takes=takes,
        warnings=tuple(
            _warned(room, amount)
            for room in found
            if room.bound.limit.on_exceed == "warn" and room.allows(amount) < amount
        ),
        override=override,
        remaining=tuple(left_of(room, amount) for room in found),
    )


def _warned(room: Room, amount: int) -> Warned:
    limit = room.bound.limit
    return Warned(
        limit_id=limit.limit_id,
        name=limit.name,
        value=limit.amount,
        count=limit.count,
        used=_money(room.used.amount + room.takes(amount)),
    )


def left_of(room: Room, amount: int = 0, *, charged: bool = True) -> Left:
    """What is left of a limit when `amount` has been charged; never below zero."""
    limit = room.bound.limit
    by_count = limit.amount is None
    return Left(
        limit_id=limit.limit_id,
        name=limit.name,
        level=limit.scope.level,
        window=limit.window,
        left=None if by_count else _money(max(0, room.left - room.takes(amount))),
        left_count=max(0, room.left_count - charged) if by_count else None,
    )


def _chargee(structure: Structure, rules: Sequence[SubsidyRule]) -> Chargee:
    card, center = structure.card, structure.center
    if center.center_id is None:
        home = home_of(structure, rules)
        assert home is not None  # Something pays, so there is a payer.
        center = structure.payers[home]
    assert card.card_id is not None
    assert center.center_id is not None
    return Chargee(
        center_id=center.center_id,
        center_number=center.number,
        center_name=center.name,
        card_id=card.card_id,
        card_number=card.number,
        main_group=card.main_group,
        user_group=card.user_group,
        company_id=structure.company.company_id,
    )


def hold(command: HoldCharge, basis: Basis, month: Month) -> Decision:
    """The charge, what it takes from limits and allowances, and its claim, in one append.

    Raises what `assess` raises, `MonthIsClosed`, and the refusals of a hold id.
    """
    known = month.charges.get(command.charge_id)
    if known is not None:
        check_repeat(command, known)
        return Decision({})
    what = assess(command, basis)
    center_id, name = what.chargee.center_id, month_of(command.business_date)
    if month.closed:
        raise MonthIsClosed(month=name)
    stream = month_stream(center_id, name)
    posting = Posting(basis.accounts, command.now)
    by_account = {room.bound.account: room.bound.limited for room in what.rooms}
    for take in what.takes:
        posting.take(
            by_account[take.account],
            take.account,
            name,
            by=command.charge_id,
            amount=take.amount,
            count=take.count,
        )
    held = ChargeHeld(
        charge_id=command.charge_id,
        month=name,
        chargee=what.chargee,
        amount=what.amount,
        parts=what.parts,
        subsidies=what.subsidies,
        takes=what.takes,
        warnings=what.warnings,
        override=what.override,
        store_id=command.store_id,
        till_id=command.till_id,
        booking_id=command.booking_id,
        payment_id=command.payment_id,
        business_date=command.business_date,
        expires_at=command.expires_at,
        held_at=command.now,
    )
    events: dict[str, Sequence[Any]] = {
        stream: [*opening(month, center_id, name, command.now), held],
        **posting.events,
        **allowance.taken(
            what.subsidies,
            card_id=what.chargee.card_id,
            charge_id=command.charge_id,
            day=command.business_date,
            now=command.now,
        ),
    }
    claims: list[Claim] = [TakeClaim(hold_claim(command.charge_id), stream), *posting.claims]
    return Decision(events, claims)


def check_repeat(command: HoldCharge, known: Charge) -> None:
    """Raises `HoldReused` for another request, `HoldReleased` or `HoldExpired` for a hold that has
    ended."""
    same = (
        known.booking_id == command.booking_id
        and known.payment_id == command.payment_id
        and known.store_id == command.store_id
        and known.till_id == command.till_id
        and known.chargee.card_id == command.shown.card_id
    )
    asked = command.amount.amount
    whole = known.amount.amount + sum(share.amount.amount for share in known.subsidies)
    fits = whole <= asked if command.mode == "up_to" or known.subsidies else whole == asked
    if not same or not fits:
        raise HoldReused
    if known.state == "released":
        raise HoldExpired if known.release == "expired" else HoldReleased


def _money(minor: int) -> Money:
    return Money(amount=minor, currency=CURRENCY)


__all__ = [
    "Assessed", "Basis", "Center", "Left", "assess", "check_repeat", "hold", "home_of", "left_of",
    "rules_for",
]  # fmt: skip
