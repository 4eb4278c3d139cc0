"""`dead-letters list|show|retry|discard`: records that a receiver could not handle."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.json import JSON
from rich.markup import escape
from rich.table import Table

from events.dead_letters import Retried, discard, retry
from events.store.connection import engine_for
from events.store.dead_letters import LIST_MAX, Letter, LetterUnknown, PostgresDeadLetters
from kassenverbund.assembly import assembled, database, role_of
from kassenverbund.background import open_store
from kassenverbund.chain_file import load_chain
from kassenverbund.cli.output import console, line
from kassenverbund.cli.words import say
from kassenverbund.kit.service import Service
from kassenverbund.logs import set_up_logs
from kassenverbund.services import find_services
from kassenverbund.settings import Settings, url_of

ServiceArgument = Annotated[str, typer.Argument(help="service")]
LetterArgument = Annotated[int, typer.Argument(min=1, help="id of the parked record")]
JsonOption = Annotated[bool, typer.Option("--json", help="for scripts: JSON on standard output")]


def add_to(app: typer.Typer) -> None:
    letters = typer.Typer(help="Records that could not be handled.", no_args_is_help=True)
    letters.command("list", help="List parked records.")(list_letters)
    letters.command("show", help="Show one parked record.")(show)
    letters.command("retry", help="Handle a parked record and those behind it again.")(retry_lane)
    text = "Give a parked record up; what waits behind it is free."
    letters.command("discard", help=text)(discard_letter)
    app.add_typer(letters, name="dead-letters")


def list_letters(
    services: Annotated[
        list[str] | None, typer.Argument(help="services, all if none is named")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    settings = Settings()
    set_up_logs(settings)
    found = find_services(services or ())

    async def work() -> list[tuple[Service, Letter]]:
        rows = []
        async with database(settings) as url:
            for service in found:
                async with _letters(settings, service, url) as letters:
                    after = 0
                    while page := await letters.list(after=after):
                        rows += [(service, letter) for letter in page]
                        after = page[-1].id
                        if len(page) < LIST_MAX:
                            break
        return rows

    rows = asyncio.run(work())
    if as_json:
        for service, letter in rows:
            line(_document(service, letter))
        return
    if not rows:
        console().print(say("nothing is parked"))
        return
    table = Table("Id", say("Service"), say("Lane"), say("Event"), say("Tries"), say("Reason"))
    for service, letter in rows:
        reason = escape(letter.reason.split("\n")[0][:100]) or f"[dim]({say('Waiting')})[/dim]"
        cells = (str(letter.id), service.name, escape(letter.lane), escape(letter.event_type))
        table.add_row(*cells, str(letter.attempts), reason)
    console().print(table)


def show(service: ServiceArgument, letter_id: LetterArgument, as_json: JsonOption = False) -> None:
    settings = Settings()
    set_up_logs(settings)
    (found,) = find_services([service])

    async def work() -> Letter:
        async with database(settings) as url, _letters(settings, found, url) as letters:
            return await letters.show(letter_id)

    document = _document(found, asyncio.run(work()), whole=True)
    if as_json:
        line(document)
    else:
        console().print(JSON(json.dumps(document, default=str)))


def retry_lane(
    service: ServiceArgument, letter_id: LetterArgument, as_json: JsonOption = False
) -> None:
    settings = Settings()
    set_up_logs(settings)
    services = _with_needed(service)

    async def work() -> Retried:
        chain = load_chain(settings.chain)
        async with (
            database(settings) as url,
            assembled(settings, chain, services, url) as built,
        ):
            part = next(part for part in built.parts if part.service.name == service)
            letters = PostgresDeadLetters(part.engine, schema=part.service.schema)
            letter = await letters.show(letter_id)
            for reaction in part.opened.reactions:
                if reaction.name == letter.reaction:
                    return await retry(letters, reaction, letter.lane)
        raise LetterUnknown(f"{service} has no reaction {letter.reaction} any more")

    retried = asyncio.run(work())
    if as_json:
        line({"handled": retried.handled, "stuck_on": retried.stuck_on, "reason": retried.reason})
    else:
        console().print(f"{retried.handled} {say('handled')}")
        if retried.stuck_on:
            reason = escape(retried.reason)
            console().print(f"[red]{retried.stuck_on} {say('still parked')}: {reason}[/red]")
    if retried.stuck_on:
        raise typer.Exit(1)


def discard_letter(
    service: ServiceArgument,
    letter_id: LetterArgument,
    why: Annotated[str, typer.Option("--why", help="why it is discarded (recorded as an event)")],
    as_json: JsonOption = False,
) -> None:
    settings = Settings()
    set_up_logs(settings)
    (found,) = find_services([service])

    async def work() -> int:
        async with (
            database(settings) as url,
            _letters(settings, found, url) as letters,
            open_store(url, found, role=_role(settings, found), pool_max=2) as store,
        ):
            appended = await discard(
                letters,
                store,
                letter_id,
                by=f"person:{_user()}",
                explanation=why,
                now=datetime.now(UTC),
            )
            return appended.last_position

    position = asyncio.run(work())
    if as_json:
        line({"discarded": letter_id, "position": position})
    else:
        console().print(f"{letter_id} {say('discarded')} (#{position})")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())  # a container's user without a name


def _with_needed(name: str) -> tuple[Service, ...]:
    """The service, and those it calls that are not reached at an address of their own."""
    wanted, found = [name], []
    while wanted:
        (service,) = find_services([wanted.pop()])
        found.append(service)
        known = {other.name for other in found}
        wanted += [n for n in sorted(service.needs) if n not in known and url_of(n) is None]
    return tuple(found)


@asynccontextmanager
async def _letters(
    settings: Settings, service: Service, url: str
) -> AsyncIterator[PostgresDeadLetters]:
    engine = engine_for(url, schema=service.schema, role=_role(settings, service), pool_max=2)
    try:
        yield PostgresDeadLetters(engine, schema=service.schema)
    finally:
        await engine.dispose()


def _role(settings: Settings, service: Service) -> str | None:
    return role_of(service) if settings.database_roles else None


def _document(service: Service, letter: Letter, *, whole: bool = False) -> dict[str, Any]:
    document: dict[str, Any] = {
        "id": letter.id,
        "service": service.name,
        "reaction": letter.reaction,
        "topic": letter.topic,
        "lane": letter.lane,
        "event_id": letter.event_id,
        "event_type": letter.event_type,
        "attempts": letter.attempts,
        "reason": letter.reason,
        "parked_at": letter.parked_at,
        "trace_id": letter.trace_id,
    }
    if whole:
        document["key"] = letter.record.key
        document["headers"] = dict(letter.record.headers)
        document["data"] = letter.record.value.decode(errors="replace")
    return document
