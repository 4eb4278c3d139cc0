"""What the handlers need that is no event: codes that wait for their print, and wrong attempts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Protocol

from money import Money
from voucher.events import Terms


class Deliveries(Protocol):
    """The secret codes of prepared vouchers, encrypted, until they are delivered.

    Lives outside the log: a code must be repeatable while its answer may be lost, and gone after.
    Raises `Transient` where the database is away.
    """

    async def keep(self, voucher_id: str, code: str, *, until: datetime) -> str:
        """Keep `code` unless one is kept already; answers the code that is kept now."""
        ...

    async def read(self, voucher_id: str) -> str | None:
        """The code, or None: never kept, delivered, or its time is up."""
        ...

    async def wipe(self, voucher_id: str) -> None:
        """Forget the code. Harmless for one that is not kept."""
        ...

    async def purge(self, now: datetime) -> int:
        """Forget the codes whose time is up; answers how many."""
        ...


class Attempts(Protocol):
    """Counts wrong codes per source and in total, for all replicas together.

    A source is a till or a person. Raises `Transient` where the database is away: then nobody
    tries codes.
    """

    async def locked_s(self, source: str, now: datetime) -> int:
        """How many seconds `source` has to wait before its next code; 0: it may try."""
        ...

    async def wrong(self, source: str, now: datetime) -> int:
        """Count one wrong code; answers what `locked_s` says from now on."""
        ...

    async def purge(self, now: datetime) -> int:
        """Forget counters that can no longer lock anybody; answers how many."""
        ...


class LapsedHolds(Protocol):
    """Finds holds that have run out, for the sweeper. The decision itself rests on the log."""

    async def lapsed(self, now: datetime, *, holds_max: int) -> Sequence[tuple[str, str]]:
        """`(voucher_id, hold_id)`, the oldest first."""
        ...


class Offered(Protocol):
    """What back office offers for sale under one template."""

    @property
    def value(self) -> Money | None:
        """A fixed face value; None: free."""
        ...

    @property
    def price(self) -> Money | None:
        """What is paid for it; None: the face value."""
        ...

    def terms_on(self, rates: Mapping[str, tuple[int, int]]) -> Terms:
        """The terms of a voucher that is sold while `rates` hold: key → (rate, dsfinvk_key)."""
        ...

    def valid_until(self, day: date) -> date:
        """The last day of a voucher of it that is sold on `day`."""
        ...


class Templates(Protocol):
    """What back office offers."""

    async def find(self, template_id: str) -> Offered:
        """One that is sold now. Raises a `DomainError` for one that is not."""
        ...

    async def known(self, template_id: str) -> Offered:
        """Any, sold or not: a printed card outlives its template."""
        ...


class PastVouchers(Protocol):
    """Finds vouchers that are past their last day, for an expiry run. The decision itself rests on
    the log."""

    async def past(
        self, legal_entity_id: str, day: date, *, after: str, vouchers_max: int
    ) -> Sequence[str]:
        """Ids of vouchers with a balance whose last day is before `day`, in the order of the ids,
        above `after`."""
        ...
