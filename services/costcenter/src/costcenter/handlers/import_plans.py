"""What rows lead to: for each kind, which streams it needs and what it decides on them.

Pure once `owners` and states are there, so the same code says what would be refused and stores
what is not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from costcenter.decider.structure import CARD, CENTER, COMPANY, GROUP
from costcenter.decider.structure.commands import (
    BlockCard,
    BlockCenter,
    IssueCard,
    MoveCard,
    RegroupCard,
    SetCompany,
    SetMainGroup,
    SetUserGroup,
    UnblockCard,
    UnblockCenter,
)
from costcenter.decider.structure.company import open_company
from costcenter.decider.structure.refusals import (
    CardCodeTaken,
    CardNumberTaken,
    CardReused,
    CenterNumberTaken,
    CenterUnknown,
)
from costcenter.decider.structure.together import OnBothSides, issue, move, regroup
from costcenter.decider.structure_state import Card, Center, Company, MainGroup
from costcenter.events import Address
from costcenter.handlers.import_rows import (
    CardRow,
    CenterRow,
    CompanyRow,
    Kind,
    MainGroupRow,
    Row,
    UserGroupRow,
)
from costcenter.handlers.structure import Writer
from costcenter.handlers.structure_cards import card_claims
from costcenter.handlers.structure_centers import (
    CenterData,
    Centers,
    number_claims,
    set_center,
)
from costcenter.names import (
    card_number_claim,
    card_stream,
    center_number_claim,
    center_stream,
    code_claim,
    company_stream,
    group_stream,
)
from events import Claim, Decider, DomainError, Event

Owners = Mapping[str, str]
Streams = dict[str, Decider[Any, Any]]


class RowRefused(DomainError):
    """`extra`: `column`, and `reason` as code."""

    code = "row.refused"
    status = 422


@dataclass(slots=True)
class Draft:
    """States while rows are decided, and what they lead to."""

    states: dict[str, Any]
    owners: Owners
    writer: Writer
    centers: Centers
    """For the chain's rules about numbers."""
    events: dict[str, list[Event]] = field(default_factory=dict)
    claims: list[Claim] = field(default_factory=list)

    def add(self, stream: str, decider: Decider[Any, Any], decided: Sequence[Event]) -> None:
        for event in decided:
            self.states[stream] = decider.evolve(self.states[stream], event)
        self.events.setdefault(stream, []).extend(decided)


@dataclass(frozen=True, slots=True)
class Plan:
    claims: Callable[[Row], Iterable[str]]
    """Unique keys that have to be looked up."""
    streams: Callable[[Row, Owners], Streams]
    """Streams that it writes or reads."""
    decide: Callable[[Row, Draft], None]
    """Raises a `DomainError` for a row that cannot be."""


def _nothing(row: Row) -> Iterable[str]:
    return ()


def _company_streams(row: Row, owners: Owners) -> Streams:
    assert isinstance(row, CompanyRow)
    return {company_stream(row.company_id): COMPANY}


def _company(row: Row, draft: Draft) -> None:
    assert isinstance(row, CompanyRow)
    stream = company_stream(row.company_id)
    company: Company = draft.states[stream]
    address = _address(row, company.address, row.name)
    if address is None:
        raise RowRefused("a company has an address", column="city", reason="cell.missing")
    vat_id = row.vat_id if "vat_id" in row.model_fields_set else company.vat_id
    command = SetCompany(row.company_id, row.name, address, vat_id, draft.writer.clock())
    draft.add(stream, COMPANY, COMPANY.decide(command, company))


def _address(row: CompanyRow | CenterRow, before: Address | None, name: str) -> Address | None:
    if not row.has_address_columns:
        return before
    try:
        return row.address(name)
    except KeyError as missing:
        raise RowRefused(
            "an address needs it", column=missing.args[0], reason="cell.missing"
        ) from None


