"""`verify` and `events`: what stands in the logs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.json import JSON
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from events import Recorded
from events.store.contract import Verdict
from events.store.verify import schemas_in, verify
from kassenverbund.assembly import database, role_of
from kassenverbund.background import open_store
from kassenverbund.cli.output import console, line
from kassenverbund.cli.words import say
from kassenverbund.kit.service import Service
from kassenverbund.logs import set_up_logs
from kassenverbund.services import find_services
from kassenverbund.settings import Settings

TAIL_MAX = 10_000
"""How many events `tail` shows at once."""

FOLLOW_S = 1.0

JsonOption = Annotated[bool, typer.Option("--json", help="for scripts: JSON on standard output")]


def add_to(app: typer.Typer) -> None:
    help_text = "Prove that the logs are whole: no gap, no changed byte."
    app.command("verify", help=help_text)(verify_logs)
    events = typer.Typer(help="The events of a service's log.", no_args_is_help=True)
    events.command("tail", help="Show the newest events.")(tail)
    events.command("show", help="Show one event whole.")(show)
    app.add_typer(events, name="events")


def verify_logs(
    services: Annotated[
        list[str] | None, typer.Argument(help="services, all if none is named")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    settings = Settings()
    set_up_logs(settings)
    found = find_services(services or ())

    async def work() -> tuple[list[Verdict], list[Service]]:
        async with database(settings) as url:
            # Whoever names a service means that its log has to be there.
            there, missing = (found, []) if services else await _sorted_by_presence(url, found)
            return await prove(url, there, quiet=as_json), list(missing)

    verdicts, missing = asyncio.run(work())
    show_verdicts(verdicts, as_json=as_json)
    _show_missing(missing, as_json=as_json)
    if not verdicts or not all(verdict.whole for verdict in verdicts):
        raise typer.Exit(1)


async def _sorted_by_presence(
    url: str, services: Sequence[Service]
) -> tuple[list[Service], list[Service]]:
    """Those with a schema in this database, and those without: each may have a database of its
    own (a cluster, a store box)."""
    schemas = await schemas_in(url, [service.schema for service in services])
    there = [service for service in services if service.schema in schemas]
    return there, [service for service in services if service.schema not in schemas]


def _show_missing(services: Sequence[Service], *, as_json: bool) -> None:
    for service in services:
        if as_json:
            line({"service": service.name, "there": False})
        else:
            console().print(f"{service.name}: {say('not in this database')}", soft_wrap=True)


async def prove(url: str, services: Sequence[Service], *, quiet: bool = True) -> list[Verdict]:
    """Verify the log of each service, with a progress bar unless `quiet`."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    verdicts = []
    with Progress(*columns, disable=quiet, transient=True) as progress:
        for service in services:
            bar = progress.add_task(service.name, total=None)

            def moved(done: int, total: int, bar: Any = bar) -> None:
                progress.update(bar, completed=done, total=total)

            verdicts.append(
                await verify(url, schema=service.schema, service=service.name, progress=moved)
            )
    return verdicts


def show_verdicts(verdicts: Sequence[Verdict], *, as_json: bool) -> None:
    """What was found, as a table or as JSON lines."""
    if as_json:
        for verdict in verdicts:
            line(
                {
                    "service": verdict.service, "whole": verdict.whole, "head": verdict.head,
                    "events": verdict.events, "faults": list(verdict.faults),
                }
            )  # fmt: skip
        return
    table = Table(say("Service"), say("events"), say("Result"))
    for verdict in verdicts:
        good = f"[green]{say('whole')}[/green]"
        result = good if verdict.whole else f"[red]{say('BROKEN')}[/red]"
        table.add_row(verdict.service, str(verdict.events), result)
    out = console()
    out.print(table)
    for verdict in verdicts:
        for fault in verdict.faults:
            out.print(f"[red]{verdict.service}: {escape(fault)}[/red]", soft_wrap=True)


def tail(
    service: Annotated[str, typer.Argument(help="service")],
    number: Annotated[
        int, typer.Option("-n", min=0, max=TAIL_MAX, help="how many of the newest")
    ] = 20,
    stream: Annotated[str, typer.Option(help="only events of this stream")] = "",
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="go on showing what is recorded")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    settings = Settings()
    set_up_logs(settings)
    (found,) = find_services([service])

    async def work() -> None:
        async with (
            database(settings) as url,
            open_store(url, found, role=_role(settings, found), pool_max=2) as store,
        ):
            if stream:
                for recorded in (await store.load(stream))[-number:] if number else ():
                    _print(recorded, as_json=as_json)
            after = await store.head()
            if not stream:
                for recorded in await store.read(after=max(0, after - number), records_max=number):
                    _print(recorded, as_json=as_json)
            while follow:
                await store.wait_for_append(after=after, wait_s=FOLLOW_S)
                for recorded in await store.read(after=after, records_max=TAIL_MAX):
                    after = recorded.position
                    if not stream or recorded.stream == stream:
                        _print(recorded, as_json=as_json)

    try:
        asyncio.run(work())
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def show(
    service: Annotated[str, typer.Argument(help="service")],
    position: Annotated[int, typer.Argument(min=1, help="position in the log")],
    as_json: JsonOption = False,
) -> None:
    settings = Settings()
    set_up_logs(settings)
    (found,) = find_services([service])

    async def work() -> list[Recorded]:
        async with (
            database(settings) as url,
            open_store(url, found, role=_role(settings, found), pool_max=2) as store,
        ):
            return await store.read(after=position - 1, records_max=1)

    recorded = asyncio.run(work())
    if not recorded or recorded[0].position != position:
        raise ValueError(say("there is no such event"))
    if as_json:
        line(_document(recorded[0]))
    else:
        console().print(JSON(json.dumps(_document(recorded[0]), default=str)))


def _role(settings: Settings, service: Service) -> str | None:
    return role_of(service) if settings.database_roles else None


def _print(recorded: Recorded, *, as_json: bool) -> None:
    if as_json:
        line(_document(recorded))
        return
    at = recorded.recorded_at.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    console().print(
        f"[dim]{recorded.position:>8}  {at}[/dim]  [bold]{recorded.name}[/bold]  "
        f"{escape(recorded.stream)} [dim]v{recorded.version}[/dim]",
        soft_wrap=True,
    )


def _document(recorded: Recorded) -> dict[str, Any]:
    return {
        "position": recorded.position,
        "stream": recorded.stream,
        "version": recorded.version,
        "event_id": str(recorded.event_id),
        "name": recorded.name,
        "schema_version": recorded.schema_version,
        "recorded_at": recorded.recorded_at.isoformat(),
        "metadata": recorded.metadata.as_json(),
        "idempotency_key": recorded.idempotency_key,
        "data": json.loads(recorded.data),
        "hash": recorded.hash.hex(),
    }
