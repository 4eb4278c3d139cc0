"""Vouchers by the million: redemptions over HTTP, uniform and hot, 1 and 3 processes; reports.

    python -m benchmarks.vouchers [--vouchers 1000000] [--seconds 4] [--rounds 3] [--fold] [--json]

The log is filled in bulk (`vouchers_seed.py`) and then proved whole by `verify`. With `--fold` the
service folds its read models from it first (an hour for a million) and keeps them up during the
measurement, as `benchmarks.redemptions` always does; without, it keeps none: a redemption never
waits for them. Reports over a million vouchers: `benchmarks.voucher_reports`.

Servers, load and bare reference (FastAPI and asyncpg, one guarded UPDATE and one INSERT) are those
of `benchmarks.redemptions`. Uniform: each voucher is as likely as any other. Hot: Zipf with
exponent 1.1, where the first voucher gets every eighth redemption of a million. With 3 processes,
connections are spread evenly over three ports.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate, cycle
from pathlib import Path

import asyncpg
import httpx
import uvloop

from benchmarks.appends import server as database
from benchmarks.http_load import Connection, Figures, closed_loop
from benchmarks.redemptions import AIM, VALUE, Target, issuer, running
from benchmarks.report import Row, show
from benchmarks.vouchers_seed import seed
from events.store.connection import plain_url
from events.store.verify import verify
from voucher.service import SERVICE

PROCESSES = (1, 3)
CONNECTIONS = 64
ZIPF = 1.1
ASKED_MAX = 20
WARM_UP_S = 2.0
FOLDED_WAIT_S = 3_600.0
LOOK_S = 0.25

PAST = timedelta(days=500)
"""How far back the liability is asked for: half of the vouchers were sold by then."""

LIABILITY_ROUNDS = 5
LIABILITY_AIM_MS = 2_000.0
ANSWER_WAIT_S = 300.0


@dataclass
class Spread(Target):
    """One service on several ports, asked about vouchers that some rule picks."""

    ports: Sequence[int] = ()
    weights: Sequence[float] | None = None
    """Cumulative, by voucher. None: uniform."""
    conflicts: int = 0
    """Redemptions that lost every race for their voucher and were asked for again."""
    _next: Iterator[int] = field(default_factory=lambda: iter(()))

    def __post_init__(self) -> None:
        self._next = cycle(self.ports)
        # Redemptions are numbered, and no number is used by two targets of one run.
        self.sent = time.time_ns()

    def pick(self) -> str:
        if self.weights is None:
            return random.choice(self.made)
        return random.choices(self.made, cum_weights=self.weights)[0]

    async def ask(self, connection: Connection) -> None:
        """Until it is done; a lost race (409) is asked again with the same key, as a till does."""
        request = self.request()
        for _ in range(ASKED_MAX):
            status = await connection.ask(request)
            if status == 200:
                return
            if status != 409:
                break
            self.conflicts += 1
        raise RuntimeError(f"{self.name} answered {status}")

    async def connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(Connection, "127.0.0.1", next(self._next))
        return connection


@dataclass(frozen=True)
class Stand:
    """What all measurements need."""

    url: str
    var: Path
    made: Sequence[str]
    token: str


async def fill(url: str, count: int) -> tuple[list[str], list[Row]]:
    """Both databases with `count` vouchers, and how long ours took."""
    begun = time.perf_counter()
    made = await seed(url, count)
    took = time.perf_counter() - begun
    rows = [Row(name=f"bulk load of {count:,} vouchers", ours=count / took, unit="/s")]
    begun = time.perf_counter()
    verdict = await verify(url, schema=SERVICE.schema, service=SERVICE.name)
    took = time.perf_counter() - begun
    rows.append(
        Row(name=f"verify of {verdict.events:,} events", ours=verdict.events / took, unit="/s",
            met=verdict.whole, aim="whole")
    )  # fmt: skip
    _told(rows)
    connection = await asyncpg.connect(plain_url(url))
    await connection.execute(
        "CREATE SCHEMA bare;"
        "CREATE TABLE bare.voucher (code text PRIMARY KEY, balance bigint NOT NULL);"
        "CREATE TABLE bare.event (position bigserial PRIMARY KEY, type text NOT NULL,"
        " data json NOT NULL, recorded_at timestamptz NOT NULL DEFAULT now());"
    )
    await connection.copy_records_to_table(
        "voucher", schema_name="bare", records=[(code, VALUE.amount) for code in made]
    )
    await connection.execute("ANALYZE bare.voucher", timeout=None)
    await connection.close()
    return made, rows


async def folded(url: str) -> Row:
    """Wait until the service's read models show the whole log."""
    connection = await asyncpg.connect(plain_url(url))
    begun = time.perf_counter()
    head: int = await connection.fetchval(f"SELECT max(position) FROM {SERVICE.schema}.event")
    while True:
        reached = await connection.fetchval(
            f"SELECT min(position) FROM {SERVICE.schema}.checkpoint"
        )
        took = time.perf_counter() - begun
        if reached is not None and reached >= head:
            break
        if took > FOLDED_WAIT_S:
            raise RuntimeError(f"the read models are at {reached} of {head}")
        await asyncio.sleep(LOOK_S)
    await connection.execute("ANALYZE", timeout=None)
    await connection.close()
    return Row(name=f"read models over {head:,} events", ours=head / took, unit="/s")


