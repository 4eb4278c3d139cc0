"""The program as a process, for tests: started, talked to over HTTPS, stopped or killed."""

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
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from kassenverbund.chain_file import load_chain
from kassenverbund.issuer import Issuer

COMMAND = [sys.executable, "-m", "kassenverbund"]

START_S = 150.0
"""A loaded machine takes its time; a test fails by what it asks, not by how long a start takes."""


@dataclass
class Program:
    """`kassenverbund` with a `var` of its own, on a free port."""

    chain: Path
    var: Path = field(default_factory=lambda: short_folder())
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
            "LANG": "C.UTF-8",
            "KASSENVERBUND_VAR": str(self.var),
            "KASSENVERBUND_CHAIN": str(self.chain.resolve()),
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

    def token(self, role: str, *, store_id: str | None = None) -> str:
        """A bearer token of the running program's own issuer."""
        name = f"urn:kassenverbund:{load_chain(self.chain).id}"
        key = self.var / "secrets" / "issuer.pem"
        issuer = Issuer.from_file(key, name=name, audience="kassenverbund", make=False)
        now, hour = datetime.now(UTC), timedelta(hours=1)
        return issuer.person(role, [role], now=now, valid_for=hour, store_id=store_id)

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

    def remove(self) -> None:
        """Kill it and delete all that it kept."""
        self.kill()
        shutil.rmtree(self.var, ignore_errors=True)


def short_folder() -> Path:
    """A fresh folder with a short path: a unix socket's path is limited to 107 bytes."""
    return Path(tempfile.mkdtemp(prefix="kv-"))
