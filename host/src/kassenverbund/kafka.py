"""A local Apache Kafka for `--bus kafka` where no `KAFKA_BOOTSTRAP` is given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from events.bus.local_kafka import LocalKafka, resolve_jars
from kassenverbund.settings import Settings

POM = Path("deploy/kafka/pom.xml")


@contextmanager
def bus_settings(settings: Settings, bus: str) -> Iterator[Settings]:
    """`settings` for the wanted bus: with `kafka` and no address, a broker runs meanwhile.

    Raises ValueError for another name, `KafkaUnavailable` where no broker can be had.
    """
    if bus not in ("", "postgres", "kafka"):
        raise ValueError(f"--bus is postgres or kafka, not {bus}")
    if bus == "postgres":
        yield settings.model_copy(update={"kafka_bootstrap": None})
    elif bus == "kafka" and settings.kafka_bootstrap is None:
        data = settings.var.resolve() / "kafka"
        jars = resolve_jars(POM, Path("var/kafka-jars").resolve())
        log4j = POM.with_name("log4j2.properties").resolve()
        with LocalKafka(data, jars=jars, log4j=log4j) as broker:
            yield settings.model_copy(update={"kafka_bootstrap": broker.bootstrap})
    else:
        yield settings
