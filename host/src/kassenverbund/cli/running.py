"""`run`, `serve`, `demo`: the program itself."""

from __future__ import annotations

import json
import shlex
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from kassenverbund.chain_file import load_chain
from kassenverbund.cli.log import prove, show_verdicts
from kassenverbund.cli.output import console, line
from kassenverbund.cli.words import say
from kassenverbund.demo import (
    SUMS,
    Played,
    Refused,
    Stage,
    demo_client,
    offer_web_till,
    play,
    stock_up,
)
from kassenverbund.identity import once
from kassenverbund.kafka import bus_settings
from kassenverbund.logs import set_up_logs
from kassenverbund.program import Running, run
from kassenverbund.services import find_services
from kassenverbund.settings import Settings
from money import Money

SHOWN_TOKENS = ("manager", "back_office", "operator", "cashier")

SHOWN_HOURS = 12

PAPERS = Path("device-gateway") / "papers"
"""Below `var`: what virtual printers print."""

JsonOption = Annotated[bool, typer.Option("--json", help="for scripts: JSON on standard output")]
BusOption = Annotated[
    str, typer.Option("--bus", help="postgres or kafka (a local broker, or KAFKA_BOOTSTRAP)")
]


def add_to(app: typer.Typer) -> None:
    app.command("run", help="Start everything on this machine and stay up.")(run_all)
    app.command("serve", help="Start single services (a store box, a cluster).")(serve)
    app.command("demo", help="Play the demo scene on a chain of its own, and end.")(demo)


