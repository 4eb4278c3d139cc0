"""A local Apache Kafka for `--bus kafka` where no `KAFKA_BOOTSTRAP` is given."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kassenverbund.settings import Settings

POM = Path("deploy/kafka/pom.xml")
JARS = Path("var/kafka-jars")

START_S = 720.0
"""The first start brings the jars."""

STOP_S = 25.0
POLL_S = 0.1


class KafkaFailed(Exception):
    """The local broker did not start; it has said why on standard error."""


@contextmanager
def bus_settings(settings: Settings, bus: str) -> Iterator[Settings]:
    """`settings` for the wanted bus: with `kafka` and no address, a broker runs meanwhile.

    Raises ValueError for another name, `KafkaFailed` where no broker can be had.
    """
    if bus not in ("", "postgres", "kafka"):
        raise ValueError(f"--bus is postgres or kafka, not {bus}")
    if bus == "postgres":
        yield settings.model_copy(update={"kafka_bootstrap": None})
    elif bus == "kafka" and settings.kafka_bootstrap is None:
        with _broker(settings.var.resolve() / "kafka") as bootstrap:
            yield settings.model_copy(update={"kafka_bootstrap": bootstrap})
    else:
        yield settings


@contextmanager
def _broker(data: Path) -> Iterator[str]:
    ready = data / "bootstrap"
    ready.unlink(missing_ok=True)
    command = [
        sys.executable, "-m", "events.bus.local_kafka", "--data", str(data), "--pom", str(POM),
        "--jars", str(JARS),
        # It ends when we do, also when we are killed.
        "--while-pid", str(os.getpid()),
    ]  # fmt: skip
    # Ctrl-C is for the program: it stops the broker last.
    process = subprocess.Popen(  # noqa: S603  (our own arguments, no shell)
        command, stdout=subprocess.DEVNULL, start_new_session=True
    )
    try:
        deadline = time.monotonic() + START_S
        while not ready.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise KafkaFailed("no local Apache Kafka (see above; docs/operations.md)")
            time.sleep(POLL_S)
        yield ready.read_text()
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_S)
        if process.poll() is None:
            process.kill()
