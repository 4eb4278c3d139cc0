"""Published JSON Schemas: one file per event and version, and what may change in them.

A schema describes the bytes that are stored and sent. Readers ignore fields they do not know, so
schemas leave objects open, although the producer's own classes are closed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from events.event import Event, Registry
from events.publication import Publication

URN = "urn:kassenverbund"

FALLBACK = "x-fallback"
"""In an enum's schema: the value that readers take for one they do not know. Only an enum that
declared it from the start may get more values."""

_NOTES = frozenset(
    {"$id", "$schema", "$defs", "title", "description", "default", "examples", FALLBACK}
)
_ALREADY_COMPARED = frozenset({"$ref", "properties", "required", "enum", "const", "maxLength"})

Schema = dict[str, Any]


def schema_name(event: type[Event]) -> str:
    """The name of an event's schema file: `voucher.issued.v1.json`."""
    return f"{event.event_name}.v{event.event_version}.json"


def schema_id(topic: str, name: str, version: int) -> str:
    """The `$id` of an event's schema, and its `dataschema` on the bus."""
    return f"{URN}:{topic}:{name}:v{version}"


def event_schema(event: type[Event], topic: str) -> Schema:
    """The schema of one event class. Raises ValueError where the class has no docstring."""
    if not (event.__doc__ or "").strip() or event.__doc__ == Event.__doc__:
        raise ValueError(f"{event.event_name}: a published event says in its docstring what it is")
    described = _opened(event.model_json_schema(mode="validation"))
    described.pop("title", None)
    described.pop("description", None)
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        "$id": schema_id(topic, event.event_name, event.event_version),
        "title": f"{event.event_name}.v{event.event_version}",
        "description": one_line(event.__doc__ or ""),
        **described,
    }


def export_schemas(registry: Registry, publication: Publication, folder: Path) -> list[Path]:
    """Write the schema of every published event into `folder`; files of older versions stay.

    The files are the same for the same classes, byte for byte. Raises ValueError for a published
    event that the registry does not know or that has no docstring.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for event in sorted(publication.events, key=schema_name):
        if registry.classes.get(event.event_name) is not event:
            raise ValueError(f"{event.event_name} is published, but not in the registry")
        path = folder / schema_name(event)
        document = event_schema(event, publication.topic)
        path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        written.append(path)
    return written


def incompatibilities(old: Path, new: Path) -> list[str]:
    """What is wrong between two folders of schemas (the main branch's and ours). Empty: nothing.

    Every old file has to be there still, and be compatible.
    """
    faults: list[str] = []
    for path in sorted(old.glob("*.json")):
        current = new / path.name
        if not current.exists():
            faults.append(f"{path.name}: a published schema has gone")
            continue
        before, after = (json.loads(file.read_text(encoding="utf-8")) for file in (path, current))
        faults += [f"{path.name}: {fault}" for fault in check_compatible(before, after)]
    return faults


def check_compatible(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Why `new` can't replace `old` under the same version; empty: it can.

    Allowed exactly: a new optional field, a longer text limit, and further values of an enum that
    declared a fallback. Anything else needs a new version of the event.
    """
    return _compare("data", dict(old), dict(new), _Defs(old, new), frozenset())


class _Defs:
    """The named parts of both documents."""

    def __init__(self, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        self.old: Mapping[str, Schema] = old.get("$defs", {})
        self.new: Mapping[str, Schema] = new.get("$defs", {})


def _resolved(schema: Schema, defs: Mapping[str, Schema]) -> tuple[str, Schema]:
    """The schema behind a reference, with what is said beside the reference; and its name."""
    reference = schema.get("$ref", "")
    if not reference:
        return "", schema
    beside = {name: value for name, value in schema.items() if name != "$ref"}
    return reference, {**defs[reference.removeprefix("#/$defs/")], **beside}


def _compare(
    place: str, old: Schema, new: Schema, defs: _Defs, seen: frozenset[tuple[str, str]]
) -> list[str]:
    old_name, old = _resolved(old, defs.old)
    new_name, new = _resolved(new, defs.new)
    if old_name and (old_name, new_name) in seen:
        return []  # A type that contains itself: compared further up.
    seen |= {(old_name, new_name)}
    faults = _compare_fields(place, old, new, defs, seen)
    faults += _compare_values(place, old, new)
    for word in sorted((old.keys() | new.keys()) - _NOTES - _ALREADY_COMPARED):
        before, after = old.get(word), new.get(word)
        match before, after:
            case dict(), dict() if word in ("items", "additionalProperties", "not"):
                faults += _compare(f"{place}[]", before, after, defs, seen)
            case list(), list() if word in ("anyOf", "oneOf", "allOf", "prefixItems") and len(
                before
            ) == len(after):
                for number, (one, other) in enumerate(zip(before, after, strict=True)):
                    faults += _compare(f"{place}|{number}", one, other, defs, seen)
            case _ if before != after:
                faults.append(f"{place}: {word} was {_told(before)}, is {_told(after)}")
    return faults


def _compare_fields(
    place: str, old: Schema, new: Schema, defs: _Defs, seen: frozenset[tuple[str, str]]
) -> list[str]:
    faults: list[str] = []
    before, after = old.get("properties", {}), new.get("properties", {})
    needed, needs = set(old.get("required", ())), set(new.get("required", ()))
    for name in before:
        if name not in after:
            faults.append(f"{place}.{name}: the field has gone")
        else:
            faults += _compare(f"{place}.{name}", before[name], after[name], defs, seen)
            if name in needed - needs:
                faults.append(f"{place}.{name}: readers could rely on it, now it is optional")
    for name in sorted(needs - needed):
        faults.append(f"{place}.{name}: the field is required now")
    return faults


def _compare_values(place: str, old: Schema, new: Schema) -> list[str]:
    faults: list[str] = []
    before, after = _values(old), _values(new)
    if before is None or after is None:
        if before is not after:
            faults.append(f"{place}: values were {_told(before)}, are {_told(after)}")
    elif gone := [value for value in before if value not in after]:
        faults.append(f"{place}: the values {_told(gone)} have gone")
    elif old.get(FALLBACK) not in before:
        faults += [
            f"{place}: readers have no fallback for the value {_told(value)}"
            for value in after
            if value not in before
        ]
    if old.get(FALLBACK) != new.get(FALLBACK) and FALLBACK in old:
        faults.append(f"{place}: the fallback was {_told(old[FALLBACK])}")
    limit, limited = old.get("maxLength"), new.get("maxLength")
    if limited is not None and (limit is None or limited < limit):
        faults.append(f"{place}: the text limit was {limit}, is {limited}")
    return faults


def _values(schema: Schema) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _told(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _opened(schema: Any) -> Any:
    """Without `additionalProperties: false`: readers ignore what they do not know."""
    match schema:
        case dict():
            return {
                name: _opened(value)
                for name, value in schema.items()
                if not (name == "additionalProperties" and value is False)
            }
        case list():
            return [_opened(value) for value in schema]
        case _:
            return schema


def one_line(docstring: str) -> str:
    """A docstring as a description."""
    return " ".join(docstring.split())
