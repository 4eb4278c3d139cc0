"""The program as a process: started, talked to over HTTPS, stopped or killed."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).parents[2]
SAMPLE = Path(__file__).parent / "sample"
COMMAND = [sys.executable, "-m", "kassenverbund"]

START_S = 60.0


@dataclass
class Program:
    """`kassenverbund` with its own `var`, and the sample service `notebook` installed."""

    var: Path
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[str] | None = None
    base_url: str = ""

    def _environment(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("KASSENVERBUND_", "OTEL_", "KAFKA_", "DATABASE_"))
        }
        return {
            **kept,
            "PYTHONPATH": str(SAMPLE),
            "LANG": "C.UTF-8",
            "KASSENVERBUND_VAR": str(self.var),
            "KASSENVERBUND_CHAIN": str(ROOT / "chain.yaml"),
            "KASSENVERBUND_PORT": "0",
            "KASSENVERBUND_LOG_FORMAT": "json",
            **self.environment,
        }

    def call(self, *arguments: str, wait_s: float = 60) -> subprocess.CompletedProcess[str]:
        """One command, to its end."""
        return subprocess.run(
            [*COMMAND, *arguments], env=self._environment(), capture_output=True, text=True,
            timeout=wait_s, cwd=self.var, check=False,
        )  # fmt: skip

    def token(self, role: str, *more: str) -> str:
        made = self.call("token", "--role", role, *more)
        assert made.returncode == 0, made.stderr
        return made.stdout.strip()

    def start(self, *arguments: str) -> None:
        """Start it and wait until it says that it is ready."""
        self.process = subprocess.Popen(
            [*COMMAND, *arguments], env=self._environment(), stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, cwd=self.var,
        )  # fmt: skip
        ready = self.wait_for_log("program.ready")
        self.base_url = ready["url"]

    def wait_for_log(self, event: str, *, wait_s: float = START_S) -> dict[str, Any]:
        """The next log line with this event."""
        assert self.process is not None
        assert self.process.stderr is not None
        deadline = time.monotonic() + wait_s
        seen = []
        while time.monotonic() < deadline:
            readable, _, _ = select.select([self.process.stderr], [], [], 0.1)
            line = self.process.stderr.readline() if readable else ""
            seen.append(line)
            if line.startswith("{"):
                document: dict[str, Any] = json.loads(line)
                if document.get("event") == event:
                    return document
            if not line and readable:
                break
        raise AssertionError(f"{event} was not logged:\n{''.join(seen)}")

    def client(self, token: str = "") -> httpx.Client:
        trust = ssl.create_default_context(cafile=str(self.var / "tls" / "ca.pem"))
        headers = {"authorization": f"Bearer {token}"} if token else {}
        return httpx.Client(base_url=self.base_url, verify=trust, headers=headers, timeout=20)

    def stop(self, number: int = signal.SIGTERM, *, wait_s: float = 15) -> tuple[int, str, float]:
        """`(exit code, what it logged last, seconds it took)`."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(number)
        _, logged = self.process.communicate(timeout=wait_s)
        return self.process.returncode, logged, time.monotonic() - began

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


@pytest.fixture
def new_program() -> Iterator[Callable[..., Program]]:
    """Makes programs; each is killed at the end, and its folder deleted."""
    made: list[Program] = []

    def make(**environment: str) -> Program:
        # Not under pytest's own folder: its path is too long for a socket.
        made.append(Program(Path(tempfile.mkdtemp(prefix="kv-")), environment))
        return made[-1]

    yield make
    for program in made:
        program.kill()
        shutil.rmtree(program.var, ignore_errors=True)


@pytest.fixture
def program(new_program: Callable[..., Program]) -> Program:
    return new_program()


@pytest.fixture
def eventually() -> Callable[[Callable[[], Any], Any], None]:
    """Waits until a question has the wanted answer; fails with the last one after 20 s."""

    def wait(ask: Callable[[], Any], wanted: Any) -> None:
        deadline = time.monotonic() + 20
        while (found := ask()) != wanted:
            assert time.monotonic() < deadline, f"still {found}, not {wanted}"
            time.sleep(0.02)

    return wait


def lines(text: str) -> Sequence[dict[str, Any]]:
    """The JSON documents of a command's output, one per line."""
    return [json.loads(line) for line in text.splitlines() if line.strip()]
