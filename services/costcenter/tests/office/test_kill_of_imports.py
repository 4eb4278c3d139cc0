"""kill -9 of the program amid an import; the command line before and after it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kassenverbund.testing.process import Program

pytestmark = [pytest.mark.proof, pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[4]
CARDS = 3_000
AMID_S = 120.0
"""How long the test waits to see an import half done, or at its end."""


@pytest.fixture(scope="module")
def program() -> Iterator[Program]:
    program = Program(chain=ROOT / "chain.yaml")
    program.start("serve", "costcenter")
    yield program
    program.remove()


def centers(program: Program, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
    """What `centers …` answers to scripts."""
    told = (*arguments, "--url", program.base_url, "--json")
    done = program.call("centers", *told, wait_s=300)
    assert done.returncode == code, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def file(program: Program, name: str, text: str) -> str:
    path = program.var / name
    path.write_text(text)
    return str(path)


def until(program: Program, import_id: str, *states: str) -> dict[str, Any]:
    """The import when it is in one of `states` and has done something."""
    deadline = time.monotonic() + AMID_S
    with program.client(program.token("back_office")) as client:
        while time.monotonic() < deadline:
            found = client.get(f"/costcenter/v1/imports/{import_id}").raise_for_status().json()
            if found["state"] in states and found["done"]:
                document: dict[str, Any] = found
                return document
            time.sleep(0.01)
    raise AssertionError(f"the import is not {states}")


def test_an_import_goes_on_after_kill_9(program: Program) -> None:
    groups = "main_group;user_group;name;mode\n1;4;Kostenstellen;cost_center\n"
    cards = "".join(f"{1000 + n};virtual;1;4;{4711 + n % 20}\n" for n in range(CARDS))
    rows = "".join(f"{4711 + n};Kst {n}\n" for n in range(20))
    text = f"number;kind;main_group;user_group;center_number\n{cards}"
    centers(program, "import", "main-groups", file(program, "m.csv", "main_group;name\n1;A\n"))
    centers(program, "import", "user-groups", file(program, "u.csv", groups))
    centers(program, "import", "centers", file(program, "c.csv", f"number;name\n{rows}"))
    with program.client(program.token("back_office")) as client:
        headers = {"content-type": "text/csv", "idempotency-key": "cards"}
        path = "/costcenter/v1/imports/cards"
        sent = client.post(path, content=text.encode(), headers=headers, timeout=60)
        import_id = sent.raise_for_status().json()["import_id"]
    amid = until(program, import_id, "running")
    program.kill()
    assert 0 < amid["done"] < CARDS, "the import was faster than the test"

    program.start("serve", "costcenter")
    assert until(program, import_id, "completed")["done"] == CARDS
    listed = centers(program, "list")
    assert [row["cards"] for row in listed] == [CARDS // 20] * 20
    assert {row["state"] for row in listed} == {"usable"}
    # The structure is free again, and what is there already is not there twice.
    (again,) = centers(program, "import", "cards", file(program, "k.csv", text))
    assert (again["state"], again["facts"]) == ("completed", 0)


def test_the_command_line_shows_what_is_refused(program: Program) -> None:
    bad = file(program, "bad.csv", "number;name\nKST-1;Empfang\n")
    for more in ((), ("--dry-run",)):
        (report,) = centers(program, "import", "centers", bad, *more, code=1)
        assert [row["code"] for row in report["refused"]] == ["center.number_not_digits"]
    shown = program.call("centers", "import", "centers", bad, "--url", program.base_url)
    assert "center.number_not_digits" in shown.stdout
