"""Command → stream → `events.handle`."""

from voucher.handlers.names import (
    HOLD_S,
    HOLD_S_MAX,
    TOMBSTONE,
    LegalEntityUnknown,
    Prepared,
    RateLimited,
    Rules,
    StoreUnknown,
    last_day,
    serial_of,
    stream_of,
)
from voucher.handlers.vouchers import Vouchers

__all__ = [
    "HOLD_S", "HOLD_S_MAX", "TOMBSTONE", "LegalEntityUnknown", "Prepared", "RateLimited",
    "Rules", "StoreUnknown", "Vouchers", "last_day", "serial_of", "stream_of",
]  # fmt: skip
