"""Fixtures: programs as processes, with the sample service `notebook` installed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kassenverbund.testing.process import Program

ROOT = Path(__file__).parents[2]
SAMPLE = Path(__file__).parent / "sample"


@pytest.fixture
def new_program() -> Iterator[Callable[..., Program]]:
    """Makes programs; each is killed at the end, and its folder deleted."""
    made: list[Program] = []

    def make(**environment: str) -> Program:
        environment = {"PYTHONPATH": str(SAMPLE), **environment}
        made.append(Program(chain=ROOT / "chain.yaml", environment=environment))
        return made[-1]

    yield make
    for program in made:
        program.remove()


@pytest.fixture
def program(new_program: Callable[..., Program]) -> Program:
    return new_program()


@pytest.fixture
def eventually() -> Callable[[Callable[[], Any], Any], None]:
    """Waits until a question has the wanted answer; fails with the last one after a minute."""

    def wait(ask: Callable[[], Any], wanted: Any) -> None:
        deadline = time.monotonic() + 60
        while (found := ask()) != wanted:
            assert time.monotonic() < deadline, f"still {found}, not {wanted}"
            time.sleep(0.02)

    return wait


@pytest.fixture
def documents() -> Callable[[str], list[dict[str, Any]]]:
    """The JSON documents of a command's output, one per line."""
    return lambda text: [json.loads(line) for line in text.splitlines() if line.strip()]
