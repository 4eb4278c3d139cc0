"""`vat`: our VAT table beside what an outside service tells, and taking over what it proposes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from kassenverbund.chain_file import load_chain
from kassenverbund.cli.output import console, failed, line
from kassenverbund.cli.words import say
from kassenverbund.kit.chain import Chain, VatRate
from kassenverbund.settings import Settings
from kassenverbund.vat.comparison import AGREED, Row, accepted_rows, compare, differences
from kassenverbund.vat.rows import add_rows, row_line
from kassenverbund.vat.source import HttpRateSource, Proposal, ProposedRate, RateSourceFailed

EXIT_DIFFERS = 1

EXIT_SILENT = 2

MEANINGS = {
    "same": "agrees",
    "untaxed": "no tax, not compared",
    "in_force": "concerns a day that is open or past",
    "upcoming": "upcoming; can be accepted",
    "untold": "the service leaves it out",
}

JsonOption = Annotated[bool, typer.Option("--json", help="for scripts: JSON on standard output")]


def add_to(app: typer.Typer) -> None:
    vat = typer.Typer(
        help="The VAT table beside what an outside service tells.", no_args_is_help=True
    )
    help_text = "Compare now. Exit code 1: they differ; 2: the service gave no usable answer."
    vat.command("check", help=help_text)(check)
    help_text = "Write the proposed rates into the chain's file, from tomorrow on at the earliest."
    vat.command("accept", help=help_text)(accept)
    app.add_typer(vat, name="vat")


def check(as_json: JsonOption = False) -> None:
    chain = load_chain(Settings().chain)
    with _answered():
        rows = compare(chain, _asked(chain), now=datetime.now(UTC))
    if as_json:
        for row in rows:
            line(_document(row))
    else:
        table = Table(*map(say, ("VAT key", "From", "Ours", "Theirs", "Difference")))
        for row in rows:
            colour = "green" if row.verdict in AGREED else "red"
            table.add_row(
                escape(row.vat), str(row.valid_from), _percent(row.ours), _percent(row.theirs),
                f"[{colour}]{say(MEANINGS[row.verdict])}[/{colour}]",
            )  # fmt: skip
        console().print(table)
    if differences(rows):
        raise typer.Exit(EXIT_DIFFERS)


def accept(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="only print the rows; write nothing")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    path = Settings().chain
    chain = load_chain(path)
    with _answered():
        rows = accepted_rows(chain, _asked(chain), now=datetime.now(UTC))
    if rows and not dry_run:
        add_rows(path, rows)
    for row in rows:
        if as_json:
            line(row.model_dump(mode="json"))
        else:
            console().print(row_line(row), soft_wrap=True, markup=False)
    if not as_json and not rows:
        console().print(say("nothing to accept"))
    elif not as_json and not dry_run:
        advice = say("in force from the day in the row, if the program is started anew before it")
        console().print(f"[green]{escape(str(path))}: {advice}[/green]", soft_wrap=True)


def _asked(chain: Chain) -> Proposal:
    if chain.vat_source is None:
        raise ValueError(say("the chain's file names no vat_source"))
    return asyncio.run(HttpRateSource(chain.vat_source.url).proposal())


@contextmanager
def _answered() -> Iterator[None]:
    try:
        yield
    except RateSourceFailed as failure:
        failed(failure)
        raise typer.Exit(EXIT_SILENT) from None


def _document(row: Row) -> dict[str, object]:
    return {
        "vat": row.vat,
        "valid_from": row.valid_from,
        "ours": row.ours.model_dump(mode="json") if row.ours else None,
        "theirs": row.theirs.model_dump(mode="json") if row.theirs else None,
        "verdict": row.verdict,
    }


def _percent(rate: VatRate | ProposedRate | None) -> str:
    if rate is None:
        return "–"
    key = f" ({rate.dsfinvk_key})" if rate.dsfinvk_key else ""
    return f"{rate.rate // 100}.{rate.rate % 100:02} %{key}"
