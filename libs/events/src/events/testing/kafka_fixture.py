"""A real Apache Kafka for tests, as pytest fixtures. The root `conftest.py` imports them:

    from events.testing.kafka_fixture import *  # noqa: F403  (fixtures and hooks by name)

In this order: `KAFKA_BOOTSTRAP`; a container if a Docker engine runs; a local broker from the jars
of `deploy/kafka/pom.xml` (Java and Maven). Where none is to be had, the tests that need one are
skipped and named at the end of the run; with `REQUIRE_KAFKA=1` they fail instead.

All processes of a run (pytest-xdist) share one broker. It is a process of its own that ends when
the run does, however that ends.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn
from uuid import uuid4

import pytest

from events.bus.local_kafka import (
    RESOLVE_S,
    START_S,
    KafkaUnavailable,
    answers,
    free_port,
    locked,
    resolve_jars,
)

__all__ = ["kafka_bootstrap", "kafka_jars", "pytest_terminal_summary"]

IMAGE = "apache/kafka:4.1.0"
"""The project's own image, for machines with a Docker engine."""

_SETTINGS = {
    "KAFKA_NODE_ID": "1",
    "KAFKA_PROCESS_ROLES": "broker,controller",
    "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
    "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
    "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
    "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
    "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
}

_MISSING = "no Apache Kafka: "


@pytest.fixture(scope="session")
def kafka_bootstrap(pytestconfig: pytest.Config) -> Iterator[str]:
    """`host:port` of a real broker. Use topics and groups of your own."""
    given = os.environ.get("KAFKA_BOOTSTRAP")
    if given:
        if not answers(given.split(",")[0], wait_s=10.0):
            _missing(f"KAFKA_BOOTSTRAP={given} does not answer")
        yield given
    elif _docker_runs():
        with _container() as bootstrap:
            yield bootstrap
    else:
        try:
            bootstrap = _shared_local_broker(pytestconfig.rootpath)
        except KafkaUnavailable as reason:
            _missing(str(reason))
        yield bootstrap


@pytest.fixture(scope="session")
def kafka_jars(pytestconfig: pytest.Config) -> Path:
    """The jars of a local broker, for tests that start and stop one of their own."""
    root = pytestconfig.rootpath
    try:
        return resolve_jars(root / "deploy/kafka/pom.xml", root / "var/kafka-jars")
    except KafkaUnavailable as reason:
        _missing(str(reason))


def _missing(reason: str) -> NoReturn:
    if os.environ.get("REQUIRE_KAFKA") == "1":
        pytest.fail(_MISSING + reason, pytrace=False)
    pytest.skip(_MISSING + reason)


def _docker_runs() -> bool:
    docker = shutil.which("docker")
    if docker is None:
        return False
    run = subprocess.run(  # noqa: S603  (a program found on PATH, fixed arguments)
        [docker, "info"], capture_output=True, timeout=20, check=False
    )
    return run.returncode == 0


@contextmanager
def _container() -> Iterator[str]:
    # One per process of the run: the port is known before the start, as the broker must name it.
    from testcontainers.core.container import DockerContainer

    port = free_port()
    container = DockerContainer(IMAGE).with_bind_ports(port, port)
    for name, value in _SETTINGS.items():
        container = container.with_env(name, value)
    container = container.with_env(
        "KAFKA_LISTENERS", f"PLAINTEXT://:{port},CONTROLLER://:9093"
    ).with_env("KAFKA_ADVERTISED_LISTENERS", f"PLAINTEXT://localhost:{port}")
    with container:
        until = time.monotonic() + START_S
        while not answers(f"localhost:{port}"):
            if time.monotonic() > until:
                raise KafkaUnavailable(f"{IMAGE} does not answer")
            time.sleep(0.2)
        yield f"localhost:{port}"


def _shared_local_broker(root: Path) -> str:
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID") or _one_run()
    folder = Path(tempfile.gettempdir()) / f"kv-kafka-{run[:16]}"
    folder.mkdir(exist_ok=True)
    ready = folder / "bootstrap"
    with locked(Path(f"{folder}.lock")):
        if ready.exists() and answers(ready.read_text()):
            return ready.read_text()
        # Under xdist this process is a worker, and may end before the others.
        owner = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
        with (folder / "start.log").open("wb") as log:
            process = subprocess.Popen(  # noqa: S603  (this Python, own arguments)
                [
                    sys.executable, "-m", "events.bus.local_kafka", "--data", str(folder),
                    "--pom", str(root / "deploy/kafka/pom.xml"),
                    "--jars", str(root / "var/kafka-jars"),
                    "--while-pid", str(owner), "--forget",
                ],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        until = time.monotonic() + RESOLVE_S + START_S
        while time.monotonic() < until:
            if ready.exists():
                return ready.read_text()
            if process.poll() is not None:
                break
            time.sleep(0.1)
        log_text = folder / "start.log"
        reason = log_text.read_text(errors="replace")[-2000:] if log_text.exists() else ""
        raise KafkaUnavailable(reason or "the local broker ended at once")


def _one_run() -> str:
    return hashlib.sha256(uuid4().bytes).hexdigest()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name, loudly, what did not run for want of a broker."""
    without = [
        report.nodeid
        for report in terminalreporter.stats.get("skipped", [])
        if isinstance(report.longrepr, tuple) and _MISSING in str(report.longrepr[2])
    ]
    if without:
        terminalreporter.section("NOT RUN: these tests need a real Apache Kafka", red=True)
        for nodeid in without:
            terminalreporter.line(nodeid)
        terminalreporter.line("Give KAFKA_BOOTSTRAP, a Docker engine, or Java 17 with Maven.")
