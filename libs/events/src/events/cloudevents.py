"""Events on the wire: CloudEvents 1.0, written in binary mode, read in both modes.

Binary mode (Kafka protocol binding): the data travels exactly as stored, the attributes as headers
with the prefix `ce_`, so that routing, dedupe and tracing need no parsing. Structured mode (one
JSON document) is for webhooks and files.

Extension attributes: `sequence` (version in the stream), `partitionkey`, `position` (in the log of
the source), `correlationid`, `causationid`, and `traceparent` (a header of its own).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID

from events.bus.contract import Record
from events.event import Recorded
from events.reaction import Incoming

SPEC_VERSION = "1.0"
JSON = "application/json"
STRUCTURED = "application/cloudevents+json"

_TYPE = re.compile(r"^(?P<name>.+)\.v(?P<version>[1-9][0-9]*)$")

_ATTRIBUTES = (
    "specversion", "id", "source", "type", "subject", "time", "dataschema", "sequence",
    "partitionkey", "position", "correlationid", "causationid",
)  # fmt: skip


class NotACloudEvent(Exception):
    """A record that is none of ours: an attribute is missing or malformed, or there is no data."""


def to_record(recorded: Recorded, *, source: str, key: str, dataschema: str = "") -> Record:
    """One entry of a log as it goes on the bus.

    `source` is the service, `key` the ordering key, `dataschema` the URI of the published schema.
    Raises `NotACloudEvent` for an event without data: in binary mode it would be a tombstone.
    """
    if not recorded.data:
        raise NotACloudEvent(f"{recorded.event_id} has no data")
    attributes = {
        "specversion": SPEC_VERSION,
        "id": str(recorded.event_id),
        "source": f"/{source}",
        "type": f"{recorded.name}.v{recorded.schema_version}",
        "subject": recorded.stream,
        "time": recorded.recorded_at.astimezone(UTC).isoformat(timespec="microseconds"),
        "dataschema": dataschema,
        "sequence": str(recorded.version),
        "partitionkey": key,
        "position": str(recorded.position),
        "correlationid": recorded.metadata.correlation_id,
        "causationid": recorded.metadata.causation_id,
    }
    headers = {f"ce_{name}": value for name, value in attributes.items() if value}
    headers["content-type"] = JSON
    if recorded.metadata.traceparent:
        headers["traceparent"] = recorded.metadata.traceparent
    return Record(key=key, headers=headers, value=recorded.data)


def from_record(record: Record) -> Incoming:
    """What came over the bus, in either mode. Raises `NotACloudEvent`."""
    content = _header(record.headers, "content-type")
    if content.startswith("application/cloudevents"):
        return from_structured(record.value, key=record.key)
    if not record.value:
        raise NotACloudEvent("the record has no data")
    return _incoming(
        {
            name.lower().removeprefix("ce_"): value
            for name, value in record.headers.items()
            if name.lower().startswith("ce_")
        },
        key=record.key,
        data=record.value,
        headers=record.headers,
    )


def to_structured(record: Record) -> bytes:
    """A binary-mode record as one JSON document (`application/cloudevents+json`)."""
    document: dict[str, object] = {
        name: record.headers[f"ce_{name}"] for name in _ATTRIBUTES if f"ce_{name}" in record.headers
    }
    document["datacontenttype"] = JSON
    if "traceparent" in record.headers:
        document["traceparent"] = record.headers["traceparent"]
    head = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    # The data is put in as it is, not parsed and written again.
    return head[:-1].encode() + b',"data":' + record.value + b"}"


def from_structured(document: bytes, *, key: str = "") -> Incoming:
    """One JSON document in structured mode. Raises `NotACloudEvent`.

    The data is the compact JSON of what stands in the document; white space of the sender is lost.
    """
    try:
        parsed = json.loads(document)
    except ValueError as fault:
        raise NotACloudEvent("the document is not JSON") from fault
    if not isinstance(parsed, dict):
        raise NotACloudEvent("the document is not a JSON object")
    if "data_base64" in parsed:
        try:
            data = base64.b64decode(str(parsed["data_base64"]), validate=True)
        except ValueError as fault:
            raise NotACloudEvent("data_base64 is malformed") from fault
    elif parsed.get("data") is not None:
        data = json.dumps(parsed["data"], ensure_ascii=False, separators=(",", ":")).encode()
    else:
        raise NotACloudEvent("the document has no data")
    attributes = {
        name: str(value)
        for name, value in parsed.items()
        if name not in ("data", "data_base64", "datacontenttype") and value is not None
    }
    headers = {f"ce_{name}": value for name, value in attributes.items() if name != "traceparent"}
    headers["content-type"] = JSON
    if "traceparent" in attributes:
        headers["traceparent"] = attributes["traceparent"]
    return _incoming(
        attributes, key=key or attributes.get("partitionkey", ""), data=data, headers=headers
    )


def _incoming(
    attributes: Mapping[str, str], *, key: str, data: bytes, headers: Mapping[str, str]
) -> Incoming:
    try:
        if attributes["specversion"] != SPEC_VERSION:
            raise NotACloudEvent(f"CloudEvents {attributes['specversion']} is not known here")
        found = _TYPE.match(attributes["type"])
        if found is None:
            raise NotACloudEvent(f"type {attributes['type']!r} names no version")
        return Incoming(
            event_id=UUID(attributes["id"]),
            name=found["name"],
            version=int(found["version"]),
            source=attributes["source"].removeprefix("/"),
            subject=attributes["subject"],
            sequence=int(attributes["sequence"]),
            time=_instant(attributes["time"]),
            key=key,
            data=data,
            headers=headers,
        )
    except KeyError as missing:
        raise NotACloudEvent(f"attribute {missing.args[0]} is missing") from missing
    except ValueError as malformed:
        raise NotACloudEvent(str(malformed)) from malformed


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise NotACloudEvent(f"time {text!r} has no offset")
    return instant.astimezone(UTC)


def _header(headers: Mapping[str, str], wanted: str) -> str:
    for name, value in headers.items():
        if name.lower() == wanted:
            return value
    return ""
