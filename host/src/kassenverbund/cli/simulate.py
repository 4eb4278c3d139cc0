"""`simulate-store`: tills that behave like people's, for demonstrations and measurements."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import httpx
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from kassenverbund.cli.output import console, line
from kassenverbund.cli.words import say
from kassenverbund.settings import Settings
from kassenverbund.simulate.plan import MIX, Act, mix_of, plan
from kassenverbund.simulate.play import Tally, play
from kassenverbund.simulate.till import Done, Shelf, SimulatedTill

TILLS_MAX = 500
CALL_S = 30.0
TOKEN_VARIABLE = "KASSENVERBUND_TOKEN"  # noqa: S105  (a name)
PAIRED_FOR = timedelta(minutes=10)

JsonOption = Annotated[bool, typer.Option("--json", help="for scripts: JSON on standard output")]


def add_to(app: typer.Typer) -> None:
    app.command("simulate-store", help="Behave like the tills of a store, and measure.")(simulate)


def simulate(
    store: Annotated[str, typer.Argument(help="the store's id")],
    tills: Annotated[int, typer.Option(min=1, max=TILLS_MAX, help="so many tills")] = 4,
    rate: Annotated[float, typer.Option(min=0.001, help="acts per second, all tills together")] = 2,
    duration: Annotated[float, typer.Option(min=0.1, help="seconds")] = 30.0,
    seed: Annotated[int, typer.Option(help="the same seed draws the same acts")] = 1,
    fixed: Annotated[bool, typer.Option("--fixed", help="evenly, not by chance")] = False,
    mix: Annotated[str, typer.Option(help="weights, for example cash=5,card=3,voucher=1")] = "",
    center: Annotated[str, typer.Option(help="number of a cost center to charge")] = "",
    wait: Annotated[int, typer.Option(min=0, max=10, help="wait for the signature, seconds")] = 0,
    patience: Annotated[
        float, typer.Option(min=0, help="ask again for so many seconds where nobody answers")
    ] = 0.0,
    url: Annotated[str, typer.Option(help="the gateway (otherwise the one on this machine)")] = "",
    ca: Annotated[Path | None, typer.Option(help="PEM of the CA to trust")] = None,
    till: Annotated[
        list[str] | None, typer.Option(help="TILL=TOKEN of a paired till; may be repeated")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    settings = Settings()
    weights = dict(mix_of(mix) if mix else MIX)
    if not center:
        weights.pop("center", None)
    count = len(till) if till else tills
    acts = plan(
        rate=rate, duration_s=duration, tills=count, seed=seed, mix=weights, fixed=fixed
    )  # fmt: skip
    address = url or f"https://localhost:{settings.port}"
    trusted = ca or (None if url else settings.var / "tls" / "ca.pem")

    async def go() -> Tally:
        async with client_of(address, trusted, connections=2 * count) as client:
            known = [given(each) for each in till or ()]
            if not known:
                known = await paired(client, store, count, manager_token(settings, store))
            shelf, run = Shelf(), uuid4().hex[:12]
            standing = [
                SimulatedTill(
                    client, store, till_id, token, shelf, run,
                    center=center, patience_s=patience, wait_s=wait,
                )
                for till_id, token in known
            ]  # fmt: skip
            if as_json:
                return await play(acts, standing)
            return await _shown(acts, standing)

    tally = asyncio.run(go())
    if as_json:
        line(tally.document())
    else:
        show(tally)
    if tally.errors:
        raise typer.Exit(1)


def client_of(address: str, ca: Path | None, *, connections: int) -> httpx.AsyncClient:
    """HTTPS to the gateway. Raises OSError where the CA's file is missing."""
    context = ssl.create_default_context(cafile=str(ca)) if ca else True
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    return httpx.AsyncClient(base_url=address, verify=context, timeout=CALL_S, limits=limits)


def given(text: str) -> tuple[str, str]:
    """`kasse-1=kvt_…`. Raises ValueError."""
    till_id, found, token = text.partition("=")
    if not found or not till_id or not token:
        raise ValueError("a till is given as TILL=TOKEN")
    return till_id, token


def manager_token(settings: Settings, store: str) -> str:
    """From the environment, or made with this machine's own key (as `kassenverbund token` does)."""
    found = os.environ.get(TOKEN_VARIABLE)
    if found:
        return found
    from kassenverbund.chain_file import load_chain
    from kassenverbund.keys import issuer_of

    chain = load_chain(settings.chain)
    if chain.store(store) is None:
        raise ValueError(f"{store}: no such store")
    return issuer_of(settings, chain).person(
        "simulate-store", ["manager"], now=datetime.now(UTC), valid_for=PAIRED_FOR, store_id=store
    )


async def paired(
    client: httpx.AsyncClient, store: str, count: int, manager: str
) -> list[tuple[str, str]]:
    """Tills `sim-1` and so on, paired anew: id and token. Raises ValueError with what was said."""
    return [await _pair(client, store, f"sim-{number}", manager) for number in range(1, count + 1)]


async def _pair(
    client: httpx.AsyncClient, store: str, till_id: str, manager: str
) -> tuple[str, str]:
    async def ask(path: str, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        keyed = {**headers, "Idempotency-Key": uuid4().hex}
        answer = await client.post(f"/stores/{store}/v1/{path}", json=body, headers=keyed)
        if answer.is_error:
            raise ValueError(f"{till_id} is not paired: {answer.status_code} {answer.text[:300]}")
        found: dict[str, Any] = answer.json()
        return found

    manages = {"Authorization": f"Bearer {manager}"}
    name = f"Simulation {till_id.removeprefix('sim-')}"
    offered = await ask("pairings", {"till_id": till_id, "name": name}, manages)
    got = await ask("pair", {"code": offered["code"]}, {})
    return got["till_id"], got["token"]


async def _shown(acts: Sequence[Act], tills: Sequence[SimulatedTill]) -> Tally:
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
        TextColumn("{task.fields[refused]}"),
    )  # fmt: skip
    with Progress(*columns, console=console()) as progress:
        task = progress.add_task(say("Acts"), total=len(acts), refused="")
        refused = 0

        def told(done: Done) -> None:
            nonlocal refused
            refused += bool(done.code or done.error)
            text = f"{refused} {say('refused')}" if refused else ""
            progress.update(task, advance=1, refused=text)

        return await play(acts, tills, told=told)


def show(tally: Tally) -> None:
    """The result, for people."""
    document = tally.document()
    table = Table(title=f"{document['acts']} {say('acts in')} {document['seconds']:.1f} s")
    table.add_column(say("Act"))
    for name in (say("count"), "p50 ms", "p99 ms", "max ms"):
        table.add_column(name, justify="right")
    for kind, found in (*document["by_kind"].items(), (say("all"), document["all"])):
        numbers = (found["p50_ms"], found["p99_ms"], found["max_ms"])
        table.add_row(say(kind), str(found["count"]), *(f"{number:.1f}" for number in numbers))
    out = console()
    out.print(table)
    for title, counted in ((say("Refused"), tally.refused), (say("Errors"), tally.errors)):
        for code, count in counted.most_common():
            out.print(f"{title}: {count} × {code}")
    out.print(say("Times count from the moment at which an act was due."))
