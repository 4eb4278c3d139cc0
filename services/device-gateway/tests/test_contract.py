"""The till API is stable from now on: `openapi.json` beside the package is what tills rely on.

A compatible addition is written down with `UPDATE_OPENAPI=1` on this test; what breaks a till is
refused even then: a path, method, answer field or accepted field gone, or a field newly required.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

Document = dict[str, Any]

ONLY_WHERE_ASKED = frozenset({"unknown"})
"""A payment's state that only a till sees that sent `terminal`: none did before it was there."""


def present(rig: Any) -> Document:
    document: Document = rig.app.openapi()
    document["info"] = {"title": "Kassenverbund till API", "version": "1"}
    return document


def resolved(document: Document, schema: Document) -> Document:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return schema


def shape_faults(
    before: Document, then: Document, after: Document, now: Document, where: str, *, asked: bool
) -> list[str]:
    """What differs to the harm of a till. `asked`: it is what the till sends."""
    old, new = resolved(before, then), resolved(after, now)
    faults: list[str] = []
    if asked and {"anyOf", "oneOf"}.isdisjoint(old) and ("anyOf" in new or "oneOf" in new):
        # What a till sends may be left out from now on, or be something else as well.
        others = new.get("anyOf") or new["oneOf"]
        tried = [shape_faults(before, then, after, one, where, asked=True) for one in others]
        return min(tried, key=len)
    for alternatives in ("anyOf", "oneOf"):
        if alternatives in old:
            return _alternatives(before, old, after, new, where, alternatives, asked=asked)
    if old.get("type") != new.get("type"):
        faults.append(f"{where}: was {old.get('type')}, is {new.get('type')}")
    gone = set(old.get("enum", ())) - set(new.get("enum", ()))
    more = set(new.get("enum", ())) - set(old.get("enum", ())) - ONLY_WHERE_ASKED
    if "enum" in old and (gone if asked else more):
        faults.append(f"{where}: other values than before")
    for name, part in old.get("properties", {}).items():
        if name not in new.get("properties", {}):
            faults.append(f"{where}.{name}: gone")
            continue
        faults += shape_faults(
            before, part, after, new["properties"][name], f"{where}.{name}", asked=asked
        )
    required = set(new.get("required", ())) - set(old.get("required", ()))
    if asked and required:
        faults.append(f"{where}: newly required {sorted(required)}")
    if not asked and set(old.get("required", ())) - set(new.get("required", ())):
        faults.append(f"{where}: a field is no longer always there")
    for limit, worse in (("maxLength", min), ("maxItems", min), ("minLength", max)):
        if (
            asked
            and limit in new
            and worse(new[limit], old.get(limit, new[limit])) != old.get(limit)
        ):
            faults.append(f"{where}: {limit} is narrower")
    if "items" in old:
        items = shape_faults(
            before, old["items"], after, new.get("items", {}), f"{where}[]", asked=asked
        )
        faults += items
    return faults


def _alternatives(
    before: Document, old: Document, after: Document, new: Document, where: str, name: str, *,
    asked: bool,
) -> list[str]:  # fmt: skip
    if len(old[name]) != len(new.get(name, ())):
        return [f"{where}: other alternatives than before"]
    faults: list[str] = []
    for then, now in zip(old[name], new[name], strict=True):
        faults += shape_faults(before, then, after, now, where, asked=asked)
    return faults


def body_of(operation: Document) -> Document | None:
    content = operation.get("requestBody", {}).get("content", {})
    found: Document | None = content.get("application/json", {}).get("schema")
    return found


def answer_of(operation: Document) -> Document | None:
    content = operation["responses"]["200"].get("content", {})
    found: Document | None = content.get("application/json", {}).get("schema")
    return found


def incompatible(before: Document, after: Document) -> list[str]:
    """One sentence per change that would break a till."""
    faults: list[str] = []
    for path, operations in before["paths"].items():
        for method, old in operations.items():
            new = after["paths"].get(path, {}).get(method)
            where = f"{method.upper()} {path}"
            if new is None:
                faults.append(f"{where}: gone")
                continue
            for parts, asked in ((body_of, True), (answer_of, False)):
                then, now = parts(old), parts(new)
                if then is not None and now is None:
                    faults.append(f"{where}: no {'body' if asked else 'answer'} any more")
                elif then is not None and now is not None:
                    faults += shape_faults(before, then, after, now, where, asked=asked)
                elif asked and new.get("requestBody", {}).get("required"):
                    if old.get("requestBody"):
                        continue  # No JSON, then and now: a file.
                    faults.append(f"{where}: newly needs a body")
            needed = {
                parameter["name"] for parameter in new.get("parameters", ())
                if parameter.get("required")
            }  # fmt: skip
            known = {parameter["name"] for parameter in old.get("parameters", ())}
            faults += [f"{where}: newly needs {name}" for name in sorted(needed - known)]
    return faults


def checked_in(package: Path) -> Document:
    document: Document = json.loads((package / "openapi.json").read_text())
    return document


async def test_no_change_breaks_a_till(rig: Any, package: Path) -> None:
    assert incompatible(checked_in(package), present(rig)) == []


async def test_the_document_in_the_repository_is_the_present_one(rig: Any, package: Path) -> None:
    path, now = package / "openapi.json", present(rig)
    if os.environ.get("UPDATE_OPENAPI"):
        assert not path.exists() or incompatible(checked_in(package), now) == []
        path.write_text(json.dumps(now, indent=2, sort_keys=True, ensure_ascii=False) + "\n")
    assert json.loads(json.dumps(now)) == checked_in(package)


SALE = "/stores/{store_id}/v1/tills/{till_id}/bookings"


def _without_path(document: Document) -> None:
    del document["paths"][SALE]


def _without_answer_field(document: Document) -> None:
    del document["components"]["schemas"]["BookingAnswer"]["properties"]["change"]


def _without_body_field(document: Document) -> None:
    del document["components"]["schemas"]["LineBody"]["properties"]["sku"]


def _newly_required(document: Document) -> None:
    document["components"]["schemas"]["LineBody"]["required"].append("sku")


def _another_type(document: Document) -> None:
    document["components"]["schemas"]["BookingAnswer"]["properties"]["booking_id"]["type"] = (
        "integer"
    )


def _fewer_kinds(document: Document) -> None:
    document["components"]["schemas"]["PaymentBody"]["properties"]["kind"]["enum"].remove("card")


def _shorter_text(document: Document) -> None:
    name = document["components"]["schemas"]["LineBody"]["properties"]["name"]
    next(one for one in name["anyOf"] if one["type"] == "string")["maxLength"] = 5


@pytest.mark.parametrize(
    "breaks",
    [
        _without_path, _without_answer_field, _without_body_field, _newly_required, _another_type,
        _fewer_kinds, _shorter_text,
    ],
)  # fmt: skip
async def test_a_change_that_breaks_a_till_is_seen(rig: Any, breaks: Any) -> None:
    changed = json.loads(json.dumps(present(rig)))
    breaks(changed)
    assert incompatible(json.loads(json.dumps(present(rig))), changed) != []


async def test_an_added_optional_field_breaks_nothing(rig: Any) -> None:
    changed = json.loads(json.dumps(present(rig)))
    schemas = changed["components"]["schemas"]
    schemas["LineBody"]["properties"]["note"] = {"type": "string"}
    schemas["BookingAnswer"]["properties"]["note"] = {"type": "string"}
    assert incompatible(present(rig), changed) == []
