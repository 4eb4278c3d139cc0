"""The whole program as a process: started, killed and asked over HTTPS, as an operator has it.

Used by the integration tests and by the benchmarks that measure from the outside.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

ROOT = Path(__file__).resolve().parents[2]
READY_WAIT_S = 90.0
STOP_WAIT_S = 10.0
"""SIGTERM must end the program within this time, also with open connections."""


class NotReady(Exception):
    """The program did not come up; the message carries the end of what it printed."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Program:
    """`kassenverbund run` (or `serve …`) in a process group of its own."""

    var: Path
    arguments: Sequence[str] = ("run", "--no-demo")
    environment: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    module: str = "kassenverbund"
    """What Python runs: the program, or a test's own program around it."""
    process: subprocess.Popen[bytes] | None = None

    @property
    def base_url(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def log_file(self) -> Path:
        return self.var / "program.log"

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "KASSENVERBUND_VAR": str(self.var),
            "KASSENVERBUND_PORT": str(self.port),
            "KASSENVERBUND_CHAIN": str(ROOT / "chain.yaml"),
            "LANG": "en_US.UTF-8",
            # Many starts of one program: compile it once.
            "PYTHONDONTWRITEBYTECODE": "",
            **self.environment,
        }

    def start(self) -> None:
        self.var.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.module, *self.arguments],
                cwd=ROOT,
                env=self._environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def ready(self) -> None:
        """Wait until `/health/ready` says yes. Raises `NotReady`."""
        deadline = time.monotonic() + READY_WAIT_S
        while time.monotonic() < deadline:
            assert self.process is not None
            if self.process.poll() is not None:
                raise NotReady(f"exit code {self.process.returncode}\n{self.tail()}")
            try:
                async with self.client() as client:
                    answer = await client.get("/health/ready")
                if answer.status_code == 200:
                    return
            except (httpx.TransportError, FileNotFoundError, ssl.SSLError):
                pass
            await asyncio.sleep(0.1)
        raise NotReady(f"not ready after {READY_WAIT_S} s\n{self.tail()}")

    def client(self, *, timeout_s: float = 30.0) -> httpx.AsyncClient:
        context = ssl.create_default_context(cafile=str(self.var / "tls" / "ca.pem"))
        return httpx.AsyncClient(
            base_url=self.base_url,
            verify=context,
            timeout=timeout_s,
            limits=httpx.Limits(max_connections=256, max_keepalive_connections=256),
        )

    def cli(self, *arguments: str, timeout_s: float = 120.0) -> subprocess.CompletedProcess[str]:
        """Run another command of the program against the same folder and database."""
        return subprocess.run(
            [sys.executable, "-m", "kassenverbund", *arguments],
            cwd=ROOT,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def token(self, *roles: str, store: str | None = None) -> str:
        arguments = [part for role in roles for part in ("--role", role)]
        if store is not None:
            arguments += ["--store", store]
        done = self.cli("token", *arguments)
        if done.returncode != 0:
            raise NotReady(f"no token: {done.stderr}")
        return done.stdout.strip().splitlines()[-1]

    def terminate(self) -> int:
        """SIGTERM, and the exit code. Raises `TimeoutExpired` after `STOP_WAIT_S`."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(STOP_WAIT_S)

    def kill_everything(self) -> None:
        """kill -9 of the program and of its private database: nobody gets to say goodbye."""
        victims = [*self._members(), *self._private_database()]
        for victim in victims:
            try:
                victim.kill()
            except psutil.NoSuchProcess:
                continue
        psutil.wait_procs(victims, timeout=STOP_WAIT_S)
        if self.process is not None:
            self.process.wait(STOP_WAIT_S)

    def _members(self) -> list[psutil.Process]:
        if self.process is None or self.process.poll() is not None:
            return []
        top = psutil.Process(self.process.pid)
        return [top, *top.children(recursive=True)]

    def _private_database(self) -> list[psutil.Process]:
        found: list[psutil.Process] = []
        for pid_file in self.var.rglob("postmaster.pid"):
            try:
                server = psutil.Process(int(pid_file.read_text().split()[0]))
                found += [server, *server.children(recursive=True)]
            except (psutil.NoSuchProcess, ValueError, IndexError):
                continue
        return found

    def stop(self) -> None:
        """For a test's end: cleanly if it can, hard if it must; leaves no process behind."""
        if self.process is not None and self.process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.terminate()
        self.kill_everything()

    def tail(self, lines: int = 40) -> str:
        if not self.log_file.exists():
            return ""
        return "\n".join(self.log_file.read_text(errors="replace").splitlines()[-lines:])

    def remove(self) -> None:
        shutil.rmtree(self.var, ignore_errors=True)
