"""`policies export`: what is in force, as an annex to the process documentation."""

from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from kassenverbund.chain_file import load_chain
from kassenverbund.cli.output import console
from kassenverbund.cli.words import language, say
from kassenverbund.policies.collect import Since, annex_of
from kassenverbund.policies.render import as_csv, markdown
from kassenverbund.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

GATEWAY = "device-gateway"


def add_to(app: typer.Typer) -> None:
    policies = typer.Typer(help="The named policies that are in force.", no_args_is_help=True)
    help_text = "Write what is in force, with dates and sources (annex to the documentation)."
    policies.command("export", help=help_text)(export)
    policies.callback()(_group)
    app.add_typer(policies, name="policies")


def _group() -> None:
    """The named policies that are in force."""


def export(
    form: Annotated[
        Literal["md", "csv"], typer.Option("--format", help="md for people, csv for tables")
    ] = "md",
    store: Annotated[list[str] | None, typer.Option(help="only for this store")] = None,
    out: Annotated[Path | None, typer.Option(help="where the file goes")] = None,
    log: Annotated[
        bool, typer.Option("--log", help="also read since when, from the recorded events")
    ] = False,
) -> None:
    settings = Settings()
    chain = load_chain(settings.chain)
    known = {one.id: one for one in chain.stores}
    for wanted in store or ():
        if wanted not in known:
            there = ", ".join(list(known)[:20])
            raise ValueError(f"{wanted}: {say('no such store (there are:')} {there})")
    stores = [known[wanted] for wanted in store] if store else list(chain.stores)
    annex = annex_of(
        chain,
        on=_today(),
        program=f"Kassenverbund {version('kassenverbund')}",
        sign_within_s=settings.sign_within_s,
        stores=stores,
        since=asyncio.run(_since(settings, [one.id for one in stores])) if log else None,
    )
    text = as_csv(annex, language()) if form == "csv" else markdown(annex, language())
    if out is None:
        typer.echo(text, nl=False)
        return
    out.write_text(text, encoding="utf-8", newline="")
    console().print(f"{out}: {say('written')}", soft_wrap=True, markup=False)


def _today() -> date:
    return datetime.now(UTC).date()


async def _since(settings: Settings, store_ids: Sequence[str]) -> Since:
    from kassenverbund.assembly import database, role_of
    from kassenverbund.background import open_store
    from kassenverbund.logs import set_up_logs
    from kassenverbund.policies.log import since_when
    from kassenverbund.services import find_services

    set_up_logs(settings)
    (gateway,) = find_services([GATEWAY])
    role = role_of(gateway) if settings.database_roles else None
    async with (
        database(settings) as url,
        open_store(url, gateway, role=role, pool_max=2) as store,
    ):
        return await since_when(store, store_ids)
