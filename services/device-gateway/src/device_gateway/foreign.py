"""The parts of others' events that the gateway reads. Unknown fields are ignored."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict


class Foreign(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class SignatureMade(Foreign):
    """fiscal-signer: `signature.made`."""

    booking_id: str
    store_id: str
    till_id: str
    tse_serial: str
    certified: bool
    client_id: str
    transaction_number: int
    signature_counter: int
    start_time: datetime
    log_time: datetime
    process_type: str
    process_data: str
    algorithm: str
    time_format: str
    value: str
    public_key: str
    qr: str


class SignatureLeftUnsigned(Foreign):
    """fiscal-signer: `signature.left_unsigned`."""

    booking_id: str
    store_id: str
    till_id: str
    client_id: str
    reason: str
    outage_id: str | None = None
    process_type: str | None = None
    process_data: str | None = None
    decided_at: datetime


class OutageBegan(Foreign):
    """fiscal-signer: `outage.began`."""

    outage_id: str
    tse_id: str
    store_id: str
    began_at: datetime


class OutageEnded(Foreign):
    """fiscal-signer: `outage.ended`."""

    outage_id: str
    tse_id: str
    store_id: str
    ended_at: datetime


class AboutBooking(Foreign):
    """Any event that names its booking."""

    booking_id: str
