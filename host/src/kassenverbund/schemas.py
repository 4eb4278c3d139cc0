"""The published documents of the workspace: event schemas, AsyncAPI, `chain.schema.json`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kassenverbund.chain_file import chain_schema
from kassenverbund.kit.service import Service


@dataclass(frozen=True, slots=True)
class Drift:
    """A file that is not as the code says."""

    file: Path
    what: str
    """`written`, or why the check fails."""


def write_schemas(services: Sequence[Service], root: Path, *, check: bool) -> list[Drift]:
    """Write what is out of date below `root`; with `check` only say what is."""
    drifts = _one(root / "chain.schema.json", chain_schema(), check=check)
    return drifts


def _one(file: Path, text: str, *, check: bool) -> list[Drift]:
    if file.exists() and file.read_text(encoding="utf-8") == text:
        return []
    if check:
        return [Drift(file, "differs from the code: run `make schemas` and commit it")]
    file.write_text(text, encoding="utf-8")
    return [Drift(file, "written")]