def _with_company(stream: str, decider: Decider[Any, Any], company_id: str | None) -> Streams:
    streams: Streams = {stream: decider}
    if company_id is not None:
        streams[company_stream(company_id)] = COMPANY
    return streams


def _main_streams(row: Row, owners: Owners) -> Streams:
    assert isinstance(row, MainGroupRow)
    return _with_company(group_stream(row.main_group), GROUP, row.company_id)


def _main(row: Row, draft: Draft) -> None:
    assert isinstance(row, MainGroupRow)
    stream = group_stream(row.main_group)
    group: MainGroup = draft.states[stream]
    company_id = row.company_id if "company_id" in row.model_fields_set else group.company_id
    command = SetMainGroup(row.main_group, row.name, company_id, draft.writer.clock())
    decided = GROUP.decide(command, group)
    if decided and row.company_id is not None:
        open_company(draft.states[company_stream(row.company_id)])
    draft.add(stream, GROUP, decided)


def _user_streams(row: Row, owners: Owners) -> Streams:
    assert isinstance(row, UserGroupRow)
    return {group_stream(row.main_group): GROUP}


def _user(row: Row, draft: Draft) -> None:
    assert isinstance(row, UserGroupRow)
    stream = group_stream(row.main_group)
    now = draft.writer.clock()
    command = SetUserGroup(row.user_group, row.name, row.mode, new=False, now=now)
    draft.add(stream, GROUP, GROUP.decide(command, draft.states[stream]))


def _center_claims(row: Row) -> Iterable[str]:
    assert isinstance(row, CenterRow)
    return (center_number_claim(row.number),)


def _center_of(row: CenterRow, owners: Owners) -> str:
    """Its stream: the one that it names, the one with its number, or a new one."""
    if row.center_id is not None:
        return center_stream(row.center_id)
    made = str(uuid5(NAMESPACE_URL, f"kassenverbund:center:{row.number}"))
    return owners.get(center_number_claim(row.number)) or center_stream(made)


def _center_streams(row: Row, owners: Owners) -> Streams:
    assert isinstance(row, CenterRow)
    return _with_company(_center_of(row, owners), CENTER, row.company_id)


def _center(row: Row, draft: Draft) -> None:
    assert isinstance(row, CenterRow)
    stream = _center_of(row, draft.owners)
    center: Center = draft.states[stream]
    if draft.owners.get(center_number_claim(row.number), stream) != stream:
        raise CenterNumberTaken
    draft.centers.checked(row.number)
    told = row.model_fields_set
    data = CenterData(
        center_id=stream.partition("-")[2],
        number=row.number,
        name=row.name,
        address=_address(row, center.address, row.name),
        **{
            name: getattr(row if name in told else center, name)
            for name in ("company_id", "contact_id", "valid_from", "valid_until")
        },
    )
    decided = CENTER.decide(set_center(data, draft.writer), center)
    if decided and row.company_id is not None:
        open_company(draft.states[company_stream(row.company_id)])
    draft.claims += number_claims(decided)
    draft.add(stream, CENTER, decided)
    if "blocked" in told:
        now = draft.writer.clock()
        block = UnblockCenter(now) if row.blocked is None else BlockCenter(row.blocked, now)
        if draft.states[stream].blocked != row.blocked:
            draft.add(stream, CENTER, CENTER.decide(block, draft.states[stream]))


def _card_claims(row: Row) -> Iterable[str]:
    assert isinstance(row, CardRow)
    yield card_number_claim(row.number)
    if row.code_hash is not None:
        yield code_claim(row.code_hash)
    if row.center_number is not None:
        yield center_number_claim(row.center_number)


def card_of(row: CardRow, owners: Owners) -> str:
    """Its stream: the one that it names, the one with its number, or a new one."""
    if row.card_id is not None:
        return card_stream(row.card_id)
    made = str(uuid5(NAMESPACE_URL, f"kassenverbund:card:{row.number}"))
    return owners.get(card_number_claim(row.number)) or card_stream(made)


