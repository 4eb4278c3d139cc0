"""`centers import|export|list`: companies, groups, cost centers and cards in large numbers.

These commands talk to a running program over HTTPS, as back office. They can be repeated: what is
so already is not changed again, and an import that was accepted goes on without the command.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.markup import escape
from rich.table import Table

from kassenverbund.cli.output import console, line
from kassenverbund.cli.vouchers import (
    POLL_S,
    SHOWN_MAX,
    WAIT_S,
    Desk,
    JsonOption,
    Refused,
    UrlOption,
    bars,
    digest_of,
    office,
    pieces_of,
    write_new,
)
from kassenverbund.cli.words import say

SERVICE = "costcenter"
PAGE_ROWS = 500


class Kind(StrEnum):
    companies = "companies"
    main_groups = "main-groups"
    user_groups = "user-groups"
    centers = "centers"
    cards = "cards"


KindArgument = Annotated[Kind, typer.Argument(help="what the file holds")]


def add_to(app: typer.Typer) -> None:
    centers = typer.Typer(help="Cost centers, companies and cards.", no_args_is_help=True)
    text = "Take companies, groups, centers or cards over from a CSV file: all rows, or none."
    centers.command("import", help=text)(import_file)
    text = "Write all of one kind to a CSV file that an import takes."
    centers.command("export", help=text)(export)
    centers.command("list", help="List cost centers with their state.")(listed)
    app.add_typer(centers, name="centers")


def import_file(
    kind: KindArgument,
    file: Annotated[Path, typer.Argument(help="CSV in UTF-8", exists=True, dir_okay=False)],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="only say what would be refused")
    ] = False,
    url: UrlOption = "",
    as_json: JsonOption = False,
) -> None:
    key = f"centers/{kind.value}/{digest_of(file)[:32]}/{time.time_ns()}"
    with office(url, SERVICE) as desk:
        try:
            answer = desk.ask(
                "POST", f"/v1/imports/{kind.value}", key, params={"dry_run": dry_run},
                content=pieces_of(file, quiet=as_json), headers={"content-type": "text/csv"},
            ).json()  # fmt: skip
        except Refused as refused:
            if "refused" not in refused.problem:
                raise
            _show_refused(refused.problem, as_json=as_json)
            raise typer.Exit(1) from None
        done = _wait(desk, answer["import_id"], quiet=as_json)
    if dry_run or done["state"] == "refused":
        _show_refused(done, as_json=as_json)
        raise typer.Exit(0 if done["state"] == "checked" else 1)
    if as_json:
        line(done)
        return
    changed = f"{done['facts']} {say('changes recorded')}"
    console().print(f"[green]{done['rows']} {say('rows')}, {changed}[/green]")


def export(
    kind: KindArgument,
    out: Annotated[Path, typer.Option(help="where the file goes (must not exist)")],
    url: UrlOption = "",
    as_json: JsonOption = False,
) -> None:
    with office(url, SERVICE) as desk:
        path = f"{desk.mount}/v1/exports/{kind.value}"
        with desk.http.stream("GET", path) as answer:
            digest = write_new(out, desk.checked(answer).iter_bytes())
    if as_json:
        line({"file": str(out), "sha256": digest})
    else:
        console().print(f"[green]{escape(str(out))}[/green] (SHA-256 {digest})", soft_wrap=True)


def listed(
    company: Annotated[str, typer.Option(help="only centers of this company")] = "",
    url: UrlOption = "",
    as_json: JsonOption = False,
) -> None:
    table = Table(*map(say, ("Number", "Name", "Company", "Cards", "State")))
    chosen = f"&company_id={quote(company)}" if company else ""
    cursor = ""
    with office(url, SERVICE) as desk:
        while True:
            path = f"{desk.mount}/v1/centers?limit={PAGE_ROWS}{chosen}{cursor}"
            page = desk.checked(desk.http.get(path)).json()
            for row in page["rows"]:
                if as_json:
                    line(row)
                    continue
                cells = (row["number"], row["name"], row["company_name"] or "")
                table.add_row(*map(escape, cells), str(row["cards"]), row["state"])
            if page["next"] is None:
                break
            cursor = f"&cursor={quote(page['next'])}"
    if not as_json:
        console().print(table)


def _wait(desk: Desk, import_id: str, *, quiet: bool) -> dict[str, Any]:
    """Show how the import goes on, until it no longer does."""
    deadline = time.monotonic() + WAIT_S
    path = f"{desk.mount}/v1/imports/{import_id}"
    with bars(quiet=quiet) as progress:
        bar = progress.add_task(say("rows"), total=None)
        while True:
            found: dict[str, Any] = desk.checked(desk.http.get(path)).json()
            progress.update(bar, completed=found["done"], total=found["rows"])
            if found["state"] not in ("checking", "running"):
                return found
            if time.monotonic() > deadline:
                raise OSError(f"{import_id}: {say('it takes too long; ask again later')}")
            time.sleep(POLL_S)


def _show_refused(report: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        line(report)
        return
    out = console()
    if not report["refused_count"]:
        told = f"{report['rows']} {say('rows')}, {report['facts']} {say('changes recorded')}"
        out.print(f"[green]{told}: {say('nothing would be refused')}[/green]")
        return
    table = Table(*map(say, ("Line", "Column", "Reason")))
    for entry in report["refused"][:SHOWN_MAX]:
        other = f" ({say('Line')} {entry['other_line']})" if entry["other_line"] else ""
        reason = f"{entry['code']}: {entry['message']}{other}"
        table.add_row(str(entry["line"]), *map(escape, (entry["column"] or "", reason)))
    out.print(table)
    out.print(f"[red]{report['refused_count']} {say('lines are refused')}[/red]")