async def redemptions(
    stand: Stand, ours: Sequence[int], bare: Sequence[int], *, seconds: float, rounds: int
) -> list[Row]:
    """Ours and bare in turns, for both ways to choose a voucher."""
    zipf = list(accumulate(1 / place**ZIPF for place in range(1, len(stand.made) + 1)))
    rows: list[Row] = []
    for choice, weights in (("uniform", None), (f"Zipf {ZIPF}", zipf)):
        targets = [
            Spread("ours", 0, stand.made, stand.token, ports=ours, weights=weights),
            Spread("bare", 0, stand.made, ports=bare, weights=weights),
        ]
        for target in targets:
            await closed_loop(target, CONNECTIONS, WARM_UP_S)
        found: list[list[Figures]] = [[], []]
        for _ in range(rounds):
            for place, target in enumerate(targets):
                found[place].append(await closed_loop(target, CONNECTIONS, seconds))
        name = f"redemptions, {choice}, {len(ours)} process{'es' if len(ours) > 1 else ''}"
        rows.extend(_rows(name, *found, conflicts=targets[0].conflicts))
        _told(rows[-3:])
    return rows


def _rows(
    name: str, ours: Sequence[Figures], bare: Sequence[Figures], *, conflicts: int
) -> Iterator[Row]:
    rate, against = _median(ours, "rate"), _median(bare, "rate")
    yield Row(
        name=name, ours=rate, unit="/s", reference=against, against="bare FastAPI + asyncpg",
        aim=f"ratio ≥ {AIM}", met=rate >= AIM * against,
        note=f"{conflicts} asked again after lost races" if conflicts else "",
    )  # fmt: skip
    for part in ("p50_ms", "p99_ms"):
        yield Row(
            name=f"  {part[:3]}", ours=_median(ours, part), unit="ms",
            reference=_median(bare, part), against="bare",
        )  # fmt: skip


def _median(figures: Sequence[Figures], name: str) -> float:
    found: float = statistics.median(getattr(each, name) for each in figures)
    return found


# What has a route of its own.


def liability(stand: Stand, port: int) -> Row | str:
    """What was owed at a past date, read by the back office. A text: why there is no figure."""
    day = (datetime.now(UTC) - PAST).date().isoformat()
    times = []
    for _ in range(LIABILITY_ROUNDS):
        with _client(stand, port) as client:
            begun = time.perf_counter()
            answer = client.get("/voucher/v1/reports/liability", params={"as_of": day})
        times.append(1000 * (time.perf_counter() - begun))
        if answer.status_code != 200:
            return f"no liability at a past date: {answer.status_code} {answer.text[:200]}"
    took = statistics.median(times)
    return Row(
        name=f"liability of {len(stand.made):,} vouchers at a past date", ours=took, unit="ms",
        aim=f"< {LIABILITY_AIM_MS:,.0f} ms", met=took < LIABILITY_AIM_MS,
    )  # fmt: skip


def _client(stand: Stand, port: int) -> httpx.Client:
    return httpx.Client(
        base_url=f"http://127.0.0.1:{port}",
        timeout=ANSWER_WAIT_S,
        headers={
            "authorization": f"Bearer {stand.token}",
            "content-type": "text/csv",
            "idempotency-key": f"bench-{time.time_ns()}",
        },
    )


def measure(stand: Stand, *, seconds: float, rounds: int, fold: bool) -> list[Row]:
    """All rows. Processes are started once for each number of them."""
    rows: list[Row] = []
    for count in PROCESSES:
        with ExitStack() as stack:
            ours, bare = (
                [stack.enter_context(running(which, stand.url, stand.var)) for _ in range(count)]
                for which in ("ours" if fold else "logged", "bare")
            )
            if fold and count == PROCESSES[0]:
                rows.append(uvloop.run(folded(stand.url)))
                _told(rows)
                rows.extend(_reports(stand, ours[0], (liability,)))
            rows.extend(uvloop.run(redemptions(stand, ours, bare, seconds=seconds, rounds=rounds)))
    return rows


def _reports(
    stand: Stand, port: int, reports: Sequence[Callable[[Stand, int], Row | str]]
) -> Iterator[Row]:
    for report in reports:
        found = report(stand, port)
        if isinstance(found, str):
            print(f"left out: {found}")
        else:
            yield found


def _told(rows: Sequence[Row]) -> None:
    """The whole takes minutes: say on the way what is known."""
    for row in rows:
        against = "" if row.reference is None else f", {row.against} {row.reference:,.1f}"
        print(f"… {row.name}: {row.ours:,.1f} {row.unit}{against}", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--vouchers", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--fold", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with database() as url, tempfile.TemporaryDirectory(prefix="kv-bench-") as folder:
        var = Path(folder)
        token = issuer(var).person(
            "bench", ["back_office"], now=datetime.now(UTC), valid_for=timedelta(hours=4)
        )
        made, rows = asyncio.run(fill(url, given.vouchers))
        stand = Stand(url, var, made, token)
        rows += measure(stand, seconds=given.seconds, rounds=given.rounds, fold=given.fold)
    show("Vouchers by the million", rows, as_json=given.json)


if __name__ == "__main__":
    main()
