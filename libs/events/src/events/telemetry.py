"""Spans and metrics, and the trace context that travels with events (W3C `traceparent`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from opentelemetry import context, metrics, propagate, trace

from events.event import Metadata

_tracer = trace.get_tracer("events")
_meter = metrics.get_meter("events")

_lost_races = _meter.create_counter("events.lost_races", description="decisions made again")
_relay_lag = _meter.create_gauge(
    "events.relay_lag", unit="{event}", description="log entries that are not on the bus yet"
)
_receiver_lag = _meter.create_gauge(
    "events.receiver_lag", unit="s", description="age of the newest record when it was fetched"
)
_published = _meter.create_counter("events.published", description="records put on the bus")
_handled = _meter.create_counter("events.handled", description="records brought to a reaction")
_retried = _meter.create_counter("events.retried", description="handle calls that met a fault")
_parked = _meter.create_counter("events.parked", description="records parked as dead letters")
_parked_now = _meter.create_gauge("events.parked_now", description="dead letters that wait")
_batches = _meter.create_histogram("events.append_batch", description="decisions per commit")
_projected = _meter.create_counter("events.projected", description="events folded")
_projection_waits = _meter.create_counter(
    "events.projection_waits", description="tries that met a database that was away"
)


@contextmanager
def span(name: str, service: str, metadata: Metadata | None = None) -> Iterator[None]:
    """A span, continued from the trace that `metadata` carries if none is active."""
    parent = None
    if metadata and metadata.traceparent and not trace.get_current_span().is_recording():
        parent = propagate.extract({"traceparent": metadata.traceparent})
    with _tracer.start_as_current_span(name, context=parent, attributes={"service": service}):
        yield


@contextmanager
def continued(headers: Mapping[str, str], name: str, service: str) -> Iterator[None]:
    """A span for work on a record that came over the bus, in the trace of its producer."""
    token = context.attach(propagate.extract(headers))
    try:
        with _tracer.start_as_current_span(name, attributes={"service": service}):
            yield
    finally:
        context.detach(token)


def with_trace(metadata: Metadata) -> Metadata:
    """`metadata` with the active trace context, unless it carries one already."""
    if metadata.traceparent:
        return metadata
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    traceparent = carrier.get("traceparent", "")
    return replace(metadata, traceparent=traceparent) if traceparent else metadata


def lost_race(service: str) -> None:
    _lost_races.add(1, {"service": service})


def appended(service: str, decisions: int) -> None:
    """One commit of the log stored (or refused) this many decisions together."""
    _batches.record(decisions, {"service": service})


@contextmanager
def publishing(service: str, records: int) -> Iterator[None]:
    """A span around one page of the relay, and how many records it holds."""
    attributes: dict[str, str | int] = {"service": service, "records": records}
    with _tracer.start_as_current_span("publish", attributes=attributes):
        yield
    _published.add(records, {"service": service})


@contextmanager
def handling(
    headers: Mapping[str, str], *, service: str, reaction: str, records: int
) -> Iterator[None]:
    """A span for one call of a reaction, in the trace of its first record."""
    with continued(headers, f"react {reaction}", service):
        yield
    _handled.add(records, {"service": service, "reaction": reaction})


def relay_lag(service: str, events: int) -> None:
    """How many entries of its log the relay has not published yet."""
    _relay_lag.set(events, {"service": service})


def receiver_lag(service: str, reaction: str, seconds: float) -> None:
    """How old the newest record was when it was fetched."""
    _receiver_lag.set(seconds, {"service": service, "reaction": reaction})


def retried(service: str, reaction: str) -> None:
    _retried.add(1, {"service": service, "reaction": reaction})


def parked(service: str, reaction: str) -> None:
    _parked.add(1, {"service": service, "reaction": reaction})


def parked_now(service: str, letters: int) -> None:
    """How many dead letters of a service wait for somebody. More than none is an alarm."""
    _parked_now.set(letters, {"service": service})


def projected(service: str, projection: str, events: int) -> None:
    """A projection has folded a page."""
    _projected.add(events, {"service": service, "projection": projection})


def projection_waits(service: str, projection: str) -> None:
    """A projection's database was away; it tries again."""
    _projection_waits.add(1, {"service": service, "projection": projection})
