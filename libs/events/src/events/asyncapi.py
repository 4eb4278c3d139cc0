"""What a service sends and receives, as an AsyncAPI 3.0.0 document.

Facts: AsyncAPI specification 3.0.0; its Kafka bindings 0.5.0; CloudEvents 1.0, Kafka protocol
binding (binary mode: attributes are headers with the prefix `ce_`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from events.event import Event, Registry
from events.publication import Publication
from events.reaction import Reaction
from events.schema import one_line, schema_name

VERSION = "3.0.0"
KAFKA_BINDING = "0.5.0"

Document = dict[str, Any]


def _header(description: str, **schema: Any) -> Document:
    return {"type": "string", "description": description, **schema}


HEADERS: Document = {
    "type": "object",
    "description": "CloudEvents 1.0 attributes in binary mode",
    "required": [
        "ce_specversion", "ce_id", "ce_source", "ce_type", "ce_subject", "ce_time",
        "ce_sequence", "ce_partitionkey", "ce_position", "content-type",
    ],
    "properties": {
        "ce_specversion": _header("CloudEvents version", const="1.0"),
        "ce_id": _header("Id of the event; the same on every delivery", format="uuid"),
        "ce_source": _header("The service that recorded it: /voucher"),
        "ce_type": _header("Name and version of its shape: voucher.redeemed.v1"),
        "ce_subject": _header("Its stream in that service"),
        "ce_time": _header("When it was recorded, UTC", format="date-time"),
        "ce_dataschema": _header("The $id of the payload's schema", format="uri"),
        "ce_sequence": _header("Its version in the stream", pattern="^[1-9][0-9]*$"),
        "ce_partitionkey": _header("What keeps its order: the key of the record"),
        "ce_position": _header("Its position in the service's log", pattern="^[1-9][0-9]*$"),
        "ce_correlationid": _header("The first request of the chain"),
        "ce_causationid": _header("The event or request that led to it"),
        "content-type": _header("Media type of the payload", const="application/json"),
        "traceparent": _header("W3C trace context"),
    },
}  # fmt: skip


def asyncapi(
    *,
    service: str,
    version: str,
    description: str,
    registry: Registry,
    publication: Publication | None,
    reactions: Iterable[Reaction] = (),
    schemas: str = "./schemas",
    foreign_schemas: Mapping[str, str] | None = None,
) -> Document:
    """The document of one service.

    `schemas` leads from the document's folder to the files of `schema.export_schemas`.
    `foreign_schemas` leads from a foreign event's name to the schema that its producer publishes.
    Raises ValueError for a published event that the registry does not know.
    """
    channels: Document = {}
    operations: Document = {}
    messages: Document = {}
    if publication is not None:
        names = []
        for event in publication.events:
            if registry.classes.get(event.event_name) is not event:
                raise ValueError(f"{event.event_name} is published, but not in the registry")
            name = f"{event.event_name}.v{event.event_version}"
            messages[name] = _own_message(name, event, schemas)
            names.append(name)
        channels[publication.topic] = _channel(publication.topic, names)
        operations[f"send.{publication.topic}"] = _operation("send", publication.topic, names)
    for topic, reactions_of in _by_topic(reactions).items():
        names = sorted({name for reaction in reactions_of for name in reaction.events})
        for name in names:
            messages.setdefault(name, _foreign_message(name, (foreign_schemas or {}).get(name)))
        channel = channels.setdefault(topic, _channel(topic, []))
        channel["messages"].update(_channel(topic, names)["messages"])
        for reaction in reactions_of:
            operations[f"receive.{reaction.name}"] = {
                **_operation("receive", topic, sorted(reaction.events)),
                "bindings": {
                    "kafka": {
                        "groupId": {"type": "string", "const": f"{service}.{reaction.name}"},
                        "bindingVersion": KAFKA_BINDING,
                    }
                },
            }
    return {
        "asyncapi": VERSION,
        "info": {"title": service, "version": version, "description": description},
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": {"CloudEventsHeaders": HEADERS}},
    }


def export_asyncapi(document: Document, path: Path) -> None:
    """Write the document as YAML, the same bytes for the same document (needs PyYAML)."""
    import yaml

    path.parent.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=100)
    path.write_text(text, encoding="utf-8")


def _channel(topic: str, names: Iterable[str]) -> Document:
    return {
        "address": topic,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {"kafka": {"topic": topic, "bindingVersion": KAFKA_BINDING}},
    }


def _operation(action: str, topic: str, names: Iterable[str]) -> Document:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{topic}"},
        "messages": [{"$ref": f"#/channels/{topic}/messages/{name}"} for name in names],
    }


def _message(name: str, summary: str, payload: Document) -> Document:
    return {
        "name": name,
        "title": name,
        "summary": summary,
        "contentType": "application/json",
        "headers": {"$ref": "#/components/schemas/CloudEventsHeaders"},
        "payload": payload,
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": "The ordering key, as ce_partitionkey"},
                "bindingVersion": KAFKA_BINDING,
            }
        },
    }


def _own_message(name: str, event: type[Event], schemas: str) -> Document:
    summary = one_line(event.__doc__ or "")
    return _message(name, summary, {"$ref": f"{schemas}/{schema_name(event)}"})


def _foreign_message(name: str, schema: str | None) -> Document:
    payload = {"type": "object"} if schema is None else {"$ref": schema}
    return _message(name, "Published by another service; unknown fields are ignored", payload)


def _by_topic(reactions: Iterable[Reaction]) -> dict[str, list[Reaction]]:
    found: dict[str, list[Reaction]] = {}
    for reaction in sorted(reactions, key=lambda reaction: (reaction.topic, reaction.name)):
        found.setdefault(reaction.topic, []).append(reaction)
    return found
