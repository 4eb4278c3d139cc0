"""Reads `chain.yaml`. What is wrong with it is said as `file:line: where: which rule`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, SequenceNode

from kassenverbund.countries import countries
from kassenverbund.kit.chain import Chain
from kassenverbund.kit.chain_policies import RuleBroken

FILE_BYTES_MAX = 8 * 1024 * 1024
"""2,000 stores take about 1 MiB."""

FAULTS_MAX = 20

SCHEMA_ID = "urn:kassenverbund:chain:1"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, and where."""

    file: str
    line: int
    """From 1."""
    where: str
    """`stores[1].tses[0].curve`; empty for the file as a whole."""
    rule: str

    def __str__(self) -> str:
        where = f"{self.where}: " if self.where else ""
        return f"{self.file}:{self.line}: {where}{self.rule}"


class ChainFileInvalid(Exception):
    """The file can't be used; `faults` say why (at most `FAULTS_MAX`)."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)


def load_chain(path: Path) -> Chain:
    """The chain that `path` declares. Raises `ChainFileInvalid`."""
    name = str(path)
    try:
        size = path.stat().st_size
        raw = path.read_bytes() if size <= FILE_BYTES_MAX else b""
        text = raw.decode("utf-8")
    except OSError as exc:
        raise ChainFileInvalid([Fault(name, 1, "", exc.strerror or "can't be read")]) from None
    except UnicodeDecodeError as exc:
        line = raw[: exc.start].count(b"\n") + 1
        raise ChainFileInvalid([Fault(name, line, "", "this is not UTF-8")]) from None
    if size > FILE_BYTES_MAX:
        raise ChainFileInvalid([Fault(name, 1, "", f"larger than {FILE_BYTES_MAX} bytes")])
    return parse_chain(text, name=name)


def parse_chain(text: str, *, name: str) -> Chain:
    """The chain that `text` declares; `name` stands in what is said about it."""
    try:
        document = YAML(typ="safe").load(text)
    except MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        rule = (exc.problem or exc.context or "not YAML").split("\n")[0]
        raise ChainFileInvalid([Fault(name, mark.line + 1 if mark else 1, "", rule)]) from None
    except (YAMLError, ValueError, RecursionError) as exc:
        rule = str(exc).split("\n")[0] or "not YAML"
        raise ChainFileInvalid([Fault(name, 1, "", rule)]) from None
    try:
        chain = Chain.model_validate(document)
    except ValidationError as exc:
        tree = YAML(typ="rt").compose(text)
        errors = exc.errors()
        faults = [
            _fault(name, tree, error["loc"], error["msg"], error.get("ctx", {}).get("error"))
            for error in errors
            # A list whose entries are all wrong is also called empty: that would only confuse.
            if error["type"] != "too_short" or not _faulty_within(error["loc"], errors)
        ][:FAULTS_MAX]
        raise ChainFileInvalid(sorted(faults, key=lambda fault: fault.line)) from None
    strangers = _without_rules(chain, text, name)
    if strangers:
        raise ChainFileInvalid(strangers)
    return chain


def _without_rules(chain: Chain, text: str, name: str) -> list[Fault]:
    """Stores of a country for which nothing can sign: nobody may sell under rules that nobody
    wrote down, so the program does not start with them."""
    known = countries()
    found = [
        (index, store) for index, store in enumerate(chain.stores) if store.country not in known
    ]
    if not found:
        return []
    tree = YAML(typ="rt").compose(text)
    there = ", ".join(sorted(known)) or "none"
    return [
        _fault(
            name,
            tree,
            ("stores", index, "country"),
            f"there is no signing package for {store.country} (there is one for: {there})",
            None,
        )
        for index, store in found[:FAULTS_MAX]
    ]


def _faulty_within(loc: tuple[str | int, ...], errors: Sequence[ErrorDetails]) -> bool:
    return any(len(other["loc"]) > len(loc) and other["loc"][: len(loc)] == loc for other in errors)


def _fault(
    name: str, tree: Node | None, loc: Sequence[str | int], message: str, cause: object
) -> Fault:
    path = [*loc, *(cause.at if isinstance(cause, RuleBroken) else ())]
    where = ""
    for part in path:
        where += f"[{part}]" if isinstance(part, int) else f"{'.' if where else ''}{part}"
    return Fault(name, _line(tree, path), where, message.removeprefix("Value error, "))


def _line(tree: Node | None, path: Sequence[str | int]) -> int:
    """The line of the deepest part of `path` that the file has."""
    node, line = tree, 1
    for part in path:
        found: Node | None = None
        if isinstance(node, MappingNode):
            for key, value in node.value:
                if key.value == part:
                    line, found = key.start_mark.line + 1, value
        elif isinstance(node, SequenceNode) and isinstance(part, int) and part < len(node.value):
            found = node.value[part]
            line = found.start_mark.line + 1
        if found is None:
            return line
        node = found
    return line


def chain_schema() -> str:
    """The JSON Schema of the file (draft 2020-12), for editors and pipelines."""
    schema = Chain.model_json_schema(mode="validation")
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        **schema,
    }
    return json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True) + "\n"
