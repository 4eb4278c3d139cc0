from __future__ import annotations

import copy
import json
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import jsonschema
import pytest
from pydantic import BaseModel, Field

from events import Event, Registry, event_type, upcaster
from events.asyncapi import asyncapi, export_asyncapi
from events.publication import Publication
from events.reaction import Reaction
from events.schema import check_compatible, event_schema, export_schemas, incompatibilities
from events.testing.golden import golden_faults, write_golden

ASYNCAPI_SCHEMA = Path(__file__).parent / "data" / "asyncapi" / "asyncapi-3.0.0.json"


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"
    OTHER = "other"


class Place(BaseModel):
    street: Annotated[str, Field(max_length=40)]
    inside: Place | None = None


@event_type("parcel.sent", version=2)
class ParcelSent(Event):
    """A parcel was handed
    to the carrier."""

    parcel_id: str
    place: Place
    colour: Annotated[Colour, Field(json_schema_extra={"x-fallback": "other"})]
    kind: Literal["small", "large"]
    weights: list[int] = Field(default_factory=list)
    note: Annotated[str, Field(max_length=10)] = ""


@event_type("parcel.lost")
class ParcelLost(Event):
    """A parcel did not arrive."""

    parcel_id: str


@event_type("parcel.counted")
class ParcelCounted(Event):
    """Internal."""


@upcaster("parcel.sent", from_version=1)
def _(data: dict[str, Any]) -> dict[str, Any]:
    return {**data, "kind": "small"}


REGISTRY = Registry(ParcelSent, ParcelLost, ParcelCounted, upcasters=[_])
PUBLICATION = Publication("parcel", (ParcelSent, ParcelLost), lambda recorded: recorded.stream)


