"""From the gateway's events to the drivers, and to the verdicts of bookings that no TSE of ours
is named in. It never gives up on a record: what can't be signed is recorded as such."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from pydantic import ValidationError

from events import (
    ANY,
    AppendRequest,
    Ask,
    ClaimTaken,
    Event,
    EventStore,
    Metadata,
    NewEvents,
    Take,
)
from events.reaction import Incoming, Reaction
from fiscal_signer.commands import Job
from fiscal_signer.decider import closing_of, verdict_claim
from fiscal_signer.events import LeftUnsigned, RecordUnreadable
from fiscal_signer.foreign import TseOnly, named
from fiscal_signer.handlers.driver import TseDriver
from fiscal_signer.policies.wishes import (
    HEARD,
    Assignment,
    ForNobody,
    ForTse,
    NotMine,
    Unreadable,
    document_of,
    wish_of,
)


class Reactor:
    """`elsewhere`: the stores that another signer signs for (box or center)."""

    def __init__(
        self,
        store: EventStore,
        drivers: Mapping[str, TseDriver],
        assignments: Mapping[str, Assignment],
        *,
        elsewhere: frozenset[str],
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._drivers = drivers
        self._assignments = assignments
        self._elsewhere = elsewhere
        self._clock = clock

    def reaction(self) -> Reaction:
        """Lane = TSE: its bookings stay in order, and the TSEs work side by side. Never parks."""
        return Reaction(
            name="sign",
            topic="device-gateway",
            events=HEARD,
            lane=self.lane,
            handle=self.handle,
            parks=False,
        )

    def lane(self, record: Incoming) -> str:
        """The TSE that an event names; the store where it names none of ours. Never raises."""
        try:
            tse_id = record.read(TseOnly).tse_id
        except ValidationError:
            tse_id = named(document_of(record)).tse_id
        return f"tse/{tse_id}" if tse_id in self._drivers else f"store/{record.key}"

    async def handle(self, records: Sequence[Incoming]) -> None:
        """Raises `Transient` alone; repeating it changes nothing that was decided."""
        jobs: dict[str, list[Job]] = {}
        causes: dict[str, Incoming] = {}
        for record in records:
            wish = wish_of(record, self._assignments, elsewhere=self._elsewhere)
            match wish:
                case ForTse():
                    jobs.setdefault(wish.tse_id, []).append(wish.job)
                    causes.setdefault(wish.tse_id, record)
                case ForNobody():
                    await self._without_tse(record, wish)
                case Unreadable():
                    await self._unreadable(record, wish)
                case NotMine():
                    continue
        for tse_id, wanted in jobs.items():
            await self._drivers[tse_id].work(wanted, _metadata(causes[tse_id]))

    async def _without_tse(self, record: Incoming, wish: ForNobody) -> None:
        ids = wish.ids
        ask = record.ask("sign", "verdict")
        unsigned = LeftUnsigned(
            booking_id=ids.booking_id,
            store_id=ids.store_id or record.key,
            till_id=ids.till_id,
            tse_id=ids.tse_id,
            client_id=ids.client_id,
            reason=wish.reason,
            detail=wish.detail,
            process_type="",
            process_data="",
            aborted=wish.kind == "abort",
            decided_at=self._clock(),
        )
        facts: tuple[Event, ...] = (unsigned,)
        if wish.kind == "closing":
            facts += (closing_of(unsigned, ids.z_number, now=unsigned.decided_at),)
        stream = NewEvents(f"unsigned-{unsigned.store_id}", ANY, facts)
        try:
            await self._append(ask, stream, Take(verdict_claim(ids.booking_id), ask.key))
        except ClaimTaken:
            return  # It has its verdict.

    async def _unreadable(self, record: Incoming, wish: Unreadable) -> None:
        entry = RecordUnreadable(
            event_id=str(record.event_id),
            foreign_name=record.name,
            subject=record.subject,
            store_key=record.key,
            error=wish.error,
        )
        stream = NewEvents(f"unreadable-{record.key}", ANY, (entry,))
        await self._append(record.ask("sign", "unreadable"), stream)

    async def _append(self, ask: Ask, stream: NewEvents, *claims: Take) -> None:
        # A fact that depends on nothing before it: there is no state to decide on.
        await self._store.append(
            AppendRequest(
                key=ask.key,
                input_hash=ask.input_hash,
                streams=(stream,),
                claims=claims,
                metadata=ask.metadata,
            )
        )


def _metadata(record: Incoming) -> Metadata:
    """A batch has one set of metadata: that of its first record."""
    return record.ask("sign", "batch").metadata
