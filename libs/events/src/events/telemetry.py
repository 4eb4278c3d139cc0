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


def projected(service: str, projection: str, events: int) -> None:
    """A projection has folded a page."""
    _projected.add(events, {"service": service, "projection": projection})


def projection_waits(service: str, projection: str) -> None:
    """A projection's database was away; it tries again."""
    _projection_waits.add(1, {"service": service, "projection": projection})
