"""What commands print: for people with rich, for scripts as JSON lines."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

import structlog
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel

from kassenverbund.cli.words import say

EXPECTED = frozenset(
    {
        "ChainFileInvalid", "DomainError", "KafkaFailed", "KeyUnusable", "LogBroken", "OSError",
        "PeerUnknown", "PrivateDatabaseFailed", "RateSourceFailed", "RoleMissing", "SecretMissing",
        "ServiceUnknown", "Transient", "ValueError", "WrongChain",
    }
)  # fmt: skip
"""Faults whose message is all that is needed; anything else is a defect and shows its place.
By name, so that a command imports nothing that it does not use."""


def console() -> Console:
    """Standard output, for people."""
    return Console(highlight=False)


def line(document: Mapping[str, Any]) -> None:
    """One JSON document on one line of standard output."""
    sys.stdout.write(json.dumps(document, ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()


def failed(fault: BaseException) -> int:
    """Tell on standard error why the command failed; the answer is the exit code."""
    message = _message(fault)
    if "--json" in sys.argv:
        sys.stderr.write(json.dumps({"error": type(fault).__name__, "detail": message}) + "\n")
        return 1
    out = Console(stderr=True, highlight=False)
    names = {kind.__name__ for kind in type(fault).__mro__}
    if "ProgramFailed" in names:
        title = say("stopped because of a failure")
        out.print(Panel(escape(message), title=title, border_style="red"))
    elif EXPECTED & names:
        out.print(f"[red]{escape(message)}[/red]", soft_wrap=True)
    else:
        structlog.get_logger(__name__).critical("program.defect", exc_info=fault)
    return 1


def _message(fault: BaseException) -> str:
    if isinstance(fault, ValidationError):
        parts = [
            f"{'.'.join(str(part) for part in error['loc']) or fault.title}: "
            f"{error['msg'].removeprefix('Value error, ')}"
            for error in fault.errors(include_input=False)
        ]
        return "\n".join(parts)
    from kassenverbund.logs import redact

    return redact(str(fault) or type(fault).__name__)
