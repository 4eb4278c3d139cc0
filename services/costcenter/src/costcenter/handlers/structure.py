"""Companies, groups and limits. `Writer` is how everything here is stored.

While an import runs, nothing else changes the structure: what it has checked has to hold until its
last row. Every write takes and gives back the claim that a running import keeps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, Protocol

from costcenter.decider.structure import CARD, CENTER, COMPANY, GROUP
from costcenter.decider.structure.commands import (
    CloseCompany,
    LiftLimit,
    SetCompany,
    SetLimit,
    SetMainGroup,
    SetUserGroup,
)
from costcenter.decider.structure.company import open_company
from costcenter.decider.structure.refusals import (
    CardCodeTaken,
    CardNumberTaken,
    CenterNumberTaken,
    LimitReused,
    MainGroupUnknown,
)
from costcenter.decider.structure_state import Company, MainGroup
from costcenter.events import Address, Limit, Mode, Scope
from costcenter.names import (
    card_stream,
    center_stream,
    company_stream,
    group_stream,
    limit_claim,
)
from events import (
    Ask,
    Claim,
    ClaimTaken,
    Decider,
    Decision,
    DomainError,
    Event,
    EventStore,
    GiveBack,
    Handled,
    HandledTogether,
    Take,
    handle_together,
)
from money import Money

IMPORTING = "structure:import"
"""Claim of a running import."""

Decide = Callable[[Mapping[str, Any]], Decision]
Parts = Mapping[str, Decider[Any, Any]]


class ImportRunning(DomainError):
    code = "import.running"
    title = "An import is running; ask again when it is done"


class NumberRules(Protocol):
    """How a chain numbers its centers (section `cost_centers` of its description)."""

    @property
    def center_number_digits(self) -> int: ...

    @property
    def longer_numbers(self) -> Literal["warn", "refuse"]: ...


@dataclass(frozen=True, slots=True)
class Writer:
    """Stores decisions about the structure."""

    store: EventStore
    currency: str
    clock: Callable[[], datetime]

    async def together(
        self, ask: Ask, parts: Parts, decide: Decide, *, reads: Parts | None = None
    ) -> HandledTogether:
        """As `events.handle_together`; unique keys that are taken become refusals by name.

        Raises `ImportRunning`, `CenterNumberTaken`, `CardNumberTaken`, `CardCodeTaken`,
        `LimitReused` and what `decide` raises.
        """
        writer = f"write/{ask.key}"
        aside: tuple[Claim, ...] = (Take(IMPORTING, writer), GiveBack(IMPORTING, writer))

        def guarded(states: Mapping[str, Any]) -> Decision:
            decision = decide(states)
            return Decision(decision.events, (*aside, *decision.claims))

        try:
            return await handle_together(self.store, parts, guarded, ask=ask, reads=reads or {})
        except ClaimTaken as taken:
            raise refusal_of(taken) from taken

    async def one(
        self,
        ask: Ask,
        decider: Decider[Any, Any],
        stream: str,
        command: object,
        *,
        claims: Callable[[Sequence[Event]], Sequence[Claim]] | None = None,
    ) -> Handled[Any]:
        """A decision over one stream."""

        def decide(states: Mapping[str, Any]) -> Decision:
            decided = decider.decide(command, states[stream])
            return Decision({stream: decided}, claims(decided) if claims else ())

        done = await self.together(ask, {stream: decider}, decide)
        return Handled(done.appended, done.states[stream], done.versions[stream])


_TAKEN: Mapping[str, type[DomainError]] = {
    "center_number": CenterNumberTaken,
    "card_number": CardNumberTaken,
    "code": CardCodeTaken,
    "limit": LimitReused,
}


def refusal_of(taken: ClaimTaken) -> DomainError:
    """What it means that somebody else holds this key."""
    if taken.key == IMPORTING:
        return ImportRunning()
    return _TAKEN[taken.key.partition(":")[0]]()


def place_of(scope: Scope) -> tuple[str, Decider[Any, Any]]:
    """The stream that a limit of this scope stands in. Raises `MainGroupUnknown`."""
    match scope.level:
        case "company":
            return company_stream(scope.id), COMPANY
        case "main_group" | "user_group":
            main = scope.id.partition("-")[0]
            if not main.isdigit():
                raise MainGroupUnknown(scope.id)
            return group_stream(int(main)), GROUP
        case "center":
            return center_stream(scope.id), CENTER
        case "card":
            return card_stream(scope.id), CARD


class Groups:
    """Companies, main groups, user groups, and limits on every level."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def set_company(
        self, ask: Ask, *, company_id: str, name: str, address: Address, vat_id: str | None
    ) -> Handled[Company]:
        """Raises `CompanyIsClosed`."""
        command = SetCompany(company_id, name, address, vat_id, self._writer.clock())
        return await self._writer.one(ask, COMPANY, company_stream(company_id), command)

    async def close_company(self, ask: Ask, *, company_id: str, reason: str) -> Handled[Company]:
        """Its centers can no longer be charged. Raises `CompanyUnknown`."""
        command = CloseCompany(reason, self._writer.clock())
        return await self._writer.one(ask, COMPANY, company_stream(company_id), command)

    async def set_main_group(
        self, ask: Ask, *, main_group: int, name: str, company_id: str | None
    ) -> HandledTogether:
        """Raises `CompanyUnknown`, `CompanyIsClosed`, `GroupNumberImpossible`."""
        stream = group_stream(main_group)
        command = SetMainGroup(main_group, name, company_id, self._writer.clock())

        def decide(states: Mapping[str, Any]) -> Decision:
            decided = GROUP.decide(command, states[stream])
            if decided and company_id is not None:
                open_company(states[company_stream(company_id)])
            return Decision({stream: decided})

        reads = {company_stream(company_id): COMPANY} if company_id is not None else {}
        return await self._writer.together(ask, {stream: GROUP}, decide, reads=reads)

    async def set_user_group(
        self, ask: Ask, *, main_group: int, number: int, name: str, mode: Mode, new: bool
    ) -> Handled[MainGroup]:
        """`new`: refused where there is one. Raises `MainGroupUnknown`, `UserGroupExists`,
        `GroupNumberImpossible`."""
        command = SetUserGroup(number, name, mode, new, self._writer.clock())
        return await self._writer.one(ask, GROUP, group_stream(main_group), command)

    async def set_limit(
        self,
        ask: Ask,
        *,
        limit: Limit,
        opening_used: Money | None = None,
        opening_count: int = 0,
        opening_day: date | None = None,
    ) -> Handled[Any]:
        """Raises the refusals of the level's unknown or ended ones, `LimitReshaped`,
        `LimitImpossible`, `LimitReused`, `TooManyLimits`."""
        stream, decider = place_of(limit.scope)
        command = SetLimit(
            limit=limit,
            opening_used=opening_used,
            opening_count=opening_count,
            opening_day=opening_day,
            currency=self._writer.currency,
            now=self._writer.clock(),
        )

        def claims(decided: Sequence[Event]) -> Sequence[Claim]:
            return (Take(limit_claim(limit.limit_id), stream),) if decided else ()

        return await self._writer.one(ask, decider, stream, command, claims=claims)

    async def lift_limit(self, ask: Ask, *, limit_id: str, scope: Scope) -> Handled[Any]:
        """Raises `LimitUnknown`."""
        stream, decider = place_of(scope)
        command = LiftLimit(limit_id, scope, self._writer.clock())
        return await self._writer.one(ask, decider, stream, command)
