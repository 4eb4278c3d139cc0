"""The answers of the interface, as far as they are read here. Unknown fields are ignored."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class _Answer(BaseModel):
    # Counters come as number or as string, by the document's own "Known issues".
    model_config = ConfigDict(extra="ignore", frozen=True, populate_by_name=True)


class Token(_Answer):
    """`POST /auth`. Times in seconds."""

    access_token: str = Field(repr=False)
    access_token_expires_in: int = 0
    refresh_token: str = Field(default="", repr=False)
    refresh_token_expires_in: int = 0


class Tss(_Answer):
    """`GET /tss/{id}`."""

    state: str
    env: str = Field(alias="_env")
    """`LIVE` or `TEST`."""
    serial_number: str = ""
    public_key: str = ""
    certificate: str = ""
    signature_algorithm: str = ""
    signature_timestamp_format: str = ""
    signature_counter: int | None = None
    transaction_counter: int | None = None
    time_creation: int = 0
    time_init: int | None = None


class Client(_Answer):
    """One client of a TSS."""

    id: str = Field(alias="_id")
    serial_number: str
    state: str


class Clients(_Answer):
    data: tuple[Client, ...]


class Log(_Answer):
    operation: str
    """`Start`, `Update` or `Finish`."""
    timestamp: int
    """Unix seconds."""


class Signature(_Answer):
    value: str
    """base64."""
    algorithm: str
    counter: int


class Raw(_Answer):
    process_type: str = ""
    process_data: str = ""
    """base64."""


class Content(_Answer):
    raw: Raw | None = None


class Transaction(_Answer):
    """One revision of a transaction."""

    id: str = Field(default="", alias="_id")
    number: int
    state: str
    """`ACTIVE`, `FINISHED` or `CANCELLED`."""
    revision: int
    latest_revision: int
    client_serial_number: str
    time_end: int | None = None
    """Unix seconds."""
    log: Log
    signature: Signature
    content: Content | None = Field(default=None, alias="schema")


class Transactions(_Answer):
    data: tuple[Transaction, ...]


class Export(_Answer):
    """An export on its way."""

    state: str
    """`PENDING`, `WORKING`, `COMPLETED`, `CANCELLED`, `ERROR`, `DELETED`."""
