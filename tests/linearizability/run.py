"""One run: sell vouchers, let all clients at them, kill processes meanwhile, look once more."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import httpx

from tests.linearizability.bookings import HEARD_WAIT_S, Bookings
from tests.linearizability.clerk import LookUp, Seen
from tests.linearizability.processes import Processes
from tests.linearizability.record import Records, Sold
from tests.linearizability.tills import Client, Progress, Till

TILLS = (Till("berlin", "t1"), Till("berlin", "t2"), Till("koeln", "t1"), Till("koeln", "t2"))


@dataclass(frozen=True, slots=True)
class Plan:
    """How much of everything. The same seed draws the same payments; what meets what is up to the
    machine, and that is why every history is recorded."""

    seed: int
    clients: int = 32
    payments: int = 10
    """Each client's."""
    vouchers: int = 10
    skew: float = 1.1
    """Zipf's exponent."""
    value: int = 40_000
    """Of the hottest voucher, in minor units; colder ones are worth less, so that all run short."""
    kills: int = 0
    heard_wait_s: float = HEARD_WAIT_S
    """How long the effects of the last bookings may take."""


@dataclass
class Ran:
    """What is left of a run for those who judge it."""

    plan: Plan
    service: Processes
    bookings: Bookings
    records: Records = field(default_factory=Records)
    vouchers: list[Sold] = field(default_factory=list)
    last_seen: dict[Sold, Seen] = field(default_factory=dict)
    """Each voucher, after everything."""

    def summary(self) -> str:
        records = self.records
        calls = sum(len(each) for each in records.askings.values())
        return (
            f"{calls} calls on {len(self.vouchers)} vouchers: {records.answers()} answered,"
            f" {records.unknown()} unknown; {records.lost_tries()} tries lost,"
            f" {records.repeats()} repeats; {self.service.kills} kills;"
            f" {records.kinds()}"
        )


async def run(ran: Ran) -> None:
    """All of it, into `ran`. Raises AssertionError for an answer that no till may get,
    TimeoutError for a recorded booking without an effect."""
    plan, service, bookings = ran.plan, ran.service, ran.bookings
    ran.vouchers = await _on_sale(plan, service)
    await bookings.sell(ran.vouchers, TILLS[0].store_id)
    progress = Progress()
    clients = [client_of(ran, number) for number in range(plan.clients)]
    async with asyncio.TaskGroup() as group:
        for client in clients:
            group.create_task(client.work(plan.payments, progress))
        if plan.kills:
            group.create_task(_kill_at_random(plan, service, progress))
    await service.all_ready()
    await bookings.all_heard(plan.heard_wait_s)
    # Each process has its own memory of each voucher: all of them have to know how it ended.
    for number in range(len(service.programs)):
        for voucher in ran.vouchers:
            answer = await clients[0].ask(voucher, LookUp(), calmly=True, first=number)
            assert isinstance(answer, Seen), f"{voucher.voucher_id}: {answer}"
            ran.last_seen[voucher] = answer


def client_of(ran: Ran, number: int) -> Client:
    """One of the people at the tills."""
    plan = ran.plan
    return Client(
        name=f"{plan.seed}-c{number}",
        till=TILLS[number % len(TILLS)],
        rng=random.Random(f"{plan.seed}/{number}"),
        service=ran.service,
        bookings=ran.bookings,
        records=ran.records,
        vouchers=ran.vouchers,
        skew=plan.skew,
    )


async def _on_sale(plan: Plan, service: Processes) -> list[Sold]:
    rng = random.Random(f"{plan.seed}/vouchers")
    client = service.clients[0]
    return [
        await _prepared(client, service, str(UUID(int=rng.getrandbits(128))), value)
        for value in _values(plan)
    ]


def _values(plan: Plan) -> Sequence[int]:
    return [int(plan.value / (place + 1) ** plan.skew) for place in range(plan.vouchers)]


async def _prepared(
    client: httpx.AsyncClient, service: Processes, voucher_id: str, value: int
) -> Sold:
    response = await client.put(
        f"/voucher/v1/prepared/{voucher_id}",
        json={
            "value": {"amount": value, "currency": "EUR"}, "legal_entity_id": "kette",
            "store_id": "berlin", "till_id": "t1", "booking_id": "sale", "line_id": voucher_id,
        },
        headers={
            "authorization": f"Bearer {service.tokens.gateway}",
            "idempotency-key": f"prepare/{voucher_id}",
        },
    )  # fmt: skip
    assert response.status_code == 200, response.text
    answer = response.json()
    return Sold(voucher_id, answer["serial"], answer["code"], value)


async def _kill_at_random(plan: Plan, service: Processes, progress: Progress) -> None:
    """kill -9 of a process that is up, again and again while the clients are at work. One is
    always left; every second time, the next one goes while the last is still starting."""
    rng = random.Random(f"{plan.seed}/kills")
    payments = plan.clients * plan.payments
    for number in range(plan.kills):
        await progress.reached(payments * (number + 1) // (plan.kills + 2))
        await service.some_ready(2 if number % 2 else len(service.programs))
        service.kill(rng.choice(sorted(service.ready)))
