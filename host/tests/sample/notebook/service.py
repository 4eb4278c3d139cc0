"""The service `notebook`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from events import Decider, Event, Recorded, Registry, event_type, handle
from events.projection import names_of
from events.publication import Publication
from events.reaction import Incoming, Reaction
from kassenverbund.kit.auth import Caller, CallerOf, requires
from kassenverbund.kit.idempotency import AskOf
from kassenverbund.kit.service import Opened, Runtime, Service
from kassenverbund.kit.text import Identifier, SafeName


@event_type("note.written")
class NoteWritten(Event):
    """Somebody wrote a note."""

    author: str
    text: str


@event_type("note.echoed")
class NoteEchoed(Event):
    """A note came back over the bus."""

    author: str


class WriteNote(BaseModel):
    model_config = ConfigDict(extra="forbid")

    author: Identifier
    text: SafeName


NOTES: Decider[Event, int] = Decider(
    initial=0, decide=lambda event, _: (event,), evolve=lambda count, _: count + 1
)


class NoteCounts:
    """How many notes each author wrote."""

    name = "note_counts"
    version = 1
    reads = names_of(NoteWritten)

    async def apply(self, tx: AsyncConnection, recorded: Sequence[Recorded]) -> None:
        for entry in recorded:
            if isinstance(entry.event, NoteWritten):
                if entry.event.text == "break the projection":
                    raise RuntimeError("this note can't be counted")
                await tx.execute(
                    text(
                        "INSERT INTO note_count VALUES (:author, 1)"
                        " ON CONFLICT (author) DO UPDATE SET notes = note_count.notes + 1"
                    ),
                    {"author": entry.event.author},
                )


async def open_notebook(runtime: Runtime) -> Opened:
    router = APIRouter(prefix="/v1")
    crash = asyncio.Event()

    @router.post("/notes", status_code=201)
    async def write(note: WriteNote, ask: AskOf) -> dict[str, Any]:
        event = NoteWritten(author=note.author, text=note.text)
        done = await handle(runtime.store, NOTES, f"notes-{note.author}", event, ask=ask)
        return {"position": done.position, "repeated": done.repeated}

    @router.get("/counts/{author}")
    async def count(author: str, caller: CallerOf) -> dict[str, int]:
        async with runtime.engine.connect() as connection:
            found = await connection.scalar(
                text("SELECT notes FROM note_count WHERE author = :author"), {"author": author}
            )
        _, echoes = 0, len(await runtime.store.load(f"echo-{author}"))
        return {"notes": found or 0, "echoes": echoes}

    @router.get("/slow")
    async def slow(caller: CallerOf) -> None:
        await asyncio.sleep(60)

    @router.post("/crash")
    async def fail(caller: Annotated[Caller, Depends(requires("operator"))]) -> None:
        crash.set()

    @router.get("/me")
    async def me(caller: CallerOf) -> dict[str, Any]:
        return {"kind": caller.kind, "id": caller.id, "roles": sorted(caller.roles)}

    @router.get("/me-by-http")
    async def me_by_http(caller: CallerOf) -> Any:
        return (await runtime.client("notebook").get("/notebook/v1/me")).json()

    async def watch() -> None:
        await crash.wait()
        raise RuntimeError("the watch has failed")

    async def echo(records: Sequence[Incoming]) -> None:
        for record in records:
            author = record.read(_Written).author
            ask = record.ask("echo", author)
            event = NoteEchoed(author=author)
            await handle(runtime.store, NOTES, f"echo-{author}", event, ask=ask)

    reaction = Reaction(
        name="echo",
        topic="notebook",
        events=frozenset({"note.written"}),
        lane=lambda record: record.subject,
        handle=echo,
    )
    return Opened(router=router, projections=(NoteCounts(),), reactions=(reaction,), tasks=(watch,))


class _Written(BaseModel):
    model_config = ConfigDict(extra="ignore")

    author: str


SERVICE = Service(
    name="notebook",
    registry=Registry(NoteWritten, NoteEchoed),
    publication=Publication("notebook", (NoteWritten,), lambda recorded: recorded.stream),
    migrations=Path(__file__).parent / "migrations",
    open=open_notebook,
)
