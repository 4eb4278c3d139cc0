"""The command line: `kassenverbund …`. Each module here holds the commands of one purpose."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import typer

from kassenverbund.cli.output import failed
from kassenverbund.cli.words import say, speak

COMMANDS = {
    "run": "running",
    "serve": "running",
    "demo": "running",
    "verify": "log",
    "events": "log",
    "dead-letters": "dead_letters",
    "vouchers": "vouchers",
    "articles": "articles",
    "cashiers": "cashiers",
    "centers": "centers",
    "fiscal": "fiscal",
    "vat": "vat",
    "policies": "policies",
    "simulate-store": "simulate",
    "token": "tools",
    "migrate": "tools",
    "chain": "tools",
    "schemas": "tools",
}
"""Which module holds which command."""


def build(wanted: str = "") -> typer.Typer:
    """The command tree: all of it, or no more than the module of the wanted command.

    The web framework and the database take seconds to import on a small machine; who only wants a
    token does not wait for them.
    """
    app = typer.Typer(
        name="kassenverbund",
        help="The backbone behind the tills of a chain.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_root)
    modules = [COMMANDS[wanted]] if wanted in COMMANDS else dict.fromkeys(COMMANDS.values())
    for name in modules:
        import_module(f"kassenverbund.cli.{name}").add_to(app)
    return app


def _root(
    lang: str = typer.Option("", "--lang", help="de or en (otherwise from LANG)"),
) -> None:
    """The backbone behind the tills of a chain."""


def main() -> None:
    """Entry point of `kassenverbund`. Exit code 0: done; 1: refused or failed; 2: wrong usage."""
    speak(sys.argv[1:])
    wanted = next((argument for argument in sys.argv[1:] if argument in COMMANDS), "")
    command: Any = typer.main.get_command(build(wanted))
    _translate(command)
    try:
        command(prog_name="kassenverbund")
    except Exception as fault:
        sys.exit(failed(fault))


def _translate(command: Any) -> None:
    """Put the help texts of a command and all below it into the chosen language."""
    if command.help:
        command.help = say(command.help)
    for parameter in command.params:
        if getattr(parameter, "help", None):
            parameter.help = say(parameter.help)
    for below in getattr(command, "commands", {}).values():
        _translate(below)
