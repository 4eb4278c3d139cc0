"""The two servers of `cost_centers.py`, each in a process of its own.

python -m benchmarks.cost_centers_servers {ours,bare} --url … --var … --port … --limits …
"""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import uvicorn
import uvloop
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

from benchmarks.redemptions import collect_garbage_seldom, our_application
from costcenter.service import SERVICE
from events.store.connection import plain_url

ROOT = Path(__file__).parents[1]
START_WAIT_S = 60.0
ROLE = "bench_costcenter"


class BareHold(BaseModel):
    card: str
    amount: int
    hold_id: str


def bare_application(url: str, limits: int) -> FastAPI:
    """The least that could hold a charge within `limits` limits."""
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

    @app.put("/charges")
    async def hold(body: BareHold) -> dict[str, Any]:
        async with pool.acquire() as connection, connection.transaction():
            accounts = await connection.fetchval(
                "SELECT accounts FROM bare.card WHERE number = $1", body.card
            )
            if accounts is None:
                raise HTTPException(404)
            accounts = accounts[:limits]
            if limits:
                # In a fixed order, or two charges wait for each other in a circle.
                await connection.execute(
                    "SELECT 1 FROM bare.account WHERE id = ANY($1) ORDER BY id FOR UPDATE", accounts
                )
                raised = await connection.execute(
                    "UPDATE bare.account SET used = used + $2"
                    " WHERE id = ANY($1) AND used + $2 <= value", accounts, body.amount,
                )  # fmt: skip
                if raised != f"UPDATE {limits}":
                    raise HTTPException(409)
            event = json.dumps({"hold_id": body.hold_id, "amount": body.amount, "card": body.card})
            await connection.execute(
                "INSERT INTO bare.event (type, data)"
                " SELECT 'held', $1::json FROM generate_series(0, $2::int)", event, limits,
            )  # fmt: skip
        return {"hold_id": body.hold_id}

    @app.post("/charges/{hold_id}/confirm")
    async def confirm(hold_id: str) -> dict[str, Any]:
        async with pool.acquire() as connection:
            await connection.execute(
                "INSERT INTO bare.event (type, data) VALUES ('confirmed', $1)",
                json.dumps({"hold_id": hold_id}),
            )
        return {"hold_id": hold_id}

    return app


async def serve(which: str, url: str, var: Path, port: int, limits: int) -> None:
    async with contextlib.AsyncExitStack() as stack_:
        if which == "ours":
            app = await our_application(
                url, var, stack_, service=SERVICE, role=ROLE, read_models=False
            )
            collect_garbage_seldom()
        else:
            app = bare_application(url, limits)
        config = uvicorn.Config(
            app, host="127.0.0.1", port=port, loop="uvloop", http="httptools", access_log=False,
            log_level="warning", lifespan="on" if which == "bare" else "off",
        )  # fmt: skip
        await uvicorn.Server(config).serve()


@dataclass(frozen=True, slots=True)
class Server:
    port: int
    process: psutil.Process

    def processor_s(self) -> float:
        """Processor time since it began. A busy machine does not change what a charge needs."""
        times = self.process.cpu_times()
        used: float = times.user + times.system
        return used


@contextmanager
def running(which: str, url: str, var: Path, limits: int) -> Iterator[Server]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    command = [sys.executable, "-m", "benchmarks.cost_centers_servers", which, "--url", url,
               "--var", str(var), "--port", str(port), "--limits", str(limits)]  # fmt: skip
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
        yield Server(port, psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait(10)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("which", choices=("ours", "bare"))
    parser.add_argument("--url", required=True)
    parser.add_argument("--var", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--limits", type=int, required=True)
    given = parser.parse_args()
    uvloop.run(serve(given.which, given.url, given.var, given.port, given.limits))


if __name__ == "__main__":
    main()
