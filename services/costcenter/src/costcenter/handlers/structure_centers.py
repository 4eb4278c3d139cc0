"""Cost centers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from costcenter.decider.structure import CENTER, COMPANY
from costcenter.decider.structure.center import check_number
from costcenter.decider.structure.commands import (
    BlockCenter,
    CloseCenter,
    SetCenter,
    UnblockCenter,
)
from costcenter.decider.structure.company import open_company
from costcenter.decider.structure_state import Center
from costcenter.events import Address, CenterOpened
from costcenter.handlers.structure import NumberRules, Writer
from costcenter.names import center_number_claim, center_stream, company_stream
from events import Ask, Claim, Decision, Event, Handled, Take


@dataclass(frozen=True, slots=True)
class CenterSet:
    center: Center
    warnings: tuple[str, ...]
    position: int


@dataclass(frozen=True, slots=True)
class CenterData:
    """What back office says about a center."""

    center_id: str
    number: str
    name: str
    company_id: str | None = None
    address: Address | None = None
    contact_id: str | None = None
    valid_from: date | None = None
    valid_until: date | None = None


class Centers:
    def __init__(self, writer: Writer, rules: NumberRules) -> None:
        self._writer = writer
        self._rules = rules

    def checked(self, number: str) -> tuple[str, ...]:
        """Warnings. Raises `CenterNumberNotDigits`, `CenterNumberTooLong`."""
        return check_number(
            number,
            digits_max=self._rules.center_number_digits,
            longer=self._rules.longer_numbers,
        )

    async def put(self, ask: Ask, data: CenterData) -> CenterSet:
        """Open a center, or say what it is called from now on.

        Raises `CenterNumberNotDigits`, `CenterNumberTooLong`, `CenterNumberTaken`,
        `CenterNumberFixed`, `CenterIsClosed`, `CompanyUnknown`, `CompanyIsClosed`.
        """
        warnings = self.checked(data.number)
        stream = center_stream(data.center_id)
        company = None if data.company_id is None else company_stream(data.company_id)
        command = set_center(data, self._writer)

        def decide(states: Mapping[str, Any]) -> Decision:
            decided = CENTER.decide(command, states[stream])
            if decided and company is not None:
                open_company(states[company])
            return Decision({stream: decided}, number_claims(decided))

        reads = {company: COMPANY} if company is not None else {}
        done = await self._writer.together(ask, {stream: CENTER}, decide, reads=reads)
        return CenterSet(done.states[stream], warnings, done.appended.last_position)

    async def block(self, ask: Ask, *, center_id: str, reason: str) -> Handled[Center]:
        """Raises `CenterUnknown`, `CenterIsClosed`."""
        return await self._on(ask, center_id, BlockCenter(reason, self._writer.clock()))

    async def unblock(self, ask: Ask, *, center_id: str) -> Handled[Center]:
        """Raises `CenterUnknown`, `CenterIsClosed`."""
        return await self._on(ask, center_id, UnblockCenter(self._writer.clock()))

    async def close(self, ask: Ask, *, center_id: str, reason: str) -> Handled[Center]:
        """For good. Raises `CenterUnknown`."""
        return await self._on(ask, center_id, CloseCenter(reason, self._writer.clock()))

    async def _on(
        self, ask: Ask, center_id: str, command: BlockCenter | UnblockCenter | CloseCenter
    ) -> Handled[Center]:
        return await self._writer.one(ask, CENTER, center_stream(center_id), command)


def set_center(data: CenterData, writer: Writer) -> SetCenter:
    """The command, as of now."""
    return SetCenter(
        center_id=data.center_id,
        number=data.number,
        name=data.name,
        company_id=data.company_id,
        address=data.address,
        contact_id=data.contact_id,
        valid_from=data.valid_from,
        valid_until=data.valid_until,
        now=writer.clock(),
    )


def number_claims(decided: Sequence[Event]) -> tuple[Claim, ...]:
    """The number of each center that is opened."""
    return tuple(
        Take(center_number_claim(event.number), center_stream(event.center_id))
        for event in decided
        if isinstance(event, CenterOpened)
    )
