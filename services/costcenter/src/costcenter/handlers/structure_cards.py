"""Cards: issued, moved, regrouped, blocked, replaced, ended.

A card and its centers change in one append, so both sides always agree (C15).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from costcenter.codes import code_hash, uid_of
from costcenter.decider.structure import CARD, CENTER, GROUP
from costcenter.decider.structure.commands import (
    BlockCard,
    EndCard,
    IssueCard,
    MoveCard,
    RegroupCard,
    ReplaceCard,
    UnblockCard,
)
from costcenter.decider.structure.refusals import CardCodeFits
from costcenter.decider.structure.together import (
    OnBothSides,
    end,
    issue,
    move,
    regroup,
    warnings,
)
from costcenter.decider.structure_state import Card
from costcenter.events import CardIssued, CardKind, CardReplaced, Medium, ReplaceReason
from costcenter.handlers.structure import Decide, Writer
from costcenter.names import (
    card_number_claim,
    card_stream,
    center_stream,
    code_claim,
    group_stream,
)
from events import (
    Ask,
    Claim,
    Decider,
    Decision,
    Event,
    HandledTogether,
    LostRace,
    Recorded,
    Take,
    state_of,
)
from kassenverbund.kit.secrets import Secrets

MOVED_TRIES_MAX = 5
"""How often a card may go to another center while it is being looked at."""


class _Moved(Exception):
    """The card books to another center than a moment ago."""


@dataclass(frozen=True, slots=True)
class CardData:
    """What back office says about a new card. `code`: as scanned; it is kept as a hash only."""

    card_id: str
    number: str
    kind: CardKind
    medium: Medium
    main_group: int
    user_group: int
    center_id: str | None = None
    code: str | None = None
    type: str = "customer"
    valid_from: date | None = None
    valid_until: date | None = None


@dataclass(frozen=True, slots=True)
class CardSet:
    card: Card
    warnings: tuple[str, ...]
    position: int


class Cards:
    def __init__(self, writer: Writer, secrets: Secrets) -> None:
        self._writer = writer
        self._secrets = secrets

    async def issue(self, ask: Ask, data: CardData) -> CardSet:
        """Raises `CardNumberTaken`, `CardCodeTaken`, `CardCodeFits`, `CardReused`,
        `UserGroupUnknown`, `MainGroupUnknown`, `CenterUnknown`, `CenterIsClosed`."""
        hashed = None
        if data.code is not None:
            hashed = self.hashed(data.medium, data.code)
        command = issue_card(data, hashed, self._secrets.key_id, self._writer)
        card, group = card_stream(data.card_id), group_stream(data.main_group)
        center = None if data.center_id is None else center_stream(data.center_id)

        def decide(states: Mapping[str, Any]) -> Decision:
            on_center = None if center is None else states[center]
            return stored(
                issue(command, states[card], on_center, states[group]), card, None, center
            )

        parts: dict[str, Decider[Any, Any]] = {card: CARD}
        if center is not None:
            parts[center] = CENTER
        done = await self._writer.together(ask, parts, decide, reads={group: GROUP})
        found = warnings(data.center_id, done.states[group], data.user_group)
        return CardSet(done.states[card], found, done.appended.last_position)

    async def move(self, ask: Ask, *, card_id: str, center_id: str | None) -> CardSet:
        """Raises `CardUnknown`, `CardIsEnded`, `CenterUnknown`, `CenterIsClosed`."""
        command = MoveCard(center_id, self._writer.clock())
        stream = card_stream(card_id)
        after = None if center_id is None else center_stream(center_id)

        def bind(before: str | None) -> Decide:
            def decide(states: Mapping[str, Any]) -> Decision:
                card: Card = states[stream]
                left = _still(card, before, states)
                # Back to where it is already: both are one stream.
                to = None if after is None else states[after]
                both = move(command, card, left, to)
                return stored(both, stream, before, after)

            return decide

        return await self._with_center(ask, stream, bind, after)

    async def end(self, ask: Ask, *, card_id: str, reason: str) -> CardSet:
        """For good. Raises `CardUnknown`."""
        command = EndCard(reason, self._writer.clock())
        stream = card_stream(card_id)

        def bind(before: str | None) -> Decide:
            def decide(states: Mapping[str, Any]) -> Decision:
                card: Card = states[stream]
                both = end(command, card, _still(card, before, states))
                return stored(both, stream, before, None)

            return decide

        return await self._with_center(ask, stream, bind, None)

    async def _with_center(self, ask: Ask, stream: str, bind: Any, after: str | None) -> CardSet:
        """Decide with the center that the card books to, whichever that is by then."""
        for _ in range(MOVED_TRIES_MAX):
            _, card = await state_of(self._writer.store, CARD, stream)
            before = None if card.center_id is None else center_stream(card.center_id)
            parts = {stream: CARD} | {name: CENTER for name in (before, after) if name}
            try:
                done = await self._writer.together(ask, parts, bind(before))
            except _Moved:
                continue
            return _set(done, stream)
        raise LostRace

    async def regroup(self, ask: Ask, *, card_id: str, main_group: int, user_group: int) -> CardSet:
        """Raises `CardUnknown`, `CardIsEnded`, `MainGroupUnknown`, `UserGroupUnknown`."""
        command = RegroupCard(main_group, user_group, self._writer.clock())
        stream, group = card_stream(card_id), group_stream(main_group)

        def decide(states: Mapping[str, Any]) -> Decision:
            return Decision({stream: regroup(command, states[stream], states[group])})

        done = await self._writer.together(ask, {stream: CARD}, decide, reads={group: GROUP})
        card: Card = done.states[stream]
        found = warnings(card.center_id, done.states[group], user_group)
        return CardSet(card, found, done.appended.last_position)

    async def block(self, ask: Ask, *, card_id: str, reason: str) -> CardSet:
        """Raises `CardUnknown`, `CardIsEnded`."""
        return await self._on(ask, card_id, BlockCard(reason, self._writer.clock()))

    async def unblock(self, ask: Ask, *, card_id: str) -> CardSet:
        """Raises `CardUnknown`, `CardIsEnded`."""
        return await self._on(ask, card_id, UnblockCard(self._writer.clock()))

    async def replace(
        self, ask: Ask, *, card_id: str, reason: ReplaceReason, medium: Medium, code: str
    ) -> CardSet:
        """A new medium; the old one is dead at once and for good.

        Raises `CardUnknown`, `CardIsEnded`, `CardIsVirtual`, `CardCodeTaken`, `CardCodeFits`.
        """
        command = ReplaceCard(
            reason=reason,
            medium=medium,
            code_hash=self.hashed(medium, code),
            hash_key_id=self._secrets.key_id,
            now=self._writer.clock(),
        )
        return await self._on(ask, card_id, command)

    async def history(self, card_id: str) -> Sequence[Recorded]:
        """Everything that happened to a card, oldest first. Empty: there is none."""
        return await self._writer.store.load(card_stream(card_id))

    async def _on(
        self, ask: Ask, card_id: str, command: BlockCard | UnblockCard | ReplaceCard
    ) -> CardSet:
        stream = card_stream(card_id)

        def decide(states: Mapping[str, Any]) -> Decision:
            decided = CARD.decide(command, states[stream])
            return Decision({stream: decided}, card_claims(decided))

        return _set(await self._writer.together(ask, {stream: CARD}, decide), stream)

    def hashed(self, medium: Medium, code: str) -> str:
        """Raises `CardCodeFits` for what is no uid, or nothing."""
        normal = uid_of(code) if medium == "rfid" else code.strip()
        if not normal or medium == "none":
            raise CardCodeFits
        return code_hash(normal, self._secrets)


def issue_card(data: CardData, hashed: str | None, hash_key_id: str, writer: Writer) -> IssueCard:
    """The command, as of now."""
    return IssueCard(
        card_id=data.card_id,
        number=data.number,
        kind=data.kind,
        medium=data.medium,
        type=data.type,
        main_group=data.main_group,
        user_group=data.user_group,
        center_id=data.center_id,
        code_hash=hashed,
        hash_key_id=None if hashed is None else hash_key_id,
        valid_from=data.valid_from,
        valid_until=data.valid_until,
        now=writer.clock(),
    )


def _still(card: Card, before: str | None, states: Mapping[str, Any]) -> Any:
    """The center that the card books to. Raises `_Moved`."""
    stands = None if card.center_id is None else center_stream(card.center_id)
    if stands != before:
        raise _Moved
    return None if before is None else states[before]


def stored(both: OnBothSides, card: str, before: str | None, after: str | None) -> Decision:
    """The decision as streams and unique keys."""
    events: dict[str, Sequence[Event]] = {card: both.card}
    if before is not None:
        events[before] = both.before
    if after is not None and after != before:
        events[after] = both.after
    return Decision(events, card_claims(both.card))


def card_claims(decided: Sequence[Event]) -> tuple[Claim, ...]:
    """Number and code of cards that are issued or replaced. They are never given back: a code
    that was replaced opens nothing, and no other card."""
    claims: list[Claim] = []
    for event in decided:
        if isinstance(event, CardIssued):
            claims.append(Take(card_number_claim(event.number), card_stream(event.card_id)))
        if isinstance(event, CardIssued | CardReplaced) and event.code_hash is not None:
            claims.append(Take(code_claim(event.code_hash), card_stream(event.card_id)))
    return tuple(claims)


def _set(done: HandledTogether, stream: str) -> CardSet:
    return CardSet(done.states[stream], (), done.appended.last_position)
