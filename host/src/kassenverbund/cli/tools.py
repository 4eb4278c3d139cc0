"""`token`, `migrate`, `chain check`, `schemas`.

What is heavy to import (the web framework, the database) is imported where it is used, so that a
token or a check of a file does not take seconds.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from kassenverbund.chain_file import chain_schema, load_chain
from kassenverbund.cli.output import console, line
from kassenverbund.cli.words import say
from kassenverbund.keys import issuer_of
from kassenverbund.settings import Settings

JsonOption = Annotated[bool, typer.Option("--json", help="for scripts: JSON on standard output")]


def add_to(app: typer.Typer) -> None:
    app.command("token", help="Make a bearer token.")(token)
    app.command("migrate", help="Bring the database up to date.")(migrate)
    app.command("schemas", help="Write or check the published schemas.")(schemas)
    chain = typer.Typer(help="The chain's declaration.", no_args_is_help=True)
    help_text = "Check a chain.yaml; print its JSON Schema with --schema."
    chain.command("check", help=help_text)(check)
    app.add_typer(chain, name="chain")


def token(
    role: Annotated[list[str], typer.Option("--role", help="role; may be repeated")],
    store: Annotated[str, typer.Option(help="only for this store")] = "",
    company: Annotated[str, typer.Option(help="with the role company: which one")] = "",
    hours: Annotated[int, typer.Option(min=1, max=744, help="valid for so many hours")] = 12,
    subject: Annotated[str, typer.Option(help="who it is for")] = "",
    as_json: JsonOption = False,
) -> None:
    settings = Settings()
    chain = load_chain(settings.chain)
    if store and chain.store(store) is None:
        known = ", ".join(found.id for found in chain.stores[:20])
        raise ValueError(f"{store}: no such store (there are: {known})")
    now, valid_for = datetime.now(UTC), timedelta(hours=hours)
    made = issuer_of(settings, chain).person(
        subject or "-".join(role), role, now=now, valid_for=valid_for, store_id=store or None,
        company_id=company or None,
    )  # fmt: skip
    if as_json:
        line({"token": made, "roles": role, "store_id": store or None, "until": now + valid_for})
    else:
        typer.echo(made)


def migrate(
    services: Annotated[
        list[str] | None, typer.Argument(help="services, all if none is named")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    from kassenverbund.assembly import database, migrate_all
    from kassenverbund.logs import set_up_logs
    from kassenverbund.services import find_services

    settings = Settings()
    set_up_logs(settings)
    found = find_services(services or ())

    async def work() -> dict[str, list[str]]:
        async with database(settings) as url:
            return await migrate_all(url, found, settings)

    for name, files in asyncio.run(work()).items():
        if as_json:
            line({"service": name, "files": files})
        else:
            what = f"{len(files)} {say('files ran')}" if files else say("nothing to do")
            console().print(f"{name}: {what}")


def check(
    file: Annotated[Path, typer.Argument(help="the chain's file")] = Path("chain.yaml"),
    schema: Annotated[bool, typer.Option(help="print the JSON Schema and end")] = False,
    as_json: JsonOption = False,
) -> None:
    if schema:
        typer.echo(chain_schema(), nl=False)
        return
    chain = load_chain(file)
    tses = sum(len(store.tses) for store in chain.stores)
    if as_json:
        line({"file": str(file), "chain": chain.id, "stores": len(chain.stores), "tses": tses})
    else:
        counts = f"{len(chain.stores)} {say('stores')}, {tses} {say('TSEs')}"
        console().print(f"[green]{file} {say('is valid')}[/green]: {counts}", soft_wrap=True)


def schemas(
    only_check: Annotated[
        bool,
        typer.Option("--check", help="change nothing; fail where a file is not as the code says"),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    from kassenverbund.logs import set_up_logs
    from kassenverbund.schemas import write_schemas
    from kassenverbund.services import find_services

    settings = Settings(log_level="warning")
    set_up_logs(settings)
    chain = load_chain(settings.chain)
    drifts = write_schemas(find_services(), chain, Path(), check=only_check)
    for drift in drifts:
        if as_json:
            line({"file": str(drift.file), "what": drift.what})
        else:
            console().print(f"{drift.file}: {drift.what}", soft_wrap=True, markup=False)
    if only_check and drifts:
        raise typer.Exit(1)
    if not as_json and not drifts:
        console().print(say("up to date"))
