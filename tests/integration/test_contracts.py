"""What one service reads of another's events, held against what that one has ever published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

import costcenter.foreign as costcenter_reads
import device_gateway.foreign as gateway_reads
import fiscal_signer.foreign as signer_reads
import voucher.foreign as voucher_reads
from tests.support.program import ROOT

READERS: tuple[tuple[str, str, type[BaseModel]], ...] = (
    ("device-gateway", "till.paired", signer_reads.TillPaired),
    ("device-gateway", "booking.started", signer_reads.BookingStarted),
    ("device-gateway", "booking.recorded", signer_reads.BookingRecorded),
    ("device-gateway", "booking.aborted", signer_reads.BookingAborted),
    ("device-gateway", "till.opened", signer_reads.TillOpened),
    ("device-gateway", "training.recorded", signer_reads.TrainingRecorded),
    ("device-gateway", "booking.ordered", signer_reads.BookingOrdered),
    ("device-gateway", "cash.moved", signer_reads.CashMoved),
    ("device-gateway", "till.closed", signer_reads.TillClosed),
    ("device-gateway", "booking.recorded", voucher_reads.BookingRecorded),
    ("device-gateway", "booking.aborted", voucher_reads.BookingAborted),
    ("device-gateway", "booking.recorded", costcenter_reads.BookingRecorded),
    ("device-gateway", "booking.aborted", costcenter_reads.BookingAborted),
    ("fiscal-signer", "signature.made", gateway_reads.SignatureMade),
    ("fiscal-signer", "signature.left_unsigned", gateway_reads.SignatureLeftUnsigned),
    ("fiscal-signer", "outage.began", gateway_reads.OutageBegan),
    ("fiscal-signer", "outage.ended", gateway_reads.OutageEnded),
)


def published(service: str, name: str) -> list[tuple[Path, str, dict[str, Any]]]:
    """Every golden example of an event: one complete and one minimal per version."""
    found = []
    for path in sorted((ROOT / "services" / service / "tests" / "golden").glob(f"{name}.v*.json")):
        examples = json.loads(path.read_text())
        found += [(path, kind, examples[kind]) for kind in ("complete", "minimal")]
    return found


@pytest.mark.parametrize(
    ("service", "name", "model"), READERS, ids=lambda value: getattr(value, "__module__", value)
)
def test_a_reader_understands_every_example_its_producer_has_published(
    service: str, name: str, model: type[BaseModel]
) -> None:
    examples = published(service, name)
    assert examples, f"{service} has no golden example of {name}"
    for _, _, document in examples:
        model.model_validate(document)


@pytest.mark.parametrize(
    ("service", "name", "model"), READERS, ids=lambda value: getattr(value, "__module__", value)
)
def test_the_producer_s_schema_promises_what_the_reader_requires(
    service: str, name: str, model: type[BaseModel]
) -> None:
    schema = json.loads((ROOT / "services" / service / "schemas" / f"{name}.v1.json").read_text())
    required = {
        field.validation_alias or field_name
        for field_name, field in model.model_fields.items()
        if field.is_required()
    }
    assert required <= set(schema["required"])


def test_the_check_would_notice_a_field_that_is_gone() -> None:
    (_, _, document), *_ = published("device-gateway", "booking.recorded")
    with pytest.raises(ValidationError):
        signer_reads.BookingRecorded.model_validate(
            {name: value for name, value in document.items() if name != "sign_by"}
        )
