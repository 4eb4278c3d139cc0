"""`kassenverbund cashiers`: people enrolled from a shell, whose PIN is no argument."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
import uvicorn
from typer.testing import CliRunner, Result

from device_gateway.handlers import cashiers
from kassenverbund.cli import build

Shell = Callable[..., Awaitable[Result]]


@pytest_asyncio.fixture(loop_scope="session")
async def shell(rig: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shell]:
    """The command line of a manager, against the rig."""
    monkeypatch.setattr(cashiers, "SCRYPT_N", 2)
    monkeypatch.setenv("KASSENVERBUND_TOKEN", "manager")
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        config = uvicorn.Config(rig.app, log_level="error", lifespan="off")
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listening]))

        async def run(*arguments: str, typed: str = "") -> Result:
            said = ["cashiers", *arguments, "--store", "berlin", "--url", url, "--json"]
            return await asyncio.to_thread(
                lambda: CliRunner().invoke(build("cashiers"), said, typed)
            )

        yield run
        server.should_exit = True
        await serving


async def test_a_person_is_enrolled_listed_and_removed(shell: Shell, till: Any) -> None:
    added = await shell("add", "anna", "--name", "Anna Muster", typed="80516273\n")
    assert added.exit_code == 0, added.output
    told = json.loads((await shell("list")).stdout)
    assert (told["cashier"], told["name"], told["has_pin"]) == ("anna", "Anna Muster", True)
    headers = {"authorization": f"Bearer {till.token}", "idempotency-key": "in"}
    proof = {"cashier": "anna", "pin": "80516273"}
    path = "/stores/berlin/v1/tills/till-1/cashier"
    signed_in = await till.rig.http.post(path, json=proof, headers=headers)
    assert signed_in.json()["name"] == "Anna Muster"
    gone = await shell("remove", "anna")
    assert json.loads(gone.stdout) == {"cashier": "anna", "removed": True}
    assert (await shell("list")).stdout == ""


async def test_a_pin_is_never_shown_and_no_argument(shell: Shell) -> None:
    added = await shell("add", "bert", "--name", "Bert", typed="80516273\n")
    assert "80516273" not in added.output
    refused = await shell("add", "bert", "--name", "Bert", "--pin", "80516273")
    assert refused.exit_code == 2


@pytest.mark.parametrize("typed", ["", "12\n", "12a4\n", "١٢٣٤\n"])
async def test_what_is_no_pin_is_refused_before_anybody_is_asked(shell: Shell, typed: str) -> None:
    refused = await shell("add", "carla", "--name", "Carla", typed=typed)
    assert refused.exit_code == 1
    assert (await shell("list")).stdout == ""


async def test_whoever_has_a_card_needs_no_pin(shell: Shell) -> None:
    added = await shell("add", "dora", "--name", "Dora", "--role", "senior", "--without-pin",
                        "--everywhere")  # fmt: skip
    told = json.loads(added.stdout)
    assert (told["role"], told["has_pin"], told["store_ids"]) == ("senior", False, [])


async def test_the_program_says_no_in_its_own_words(shell: Shell) -> None:
    refused = await shell("remove", "nobody")
    assert refused.exit_code == 1
    assert "cashier.unknown" in str(refused.exception)
