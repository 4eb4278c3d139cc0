"""The played fiskaly cloud on a real socket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest_asyncio
import uvicorn

from fiscal_signer.testing import Clock
from fiscal_signer.testing.fiskaly import FiskalyCloud
from fiscal_signer.testing.fiskaly_line import KEY, SECRET, TSS_ID, Line


@pytest_asyncio.fixture
async def line() -> AsyncIterator[Line]:
    clock = Clock()
    cloud = FiskalyCloud(clock, key=KEY, secret=SECRET)
    tss = cloud.tss(TSS_ID)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        server = uvicorn.Server(uvicorn.Config(cloud, log_level="error", lifespan="off"))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        made = Line(f"http://127.0.0.1:{port}/api/v2", clock, cloud, tss)
        try:
            yield made
        finally:
            cloud.closing.set()
            await made.close()
            server.should_exit = True
            await serving
