"""What the handlers need that is no event: codes that wait for their print, and wrong attempts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date, datetime, timedelta
from typing import Annotated, Literal, Protocol

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from events import Event
from kassenverbund.kit.mail import MailAddress
from kassenverbund.kit.text import SafeName
from money import Money
from voucher.events import Terms

MailState = Literal["waiting", "sent", "failed", "dropped"]
"""`dropped`: the voucher was not sold after all, or somebody asked to forget it."""

GREETING_MAX = 500


class MailOrder(BaseModel):
    """A voucher that is to be mailed once its sale is recorded."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    voucher_id: str = ""
    to: MailAddress
    language: Literal["de", "en"] = "de"
    from_name: SafeName | None = None
    """Who gives it."""
    greeting: Annotated[str, Field(max_length=GREETING_MAX)] | None = None
    """Lines of text for the one who gets it."""
    tries: int = 0
    asked_at: AwareDatetime | None = None


class MailRow(BaseModel):
    """What may be shown of a mail: never the address, the greeting or the code."""

    model_config = ConfigDict(frozen=True)

    voucher_id: str
    state: MailState
    tries: int
    reason: str | None
    asked_at: AwareDatetime
    changed_at: AwareDatetime


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

    async def keep_until(self, voucher_id: str, until: datetime) -> bool:
        """Keep a code longer than it would be. False: none is kept."""
        ...

    async def printed(self, voucher_id: str) -> None:
        """The print is acknowledged: forget the code, unless a mail still waits for it."""
        ...

    async def wipe(self, voucher_id: str) -> None:
        """Forget the code. Harmless for one that is not kept."""
        ...

    async def purge(self, now: datetime) -> int:
        """Forget the codes whose time is up; answers how many."""
        ...


class MailOutbox(Protocol):
    """Mails that wait, shared by all replicas. Raises `Transient` where the database is away."""

    async def order(self, order: MailOrder, now: datetime) -> bool:
        """Keep an order (a repeat replaces what waits). False: the mail is out already."""
        ...

    async def due(
        self, now: datetime, *, again_in: timedelta, rows_max: int
    ) -> Sequence[MailOrder]:
        """Take what is to be tried now; another replica sees it again after `again_in` at the
        earliest. `tries` counts this one."""
        ...

    async def later(
        self, voucher_id: str, at: datetime, *, tries: int, reason: str, now: datetime
    ) -> None:
        """Not now: try again at `at`."""
        ...

    async def end(
        self, voucher_id: str, state: MailState, *, reason: str | None, now: datetime
    ) -> None:
        """Over, one way or the other: the address is forgotten."""
        ...

    async def rows(
        self, *, state: MailState | None, after: str, rows_max: int
    ) -> Sequence[MailRow]:
        """A page, by voucher id."""
        ...


class BatchParts(Protocol):
    """What a batch is made of, encrypted, part by part, until it is in the log or handed out: the
    codes of a print run, the rows of an import.

    Lives outside the log: codes never enter it, and a batch must go on after a crash with the very
    codes it had drawn. Raises `Transient` where the database is away.
    """

    async def keep(self, batch_id: str, part: int, content: bytes, *, until: datetime) -> bytes:
        """Keep `content` unless the part is kept already; answers what is kept now."""
        ...

    async def read(self, batch_id: str, part: int) -> bytes | None:
        """The part, or None: never kept, wiped, or its time is up."""
        ...

    async def wipe(self, batch_id: str, part: int | None = None) -> None:
        """Forget one part, or all of them."""
        ...

    async def purge(self, now: datetime) -> int:
        """Forget the parts whose time is up; answers how many."""
        ...


class BatchWork(Protocol):
    """Which batches somebody has to look after. The decisions rest on the log."""

    async def add(self, batch_id: str, now: datetime) -> None:
        """Remember a batch. Harmless for one that is remembered."""
        ...

    async def open(self) -> Sequence[tuple[str, datetime]]:
        """`(batch_id, since)`, the oldest first."""
        ...

    async def done(self, batch_id: str) -> None:
        """Nothing is left to do."""
        ...

    def turn(self, batch_id: str) -> AbstractAsyncContextManager[bool]:
        """One worker at a time among all processes. False: another one is at it. Two at once would
        do no harm, only the same work twice."""
        ...


class VoucherStreams(Protocol):
    """All vouchers of the log, for an export of the whole."""

    def pages(self, *, head: int) -> AsyncIterator[Sequence[Sequence[Event]]]:
        """The events of each voucher up to position `head`, some vouchers at a time."""
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
