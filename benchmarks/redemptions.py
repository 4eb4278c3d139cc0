"""Voucher redemptions per second over HTTP: our service, and the least that could do it.

    python -m benchmarks.redemptions [--seconds 4] [--rounds 3] [--vouchers 1000] [--json]

Ours is the program's own application (token checked, idempotency key, rate limits, group-committed
log with hash chain) with the voucher service's read models filled by the same process.
Bare is FastAPI and asyncpg: one transaction with a guarded UPDATE of the balance and an INSERT of
the event; no authentication, no idempotency, no order of events.
Both run as one uvicorn process (uvloop, httptools, no access log) on the same PostgreSQL, both
redeem 0.01 of vouchers drawn at random, both are driven by the same raw client in this process.
Closed loop: each connection asks again once it was answered. Open loop: requests start by the
clock, and their time counts from when they should have started, so waiting is not hidden.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import uvicorn
import uvloop
from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel

from benchmarks.appends import server as database
from benchmarks.http_load import Connection, Figures, closed_loop, open_loop
from benchmarks.report import Row, show
from events import AppendRequest, NewEvents, Take
from events.handle import input_hash
from events.store.connection import engine_for, plain_url
from events.store.migrate import migrate
from events.store.pool import pool_for
from events.store.postgres import PostgresEventStore
from events.subscription import run_projection
from events.version import NO_STREAM
from kassenverbund.authentication import Authentication
from kassenverbund.chain_file import load_chain
from kassenverbund.http import application, mount
from kassenverbund.issuer import Issuer
from kassenverbund.kit.secrets import Secrets
from kassenverbund.kit.service import Runtime, Service
from kassenverbund.program import GC_THRESHOLD
from kassenverbund.settings import Settings
from money import Money
from voucher import codes
from voucher.events import SoldAt, VoucherActivated, VoucherIssued
from voucher.handlers import serial_of, stream_of
from voucher.service import REGISTRY, SERVICE

ROOT = Path(__file__).parents[1]
CLOSED = (16, 64)
OPEN = (500, 1000)
VALUE = Money(amount=1_000_000, currency="EUR")
ROLE = "bench_voucher"
SECRETS = Secrets(root=b"b" * 32, key_id="bench")
WARM_UP_S = 1.0
START_WAIT_S = 30.0
AIM = 0.5


# The two servers, each in a process of its own.


class BareRedeem(BaseModel):
    code: str
    amount: int
    redemption_id: str


def bare_application(url: str) -> FastAPI:
    """A guarded UPDATE and an INSERT in one transaction, and nothing else."""

    pool: asyncpg.Pool[Any]

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        nonlocal pool
        settings = {"synchronous_commit": "on"}
        async with asyncpg.create_pool(
            plain_url(url), min_size=8, max_size=16, server_settings=settings
        ) as pool:
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/redemptions")
    async def redeem(body: BareRedeem, request: Request) -> dict[str, Any]:
        async with pool.acquire() as connection, connection.transaction():
            balance = await connection.fetchval(
                "UPDATE bare.voucher SET balance = balance - $2"
                " WHERE code = $1 AND balance >= $2 RETURNING balance",
                body.code,
                body.amount,
            )
            if balance is None:
                raise HTTPException(409)
            event = {
                "redemption_id": body.redemption_id,
                "amount": body.amount,
                "remaining": balance,
                "redeemed_at": datetime.now(UTC).isoformat(),
            }
            await connection.execute(
                "INSERT INTO bare.event (type, data) VALUES ('redeemed', $1)", json.dumps(event)
            )
        return {"redemption_id": body.redemption_id, "remaining": balance}

    return app


async def our_application(
    url: str,
    var: Path,
    stack: contextlib.AsyncExitStack,
    *,
    service: Service = SERVICE,
    role: str = ROLE,
    read_models: bool = True,
) -> FastAPI:
    """The program's application with one service, as `serve voucher` builds it."""
    own = issuer(var)
    settings = Settings(tls="off", var=var)
    app = application(settings, authenticator=(known := Authentication(own)), issuer=own)
    store = await stack.enter_async_context(
        PostgresEventStore.open(
            url,
            service=service.name,
            schema=service.schema,
            registry=service.registry,
            role=role,
        )
    )
    engine = engine_for(url, schema=service.schema, role=role, pool_max=8)
    stack.push_async_callback(engine.dispose)
    pool = await stack.enter_async_context(pool_for(url, schema=service.schema, role=role))
    opened = await service.open(
        Runtime(
            chain=load_chain(ROOT / "chain.yaml"),
            store=store,
            engine=engine,
            pool=pool,
            client=lambda _: httpx.AsyncClient(),
            authenticator=known,
            secrets=SECRETS,
            clock=lambda: datetime.now(UTC),
            var=var,
            sign_within_s=10,
        )
    )
    mount(app, service, opened)
    group = await stack.enter_async_context(asyncio.TaskGroup())
    loops = [
        group.create_task(run_projection(store, engine, projection, schema=service.schema))
        for projection in opened.projections
        if read_models
    ]
    stack.callback(lambda: [loop.cancel() for loop in loops])
    return app


