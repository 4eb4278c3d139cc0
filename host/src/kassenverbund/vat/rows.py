"""Adds rows to the VAT table of a chain's file: text beside text, so comments and layout stay."""

from __future__ import annotations

import io
import json
import os
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from kassenverbund.chain_file import ChainFileInvalid, parse_chain
from kassenverbund.kit.chain import VatRate

DEFAULT_COUNTRY = "DE"

_PLAIN = re.compile(r"[A-Za-zÄÖÜäöüß][A-Za-zÄÖÜäöüß0-9 -]*(?<! )")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})


class RowsDontFit(ValueError):
    """The file is laid out in a way that rows can't be added to; the message holds them."""


def row_line(rate: VatRate) -> str:
    """`rate` as an entry of the table, without indentation."""
    country = "" if rate.country == DEFAULT_COUNTRY else f"country: {_scalar(rate.country)}, "
    return (
        f"- {{vat: {_scalar(rate.vat)}, rate: {rate.rate}, "
        f"valid_from: {rate.valid_from.isoformat()}, {country}"
        f"label: {_scalar(rate.label)}, dsfinvk_key: {rate.dsfinvk_key}}}"
    )


def with_rows(text: str, rows: Sequence[VatRate], *, name: str) -> str:
    """`text` with `rows` below the last entry of its table; the rest is as it was.

    Raises `ChainFileInvalid` where `text` is no chain, `RowsDontFit` where the result would not be
    the same chain with these rows and nothing else.
    """
    before = parse_chain(text, name=name)
    lines = list(io.StringIO(text, newline=""))
    place = _last_entry(YAML(typ="rt").compose(text))
    if place is not None:
        last, indent = place
        ending = "\r\n" if lines[last].endswith("\r\n") else "\n"
        if not lines[last].endswith("\n"):
            lines[last] += ending
        lines[last + 1 : last + 1] = [f"{' ' * indent}{row_line(row)}{ending}" for row in rows]
        made = "".join(lines)
        wanted = before.model_copy(update={"vat": (*before.vat, *rows)})
        try:
            if parse_chain(made, name=name) == wanted:
                return made
        except ChainFileInvalid:
            pass  # told below, with the rows
    told = "\n".join(row_line(row) for row in rows)
    raise RowsDontFit(f"{name}: add these rows to `vat` by hand:\n{told}")


def add_rows(path: Path, rows: Sequence[VatRate]) -> None:
    """Write `rows` into the file at `path`: the old file or the new one, never half of it.

    Raises as `with_rows` does, and `OSError` where the file can't be written.
    """
    path = path.resolve()  # a link stays a link
    made = with_rows(path.read_bytes().decode("utf-8"), rows, name=str(path)).encode("utf-8")
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(made)
            opened.flush()
            os.fsync(opened.fileno())
        mode = path.stat().st_mode & 0o777
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _last_entry(tree: Node | None) -> tuple[int, int] | None:
    """(line of the table's last entry, columns its dash is indented by); None: not in lines."""
    table = next(
        (
            value
            for key, value in (tree.value if isinstance(tree, MappingNode) else ())
            if key.value == "vat"
        ),
        None,
    )
    if not isinstance(table, SequenceNode) or table.flow_style or not table.value:
        return None
    return _end(table.value[-1]), table.start_mark.column


def _end(node: Node) -> int:
    if isinstance(node, MappingNode) and not node.flow_style and node.value:
        # A block ends where the next one begins, comments between them included.
        return max(_end(value) for _, value in node.value)
    line: int = node.end_mark.line
    return line


def _scalar(text: str) -> str:
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return json.dumps(text, ensure_ascii=False)
