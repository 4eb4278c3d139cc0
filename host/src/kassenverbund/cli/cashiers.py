"""`cashiers list|add|remove`: people who sign in at tills, with a PIN or a card.

Talks to a running program over HTTPS, as a manager. A PIN is typed on the terminal, or comes as a
line on standard input where that is no terminal: an argument would stand in the shell's history
and in the list of processes.
"""

from __future__ import annotations

import re
import sys
from getpass import getpass
from typing import Annotated, Any
from urllib.parse import quote
from uuid import uuid4

import typer
from rich.markup import escape
from rich.table import Table

from kassenverbund.chain_file import load_chain
from kassenverbund.cli.output import console, line
from kassenverbund.cli.vouchers import Desk, JsonOption, UrlOption, office
from kassenverbund.cli.words import say
from kassenverbund.settings import Settings

SERVICE = "device-gateway"
PIN = re.compile(r"[0-9]{4,12}")
TRIES_MAX = 3

StoreOption = Annotated[str, typer.Option(help="the store (otherwise the chain's first)")]
CashierArgument = Annotated[
    str, typer.Argument(metavar="ID", help="id of the person, as it stands in bookings")
]


def add_to(app: typer.Typer) -> None:
    cashiers = typer.Typer(help="People who sign in at tills.", no_args_is_help=True)
    cashiers.command("list", help="Who may sign in at the tills of a store.")(list_cashiers)
    text = "Enroll a person, or change one; the PIN is asked for here, never given as an argument."
    cashiers.command("add", help=text)(add)
    cashiers.command("remove", help="Remove a person: name and PIN are wiped.")(remove)
    app.add_typer(cashiers, name="cashiers")


def list_cashiers(
    store: StoreOption = "", url: UrlOption = "", as_json: JsonOption = False
) -> None:
    with office(url, SERVICE, role="manager") as desk:
        path = f"/stores/{_store(store)}/v1/cashiers"
        found: list[dict[str, Any]] = desk.checked(desk.http.get(path)).json()["cashiers"]
    if as_json:
        for each in found:
            line(each)
        return
    if not found:
        console().print(say("nobody is enrolled"))
        return
    table = Table("Id", say("Name"), say("Role"), say("Stores"), "PIN", say("Card"))
    for each in found:
        stores = ", ".join(each["store_ids"]) or say("all")
        has = (say("yes" if each[what] else "no") for what in ("has_pin", "has_card"))
        table.add_row(*map(escape, (each["cashier"], each["name"], each["role"], stores)), *has)
    console().print(table)


def add(
    cashier: CashierArgument,
    name: Annotated[str, typer.Option(help="what the person is called at the till")],
    role: Annotated[str, typer.Option(help="cashier, senior or manager")] = "cashier",
    store: StoreOption = "",
    everywhere: Annotated[
        bool, typer.Option("--everywhere", help="in all stores of the chain")
    ] = False,
    without_pin: Annotated[
        bool,
        typer.Option(
            "--without-pin",
            help="without asking for a PIN: whoever has a card, or keeps the PIN",
        ),
    ] = False,
    url: UrlOption = "",
    as_json: JsonOption = False,
) -> None:
    body: dict[str, Any] = {"name": name, "role": role}
    if everywhere:
        body["store_ids"] = []
    if not without_pin:
        body["pin"] = _pin()
    with office(url, SERVICE, role="manager") as desk:
        told = _written(desk, "PUT", _path(store, cashier), json=body)
    if as_json:
        line(told)
    else:
        console().print(f"[green]{escape(cashier)} {say('enrolled')}[/green]")


def remove(
    cashier: CashierArgument,
    store: StoreOption = "",
    url: UrlOption = "",
    as_json: JsonOption = False,
) -> None:
    with office(url, SERVICE, role="manager") as desk:
        told = _written(desk, "DELETE", _path(store, cashier))
    if as_json:
        line(told)
    else:
        console().print(f"[green]{escape(cashier)} {say('removed')}[/green]")


def _store(named: str) -> str:
    return quote(named or load_chain(Settings().chain).stores[0].id, safe="")


def _path(store: str, cashier: str) -> str:
    return f"/stores/{_store(store)}/v1/cashiers/{quote(cashier, safe='')}"


def _written(desk: Desk, method: str, path: str, **request: Any) -> dict[str, Any]:
    """Raises `Refused`."""
    headers = {"idempotency-key": f"cashiers/{uuid4().hex}"}
    told: dict[str, Any] = desk.checked(
        desk.http.request(method, path, headers=headers, **request)
    ).json()
    return told


def _pin() -> str:
    """As typed twice without being shown; from a pipe, its first line. Raises ValueError."""
    if not sys.stdin.isatty():
        return _checked(sys.stdin.readline().strip())
    for _ in range(TRIES_MAX):
        typed = getpass(f"{say('PIN (4 to 12 digits)')}: ")
        if PIN.fullmatch(typed) is None:
            console().print(say("a PIN has 4 to 12 digits"))
        elif getpass(f"{say('once more')}: ") != typed:
            console().print(say("these were not the same"))
        else:
            return typed
    return _checked("")


def _checked(pin: str) -> str:
    if PIN.fullmatch(pin) is None:
        raise ValueError(say("a PIN has 4 to 12 digits"))
    return pin