async def serve(which: str, url: str, var: Path, port: int) -> None:
    """`ours`, `logged` (ours without read models: nobody waits for them) or `bare`."""
    async with contextlib.AsyncExitStack() as stack:
        app = bare_application(url)
        if which != "bare":
            app = await our_application(url, var, stack, read_models=which == "ours")
            collect_garbage_seldom()
        config = uvicorn.Config(
            app, host="127.0.0.1", port=port, loop="uvloop", http="httptools", access_log=False,
            log_level="warning", lifespan="on" if which == "bare" else "off",
        )  # fmt: skip
        await uvicorn.Server(config).serve()


def collect_garbage_seldom() -> None:
    """As the program does once it is ready."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_THRESHOLD, 20, 100)


def issuer(var: Path) -> Issuer:
    return Issuer.from_file(var / "issuer.pem", name="bench", audience="kassenverbund", make=True)


# The vouchers.


async def issue(url: str, count: int) -> list[str]:
    """Active vouchers in both databases; their codes."""
    await migrate(url, schema=SERVICE.schema, folder=SERVICE.migrations, role=ROLE)
    made = [codes.generate(codes.Kind.VOUCHER, os.urandom) for _ in range(count)]
    async with PostgresEventStore.open(
        url, service=SERVICE.name, schema=SERVICE.schema, registry=REGISTRY
    ) as store:
        requests = [sale(number, code) for number, code in enumerate(made)]
        for start in range(0, count, 256):
            await asyncio.gather(*map(store.append, requests[start : start + 256]))
    connection = await asyncpg.connect(plain_url(url))
    await connection.execute(
        "CREATE SCHEMA bare;"
        "CREATE TABLE bare.voucher (code text PRIMARY KEY, balance bigint NOT NULL);"
        "CREATE TABLE bare.event (position bigserial PRIMARY KEY, type text NOT NULL,"
        " data json NOT NULL, recorded_at timestamptz NOT NULL DEFAULT now());"
    )
    await connection.executemany(
        "INSERT INTO bare.voucher VALUES ($1, $2)", [(code, VALUE.amount) for code in made]
    )
    await connection.execute("ANALYZE")
    await connection.close()
    return made


def sale(number: int, code: str) -> AppendRequest:
    """The append that makes an active voucher."""
    voucher_id, now = f"bench-{number}", datetime.now(UTC)
    stream, hashed, serial = (
        stream_of(voucher_id),
        codes.hashed(code, SECRETS),
        serial_of(voucher_id),
    )
    issued = VoucherIssued(
        voucher_id=voucher_id, serial=serial, code_hash=hashed.value, hash_key_id=hashed.key_id,
        value=VALUE, legal_entity_id="kette", valid_until=date(now.year + 3, 12, 31),
        sold_at=SoldAt(store_id="berlin", till_id="t", booking_id=f"b{number}", line_id="L"),
        time_zone="Europe/Berlin", issued_at=now, consideration=VALUE, opened=now.date(),
    )  # fmt: skip
    active = VoucherActivated(
        voucher_id=voucher_id, serial=serial, booking_id=f"b{number}", value=VALUE, activated_at=now
    )
    return AppendRequest(
        key=f"sale-{number}",
        input_hash=input_hash(voucher_id),
        streams=(NewEvents(stream, NO_STREAM, (issued, active)),),
        claims=(Take(f"code:{hashed.value}", stream), Take(f"serial:{serial}", stream)),
    )


@dataclass
class Target:
    """One server and the requests it gets."""

    name: str
    port: int
    made: Sequence[str]
    token: str = ""
    sent: int = 0

    def pick(self) -> str:
        """The code of a voucher drawn at random."""
        return random.choice(self.made)

    def request(self) -> bytes:
        """The next redemption."""
        self.sent += 1
        code, number = self.pick(), f"{os.getpid()}-{self.sent}"
        if self.name == "bare":
            path, body = "/redemptions", {"code": code, "amount": 1, "redemption_id": number}
            extra = ""
        else:
            path = "/voucher/v1/redemptions"
            body = {"code": code, "amount": {"amount": 1, "currency": "EUR"}, "mode": "exact",
                    "redemption_id": number, "store_id": "koeln"}  # fmt: skip
            extra = f"authorization: Bearer {self.token}\r\nidempotency-key: {number}\r\n"
        data = json.dumps(body)
        return (
            f"POST {path} HTTP/1.1\r\nhost: bench\r\n{extra}content-type: application/json\r\n"
            f"content-length: {len(data)}\r\n\r\n{data}"
        ).encode()

    async def connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(Connection, "127.0.0.1", self.port)
        return connection

    async def ask(self, connection: Connection) -> None:
        status = await connection.ask(self.request())
        if status != 200:
            raise RuntimeError(f"{self.name} answered {status}")


# The report.


@contextmanager
def running(which: str, url: str, var: Path) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    command = [sys.executable, "-m", "benchmarks.redemptions", "--serve", which, "--url", url,
               "--var", str(var), "--port", str(port)]  # fmt: skip
    process = subprocess.Popen(command, cwd=ROOT)
    try:
        deadline = time.monotonic() + START_WAIT_S
        while True:
            if process.poll() is not None:
                raise RuntimeError(f"{which} did not start")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            if time.monotonic() > deadline:
                raise RuntimeError(f"{which} did not listen within {START_WAIT_S} s")
            time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(10)


async def measure(targets: Sequence[Target], *, seconds: float, rounds: int) -> list[Row]:
    for target in targets:
        await closed_loop(target, CLOSED[0], WARM_UP_S)
    rows: list[Row] = []
    for connections in CLOSED:
        found = await _rounds(
            [(target, closed_loop, connections) for target in targets], seconds, rounds
        )
        rows.extend(_closed_rows(connections, *found))
    for rate in OPEN:
        found = await _rounds([(target, open_loop, rate) for target in targets], seconds, rounds)
        rows.extend(_open_rows(rate, *found))
    return rows


async def _rounds(runs: Sequence[tuple[Target, Any, int]], seconds: float, n: int) -> list[Figures]:
    """Interleaved, so that a busy moment of the machine hits both; medians."""
    found: list[list[Figures]] = [[] for _ in runs]
    for _ in range(n):
        for place, (target, loop, load) in enumerate(runs):
            found[place].append(await loop(target, load, seconds))
    return [
        Figures(*(statistics.median(getattr(one, name) for one in each)
                  for name in ("rate", "p50_ms", "p99_ms")))
        for each in found
    ]  # fmt: skip


def _closed_rows(connections: int, ours: Figures, bare: Figures) -> Iterator[Row]:
    name = f"closed loop, {connections} connections"
    yield Row(
        name=name, ours=ours.rate, unit="/s", reference=bare.rate, against="bare FastAPI + asyncpg",
        aim=f"ratio ≥ {AIM}", met=ours.rate >= AIM * bare.rate,
        note=f"p50 {ours.p50_ms:.1f} ms, p99 {ours.p99_ms:.1f} ms",
    )  # fmt: skip


def _open_rows(rate: int, ours: Figures, bare: Figures) -> Iterator[Row]:
    kept = f"{ours.rate:,.0f}/s of {rate}/s, bare {bare.rate:,.0f}/s"
    for part in ("p50_ms", "p99_ms"):
        yield Row(
            name=f"open loop, {rate}/s, {part[:3]}", ours=getattr(ours, part), unit="ms",
            reference=getattr(bare, part), against="bare", note=kept,
        )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--vouchers", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", choices=("ours", "logged", "bare"), help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--var", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        uvloop.run(serve(given.serve, given.url, given.var, given.port))
        return
    with database() as url, tempfile.TemporaryDirectory(prefix="kv-bench-") as folder:
        var = Path(folder)
        made = uvloop.run(issue(url, given.vouchers))
        token = issuer(var).person(
            "bench", ["back_office"], now=datetime.now(UTC), valid_for=timedelta(hours=1)
        )
        with running("ours", url, var) as our_port, running("bare", url, var) as bare_port:
            targets = [Target("ours", our_port, made, token), Target("bare", bare_port, made)]
            rows = uvloop.run(measure(targets, seconds=given.seconds, rounds=given.rounds))
    show("Voucher redemptions over HTTP", rows, as_json=given.json)


if __name__ == "__main__":
    main()
