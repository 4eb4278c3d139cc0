"""Charges on cost centers over HTTP with 0, 3 and 10 stacked limits, uniform and hot; a long month.

    python -m benchmarks.cost_centers [--centers 5000] [--cards 100000] [--seconds 3] [--json]

A charge is two requests, as at a till: hold (the limits decide) and confirm. Its time is both.
Ours is the program's own application with the service behind it, without read models (nobody at a
till waits for them). Bare is FastAPI and asyncpg: hold is one transaction that looks the card up,
locks its limit accounts, raises them by a guarded UPDATE and inserts as many rows as ours appends
events (one, and one per limit); confirm inserts one row. No authentication, no idempotency, no
order of events, no subsidies, no validity.
Both run as one uvicorn process on the same PostgreSQL, in turns. Uniform: any card. Hot: the cards
of one center. The log is filled in bulk (`cost_centers_seed.py`); limits are added between rounds.

The month: one center with a month of 20,000 charges, read through `GET …/months/…/charges`, once
alone and once beside eleven other months; and what the first decision on such a month costs a
process that has not seen it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import uvloop

from benchmarks.appends import server as database
from benchmarks.cost_centers_seed import TEN, Size, card_number, months, seed, stack
from benchmarks.cost_centers_servers import ROLE, Server, running
from benchmarks.http_load import Connection, Figures, closed_loop
from benchmarks.redemptions import issuer
from benchmarks.report import Row, show
from costcenter.decider.month import MONTH
from costcenter.names import month_stream
from costcenter.service import REGISTRY, SERVICE
from events import state_of
from events.store.connection import plain_url
from events.store.migrate import migrate
from events.store.postgres import PostgresEventStore
from events.store.verify import verify

STACKS = (0, 3, 10)
CONNECTIONS = 32
HOT_CENTER = 1
AMOUNT = 720
ASKED_MAX = 20
WARM_UP_S = 1.5
LONG_MONTH, LONG = "2025-10", 20_000
OTHER_MONTHS = {f"2025-{number:02d}": 1_000 for number in range(1, 13) if number != 10}
READ_ROUNDS = 3
PAGE = 5_000


# The load.


@dataclass
class Tills:
    """Charges on cards that are picked at random."""

    name: str
    port: int
    cards: Sequence[str]
    token: str = ""
    conflicts: int = 0
    """Requests that lost every race and were asked again."""
    sent: int = field(default_factory=time.time_ns)

    async def connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(Connection, "127.0.0.1", self.port)
        return connection

    async def ask(self, connection: Connection) -> None:
        self.sent += 1
        hold_id, card = f"h{self.sent}", random.choice(self.cards)
        if self.name == "bare":
            body: dict[str, Any] = {"card": card, "amount": AMOUNT, "hold_id": hold_id}
            await self._until_done(connection, "PUT", "/charges", body, "")
            await self._until_done(connection, "POST", f"/charges/{hold_id}/confirm", {}, "")
            return
        amount = {"amount": AMOUNT, "currency": "EUR"}
        body = {
            "card": {"number": card}, "amount": amount, "mode": "exact", "store_id": "berlin",
            "till_id": "t", "booking_id": f"b-{hold_id}", "payment_id": "P1",
            "basket": [{"vat": "standard", "rate": 1900, "dsfinvk_key": 1, "gross": amount}],
        }  # fmt: skip
        path = f"/costcenter/v1/charges/{hold_id}"
        await self._until_done(connection, "PUT", path, body, f"{hold_id}/hold")
        await self._until_done(connection, "POST", f"{path}/confirm", {}, f"{hold_id}/confirm")

    async def _until_done(
        self, connection: Connection, method: str, path: str, body: Any, key: str
    ) -> None:
        extra = ""
        if key:
            extra = f"authorization: Bearer {self.token}\r\nidempotency-key: {key}\r\n"
        data = json.dumps(body)
        request = (
            f"{method} {path} HTTP/1.1\r\nhost: bench\r\n{extra}content-type: application/json\r\n"
            f"content-length: {len(data)}\r\n\r\n{data}"
        ).encode()
        for _ in range(ASKED_MAX):
            status = await connection.ask(request)
            if status == 200:
                return
            if status != 409:
                break
            self.conflicts += 1
        raise RuntimeError(f"{self.name} answered {status} to {method} {path}")


async def charges(
    ours: Server, bare: Server, size: Size, token: str, limits: int, *, seconds: float, rounds: int
) -> list[Row]:
    """Ours and bare in turns, for both ways to choose a card."""
    everybody = [card_number(card) for card in range(size.cards)]
    hot = [card_number(card) for card in size.cards_of(HOT_CENTER)]
    rows: list[Row] = []
    for choice, cards in (("uniform", everybody), ("hot", hot)):
        servers = (ours, bare)
        targets = [Tills("ours", ours.port, cards, token), Tills("bare", bare.port, cards)]
        for target in targets:
            await closed_loop(target, CONNECTIONS, WARM_UP_S)
        found: list[list[Figures]] = [[], []]
        used, done = [0.0, 0.0], [0, 0]
        for _ in range(rounds):
            for place, (target, server) in enumerate(zip(targets, servers, strict=True)):
                before, sent = server.processor_s(), target.sent
                found[place].append(await closed_loop(target, CONNECTIONS, seconds))
                used[place] += server.processor_s() - before
                done[place] += target.sent - sent
        rows += _rows(
            f"charges, {limits} limits, {choice}", found[0], found[1], targets[0].conflicts
        )
        rows.append(
            Row(name="  processor time of the server", ours=1000 * used[0] / done[0], unit="ms",
                reference=1000 * used[1] / done[1], against="bare")
        )  # fmt: skip
        _told(rows[-4:])
    return rows


def _rows(name: str, ours: Sequence[Figures], bare: Sequence[Figures], conflicts: int) -> list[Row]:
    def median(figures: Sequence[Figures], what: str) -> float:
        found: float = statistics.median(getattr(each, what) for each in figures)
        return found

    note = f"{conflicts} asked again after lost races" if conflicts else ""
    return [
        Row(name=name, ours=median(ours, "rate"), unit="/s", reference=median(bare, "rate"),
            against="bare FastAPI + asyncpg", note=note),
        *(
            Row(name=f"  {part[:3]}", ours=median(ours, part), unit="ms",
                reference=median(bare, part), against="bare")
            for part in ("p50_ms", "p99_ms")
        ),
    ]  # fmt: skip


# The long month.


async def _read_month(port: int, token: str) -> float:
    """How long all slips of the long month took, in ms."""
    headers = {"authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers) as client:
        begun, after, slips = time.perf_counter(), 0, 0
        while True:
            answer = await client.get(
                f"/costcenter/v1/centers/c0/months/{LONG_MONTH}/charges",
                params={"after": after, "limit": PAGE}, timeout=60.0,
            )  # fmt: skip
            page = answer.raise_for_status().json()
            slips += len(page["rows"])
            if page["next"] is None:
                break
            after = page["next"]
    if slips != LONG:
        raise RuntimeError(f"{slips} slips of {LONG}")
    return 1000 * (time.perf_counter() - begun)


async def _bare_month(url: str) -> float:
    """The same rows, in one statement, as Python objects."""
    connection = await asyncpg.connect(plain_url(url))
    begun = time.perf_counter()
    rows = await connection.fetch(
        f"SELECT data::text FROM {SERVICE.schema}.event WHERE stream = $1"
        " AND type = 'charge.booked' ORDER BY version",
        month_stream("c0", LONG_MONTH),
    )
    slips = [json.loads(row["data"]) for row in rows]
    took = 1000 * (time.perf_counter() - begun)
    await connection.close()
    assert len(slips) == LONG
    return took


async def _first_decision(url: str) -> float:
    """Folding the month in a process that has not seen it, in ms."""
    async with PostgresEventStore.open(
        url, service=SERVICE.name, schema=SERVICE.schema, registry=REGISTRY
    ) as store:
        begun = time.perf_counter()
        _, state = await state_of(store, MONTH, month_stream("c0", LONG_MONTH))
        took = 1000 * (time.perf_counter() - begun)
    assert state.booked == LONG
    return took


async def _month_rows(port: int, url: str, token: str, size: Size) -> list[Row]:
    await months(url, size, {LONG_MONTH: LONG})
    await _named(url)
    alone = [await _read_month(port, token) for _ in range(READ_ROUNDS)]
    await months(url, size, OTHER_MONTHS)
    beside = [await _read_month(port, token) for _ in range(READ_ROUNDS)]
    bare = [await _bare_month(url) for _ in range(READ_ROUNDS)]
    first = [await _first_decision(url) for _ in range(READ_ROUNDS)]
    rows = [
        Row(name=f"a month of {LONG:,} charges read, 11 months beside it",
            ours=statistics.median(beside), unit="ms", reference=statistics.median(alone),
            against="alone in the log", aim="no slower", met=min(beside) < 1.5 * max(alone)),
        Row(name="  the same", ours=statistics.median(beside), unit="ms",
            reference=statistics.median(bare), against="bare SELECT and json.loads"),
        Row(name="  first decision on it in a fresh process", ours=statistics.median(first),
            unit="ms", reference=statistics.median(bare), against="bare SELECT and json.loads"),
    ]  # fmt: skip
    _told(rows)
    return rows


async def _named(url: str) -> None:
    """The page asks who the center is; without read models nobody told it."""
    connection = await asyncpg.connect(plain_url(url))
    await connection.execute(
        f"INSERT INTO {SERVICE.schema}.statement_center VALUES ('c0', '4000000', 'A', 'f0')"
    )
    await connection.close()


# The whole.


async def prepare(url: str, size: Size) -> list[Row]:
    """Both databases with the structure."""
    await migrate(url, schema=SERVICE.schema, folder=SERVICE.migrations, role=ROLE)
    begun = time.perf_counter()
    await seed(url, size)
    took = time.perf_counter() - begun
    rows = [Row(name=f"bulk load of {size.cards:,} cards", ours=size.cards / took, unit="/s")]
    connection = await asyncpg.connect(plain_url(url))
    await connection.execute(
        "CREATE SCHEMA bare;"
        "CREATE TABLE bare.card (number text PRIMARY KEY, accounts bigint[] NOT NULL);"
        "CREATE TABLE bare.account (id bigint PRIMARY KEY, used bigint NOT NULL DEFAULT 0,"
        " value bigint NOT NULL) WITH (fillfactor = 50);"
        "CREATE TABLE bare.event (position bigserial PRIMARY KEY, type text NOT NULL,"
        " data json NOT NULL, recorded_at timestamptz NOT NULL DEFAULT now());"
    )
    ids: dict[tuple[int, str, int], int] = {}
    cards = []
    for card in range(size.cards):
        center = card % size.centers
        owner = {"card": card, "center": center}
        accounts = [
            ids.setdefault((n, level, owner.get(level, center % size.companies)), len(ids))
            for n, (level, _) in enumerate(TEN)
        ]
        cards.append((card_number(card), accounts))
    await connection.copy_records_to_table("card", schema_name="bare", records=cards)
    await connection.copy_records_to_table(
        "account", schema_name="bare", columns=("id", "value"),
        records=[(number, 10**11) for number in range(len(ids))],
    )  # fmt: skip
    await connection.execute("ANALYZE bare.card", timeout=None)
    await connection.execute("ANALYZE bare.account", timeout=None)
    await connection.close()
    _told(rows)
    return rows


def measure(url: str, var: Path, size: Size, *, seconds: float, rounds: int) -> list[Row]:
    token = issuer(var).person(
        "bench", ["service", "back_office"], now=datetime.now(UTC), valid_for=timedelta(hours=4)
    )
    rows = asyncio.run(prepare(url, size))
    already = 0
    for limits in STACKS:
        if limits:
            asyncio.run(stack(url, size, already, limits))
        already = limits
        with ExitStack() as opened:
            ours, bare = (
                opened.enter_context(running(which, url, var, limits)) for which in ("ours", "bare")
            )
            rows += uvloop.run(
                charges(ours, bare, size, token, limits, seconds=seconds, rounds=rounds)
            )
    with running("ours", url, var, 0) as server:
        rows += asyncio.run(_month_rows(server.port, url, token, size))
    verdict = asyncio.run(verify(url, schema=SERVICE.schema, service=SERVICE.name))
    rows.append(
        Row(name="events in a whole log", ours=verdict.events, unit="", met=verdict.whole,
            aim="whole")
    )  # fmt: skip
    return rows


def _told(rows: Sequence[Row]) -> None:
    """The whole takes minutes: say on the way what is known."""
    for row in rows:
        against = "" if row.reference is None else f", {row.against} {row.reference:,.1f}"
        print(f"… {row.name}: {row.ours:,.1f} {row.unit}{against}", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--centers", type=int, default=5_000)
    parser.add_argument("--cards", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with database() as url, tempfile.TemporaryDirectory(prefix="kv-bench-") as folder:
        size = Size(given.centers, given.cards)
        rows = measure(url, Path(folder), size, seconds=given.seconds, rounds=given.rounds)
    show("Cost centers", rows, as_json=given.json)


if __name__ == "__main__":
    main()
