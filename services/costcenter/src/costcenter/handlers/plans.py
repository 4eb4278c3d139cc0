"""Which streams the decision about a charge needs, and what it rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from costcenter.commands import HoldCharge
from costcenter.decider import allowance
from costcenter.decider.allowance import ALLOWANCE, Allowance
from costcenter.decider.binding import (
    Bound,
    Room,
    Structure,
    binding,
    company_of,
)
from costcenter.decider.charging import (
    Basis,
    Left,
    assess,
    home_of,
    left_of,
    rules_for,
)
from costcenter.decider.month import MONTH, Charge
from costcenter.decider.structure import CARD, CENTER, COMPANY, GROUP
from costcenter.decider.structure_state import Card, Center, Company, MainGroup
from costcenter.decider.subsidies import payer_of
from costcenter.decider.usage import USAGE, Accounts, Stale
from costcenter.decider.windows import is_long, month_of
from costcenter.events import SubsidyRule
from costcenter.handlers.desk import Desk, streams_of
from costcenter.names import (
    card_stream,
    center_stream,
    company_stream,
    group_stream,
    month_stream,
)
from events import (
    Decider,
)


@dataclass(frozen=True, slots=True)
class Plan:
    """The streams that one hold needs."""

    structure: Structure
    rules: tuple[SubsidyRule, ...]
    home: str
    accounts: tuple[str, ...]
    newest: dict[str, str | None]
    parts: dict[str, Decider[Any, Any]]
    reads: dict[str, Decider[Any, Any]]


async def plan_of(desk: Desk, command: HoldCharge, *, fresh: bool) -> Plan:
    """As this process has seen the structure, or as it is now. Raises `Stale`, and where there is
    nothing that could be charged what `assess` raises."""
    structure = await structure_of(desk, command, fresh=fresh)
    rules = rules_for(structure, command)
    home = home_of(structure, rules)
    if structure.card.card_id is None and not fresh:
        raise Stale(command.shown.card_id)
    if home is None:
        # Nothing to write to: what is asked is refused, on the newest state.
        assess(command, Basis(await structure_of(desk, command, fresh=True)))
        raise Stale(command.shown.card_id)
    accounts = tuple(
        bound.account
        for bound in binding(structure, command.business_date)
        if bound.account is not None
    )
    newest = await desk.newest(accounts, fresh=fresh)
    month = month_of(command.business_date)
    parts: dict[str, Decider[Any, Any]] = {month_stream(home, month): MONTH}
    parts.update((stream, USAGE) for stream in streams_of(accounts, newest, month))
    for rule in rules:
        used = allowance.stream_of(rule.rule_id, command.shown.card_id, command.business_date)
        parts[used] = ALLOWANCE
    return Plan(structure, rules, home, accounts, newest, parts, reads_of(structure))


async def structure_of(desk: Desk, command: HoldCharge, *, fresh: bool) -> Structure:
    """Card, center, group, company and payers as this process has seen them, or as they are
    now."""
    state = desk.state
    card: Card = await state(card_stream(command.shown.card_id), CARD, fresh=fresh)
    center, group, company = Center(), MainGroup(), Company()
    if card.center_id is not None:
        center = await state(center_stream(card.center_id), CENTER, fresh=fresh)
    if card.card_id is not None:
        group = await state(group_stream(card.main_group), GROUP, fresh=fresh)
    company_id = company_of(center, group)
    if company_id is not None:
        company = await state(company_stream(company_id), COMPANY, fresh=fresh)
    bare = Structure(card, center, group, company)
    payers: dict[str, Center] = {}
    for rule in rules_for(bare, command):
        payer = payer_of(rule, card)
        if payer is not None and payer not in payers:
            payers[payer] = await state(center_stream(payer), CENTER, fresh=fresh)
    return Structure(card, center, group, company, payers)


def standing(accounts: Sequence[str], newest: Mapping[str, str | None]) -> list[str]:
    """Where accounts that were taken from stand now."""
    found = []
    for account in accounts:
        stream = newest[account] if is_long(account) else account
        if stream is not None:
            found.append(stream)
    return found


def allowance_streams(charge: Charge | None) -> tuple[str, ...]:
    if charge is None:
        return ()
    return allowance.streams_of(
        charge.subsidies, card_id=charge.chargee.card_id, day=charge.business_date
    )


def reads_of(structure: Structure) -> dict[str, Decider[Any, Any]]:
    card, center, company = structure.card, structure.center, structure.company
    reads: dict[str, Decider[Any, Any]] = {}
    if card.card_id is not None:
        reads[card_stream(card.card_id)] = CARD
        reads[group_stream(card.main_group)] = GROUP
    if center.center_id is not None:
        reads[center_stream(center.center_id)] = CENTER
    if company.company_id is not None:
        reads[company_stream(company.company_id)] = COMPANY
    reads.update((center_stream(payer), CENTER) for payer in structure.payers)
    return reads


def basis_of(command: HoldCharge, plan: Plan, states: Mapping[str, Any]) -> Basis:
    """The newest states, if they still need no other streams. Raises `Stale`."""
    before = plan.structure
    card: Card = states[card_stream(command.shown.card_id)]
    same_card = (card.center_id, card.main_group) == (
        before.card.center_id,
        before.card.main_group,
    )
    if not same_card:
        raise Stale(command.shown.card_id)
    center = before.center
    if card.center_id is not None:
        center = states.get(center_stream(card.center_id), center)
    group: MainGroup = states[group_stream(card.main_group)]
    company_id = company_of(center, group)
    company = before.company
    if company_id != company_of(before.center, before.group):
        raise Stale(command.shown.card_id)
    if company_id is not None:
        company = states.get(company_stream(company_id), company)
    payers = {payer: states[center_stream(payer)] for payer in before.payers}
    structure = Structure(card, center, group, company, payers)
    rules = rules_for(structure, command)
    needed = {payer_of(rule, card) for rule in rules} - {None}
    used = {allowance.stream_of(r.rule_id, card.card_id or "", command.business_date)
            for r in rules}  # fmt: skip
    accounts = {
        bound.account
        for bound in binding(structure, command.business_date)
        if bound.account is not None
    }
    fits = (
        home_of(structure, rules) == plan.home
        and needed <= payers.keys()
        and used <= plan.parts.keys()
        and accounts <= set(plan.accounts)
    )
    if not fits:
        raise Stale(command.shown.card_id)
    return Basis(structure, accounts_in(states, plan.newest), allowances_in(command, rules, states))


def accounts_in(states: Mapping[str, Any], newest: Mapping[str, str | None]) -> Accounts:
    usage = {name: state for name, state in states.items() if name.startswith("usage-")}
    return Accounts(usage, newest)


def allowances_in(
    command: HoldCharge, rules: Sequence[SubsidyRule], states: Mapping[str, Any]
) -> dict[str, Allowance]:
    day, card_id = command.business_date, command.shown.card_id
    return {rule.rule_id: states[allowance.stream_of(rule.rule_id, card_id, day)] for rule in rules}


def newest_after(account: str, before: str | None, states: Mapping[str, Any]) -> str | None:
    """After the append: the part that is open."""
    if before is not None and not states[before].closed:
        return before
    opened = (
        name
        for name, state in states.items()
        if name.startswith(f"{account}-") and state.opened and not state.closed
    )
    return next(opened, None)


def remaining_of(bounds: Sequence[Bound], accounts: Accounts) -> tuple[Left, ...]:
    """What limits with an account leave now."""
    found = []
    for bound in bounds:
        if bound.account is None:
            continue
        try:
            used = accounts.used(bound.limited, bound.account)
        except Stale:
            continue
        found.append(left_of(Room(bound, used, whole=0, counted=0), charged=False))
    return tuple(found)
