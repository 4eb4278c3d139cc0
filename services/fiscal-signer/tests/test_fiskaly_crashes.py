"""Whatever breaks at fiskaly, and wherever: one verdict per booking, one event per counter.

Without a socket, for speed: the application itself is called. `test_fiskaly.py` has the line.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

import httpx
from hypothesis import given, settings
from hypothesis import strategies as st

from events import Transient
from events.reaction import Incoming
from fiscal_signer.adapters.fiskaly import FiskalyTses
from fiscal_signer.events import (
    ClientRegistered,
    LeftUnsigned,
    SignatureMade,
    SignatureStarted,
    SignatureSurplus,
    TransactionAbandoned,
)
from fiscal_signer.handlers import Settings
from fiscal_signer.testing import NOON, Clock, Faults, Killed, World, aborted, recorded, started
from fiscal_signer.testing.fiskaly import Fault, FiskalyCloud, Refusal, Tss
from fiscal_signer.testing.fiskaly_line import KEY, SECRET, TSE, TSS_ID, devices_of

FAULTS = (
    "none", "kill_before", "kill_after", "half_done", "lose_answers", "break", "refused", "pause",
    "audit", "foreign", "restart", "probe", "slow",
)  # fmt: skip
LIVES = st.sampled_from(["start record", "start abort", "record", "start"])
PLAN = st.lists(
    st.tuples(LIVES, st.sampled_from(FAULTS), st.integers(0, 3), st.integers(1, 3)),
    min_size=1,
    max_size=8,
)
HOUR = timedelta(hours=1)


class Play:
    """A signer, the cloud, and what was told to go wrong."""

    def __init__(self, client: httpx.AsyncClient, cloud: FiskalyCloud, clock: Clock) -> None:
        self.cloud = cloud
        self.tss: Tss = cloud.tss(TSS_ID)
        self.seconds = 1_000.0
        self.epoch = 1
        self.world = World(
            ("berlin",),
            clock=clock,
            devices=self._devices(client),
            settings=Settings(pause_s=0.0, tries_max=2, segment_events_max=25, idle_s=0.0),
        )

    def _devices(self, client: httpx.AsyncClient) -> FiskalyTses:
        return devices_of(client, clock=self.cloud.clock, monotonic=lambda: self.seconds)

    def strike(self, fault: str, skip: int) -> None:
        match fault:
            case "kill_before" | "kill_after" | "half_done" | "lose_answers":
                setattr(self.world.faults, fault, 1)
            case "break":
                self.cloud.faults.append(Fault("break", skip=skip))
            case "refused":
                self.cloud.faults.append(Fault("refuse", Refusal(500, ""), skip=skip, times=3))
            case "pause":
                pause = Refusal(429, "", retry_after=30)
                self.cloud.faults.append(Fault("refuse", pause, skip=skip))
            case "audit":
                self.tss.system("audit", b"")
            case "foreign" if self.tss.clients:
                name = f"0000000{self.tss.counter}-8f6c-4c5e-9b0a-3d2c1b0a9f8e"
                body = {"state": "ACTIVE", "client_id": next(iter(self.tss.clients))}
                self.tss.upsert(name, 1, body)
            case "restart":
                self.restart()
            case "slow":
                self.world.clock.pass_by(20)

    def restart(self) -> None:
        self.epoch += 1
        self.world.restart(f"process-{self.epoch}")

    async def deliver(self, records: list[Incoming]) -> None:
        """At least once, like the receiver."""
        for _ in range(20):
            try:
                await self.world.reactor.handle(records)
                return
            except Transient:
                self.world.clock.pass_by(1)
            except Killed:
                self.restart()
        raise AssertionError("it never went through")


def records_of(number: int, life: str) -> list[Incoming]:
    booking = f"b{number}"
    events = {
        "start": started(booking),
        "record": recorded(booking, sign_by=NOON + HOUR),
        "abort": aborted(booking, sign_by=NOON + HOUR),
    }
    return [events[part] for part in life.split()]


async def play(plan: list[tuple[str, str, int, int]]) -> Play:
    clock = Clock()
    cloud = FiskalyCloud(clock, key=KEY, secret=SECRET)
    transport = httpx.ASGITransport(cloud)
    async with httpx.AsyncClient(transport=transport, base_url="http://cloud/api/v2/") as client:
        game = Play(client, cloud, clock)
        pending: list[Incoming] = []
        for number, (life, fault, skip, repeat) in enumerate(plan):
            game.strike(fault, skip)
            if fault == "probe":
                game.seconds += 60
                await game.world.drivers[TSE].probe()
            pending += records_of(number, life)
            if repeat == 3:
                continue  # It goes with the next delivery: batches differ in size.
            for _ in range(repeat):
                await game.deliver(pending)
            pending = []
        # From here on everything works again, so nothing may stay unexplained.
        cloud.faults.clear()
        vars(game.world.faults).update(vars(Faults()))
        game.seconds += 60
        await game.deliver(pending)
        await game.world.drivers[TSE].probe()
        await game.deliver([recorded("last", sign_by=NOON + HOUR)])
        return game


@settings(max_examples=60, deadline=None)
@given(PLAN)
def test_every_booking_has_one_verdict_and_every_counter_one_event(
    plan: list[tuple[str, str, int, int]],
) -> None:
    game = asyncio.run(play(plan))

    verdicts = [event.booking_id for event in game.world.events(SignatureMade, LeftUnsigned)]
    ended = [f"b{number}" for number, (life, *_) in enumerate(plan) if life != "start"]
    assert sorted(verdicts) == sorted([*ended, "last"])

    explained = [
        event.signature_counter
        for event in game.world.events(
            ClientRegistered, SignatureStarted, SignatureMade, TransactionAbandoned,
            SignatureSurplus,
        )
        if event.signature_counter is not None
    ]  # fmt: skip
    assert explained == list(range(1, game.tss.counter + 1))

    signed = [event.transaction_number for event in game.world.events(SignatureMade)]
    assert len(signed) == len(set(signed))
    assert all(len(tx.revisions) <= 2 for tx in game.tss.txs)
