"""From a sale to the file that an inspector takes along, on real parts and both buses: sold,
signed, the till closed, exported by the command line, verified by it."""

from __future__ import annotations

import asyncio
import json
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from tests.support.program import Program
from tests.support.shop import DemoTill, article, cash

KEPT_WAIT_S = 60.0


async def closed(till: DemoTill, manager: str) -> dict[str, Any]:
    answer = await till.client.post(
        f"/stores/{till.store}/v1/tills/{till.till_id}/shift/close",
        json={},
        headers={
            "Authorization": f"Bearer {manager}", "Idempotency-Key": "close", "Prefer": "wait=10",
        },
    )  # fmt: skip
    assert not answer.is_error, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def exported(program: Program, out: Path) -> dict[str, Any]:
    """The export, once the journal has heard of the closing. Raises TimeoutError."""
    today = datetime.now(UTC).date()
    period = ("--begin", f"{today - timedelta(days=1)}", "--end", f"{today + timedelta(days=1)}")
    arguments = ("fiscal", "export", "dsfinvk", *period, "--out", str(out), "--again", "--json")
    async with asyncio.timeout(KEPT_WAIT_S):
        while True:
            done = await asyncio.to_thread(program.cli, *arguments)
            if done.returncode == 0:
                found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
                return found
            assert "export.no_closing" in done.stderr, done.stderr
            await asyncio.sleep(0.5)


async def test_what_a_till_sold_and_closed_is_exported_and_stands_up(
    program: Program, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    manager = program.token("manager")
    till = await DemoTill.pair(client, store="berlin", name="Kasse", manager=manager, key="pair")
    for number in range(3):
        await till.sell([article("Buch", 1190)], [cash(1190)], key=f"sale-{number}")
    closing = await closed(till, manager)
    out = tmp_path / "export.zip"
    done = await exported(program, out)
    assert (done["closings"], done["differences"]) == (1, 0)
    with zipfile.ZipFile(out) as archive:
        assert closing["booking_id"] in archive.read("cashpointclosing.csv").decode()
        assert "Abweichungen: keine" in archive.read("pruefbericht.txt").decode()
    judged = await asyncio.to_thread(program.cli, "fiscal", "verify", str(out), "--json")
    verdicts = [json.loads(line) for line in judged.stdout.splitlines()]
    wrong = [one for one in verdicts if one.get("verdict") in ("wrong", "undecided")]
    assert wrong == []
    assert judged.returncode == 0, judged.stderr
    again = await asyncio.to_thread(
        program.cli, "fiscal", "export", "dsfinvk", "--begin", "2026-01-01", "--end", "2026-01-31",
        "--out", str(out),
    )  # fmt: skip
    assert again.returncode == 1  # It never writes over a file.
