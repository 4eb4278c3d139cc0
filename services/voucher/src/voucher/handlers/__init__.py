"""Command → stream → `events.handle`."""

from voucher.handlers.groups import Group, Groups, Leg
from voucher.handlers.moves import Moved, Moves, Reversed
from voucher.handlers.names import (
    HOLD_S,
    HOLD_S_MAX,
    TOMBSTONE,
    LegalEntityUnknown,
    Named,
    Prepared,
    RateLimited,
    Rules,
    StoreUnknown,
    VoucherUnknown,
    last_day,
    serial_of,
    stream_of,
)
from voucher.handlers.offers import PLAIN, Wanted
from voucher.handlers.office import RUN_PAGE_MAX, Office, RunPage
from voucher.handlers.selling import PreparedTopUp, Selling
from voucher.handlers.vouchers import FromBookings, Vouchers

__all__ = [
    "HOLD_S",
    "HOLD_S_MAX",
    "PLAIN",
    "RUN_PAGE_MAX",
    "TOMBSTONE",
    "FromBookings",
    "Group",
    "Groups",
    "Leg",
    "LegalEntityUnknown",
    "Moved",
    "Moves",
    "Named",
    "Office",
    "Prepared",
    "PreparedTopUp",
    "RateLimited",
    "Reversed",
    "Rules",
    "RunPage",
    "Selling",
    "StoreUnknown",
    "VoucherUnknown",
    "Vouchers",
    "Wanted",
    "last_day",
    "serial_of",
    "stream_of",
]  # fmt: skip
