"""The command line: what it refuses, in which language, and what scripts get."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from kassenverbund.chain_file import load_chain
from kassenverbund.cli import build
from kassenverbund.cli.running import curl_line
from kassenverbund.cli.words import GERMAN, choose_language
from kassenverbund.issuer import Issuer
from kassenverbund.program import Running
from kassenverbund.settings import Settings
from kassenverbund.testing.process import Program

ROOT = Path(__file__).parents[2]
SAMPLE = Path(__file__).parent / "sample"

Documents = Callable[[str], list[dict[str, Any]]]


@pytest.fixture(scope="module")
def written() -> Iterator[Program]:
    """A program that was stopped after two notes, one of them by a second author."""
    program = Program(chain=ROOT / "chain.yaml", environment={"PYTHONPATH": str(SAMPLE)})
    program.start("serve", "notebook")
    with program.client(program.token("cashier")) as client:
        for author in ("anna", "ben"):
            client.post(
                "/notebook/v1/notes",
                json={"author": author, "text": "hello"},
                headers={"Idempotency-Key": author},
            ).raise_for_status()
    program.stop()
    yield program
    program.remove()


def _helps(command: Any) -> Iterator[str]:
    if command.help:
        yield command.help
    for parameter in command.params:
        if getattr(parameter, "help", None) and parameter.name != "help":
            yield parameter.help
    for below in getattr(command, "commands", {}).values():
        yield from _helps(below)


def test_every_help_text_is_there_in_german() -> None:
    texts = set(_helps(typer.main.get_command(build())))

    assert texts
    assert texts - GERMAN.keys() == set()


@pytest.mark.parametrize(
    ("arguments", "environment", "language"),
    [
        ([], {}, "en"),
        ([], {"LANG": "de_DE.UTF-8"}, "de"),
        ([], {"LANG": "fr_FR"}, "en"),
        ([], {"LANG": "de_DE", "LC_ALL": "en_GB"}, "en"),
        (["--lang", "de", "run"], {"LANG": "en_GB"}, "de"),
        (["--lang=en", "run"], {"LANG": "de_DE"}, "en"),
    ],
)
def test_the_language_is_the_asked_one_or_the_terminals(
    arguments: list[str], environment: dict[str, str], language: str
) -> None:
    assert choose_language(arguments, environment) == language


def test_a_broken_chain_file_is_told_with_its_line(program: Program) -> None:
    broken = program.var / "broken.yaml"
    text = program.chain.read_text().replace("legal_entity: hafen", "legal_entity: nix")
    broken.write_text(text)

    done = program.call("chain", "check", str(broken))

    line = text[: text.index("legal_entity: nix")].count("\n") + 1
    assert done.returncode == 1
    assert f"{broken}:{line}: stores[2].legal_entity: " in done.stderr


@pytest.mark.parametrize("command", [("chain", "check"), ("serve", "fiscal-signer"), ("run",)])
def test_a_store_of_a_country_without_a_package_is_refused(
    program: Program, command: tuple[str, ...]
) -> None:
    foreign = program.var / "foreign.yaml"
    text = program.chain.read_text()
    foreign.write_text(text.replace("  - id: koeln\n", "  - id: koeln\n    country: AT\n"))
    program.environment["KASSENVERBUND_CHAIN"] = str(foreign)

    done = program.call(*command, *([str(foreign)] if command[0] == "chain" else []))

    assert done.returncode == 1
    assert "stores[1].country: there is no signing package for AT" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_setting_that_is_wrong_is_told_by_its_name(program: Program) -> None:
    program.environment["KASSENVERBUND_PORT"] = "99999"

    done = program.call("token", "--role", "manager")

    assert done.returncode == 1
    assert "port" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_token_for_an_unknown_store_or_role_is_refused(program: Program) -> None:
    store = program.call("token", "--role", "manager", "--store", "nowhere")
    role = program.call("token", "--role", "emperor", "--json")

    assert store.returncode == 1
    assert "nowhere" in store.stderr
    assert role.returncode == 1
    assert json.loads(role.stderr)["error"] == "ValueError"


def test_an_unknown_service_is_refused_with_those_that_are_there(program: Program) -> None:
    done = program.call("serve", "nothing")

    assert done.returncode == 1
    assert "notebook" in done.stderr


def test_events_are_shown_as_json_lines(written: Program, documents: Documents) -> None:
    shown = documents(written.call("events", "tail", "notebook", "--json").stdout)

    notes = [document for document in shown if document["name"] == "note.written"]
    assert [note["data"]["author"] for note in notes] == ["anna", "ben"]
    whole = written.call("events", "show", "notebook", str(notes[0]["position"]), "--json")
    assert documents(whole.stdout) == [notes[0]]


def test_an_event_that_is_not_there_is_refused(written: Program) -> None:
    done = written.call("events", "show", "notebook", "9999")

    assert done.returncode == 1


def test_verify_says_in_german_that_the_log_is_whole(written: Program) -> None:
    done = written.call("--lang", "de", "verify", "notebook")

    assert done.returncode == 0, done.stderr
    assert "vollständig" in done.stdout


def test_verify_without_names_proves_the_logs_that_are_there_and_names_the_others(
    written: Program, documents: Documents
) -> None:
    done = written.call("verify", "--json")

    told = {line["service"]: line for line in documents(done.stdout)}
    assert done.returncode == 0, done.stderr
    assert told["notebook"]["whole"]
    assert told["voucher"] == {"service": "voucher", "there": False}


def test_verify_fails_for_a_named_service_whose_log_is_not_there(
    written: Program, documents: Documents
) -> None:
    done = written.call("verify", "notebook", "voucher", "--json")

    assert done.returncode == 1
    assert [line["whole"] for line in documents(done.stdout)] == [True, False]


def test_verify_of_a_database_without_any_log_fails(program: Program) -> None:
    assert program.call("verify").returncode == 1


def test_the_line_to_try_works_in_any_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    running = Running(
        base_url="https://localhost:8443",
        ca=Path("my var") / "ca.pem",
        issuer=Issuer.from_file(tmp_path / "key.pem", name="urn:x", audience="x", make=True),
        chain=load_chain(ROOT / "chain.yaml"),
        database_url="",
        services=(),
        settings=Settings(),
        end=lambda: None,
    )

    words = shlex.split(curl_line(running, "token"))

    assert Path(words[words.index("--cacert") + 1]) == tmp_path / "my var" / "ca.pem"


def test_a_second_migration_has_nothing_to_do(written: Program, documents: Documents) -> None:
    done = written.call("migrate", "notebook", "--json")

    assert documents(done.stdout) == [{"service": "notebook", "files": []}]
