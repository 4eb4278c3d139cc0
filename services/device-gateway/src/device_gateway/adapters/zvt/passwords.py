"""The passwords of terminals: in files of a folder that only the program reads, in no event."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from device_gateway.terminal.ports import TerminalAway, TerminalDevice

AS_DELIVERED = "000000"
"""What terminals are set to where nobody changes it."""

_log = logging.getLogger(__name__)

PasswordOf = Callable[[TerminalDevice], str]
"""Six digits. Raises `TerminalAway`, never with what stood there."""


def as_delivered(device: TerminalDevice) -> str:
    """Every terminal has the usual one."""
    return AS_DELIVERED


def passwords_in(folder: Path | None) -> PasswordOf:
    """`password.<id of the device>` there, else `password` for all, else the usual one. Read each
    time a line is opened: a new password needs no new start."""
    return as_delivered if folder is None else partial(_read, folder)


def _read(folder: Path, device: TerminalDevice) -> str:
    for name in (f"password.{device.terminal_id}", "password"):
        try:
            text = (folder / name).read_text("ascii").strip()
        except FileNotFoundError:
            continue
        except (OSError, ValueError) as unreadable:
            _log.error("the file %s cannot be read: %s", name, type(unreadable).__name__)
            raise TerminalAway(f"the password of {device.terminal_id} cannot be read") from None
        if not re.fullmatch("[0-9]{6}", text):
            _log.error("the file %s does not hold six digits", name)
            raise TerminalAway(f"the password of {device.terminal_id} is not six digits")
        return text
    return AS_DELIVERED
