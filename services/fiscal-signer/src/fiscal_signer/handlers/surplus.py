"""What only a device's export holds, brought into the log."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

from events import ANY, AppendRequest, Ask, EventStore, Metadata, NewEvents
from fiscal_signer.decider.upkeep import read_stream
from fiscal_signer.events import SurplusRead
from fiscal_signer.ports import ExportReader


class SurplusReader:
    """`unread`: counters of which nothing else is known, the lowest first. A page of them is read
    in one go; the rest follows with the next look at the device."""

    def __init__(
        self,
        store: EventStore,
        reader: ExportReader,
        unread: Callable[[str], Awaitable[Sequence[int]]],
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._reader = reader
        self._unread = unread
        self._clock = clock

    async def read(self, tse_id: str, store_id: str) -> bool:
        """Bring them into the log, each once, whoever else does the same. False: the export held
        none of them. Raises `TseFault`, `Transient`."""
        counters = await self._unread(tse_id)
        if not counters:
            return False
        found = await self._reader.read(tse_id, counters)
        for log in found:
            ask = Ask.of(
                f"{tse_id}/surplus-read/{log.signature_counter}",
                tse_id,
                metadata=Metadata(actor="service:fiscal-signer"),
            )
            if await self._store.outcome(ask.key, ask.input_hash) is not None:
                continue
            entry = SurplusRead(
                tse_id=tse_id,
                store_id=store_id,
                signature_counter=log.signature_counter,
                kind=log.kind,
                operation=log.operation,
                client_id=log.client_id,
                log_time=log.log_time,
                log_message=base64.b64encode(log.log_message).decode(),
                read_at=self._clock(),
            )
            # A fact that depends on nothing before it: there is no state to decide on.
            await self._store.append(
                AppendRequest(
                    key=ask.key,
                    input_hash=ask.input_hash,
                    streams=(NewEvents(read_stream(tse_id), ANY, (entry,)),),
                    claims=(),
                    metadata=ask.metadata,
                )
            )
        return bool(found)
