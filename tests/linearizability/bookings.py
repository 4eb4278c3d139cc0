"""The gateway's side of the bus: recorded and aborted bookings out, what became of them in.

The records are those of `docs/flows.md`, step 5: nothing else activates a voucher or captures a
hold. What the voucher service publishes about it is the answer to the question.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from events.bus.contract import Bus, Record
from events.bus.postgres import PostgresBus
from events.cloudevents import from_record
from events.reaction import Incoming
from tests.linearizability.clerk import FAILED, Answer, Done, Released
from tests.linearizability.record import Asking, Sold, now

GATEWAY, VOUCHER = "device-gateway", "voucher"
HEARD_WAIT_S = 120.0
"""A killed process hands its records to another one after some seconds."""


@dataclass
class Bookings:
    """The gateway, as far as vouchers notice it."""

    bus: Bus
    number: int = 0
    activated: set[str] = field(default_factory=set)
    _asked: dict[str, Asking] = field(default_factory=dict)
    _waiting: set[str] = field(default_factory=set)
    """Holds whose capture or end was not heard of yet."""
    _seen: set[str] = field(default_factory=set)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def sell(self, vouchers: Sequence[Sold], store_id: str) -> None:
        """One booking that sold all of `vouchers`; returns when they can be used."""
        lines = [
            {"line_id": f"L{n}", "kind": "voucher_sale", "amount": _money(voucher.value),
             "voucher_id": voucher.voucher_id}
            for n, voucher in enumerate(vouchers)
        ]  # fmt: skip
        await self._record("booking.recorded", "sale", store_id, lines=lines, payments=[])
        wanted = {voucher.voucher_id for voucher in vouchers}
        await self._until(lambda: wanted <= self.activated)

    async def pay(
        self, asking: Asking, voucher: Sold, hold_id: str, amount: int, store: str
    ) -> None:
        """A booking that was paid by a hold is recorded. Its capture answers `asking`."""
        self._ask(asking, hold_id)
        payment = {"payment_id": "P1", "kind": "voucher", "amount": _money(amount),
                   "hold_id": hold_id, "voucher_id": voucher.voucher_id}  # fmt: skip
        await self._record("booking.recorded", hold_id, store, lines=[], payments=[payment])

    async def abort(self, asking: Asking, hold_id: str, store: str) -> None:
        """A booking is given up. The end of its hold answers `asking`."""
        self._ask(asking, hold_id)
        await self._record("booking.aborted", hold_id, store, hold_ids=[hold_id])

    async def all_heard(self, wait_s: float) -> None:
        """Wait until everything that was asked is answered. Raises TimeoutError."""
        await self._until(lambda: not self._waiting, wait_s)

    def _ask(self, asking: Asking, hold_id: str) -> None:
        asking.tries.append(now())
        self._asked[hold_id] = asking
        self._waiting.add(hold_id)

    async def _until(self, met: Callable[[], bool], wait_s: float = HEARD_WAIT_S) -> None:
        async with asyncio.timeout(wait_s):
            while not met():
                self._changed.clear()
                await self._changed.wait()

    async def _record(self, name: str, booking_id: str, store_id: str, **parts: Any) -> None:
        self.number += 1
        at = datetime.now(UTC).isoformat(timespec="microseconds")
        document = {
            "booking_id": booking_id, "store_id": store_id, "till_id": "t1",
            "legal_entity_id": "kette", "number": self.number, "recorded_at": at,
            "aborted_at": at, "reason": "given up", **parts,
        }  # fmt: skip
        headers = {
            "ce_specversion": "1.0", "ce_id": str(uuid4()), "ce_source": f"/{GATEWAY}",
            "ce_type": f"{name}.v1", "ce_subject": f"booking-{booking_id}", "ce_time": at,
            "ce_sequence": "3", "ce_partitionkey": store_id, "content-type": "application/json",
        }  # fmt: skip
        record = Record(key=store_id, headers=headers, value=json.dumps(document).encode())
        await self.bus.publish(GATEWAY, [record])

    async def listen(self) -> None:
        """Hear what the service publishes, for ever."""
        async with self.bus.subscribe(VOUCHER, group="till") as subscription:
            while True:
                batch = await subscription.fetch(records_max=500, wait_s=2.0)
                for record in batch.records:
                    self._hear(from_record(record))
                if batch:
                    await subscription.acknowledge(batch)
                    self._changed.set()

    def _hear(self, heard: Incoming) -> None:
        # The bus may deliver one event twice; two events about one hold are another matter.
        if str(heard.event_id) in self._seen:
            return
        self._seen.add(str(heard.event_id))
        data = json.loads(heard.data)
        if heard.name == "voucher.activated":
            self.activated.add(data["voucher_id"])
            return
        answer = _answer(heard.name, data)
        asking = self._asked.get(data["hold_id"]) if answer is not None else None
        if asking is not None and answer is not None:
            asking.answered_with(answer)
            self._waiting.discard(data["hold_id"])


def _answer(name: str, data: dict[str, Any]) -> Answer | None:
    match name:
        case "voucher.redeemed":
            return Done(data["amount"]["amount"], data["remaining"]["amount"])
        case "voucher.capture_failed":
            return FAILED
        case "voucher.hold_released" if data["reason"] == "aborted":
            return Released()
        case _:
            return None


def _money(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


@asynccontextmanager
async def gateway(database_url: str) -> AsyncIterator[Bookings]:
    """A gateway on the bus of the service's database."""
    async with PostgresBus.open(database_url) as bus:
        bookings = Bookings(bus)
        listening = asyncio.create_task(bookings.listen())
        try:
            yield bookings
        finally:
            listening.cancel()
            await asyncio.wait((listening,))
