"""Logs never carry a token, a code or a password."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog

from kassenverbund.issuer import Issuer
from kassenverbund.logs import HIDDEN, redact, set_up_logs
from kassenverbund.settings import Settings


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    set_up_logs(Settings(log_format="json"), stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_line_is_json_with_level_time_and_fields(written: io.StringIO) -> None:
    structlog.get_logger("till").info("till.paired", store_id="berlin")

    line = json.loads(written.getvalue())
    assert (line["event"], line["level"], line["store_id"]) == ("till.paired", "info", "berlin")
    assert line["timestamp"].endswith("Z")


def test_a_library_logs_the_same_way(written: io.StringIO) -> None:
    logging.getLogger("some.library").warning("lost %s", "it")

    assert json.loads(written.getvalue())["event"] == "lost it"


@pytest.mark.parametrize(
    "secret",
    [
        "kvt_abcDEF-123_456",
        "V7K3-9QXM-2HTR-5WPA",
        "V7K39QXM2HTR5WPA",
        "postgresql://anna:geheim@db/x",
    ],
)
def test_secrets_are_hidden_in_messages_fields_and_tracebacks(
    written: io.StringIO, secret: str
) -> None:
    bare = secret.removeprefix("postgresql://").split("@")[0]
    log = structlog.get_logger("x")
    log.info(f"it was {secret}", note=secret)
    try:
        raise ValueError(secret)
    except ValueError:
        log.exception("broken")

    assert bare not in written.getvalue()
    assert HIDDEN in written.getvalue()


def test_a_token_is_hidden_under_any_name(written: io.StringIO, tmp_path: Path) -> None:
    issuer = Issuer.from_file(tmp_path / "k.pem", name="i", audience="a", make=True)
    now, hour = datetime.now(UTC), timedelta(hours=1)
    token = issuer.person("anna", ["manager"], now=now, valid_for=hour)
    structlog.get_logger("x").info("in", anything=token, token="short")

    assert token.split(".")[2] not in written.getvalue()
    assert "short" not in written.getvalue()


@pytest.mark.parametrize(
    "harmless", ["booking-3f2504e0-4f89-41d3-9a0c-0305e82c3301", "KV-berlin-1"]
)
def test_ids_stay_readable(harmless: str) -> None:
    assert redact(harmless) == harmless
