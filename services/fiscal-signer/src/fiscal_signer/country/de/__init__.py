"""Germany: § 146a AO, KassenSichV, BSI TR-03153 (log messages), DSFinV-K annex I (process data
and QR code)."""

from __future__ import annotations

from fiscal_signer.country.de import process_data, processes, qr
from fiscal_signer.country.port import Country, Finished, MarkVerdict, Process
from fiscal_signer.foreign import (
    BookingOrdered,
    BookingRecorded,
    CashMoved,
    TillClosed,
    TrainingRecorded,
)


class Germany:
    """See `fiscal_signer.country.port.Country`."""

    code = "DE"

    def receipt(self, booking: BookingRecorded) -> Process:
        return process_data.receipt(booking)

    def training(self, booking: TrainingRecorded) -> Process:
        return process_data.receipt(booking, process_data.TRAINING)

    def order(self, order: BookingOrdered) -> Process:
        return processes.order(order)

    def cash(self, move: CashMoved) -> Process:
        return processes.cash(move)

    def closing(self, closing: TillClosed) -> Process:
        return processes.closing(closing)

    def aborted(self) -> Process:
        return process_data.ABORTED

    def mark(self, finished: Finished) -> str:
        return qr.build(finished)

    def check_mark(self, text: str) -> MarkVerdict:
        return qr.verify(text)


GERMANY: Country = Germany()

__all__ = ["GERMANY", "Germany"]