def test_one_file_per_published_event_and_version(tmp_path: Path) -> None:
    export_schemas(REGISTRY, PUBLICATION, tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["parcel.lost.v1.json", "parcel.sent.v2.json"]
    document = json.loads((tmp_path / "parcel.sent.v2.json").read_text())
    assert document["$id"] == "urn:kassenverbund:parcel:parcel.sent:v2"
    assert document["title"] == "parcel.sent.v2"
    assert document["description"] == "A parcel was handed to the carrier."
    assert document["required"] == ["parcel_id", "place", "colour", "kind"]


def test_an_export_is_the_same_every_time(tmp_path: Path) -> None:
    first = [path.read_bytes() for path in export_schemas(REGISTRY, PUBLICATION, tmp_path)]
    assert first == [path.read_bytes() for path in export_schemas(REGISTRY, PUBLICATION, tmp_path)]


def test_the_schema_accepts_what_the_event_stores_and_unknown_fields_too() -> None:
    event = ParcelSent(
        parcel_id="1", place=Place(street="a", inside=Place(street="b")), colour=Colour.RED,
        kind="small",
    )  # fmt: skip
    validator = jsonschema.Draft202012Validator(event_schema(ParcelSent, "parcel"))
    stored = json.loads(event.model_dump_json())
    validator.validate(stored)
    validator.validate({**stored, "new": 1})
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({**stored, "parcel_id": 1})


def test_an_event_without_a_docstring_is_not_published(tmp_path: Path) -> None:
    @event_type("parcel.silent")
    class Silent(Event):
        pass

    publication = Publication("parcel", (Silent,), lambda recorded: recorded.stream)
    with pytest.raises(ValueError, match="docstring"):
        export_schemas(Registry(Silent), publication, tmp_path)


def test_an_event_that_is_not_registered_is_not_published(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not in the registry"):
        export_schemas(Registry(ParcelLost), PUBLICATION, tmp_path)


Change = Callable[[dict[str, Any]], object]


def changed(change: Change) -> tuple[dict[str, Any], dict[str, Any]]:
    old = event_schema(ParcelSent, "parcel")
    new = copy.deepcopy(old)
    change(new)
    assert new != old
    return old, new


ALLOWED: dict[str, Change] = {
    "a new optional field": lambda s: s["properties"].update(extra={"type": "string"}),
    "a new optional field inside": lambda s: s["$defs"]["Place"]["properties"].update(
        town={"type": "string"}
    ),
    "a longer text limit": lambda s: s["properties"]["note"].update(maxLength=20),
    "no text limit": lambda s: s["properties"]["note"].pop("maxLength"),
    "a longer text limit inside": lambda s: s["$defs"]["Place"]["properties"]["street"].update(
        maxLength=41
    ),
    "a further value with a fallback": lambda s: s["$defs"]["Colour"]["enum"].append("green"),
    "another description": lambda s: s.update(description="x"),
    "another default": lambda s: s["properties"]["note"].update(default="x"),
}

REFUSED: dict[str, Change] = {
    "a field has gone": lambda s: s["properties"].pop("note"),
    "a field was renamed": lambda s: s["properties"].update(remark=s["properties"].pop("note")),
    "another type": lambda s: s["properties"]["parcel_id"].update(type="integer"),
    "another type inside a list": lambda s: s["properties"]["weights"]["items"].update(
        type="string"
    ),
    "a new required field": lambda s: (
        s["properties"].update(extra={"type": "string"}), s["required"].append("extra"),
    ),
    "an old field is required now": lambda s: s["required"].append("note"),
    "a required field is optional now": lambda s: s["required"].remove("kind"),
    "a shorter text limit": lambda s: s["properties"]["note"].update(maxLength=9),
    "a new text limit": lambda s: s["properties"]["parcel_id"].update(maxLength=9),
    "a new pattern": lambda s: s["properties"]["parcel_id"].update(pattern="^x"),
    "a value has gone": lambda s: s["$defs"]["Colour"]["enum"].remove("blue"),
    "a further value without a fallback": lambda s: s["properties"]["kind"]["enum"].append("huge"),
    "the fallback has gone": lambda s: s["properties"]["colour"].pop("x-fallback"),
    "null is gone": lambda s: s["$defs"]["Place"]["properties"]["inside"]["anyOf"].pop(),
    "another type behind a name": lambda s: s["$defs"]["Place"].update(type="array"),
    "an enum became text": lambda s: s["properties"]["kind"].pop("enum"),
}  # fmt: skip


@pytest.mark.parametrize("change", ALLOWED.values(), ids=ALLOWED)
def test_a_compatible_change_is_allowed(change: Change) -> None:
    assert check_compatible(*changed(change)) == []


@pytest.mark.parametrize("change", REFUSED.values(), ids=REFUSED)
def test_any_other_change_is_told(change: Change) -> None:
    assert len(check_compatible(*changed(change))) >= 1


def test_a_published_schema_may_not_go(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    export_schemas(REGISTRY, PUBLICATION, old)
    assert incompatibilities(old, old) == []
    export_schemas(REGISTRY, PUBLICATION, new)
    (new / "parcel.lost.v1.json").unlink()
    assert incompatibilities(old, new) == ["parcel.lost.v1.json: a published schema has gone"]


async def _react(records: object) -> None:
    return None


REACTION = Reaction(
    name="bookings",
    topic="device-gateway",
    events=frozenset({"booking.recorded", "booking.aborted"}),
    lane=lambda incoming: incoming.subject,
    handle=_react,
)


def a_document() -> dict[str, Any]:
    return asyncapi(
        service="parcel",
        version="1.0.0",
        description="Sends parcels.",
        registry=REGISTRY,
        publication=PUBLICATION,
        reactions=[REACTION],
        foreign_schemas={"booking.recorded": "../gateway/schemas/booking.recorded.v1.json"},
    )


def faults_of(document: dict[str, Any]) -> list[str]:
    validator = jsonschema.Draft7Validator(json.loads(ASYNCAPI_SCHEMA.read_text()))
    return [fault.message for fault in validator.iter_errors(document)]


def test_the_document_is_valid_asyncapi_3_0_0() -> None:
    assert faults_of(a_document()) == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d["operations"]["send.parcel"].update(action="publish"),
        lambda d: d["channels"]["parcel"]["bindings"]["kafka"].update(topic=1),
        lambda d: d["components"]["messages"]["parcel.lost.v1"].update(headers={"type": "no"}),
        lambda d: d["info"].pop("title"),
    ],
)
def test_the_validation_can_fail(spoil: Change) -> None:
    document = copy.deepcopy(a_document())
    spoil(document)
    assert faults_of(document) != []


def test_topics_are_channels_and_every_reference_leads_somewhere() -> None:
    document = a_document()
    assert document["channels"].keys() == {"parcel", "device-gateway"}
    assert document["operations"].keys() == {"send.parcel", "receive.bookings"}

    def references(part: Any) -> list[str]:
        match part:
            case {"$ref": str(reference)}:
                return [reference]
            case dict():
                return [ref for value in part.values() for ref in references(value)]
            case list():
                return [ref for value in part for ref in references(value)]
        return []

    for reference in references(document):
        if reference.startswith("#/"):
            part: Any = document
            for step in reference.removeprefix("#/").split("/"):
                part = part[step]
    assert "./schemas/parcel.sent.v2.json" in references(document)


def test_the_document_is_written_as_yaml(tmp_path: Path) -> None:
    import yaml

    export_asyncapi(a_document(), tmp_path / "asyncapi.yaml")
    text = (tmp_path / "asyncapi.yaml").read_text()
    assert yaml.safe_load(text) == a_document()
    assert text.startswith("asyncapi: 3.0.0")


def goldens(folder: Path) -> None:
    place = Place(street="a")
    write_golden(
        folder,
        complete=ParcelSent(
            parcel_id="1", place=place, colour=Colour.RED, kind="large", weights=[1], note="x"
        ),
        minimal=ParcelSent(parcel_id="1", place=place, colour=Colour.RED, kind="small"),
    )
    lost = ParcelLost(parcel_id="1")
    write_golden(folder, complete=lost, minimal=lost)
    write_golden(folder, complete=ParcelCounted(), minimal=ParcelCounted())
    old = {"parcel_id": "1", "place": {"street": "a"}, "colour": "red"}
    (folder / "parcel.sent.v1.json").write_text(json.dumps({"complete": old, "minimal": old}))


def test_goldens_of_every_version_are_read(tmp_path: Path) -> None:
    goldens(tmp_path)
    assert golden_faults(REGISTRY, tmp_path) == []


def test_a_golden_is_never_overwritten(tmp_path: Path) -> None:
    goldens(tmp_path)
    before = (tmp_path / "parcel.lost.v1.json").read_text()
    other = ParcelLost(parcel_id="2")
    write_golden(tmp_path, complete=other, minimal=other)
    assert (tmp_path / "parcel.lost.v1.json").read_text() == before


@pytest.mark.parametrize(
    ("file", "text", "fault"),
    [
        ("parcel.sent.v1.json", None, "there is no golden file"),
        ("parcel.sent.v2.json", '{"complete": {}, "minimal": {}}', "can't be read"),
        ("parcel.lost.v1.json", '{"complete": {"parcel_id": "1"}}', "a complete and a minimal"),
        ("parcel.gone.v1.json", "{}", "no registered event can read it"),
        ("parcel.counted.v1.json", '{"complete": {}, "minimal": {"x": 1}}', "can't be read"),
    ],
)
def test_a_faulty_golden_is_told(tmp_path: Path, file: str, text: str | None, fault: str) -> None:
    goldens(tmp_path)
    if text is None:
        (tmp_path / file).unlink()
    else:
        (tmp_path / file).write_text(text)
    assert any(file in told and fault in told for told in golden_faults(REGISTRY, tmp_path))
