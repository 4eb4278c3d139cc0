"""Events on the wire."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events.bus.contract import Record
from events.cloudevents import (
    NotACloudEvent,
    from_record,
    from_structured,
    to_record,
    to_structured,
)
from events.event import Event, Metadata, Recorded, encode, event_type

START = datetime(2026, 1, 1, tzinfo=UTC)


@event_type("counter.counted", version=3)
class Counted(Event):
    n: int
    text: str = ""


def recorded(n: int = 1, *, text: str = "", metadata: Metadata | None = None) -> Recorded:
    event = Counted(n=n, text=text)
    return Recorded(
        position=n,
        stream="counter-a",
        version=n,
        event_id=UUID(int=n, version=4),
        event=event,
        name="counter.counted",
        schema_version=3,
        data=encode(event),
        metadata=metadata or Metadata(),
        idempotency_key="key",
        recorded_at=START + timedelta(microseconds=n),
    )


names = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF), max_size=20)
entries = st.builds(
    recorded,
    st.integers(1, 2**50),
    text=st.text(st.characters(exclude_categories=["Cs"]), max_size=50),
    metadata=st.builds(Metadata, causation_id=names, correlation_id=names, traceparent=names),
)


@given(entries)
def test_what_goes_on_the_bus_comes_off_it_the_same(entry: Recorded) -> None:
    found = from_record(to_record(entry, source="counter", key="store-1"))
    assert found.event_id == entry.event_id
    assert (found.name, found.version) == (entry.name, entry.schema_version)
    assert (found.source, found.subject) == ("counter", entry.stream)
    assert (found.sequence, found.time) == (entry.version, entry.recorded_at)
    assert (found.key, found.data) == ("store-1", entry.data)
    assert found.headers.get("ce_correlationid", "") == entry.metadata.correlation_id
    assert found.headers.get("traceparent", "") == entry.metadata.traceparent


@given(entries)
def test_structured_mode_says_the_same_as_binary_mode(entry: Recorded) -> None:
    record = to_record(entry, source="counter", key="store-1")
    assert from_structured(to_structured(record)) == from_record(record)


def test_a_structured_record_is_told_by_its_content_type() -> None:
    record = to_record(recorded(7), source="counter", key="k")
    structured = Record(
        "k", {"Content-Type": "application/cloudevents+json; charset=UTF-8"}, to_structured(record)
    )
    assert from_record(structured).data == record.value


def test_the_headers_are_those_of_the_binding() -> None:
    metadata = Metadata(causation_id="cause", correlation_id="chain", traceparent="00-a-b-01")
    record = to_record(
        recorded(5, metadata=metadata), source="counter", key="store-1", dataschema="urn:x:1"
    )
    assert dict(record.headers) == {
        "ce_specversion": "1.0",
        "ce_id": str(UUID(int=5, version=4)),
        "ce_source": "/counter",
        "ce_type": "counter.counted.v3",
        "ce_subject": "counter-a",
        "ce_time": "2026-01-01T00:00:00.000005+00:00",
        "ce_dataschema": "urn:x:1",
        "ce_sequence": "5",
        "ce_partitionkey": "store-1",
        "ce_position": "5",
        "ce_correlationid": "chain",
        "ce_causationid": "cause",
        "content-type": "application/json",
        "traceparent": "00-a-b-01",
    }


def test_an_event_without_data_does_not_leave() -> None:
    entry = recorded()
    object.__setattr__(entry, "data", b"")
    with pytest.raises(NotACloudEvent):
        to_record(entry, source="counter", key="k")


def test_a_tombstone_is_refused() -> None:
    headers = to_record(recorded(), source="counter", key="k").headers
    with pytest.raises(NotACloudEvent):
        from_record(Record("k", headers, b""))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ce_id", "no uuid"),
        ("ce_type", "counter.counted"),
        ("ce_time", "yesterday"),
        ("ce_time", "2026-01-01T00:00:00"),
        ("ce_sequence", "x"),
        ("ce_specversion", "0.3"),
    ],
)
def test_a_malformed_attribute_is_refused(name: str, value: str) -> None:
    record = to_record(recorded(), source="counter", key="k")
    with pytest.raises(NotACloudEvent):
        from_record(Record("k", {**record.headers, name: value}, record.value))


@pytest.mark.parametrize("name", ["ce_id", "ce_type", "ce_source", "ce_subject", "ce_time"])
def test_a_missing_attribute_is_refused(name: str) -> None:
    record = to_record(recorded(), source="counter", key="k")
    headers = {key: value for key, value in record.headers.items() if key != name}
    with pytest.raises(NotACloudEvent):
        from_record(Record("k", headers, record.value))


@pytest.mark.parametrize("document", [b"{", b"[]", b"{}", json.dumps({"data": None}).encode()])
def test_a_document_that_is_no_event_is_refused(document: bytes) -> None:
    with pytest.raises(NotACloudEvent):
        from_structured(document)
