"""The port: what the signer asks of a country, and the words of question and answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from events import DomainError
from fiscal_signer.commands import Process as Process  # part of the port
from fiscal_signer.foreign import (
    BookingOrdered,
    BookingRecorded,
    CashMoved,
    TillClosed,
    TrainingRecorded,
)

NOT_SIGNED_HERE = "not_signed_here"
"""The code of `ProcessDataRefused` for a process that a country's rules leave unsigned (orders in
Austria): its verdict is `unsigned`, with this reason."""


class CountryNotSupported(DomainError):
    """There is no country package; stores of this country cannot be signed for."""

    code = "country.not_supported"
    status = 422
    title = "There is no signing package for this country"


class ProcessDataRefused(ValueError):
    """The data to be signed can't be built from a booking. `code` is stable, the text says why."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


@dataclass(frozen=True, slots=True)
class Finished:
    """A finished transaction, as far as the mark on the receipt needs it."""

    client_id: str
    process: Process
    transaction_number: int
    signature_counter: int
    start_time: datetime
    log_time: datetime
    algorithm: str
    time_format: str
    value: bytes
    """The signature, plain r‖s."""
    public_key: bytes
    """The uncompressed point, `04‖X‖Y`."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `passed` None: it could not be decided, `detail` says why."""

    name: str
    passed: bool | None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class MarkVerdict:
    """What a look at a receipt's mark came to."""

    checks: tuple[Check, ...]
    serial: str = ""
    """The TSE's serial number as hex, where the mark holds a readable key."""
    transaction_number: int | None = None
    signature_counter: int | None = None

    @property
    def valid(self) -> bool:
        """Every check passed; one that could not be decided is not a pass."""
        return bool(self.checks) and all(check.passed for check in self.checks)


class Country(Protocol):
    """One country's rules. Pure: no clock, no random, no input or output.

    The first six methods give the data to be signed of a process of a till. Each but `aborted`
    may raise `ProcessDataRefused`; then the process is left unsigned, with its code as reason.
    """

    code: str
    """ISO 3166-1 alpha-2."""

    def receipt(self, booking: BookingRecorded) -> Process:
        """A sale, a return, a cancellation or a payout."""
        ...

    def training(self, booking: TrainingRecorded) -> Process:
        """A booking of a cashier in training."""
        ...

    def order(self, order: BookingOrdered) -> Process:
        """What was ordered, or taken back from an order, and is not paid yet."""
        ...

    def cash(self, move: CashMoved) -> Process:
        """Money that was put into the drawer or taken out, without a sale."""
        ...

    def closing(self, closing: TillClosed) -> Process:
        """The end of a shift."""
        ...

    def aborted(self) -> Process:
        """A booking that was begun and given up."""
        ...

    def mark(self, finished: Finished) -> str:
        """What the receipt carries as QR code."""
        ...

    def check_mark(self, text: str) -> MarkVerdict:
        """Whether a mark holds together. Never raises: what can't be read is a failed check."""
        ...
