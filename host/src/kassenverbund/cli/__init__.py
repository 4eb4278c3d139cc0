"""The command line: `kassenverbund …`. Each module here holds the commands of one purpose."""

from __future__ import annotations

import sys
from typing import Any

import typer

from kassenverbund.cli import dead_letters, log, running, tools
from kassenverbund.cli.output import failed
from kassenverbund.cli.words import say, speak


def build() -> typer.Typer:
    """The whole command tree."""
    app = typer.Typer(
        name="kassenverbund",
        help="The backbone behind the tills of a chain.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_root)
    running.add_to(app)
    log.add_to(app)
    dead_letters.add_to(app)
    tools.add_to(app)
    return app


def _root(
    lang: str = typer.Option("", "--lang", help="de or en (otherwise from LANG)"),
) -> None:
    """The backbone behind the tills of a chain."""


def main() -> None:
    """Entry point of `kassenverbund`. Exit code 0: done; 1: refused or failed; 2: wrong usage."""
    speak(sys.argv[1:])
    command: Any = typer.main.get_command(build())
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
