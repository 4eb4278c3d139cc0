"""`fiscal export`: what an inspection takes along, from a running program.

The command can be repeated: it goes on with the export that was asked for before with the same
words on the same day, and fetches the same file.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from kassenverbund.cli.output import console, line
from kassenverbund.cli.vouchers import Desk, JsonOption, UrlOption, office, write_new
from kassenverbund.cli.words import say

SIGNER = "fiscal-signer"
ROLE = "auditor"

WAIT_S = 6 * 3600.0
"""How long the command waits. It can be repeated, and goes on where it was."""

POLL_S = 0.5
FILE_S = 600.0
"""How long a program may take to make a file again that another one made before."""


class Kind(StrEnum):
    """What can be exported."""

    DSFINVK = "dsfinvk"
    TAR = "tar"
    REPORT_146A = "146a"


_NAMES = {Kind.REPORT_146A: "report_146a"}


def add_to(fiscal: typer.Typer) -> None:
    """`kassenverbund fiscal export`."""
    text = "Export the books for an inspection (DSFinV-K, TAR, § 146a): a file and its SHA-256."
    fiscal.command("export", help=text)(export)


def export(
    kind: Annotated[Kind, typer.Argument(help="dsfinvk, tar or 146a")],
    begin: Annotated[str, typer.Option(help="first business day, for example 2026-01-01")],
    end: Annotated[str, typer.Option(help="last business day")],
    out: Annotated[Path, typer.Option(help="where the file goes (must not exist)")],
    store: Annotated[
        list[str] | None, typer.Option(help="only this store; may be repeated")
    ] = None,
    till: Annotated[list[str] | None, typer.Option(help="only this till; may be repeated")] = None,
    again: Annotated[
        bool, typer.Option("--again", help="ask anew: with what was recorded since")
    ] = False,
    url: UrlOption = "",
    as_json: JsonOption = False,
) -> None:
    if out.exists():
        raise ValueError(f"{out}: {say('the file exists')}")
    body: dict[str, Any] = {
        "kind": _NAMES.get(kind, kind.value), "begin": _day(begin), "end": _day(end),
        "store_ids": sorted(set(store or ())), "till_ids": sorted(set(till or ())),
    }  # fmt: skip
    with office(url, SIGNER, role=ROLE) as desk:
        asked = desk.ask("POST", "/v1/exports", _key(body, again=again), json=body).json()
        done = _wait(desk, asked["export_id"], quiet=as_json)
        if done["state"] != "done":
            raise ValueError(f"{done['failure']}: {done['detail']}")
        digest = write_new(out, _pieces(desk, done, quiet=as_json))
    if digest != done["sha256"]:
        out.unlink()
        raise ValueError(say("the file did not arrive whole; ask again"))
    _tell(done, out, as_json=as_json)


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError(f"{text}: {say('not a day like 2026-01-31')}") from None


def _key(body: dict[str, Any], *, again: bool) -> str:
    today = str(time.time_ns()) if again else datetime.now(UTC).date().isoformat()
    words = f"{today} {body}"
    return f"export/{hashlib.sha256(words.encode()).hexdigest()[:32]}"


def _wait(desk: Desk, export_id: str, *, quiet: bool) -> dict[str, Any]:
    """Show how the export goes on, until it no longer does."""
    deadline = time.monotonic() + WAIT_S
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[rows]}"), TimeElapsedColumn(),
    )  # fmt: skip
    with Progress(*columns, disable=quiet, transient=True) as progress:
        bar = progress.add_task(say("closings"), total=None, rows="")
        while True:
            found = _export(desk, export_id)
            progress.update(
                bar, completed=found["closings"], total=found["closings_max"] or None,
                rows=f"{found['rows']:,} {say('rows')}",
            )  # fmt: skip
            if found["state"] not in ("waiting", "running"):
                return found
            if time.monotonic() > deadline:
                raise OSError(f"{export_id}: {say('it takes too long; ask again later')}")
            time.sleep(POLL_S)


def _export(desk: Desk, export_id: str) -> dict[str, Any]:
    answer = desk.checked(desk.http.get(f"{desk.mount}/v1/exports/{export_id}"))
    found: dict[str, Any] = answer.json()
    return found


def _pieces(desk: Desk, done: dict[str, Any], *, quiet: bool) -> Iterator[bytes]:
    deadline = time.monotonic() + FILE_S
    path = f"{desk.mount}/v1/exports/{done['export_id']}/file"
    while True:
        with desk.http.stream("GET", path) as answer:
            if answer.status_code != httpx.codes.CONFLICT or time.monotonic() > deadline:
                yield from _shown(desk.checked(answer), done["bytes"], quiet=quiet)
                return
        time.sleep(POLL_S)  # Another process made it; this one makes it again.


def _shown(answer: httpx.Response, size: int, *, quiet: bool) -> Iterator[bytes]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, disable=quiet, transient=True) as progress:
        bar = progress.add_task(say("KiB received"), total=size // 1024)
        for piece in answer.iter_bytes():
            yield piece
            progress.advance(bar, len(piece) // 1024)


def _tell(done: dict[str, Any], out: Path, *, as_json: bool) -> None:
    if as_json:
        line({**done, "file": str(out)})
        return
    counts = f"{done['closings']} {say('closings')}, {done['rows']:,} {say('rows')}"
    console().print(f"[green]{escape(str(out))}[/green]: {counts}", soft_wrap=True)
    console().print(f"SHA-256 {done['sha256']}", soft_wrap=True)
    if done["differences"]:
        text = say("sums that differ; they stand in pruefbericht.txt inside the file")
        console().print(f"[red]{done['differences']} {text}[/red]")