def run_all(
    bus: BusOption = "",
    no_demo: Annotated[
        bool, typer.Option("--no-demo", help="do not play the demo scene on the first start")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    settings = Settings()
    set_up_logs(settings)
    services = find_services()
    chain = load_chain(settings.chain)

    async def ready(running: Running) -> None:
        tokens = _tokens(running, SHOWN_TOKENS)
        if not no_demo and services and await once(running.database_url, "demo"):
            await _play(running, as_json=as_json)
        if not no_demo and services and await once(running.database_url, "assortment"):
            await _stock_up(running, as_json=as_json)
        if as_json:
            ca = str(running.ca.resolve()) if running.ca else None
            line({"ready": True, "base_url": running.base_url, "ca": ca, "tokens": tokens})
        else:
            code = None if no_demo or not services else await _web_till(running)
            _welcome(running, tokens, code)

    with bus_settings(settings, bus) as chosen:
        run(chosen, chain, services, on_ready=ready)


def serve(
    services: Annotated[list[str], typer.Argument(help="services to run")],
) -> None:
    settings = Settings()
    set_up_logs(settings)
    run(settings, load_chain(settings.chain), find_services(services), on_ready=None)


def demo(
    bus: BusOption = "",
    keep: Annotated[
        Path | None,
        typer.Option(help="where to keep the demo's data (otherwise a temporary folder)"),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    settings = Settings(log_level="warning")
    set_up_logs(settings)
    chain = load_chain(settings.chain)
    services = find_services()
    with ExitStack() as stack:
        folder = keep or Path(
            stack.enter_context(
                tempfile.TemporaryDirectory(prefix="kassenverbund-", ignore_cleanup_errors=True)
            )
        )
        # The demo's books are its own: it never touches a database that is in use.
        own = settings.model_copy(update={"var": folder, "port": 0, "database_url": None})
        chosen = stack.enter_context(bus_settings(own, bus))

        async def ready(running: Running) -> None:
            await _stock_up(running, as_json=as_json)
            await _play(running, as_json=as_json)
            running.end()

        run(chosen, chain, services, on_ready=ready)


async def _stock_up(running: Running, *, as_json: bool) -> None:
    """What the example chain sells, and the keys on its tills."""
    tokens = _tokens(running, ("back_office",))
    async with demo_client(running.base_url, running.ca) as client:
        store = running.chain.stores[0].id
        changed = await stock_up(client, tokens.__getitem__, store=store)
    if not as_json:
        told = f"{say('An assortment and touch keys to try the web till with')}: {changed}"
        console().print(f"  {escape(told)}", soft_wrap=True)


async def _web_till(running: Running) -> str | None:
    """The code that makes a browser a till of the first store. None: there is no till to be had,
    which is no reason not to start."""
    async with demo_client(running.base_url, running.ca) as client:
        manager = _tokens(running, ("manager",))["manager"]
        with suppress(Refused):
            return await offer_web_till(client, manager, store=running.chain.stores[0].id)
    return None


async def _play(running: Running, *, as_json: bool) -> Played:
    """Play the scene against the running program; people read sentences, scripts the answers."""
    out = console()
    tokens = _tokens(running, ("manager", "auditor", "back_office"))

    def tell(sentence: str, answer: Mapping[str, Any] | None) -> None:
        if not as_json:
            out.print(f"  {escape(say(sentence))}", soft_wrap=True)
        elif answer is not None:
            line(answer)

    async with demo_client(running.base_url, running.ca) as client:
        played = await play(
            Stage(
                client=client,
                token=tokens.__getitem__,
                verify=lambda: prove(running.database_url, running.services),
                papers=running.settings.var / "device-gateway",
                tell=tell,
            )
        )
    show_verdicts(played.verdicts, as_json=as_json)
    _sums(played, as_json=as_json)
    return played


def _sums(played: Played, *, as_json: bool) -> None:
    """issued = redeemed + cancelled + balance, as the voucher service's books say it."""
    if as_json:
        line({"vouchers": played.sums})
        return
    table = Table(title=say("Vouchers: issued = redeemed + cancelled + balance"), min_width=50)
    for name in SUMS:
        table.add_column(say(name), justify="right")
    table.add_row(*(str(Money(amount=played.sums[name])) for name in SUMS))
    console().print(table)


def _tokens(running: Running, roles: tuple[str, ...]) -> dict[str, str]:
    now, hours = datetime.now(UTC), timedelta(hours=SHOWN_HOURS)
    return {role: running.issuer.person(role, [role], now=now, valid_for=hours) for role in roles}


def _welcome(running: Running, tokens: Mapping[str, str], code: str | None) -> None:
    out = console()
    facts = Table.grid(padding=(0, 2))
    facts.add_row(say("Address"), running.base_url)
    if code is not None:
        store = running.chain.stores[0].id
        facts.add_row(say("Web till"), f"{running.base_url}/stores/{store}/till")
        facts.add_row(say("Its pairing code (10 min)"), f"{code[:4]} {code[4:]}")
    if running.ca:
        facts.add_row(say("Trust this CA"), str(running.ca.resolve()))
    facts.add_row(say("Printed receipts"), str(running.settings.var.resolve() / PAPERS))
    facts.add_row("OpenAPI", f"{running.base_url}/openapi.json")
    out.print(Panel(facts, title=say("Kassenverbund is up"), border_style="green", expand=False))
    # Tokens and the curl line are printed without a frame or a break, so that they can be copied.
    for role, token in tokens.items():
        out.print(f"\n[bold]{say('Token')} {role}[/bold] ({SHOWN_HOURS} h)")
        out.print(token, soft_wrap=True, markup=False)
    out.print(f"\n[bold]{say('Try it')}[/bold]")
    out.print(curl_line(running, tokens["manager"]), soft_wrap=True, markup=False)
    out.print(f"\n{say('Stop with Ctrl-C.')}")


def curl_line(running: Running, token: str) -> str:
    """A call that works as it stands, in any folder: pair a till with the first store."""
    store = running.chain.stores[0].id
    trust = f"--cacert {shlex.quote(str(running.ca.resolve()))} " if running.ca else ""
    body = json.dumps({"name": "Kasse 9"})
    return (
        f"curl {trust}-H 'Authorization: Bearer {token}' -H 'Content-Type: application/json' "
        f"-H \"Idempotency-Key: $(date +%s%N)\" -d '{body}' "
        f"{running.base_url}/stores/{store}/v1/pairings"
    )
