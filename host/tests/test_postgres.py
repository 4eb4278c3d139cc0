"""The private PostgreSQL: taken over after a kill, gone after a clean stop."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from kassenverbund.postgres import _Server, _works_in, private_database

HOLD = """
import asyncio, signal, sys
from pathlib import Path
from kassenverbund.postgres import private_database

# A run of tests in the background may have begun with Ctrl-C ignored, and hands that down.
signal.signal(signal.SIGINT, signal.default_int_handler)

async def hold():
    async with private_database(Path(sys.argv[1])) as found:
        print(found.url, flush=True)
        await asyncio.sleep(600)

asyncio.run(hold())
"""


@pytest.fixture
def var() -> Iterator[Path]:
    # Not under pytest's own folder: its path is long, and under root the server runs as another
    # user, who may not pass it.
    folder = Path(tempfile.mkdtemp(prefix="kv-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def servers(var: Path) -> list[psutil.Process]:
    folder = var.resolve() / "postgres"
    return [process for process in psutil.process_iter() if _works_in(process, folder)]


def wait_for_no_server(var: Path, *, wait_s: float = 20) -> None:
    deadline = time.monotonic() + wait_s
    while servers(var):
        assert time.monotonic() < deadline, "the server outlived its program"
        time.sleep(0.05)


def holder(var: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(var)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("postgresql://")
    return process


def orphaned(var: Path) -> subprocess.Popen[bytes]:
    """A server in the folder that no program watches over."""
    folder = var.resolve() / "postgres"
    server = _Server(folder)
    return subprocess.Popen(
        [server._bin / "postgres", "-D", folder, "-k", folder, "-c", "listen_addresses="],
        cwd=folder, stderr=subprocess.DEVNULL, start_new_session=True, **server._as(),
    )  # fmt: skip


async def note(url: str, text: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE IF NOT EXISTS note (text text)")
    await connection.execute("INSERT INTO note VALUES ($1)", text)
    await connection.close()


async def notes(url: str) -> list[str]:
    connection = await asyncpg.connect(url)
    rows = await connection.fetch("SELECT text FROM note")
    await connection.close()
    return [row["text"] for row in rows]


async def test_a_clean_stop_ends_the_server_and_keeps_the_data(var: Path) -> None:
    async with private_database(var) as first:
        assert first.owned
        await note(first.url, "kept")
    assert servers(var) == []

    async with private_database(var) as again:
        assert await notes(again.url) == ["kept"]


async def test_a_second_process_uses_the_server_of_the_first(var: Path) -> None:
    process = holder(var)
    try:
        async with private_database(var) as second:
            assert not second.owned
            await note(second.url, "shared")
        assert servers(var) != []
    finally:
        process.kill()
        process.wait()


async def test_after_a_kill_the_server_goes_and_the_next_start_has_the_data(var: Path) -> None:
    process = holder(var)
    async with private_database(var) as second:
        await note(second.url, "committed")
    process.kill()
    process.wait()

    async with private_database(var) as again:
        assert again.owned
        assert await notes(again.url) == ["committed"]
    wait_for_no_server(var)


async def test_an_orphaned_server_is_taken_over(var: Path) -> None:
    """As where the kernel sends no signal: the old server runs on, its program is gone."""
    async with private_database(var) as first:
        await note(first.url, "committed")
    orphan = orphaned(var)
    sockets = var / "postgres" / ".s.PGSQL.5432"
    while not sockets.exists():
        assert orphan.poll() is None
        await asyncio.sleep(0.05)
    # Reaped in the background, so that it does not stay as a zombie of ours.
    reaped = asyncio.create_task(asyncio.to_thread(orphan.wait))

    async with private_database(var) as again:
        assert again.owned
        assert await notes(again.url) == ["committed"]
    await reaped


async def test_a_killed_server_and_a_stale_pid_of_somebody_else_do_not_stop_a_start(
    var: Path,
) -> None:
    process = holder(var)
    async with private_database(var) as second:
        await note(second.url, "committed")
    for server in servers(var):
        server.kill()
    process.kill()
    process.wait()
    stale = var / "postgres" / "postmaster.pid"
    lines = stale.read_text().splitlines()
    stale.write_text("\n".join([str(psutil.Process().ppid()), *lines[1:]]) + "\n")

    async with private_database(var) as again:
        assert await notes(again.url) == ["committed"]


async def test_a_folder_with_a_long_path_works(var: Path) -> None:
    deep = var / ("a" * 60) / ("b" * 60)
    async with private_database(deep) as found:
        await note(found.url, "far")


def test_an_interrupted_program_leaves_no_server(var: Path) -> None:
    process = holder(var)
    process.send_signal(signal.SIGINT)
    process.wait(60)

    assert servers(var) == []