def _center_owner(row: CardRow, owners: Owners) -> str | None:
    if row.center_number is None:
        return None
    return owners.get(center_number_claim(row.center_number))


def _card_streams(row: Row, owners: Owners) -> Streams:
    """The center that an existing card books to comes on top."""
    assert isinstance(row, CardRow)
    streams: Streams = {card_of(row, owners): CARD, group_stream(row.main_group): GROUP}
    center = _center_owner(row, owners)
    if center is not None:
        streams[center] = CENTER
    return streams


def _card(row: Row, draft: Draft) -> None:
    assert isinstance(row, CardRow)
    stream, center = card_of(row, draft.owners), _center_owner(row, draft.owners)
    if row.center_number is not None and center is None:
        raise CenterUnknown(column="center_number")
    if draft.owners.get(card_number_claim(row.number), stream) != stream:
        raise CardNumberTaken
    if row.code_hash is not None:
        owner = draft.owners.get(code_claim(row.code_hash), stream)
        if owner != stream:
            raise CardCodeTaken
    card: Card = draft.states[stream]
    if card.card_id is None:
        _new_card(row, draft, stream, center)
    else:
        _known_card(row, draft, stream, center)
    if "blocked" in row.model_fields_set and draft.states[stream].blocked != row.blocked:
        now = draft.writer.clock()
        block = UnblockCard(now) if row.blocked is None else BlockCard(row.blocked, now)
        draft.add(stream, CARD, CARD.decide(block, draft.states[stream]))


def _new_card(row: CardRow, draft: Draft, stream: str, center: str | None) -> None:
    command = IssueCard(
        card_id=stream.partition("-")[2],
        number=row.number,
        kind=row.kind,
        medium=row.on,
        type=row.type or "customer",
        main_group=row.main_group,
        user_group=row.user_group,
        center_id=None if center is None else center.partition("-")[2],
        code_hash=row.code_hash,
        hash_key_id=row.hash_key_id,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        now=draft.writer.clock(),
    )
    to = None if center is None else draft.states[center]
    group = draft.states[group_stream(row.main_group)]
    _both(draft, stream, None, center, issue(command, draft.states[stream], to, group))


def _known_card(row: CardRow, draft: Draft, stream: str, center: str | None) -> None:
    card: Card = draft.states[stream]
    told = row.model_fields_set
    for name in ("number", "kind", "medium", "type", "code_hash", "valid_from", "valid_until"):
        # A cell that is empty says nothing about what a card has for good.
        said = getattr(row, name) if name in told else None
        if said is not None and said != getattr(card, name):
            raise CardReused(column="code" if name == "code_hash" else name)
    now = draft.writer.clock()
    if (card.main_group, card.user_group) != (row.main_group, row.user_group):
        change = RegroupCard(row.main_group, row.user_group, now)
        group = draft.states[group_stream(row.main_group)]
        draft.add(stream, CARD, regroup(change, card, group))
    target = None if center is None else center.partition("-")[2]
    if "center_number" in told and card.center_id != target:
        before = None if card.center_id is None else center_stream(card.center_id)
        both = move(
            MoveCard(target, now),
            draft.states[stream],
            None if before is None else draft.states[before],
            None if center is None else draft.states[center],
        )
        _both(draft, stream, before, center, both)


def _both(
    draft: Draft, card: str, before: str | None, after: str | None, both: OnBothSides
) -> None:
    draft.claims += card_claims(both.card)
    draft.add(card, CARD, both.card)
    if before is not None:
        draft.add(before, CENTER, both.before)
    if after is not None:
        draft.add(after, CENTER, both.after)


PLANS: Mapping[Kind, Plan] = {
    "companies": Plan(_nothing, _company_streams, _company),
    "main-groups": Plan(_nothing, _main_streams, _main),
    "user-groups": Plan(_nothing, _user_streams, _user),
    "centers": Plan(_center_claims, _center_streams, _center),
    "cards": Plan(_card_claims, _card_streams, _card),
}
