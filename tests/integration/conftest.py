"""The whole program on each bus, with a private PostgreSQL of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.program import Program

BUSES = ("postgres", pytest.param("kafka", marks=pytest.mark.kafka))


@pytest.fixture(params=BUSES, scope="module")
def bus(request: pytest.FixtureRequest) -> str:
    """Which bus. Kafka: a real broker that the program itself starts, see `kafka_jars`."""
    name: str = request.param
    if name == "kafka":
        request.getfixturevalue("kafka_jars")
    return name


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory, bus: str) -> Iterator[Program]:
    """A running program on each bus, stopped at the end of the module."""
    running = Program(
        tmp_path_factory.mktemp("program"), arguments=("run", "--no-demo", "--bus", bus)
    )
    running.start()
    yield running
    running.stop()


@pytest.fixture
async def client(program: Program) -> AsyncIterator[httpx.AsyncClient]:
    await program.ready()
    async with program.client() as opened:
        yield opened


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """A program on the PostgreSQL bus; not started yet."""
    made = Program(tmp_path_factory.mktemp("alone"))
    yield made
    made.stop()


def papers(program: Program) -> list[Path]:
    """What the virtual printers have printed."""
    return sorted(program.var.rglob("paper*/**/*.txt"))
