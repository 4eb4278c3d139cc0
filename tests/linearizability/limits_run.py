"""One run: everybody charges one center, processes are killed meanwhile, then one clerk takes what
is left."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime

from costcenter.events import ChargeBooked, ChargeReleased
from events import EventStore, Recorded
from tests.linearizability.limits_plan import CARDS
from tests.linearizability.limits_tills import SHORT_S, Charging, Gateway, Held
from tests.linearizability.processes import Processes
from tests.linearizability.run import TILLS
from tests.linearizability.tills import Progress

HEARD_WAIT_S = 60.0
"""A killed process hands its records to another one after some seconds."""

PAGE = 5_000


@dataclass(frozen=True, slots=True)
class Plan:
    """The same seed draws the same payments; what meets what is up to the machine."""

    seed: int
    clients: int = 32
    payments: int = 8
    """Each client's."""
    kills: int = 4
    heard_wait_s: float = HEARD_WAIT_S


@dataclass
class Ran:
    """What is left of a run for those who judge it."""

    plan: Plan
    service: Processes
    gateway: Gateway
    store: EventStore
    """Of the processes' database, to read its log."""
    seen: list[Held] = field(default_factory=list)
    log: list[Recorded] = field(default_factory=list)

    def summary(self) -> str:
        given = [held for held in self.seen if held.amount is not None]
        return (
            f"{len(self.seen)} holds, {len(given)} given,"
            f" {sum(held.amount < held.wanted for held in given if held.amount is not None)} in"
            f" part, {sum(held.booked is not None for held in given)} booked;"
            f" {sum(held.lost for held in self.seen)} answers lost; {self.service.kills} kills"
        )


async def run(ran: Ran) -> None:
    """All of it, into `ran`. Raises AssertionError for an answer that no till may get,
    TimeoutError for a recorded booking without an effect."""
    plan, progress = ran.plan, Progress()
    clients = [_client(ran, number) for number in range(plan.clients)]
    async with asyncio.TaskGroup() as group:
        for client in clients:
            group.create_task(client.work(plan.payments, progress))
        if plan.kills:
            group.create_task(_kill_at_random(ran, progress))
    await ran.service.all_ready()
    await _heard(ran)
    await _nothing_lives(ran)
    await _take_the_rest(ran, clients[0])
    await _heard(ran)


def _client(ran: Ran, number: int) -> Charging:
    return Charging(
        name=f"{ran.plan.seed}-c{number}",
        till=TILLS[number % len(TILLS)],
        rng=random.Random(f"{ran.plan.seed}/{number}"),
        service=ran.service,
        gateway=ran.gateway,
        seen=ran.seen,
    )


async def _kill_at_random(ran: Ran, progress: Progress) -> None:
    """kill -9 of a process that is up, while the clients are at work. One is always left."""
    rng = random.Random(f"{ran.plan.seed}/kills")
    payments = ran.plan.clients * ran.plan.payments
    for number in range(ran.plan.kills):
        await progress.reached(payments * (number + 1) // (ran.plan.kills + 2))
        await ran.service.some_ready(2 if number % 2 else len(ran.service.programs))
        ran.service.kill(rng.choice(sorted(ran.service.ready)))


async def _heard(ran: Ran) -> None:
    """Wait until the effects of all bookings stand in the log."""
    async with asyncio.timeout(ran.plan.heard_wait_s):
        while True:
            await read_on(ran)
            ended = {
                entry.event.charge_id
                for entry in ran.log
                if isinstance(entry.event, ChargeBooked | ChargeReleased)
            }
            told = {held.charge_id for held in ran.seen if held.booked is not None or held.aborted}
            if told <= ended:
                return
            await asyncio.sleep(0.1)


async def read_on(ran: Ran) -> None:
    """What the log has more than `ran`."""
    while some := await ran.store.read(after=len(ran.log), records_max=PAGE):
        ran.log += some


async def _nothing_lives(ran: Ran) -> None:
    """Until the last forgotten hold has run out."""
    last = max(held.answered or held.invoked for held in ran.seen)
    await asyncio.sleep(max(0.0, (last - datetime.now(UTC)).total_seconds() + SHORT_S + 0.5))


async def _take_the_rest(ran: Ran, client: Charging) -> None:
    """With every card, as much as it gives, until it gives nothing."""
    for card in CARDS:
        while True:
            client.cards, client.amounts = (card,), (100_000, 100_000)
            held = client._wish()
            held.exact = False
            await client.hold(held, lasts_s=300)
            if held.amount is None:
                break
            await client.confirm(held)
            await client.gateway.record(held, client.till)
