"""`articles import`: what the chain sells, from a file of another system.

Talks to a running program over HTTPS, as back office. 1,000 rows at a time are taken over or none
of them; the command can be repeated, and what is listed already changes nothing.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import typer
from rich.markup import escape

from kassenverbund.chain_file import load_chain
from kassenverbund.cli.output import console, line
from kassenverbund.cli.vouchers import JsonOption, Refused, UrlOption, bars, office
from kassenverbund.cli.words import say
from kassenverbund.settings import Settings

ROWS_AT_ONCE = 1_000
SHOWN_MAX = 20


def add_to(app: typer.Typer) -> None:
    articles = typer.Typer(help="What the chain sells.", no_args_is_help=True)
    text = "List articles from a CSV file or JSON lines: 1,000 rows at a time, all or none of them."
    articles.command("import", help=text)(import_file)
    app.add_typer(articles, name="articles")


def import_file(
    file: Annotated[
        Path, typer.Argument(help="CSV or .jsonl in UTF-8", exists=True, dir_okay=False)
    ],
    store: Annotated[
        str, typer.Option(help="a store whose VAT keys count (otherwise the first)")
    ] = "",
    url: UrlOption = "",
    as_json: JsonOption = False,
) -> None:
    where = store or load_chain(Settings().chain).stores[0].id
    csv_file = file.suffix.lower() not in (".jsonl", ".ndjson")
    content = "text/csv" if csv_file else "application/x-ndjson"
    rows = changed = 0
    run = uuid4().hex
    with office(url) as desk, bars(quiet=as_json) as progress:
        bar = progress.add_task(say("KiB sent"), total=file.stat().st_size // 1024)
        for piece in _pieces(file, csv_file=csv_file):
            answer = desk.http.post(
                f"/stores/{where}/v1/articles/imports",
                content=piece,
                headers={"content-type": content, "idempotency-key": f"articles/{run}/{rows}"},
            )
            try:
                told = desk.checked(answer).json()
            except Refused as refused:
                progress.stop()
                _show_refused(refused.problem, before=rows, as_json=as_json)
                raise typer.Exit(1) from None
            rows, changed = rows + told["rows"], changed + told["changed"]
            progress.advance(bar, len(piece) // 1024)
    if as_json:
        line({"rows": rows, "changed": changed})
    else:
        told_in_words = f"{rows} {say('articles')}, {changed} {say('of them new or changed')}"
        console().print(f"[green]{told_in_words}[/green]")


def _show_refused(problem: dict[str, Any], *, before: int, as_json: bool) -> None:
    """Rows are counted in the file, from 1, without its header."""
    found = [
        {**row, "row": before + row["row"]} if isinstance(row.get("row"), int) else row
        for row in problem.get("refused") or ()
    ]
    if as_json:
        line({**problem, "refused": found, "taken_over": before})
        return
    console().print(f"[red]{escape(str(problem.get('detail')))}[/red]")
    for row in found[:SHOWN_MAX]:
        told = f"{say('row')} {row.get('row')}: {row.get('sku')}: {row.get('reason')}"
        console().print(escape(told), soft_wrap=True)
    console().print(f"{before} {say('rows before are taken over')}")


def _pieces(file: Path, *, csv_file: bool) -> Iterator[bytes]:
    """At most `ROWS_AT_ONCE` rows each, a CSV's with the header. The file is never in memory as a
    whole."""
    with file.open(encoding="utf-8-sig", newline="") as opened:
        if not csv_file:
            filled = (text for text in opened if text.strip())
            while piece := list(islice(filled, ROWS_AT_ONCE)):
                yield "".join(f"{text.rstrip()}\n" for text in piece).encode()
            return
        header = opened.readline().rstrip("\r\n")
        delimiter = ";" if header.count(";") > header.count(",") else ","
        rows = (row for row in csv.reader(opened, delimiter=delimiter) if row)
        while part := list(islice(rows, ROWS_AT_ONCE)):
            out = io.StringIO()
            csv.writer(out, delimiter=delimiter, lineterminator="\n").writerows(part)
            yield f"{header}\n{out.getvalue()}".encode()
