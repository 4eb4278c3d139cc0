"""kill -9 of the program amid a print run and amid an import; the command line goes on after it."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from kassenverbund.kit.secrets import Secrets
from kassenverbund.testing.process import Program
from voucher import codes

pytestmark = [pytest.mark.proof, pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[4]
CARDS = 5_000
ROWS = 5_000
AMID_S = 60.0
"""How long the test waits to see a batch half done."""

EVENTS_MAX = 10_000


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    chain = tmp_path_factory.mktemp("chain") / "chain.yaml"
    # A chain that comes from another system.
    given = (ROOT / "chain.yaml").read_text()
    assert "foreign_codes: false" in given
    chain.write_text(given.replace("foreign_codes: false", "foreign_codes: true"))
    program = Program(chain=chain)
    program.start("serve", "voucher")
    with program.client(program.token("back_office")) as client:
        put(client, "/v1/templates/gift", {"name": "Geschenkgutschein"})
    yield program
    program.remove()


def put(client: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    headers = {"idempotency-key": path}
    answer = client.put(f"/voucher{path}", json=body, headers=headers).raise_for_status()
    document: dict[str, Any] = answer.json()
    return document


def kill_amid(program: Program, client: httpx.Client, batch_id: str) -> int:
    """kill -9 when some of the batch is done, but not all; answers how much was."""
    deadline = time.monotonic() + AMID_S
    while time.monotonic() < deadline:
        batch = client.get(f"/voucher/v1/batches/{batch_id}").json()
        if batch["state"] == "running" and batch["done"]:
            program.kill()
            return int(batch["done"])
        assert batch["state"] == "running", "the batch was faster than the test"
        time.sleep(0.01)
    raise AssertionError("the batch does not begin")


def issued_of(program: Program, batch_id: str) -> list[dict[str, Any]]:
    """The data of each voucher of a batch, from the log."""
    found: list[dict[str, Any]] = []
    done = program.call("events", "tail", "voucher", "-n", str(EVENTS_MAX), "--json", wait_s=120)
    assert done.returncode == 0, done.stderr
    for text in done.stdout.splitlines():
        document = json.loads(text)
        name = document.get("type") or document.get("name")
        if name == "voucher.issued" and document["data"]["batch_id"] == batch_id:
            found.append(document["data"])
    return found


def cli(program: Program, *arguments: str) -> dict[str, Any]:
    done = program.call("vouchers", *arguments, "--url", program.base_url, "--json", wait_s=300)
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return document


def test_a_print_run_goes_on_after_a_kill_and_no_code_is_lost_or_doubled(
    program: Program, tmp_path: Path
) -> None:
    body = {"cards": CARDS, "template_id": "gift", "legal_entity_id": "kette"}
    with program.client(program.token("back_office")) as client:
        put(client, "/v1/batches/KILL", body)
        assert 0 < kill_amid(program, client, "KILL") < CARDS
    program.start("serve", "voucher")

    out = tmp_path / "codes.csv"
    order = ("print-run", "KILL", "--cards", str(CARDS), "--template", "gift",
             "--legal-entity", "kette", "--out", str(out))  # fmt: skip
    done = program.call("vouchers", *order, "--url", program.base_url, "--json", wait_s=300)
    # The order above had another key; the id is what counts, and it has the same content.
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["state"] == "exported"

    secrets = Secrets.from_file(program.var / "secrets" / "root.key")
    with out.open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    hashes = {codes.hashed(codes.parse(row["code"]), secrets).value for row in rows}
    program.stop()
    issued = issued_of(program, "KILL")
    assert len(rows) == len(hashes) == len(issued) == CARDS
    assert hashes == {one["code_hash"] for one in issued}
    assert {row["serial"] for row in rows} == {one["serial"] for one in issued}
    program.start("serve", "voucher")


def test_an_import_goes_on_after_a_kill_and_takes_each_voucher_over_once(
    program: Program, tmp_path: Path
) -> None:
    file = tmp_path / "old.csv"
    lines = [f"ALT{number:05},K{number:05},1.50" for number in range(ROWS)]
    file.write_text("\n".join(["serial,code,balance", *lines]))
    params: dict[str, Any] = {"count": ROWS, "total": ROWS * 150, "legal_entity_id": "kette"}
    with program.client(program.token("back_office")) as client:
        answer = client.post(
            "/voucher/v1/imports",
            params=params,
            content=file.read_bytes(),
            headers={"idempotency-key": "kill", "content-type": "text/csv"},
        ).raise_for_status()
        batch_id = answer.json()["batch_id"]
        assert 0 < kill_amid(program, client, batch_id) < ROWS
    program.start("serve", "voucher")

    with program.client(program.token("back_office")) as client:
        deadline = time.monotonic() + AMID_S
        batch: dict[str, Any] = {}
        while batch.get("state") != "completed" and time.monotonic() < deadline:
            batch = client.get(f"/voucher/v1/batches/{batch_id}").json()
            time.sleep(0.05)
    assert (batch["state"], batch["done"]) == ("completed", ROWS)
    program.stop()
    issued = issued_of(program, batch_id)
    assert len(issued) == len({one["serial"] for one in issued}) == ROWS
    assert sum(one["value"]["amount"] for one in issued) == ROWS * 150
    program.start("serve", "voucher")


def test_the_command_line_imports_a_file_and_tells_what_it_refuses(
    program: Program, tmp_path: Path
) -> None:
    file = tmp_path / "small.csv"
    file.write_text("serial,code,balance\nCLI1,CLI001,12.50\nCLI2,CLI002,7.50\n")
    sums = ("--count", "2", "--total", "20,00", "--legal-entity", "kette")
    assert cli(program, "import", str(file), *sums, "--dry-run")["acceptable"] is True
    for _ in range(2):  # The second time nothing happens.
        done = cli(program, "import", str(file), *sums)
        assert (done["state"], done["total"]["amount"]) == ("completed", 2000)

    file.write_text("serial,code,balance\nCLI3,CLI001,1\nCLI4,?,1\n")
    refused = program.call(
        "--lang", "de", "vouchers", "import", str(file), "--count", "2", "--total", "2",
        "--legal-entity", "kette", "--url", program.base_url, wait_s=120,
    )  # fmt: skip
    assert refused.returncode == 1
    assert "code.taken" in refused.stdout
    assert "2 Zeilen werden abgelehnt" in refused.stdout


def test_the_command_line_exports_what_it_imports(program: Program, tmp_path: Path) -> None:
    out = tmp_path / "vouchers.csv"
    sums = cli(program, "export", "--out", str(out))
    with out.open(newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert sums["count"] == len(rows)
    assert out.stat().st_mode & 0o777 == 0o600
    again = program.call("vouchers", "export", "--out", str(out), "--url", program.base_url)
    assert again.returncode == 1  # It overwrites nothing.


def test_the_command_line_says_that_nobody_answers(program: Program, tmp_path: Path) -> None:
    out = str(tmp_path / "x.csv")
    done = program.call("vouchers", "export", "--out", out, "--url", "https://localhost:1")
    assert done.returncode == 1
    assert "localhost:1" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_is_voided_from_the_command_line(program: Program) -> None:
    done = cli(program, "void", "KILL", "--why", "Karton verloren")
    assert (done["state"], done["reason"]) == ("voided", "Karton verloren")
