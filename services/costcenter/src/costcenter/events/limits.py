"""Limits, what counts against them, and shares of them that a store without a line may use.

A limit stands in the stream of what it limits (company, group, center, card), and each of its
windows (a day, a week, …) has an account in a stream of its own:

    usage-{limit_id}-{window}          `…-L7-2026-10-12`, `…-L7-2026-W41`, `…-L7-2026-10`
    usage-{limit_id}-{window}-{month}  a budget, which may last longer: one part per month

A charge takes from all accounts that bind it in the same append as `charge.held`, so no order of
events exceeds one of them. What is taken is given back when the charge is released, lowered or
reversed; nothing is written when it is confirmed or booked with the amount that was held.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, model_validator

from costcenter.events.structure import Part
from events import Event, event_type
from money import Money

Level = Literal["company", "main_group", "user_group", "center", "card"]
Window = Literal["booking", "day", "week", "month", "range"]
"""Calendar windows in the time zone of the store that charges; a week begins on Monday (ISO 8601).
`booking`: each charge by itself, without an account. `range`: `valid_from` to `valid_until`, a
budget that closes itself."""

OnExceed = Literal["block", "warn"]


class Scope(Part):
    """What a limit binds. `id`: company id, `1`, `1-4`, center id or card id."""

    level: Level
    id: str


class Limit(Part):
    """At most `amount`, or `count` charges, in each window."""

    limit_id: str
    name: str
    scope: Scope
    window: Window
    amount: Money | None = None
    count: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    on_exceed: OnExceed = "block"
    valid_from: date | None = None
    valid_until: date | None = None
    """Last day. With the window `range` both are there, and outside of them nothing can be
    charged under this scope (a budget); with other windows the limit does not bind outside."""
    article_groups: Annotated[tuple[str, ...], Field(max_length=100)] = ()
    """Only what is charged for these goods counts. Empty: everything."""

    @model_validator(mode="after")
    def _hangs_together(self) -> Limit:
        if (self.amount is None) == (self.count is None):
            raise ValueError("a limit has an amount or a count")
        if self.window == "booking" and self.count is not None:
            raise ValueError("a limit per booking has an amount")
        if self.window == "range" and (self.valid_from is None or self.valid_until is None):
            raise ValueError("a budget has a first and a last day")
        if self.valid_from and self.valid_until and self.valid_from > self.valid_until:
            raise ValueError("the first day is not after the last")
        return self


@event_type("limit.set")
class LimitSet(Event):
    """New, or with another value from now on (same `limit_id`: window and scope stay). What was
    used stays used: lowered below it, the limit only stops further charges."""

    limit: Limit
    opening_used: Money | None = None
    """A new limit: what was charged in its current window before it was set, as the back office
    says or as the statements showed it. Counts in that window only."""
    opening_count: int = 0
    opening_day: date | None = None
    """A day of that window."""
    set_at: AwareDatetime


@event_type("limit.lifted")
class LimitLifted(Event):
    """It binds no more. What was charged stays charged."""

    limit_id: str
    scope: Scope
    lifted_at: AwareDatetime


# --- accounts, stream `usage-…` ---


class Take(Part):
    """What a charge (or lease) takes from one account."""

    limit_id: str
    account: str
    """Stream of the account's window without a month part: `usage-{limit_id}-{window}`."""
    amount: Money
    count: int = 1
    overdrawn: bool = False
    """A warning limit, or one that a manager has overridden: taken although there was no room."""


@event_type("usage.opened")
class UsageOpened(Event):
    """The first fact of an account, or of a month's part of a long one: what was carried over."""

    limit_id: str
    account: str
    month: str | None = None
    """`2026-10`: this part; None: the window has one part."""
    amount: Money
    count: int
    opened_at: AwareDatetime


@event_type("usage.taken")
class UsageTaken(Event):
    """A charge or a lease took from an account."""

    limit_id: str
    account: str
    by: str
    """Charge or lease id."""
    amount: Money
    count: int
    taken_at: AwareDatetime


@event_type("usage.given_back")
class UsageGivenBack(Event):
    """A charge or a lease gave back to an account."""

    limit_id: str
    account: str
    by: str
    amount: Money
    count: int
    reason: Literal["released", "expired", "aborted", "lowered", "reversed", "lease_returned"]
    given_back_at: AwareDatetime


@event_type("usage.closed")
class UsageClosed(Event):
    """The month's part is over; stored together with the next part's `usage.opened`."""

    limit_id: str
    account: str
    month: str
    amount: Money
    """Carried over."""
    count: int
    closed_at: AwareDatetime


# --- leases, stream `lease-{lease_id}` ---


@event_type("lease.granted")
class LeaseGranted(Event):
    """A store may charge a center up to `amount` without a line until `ends_at`. The amount is
    taken from every limit that binds, like a charge, and stays taken until the store has
    reported: so all stores together never exceed a limit."""

    lease_id: str
    store_id: str
    center_id: str
    card_id: str | None = None
    """For one card; None: for all cards of the center that have no limit of their own."""
    amount: Money
    count: int
    takes: tuple[Take, ...]
    per_booking: Money | None = None
    """The smallest limit per booking that binds."""
    ends_at: AwareDatetime
    granted_at: AwareDatetime


@event_type("lease.used")
class LeaseUsed(Event):
    """A charge that the store made without a line was booked against its lease."""

    lease_id: str
    charge_id: str
    amount: Money
    left: Money
    exceeded: Money | None = None
    """The store charged more than its lease held. The booking stands; somebody has to look."""
    used_at: AwareDatetime


@event_type("lease.returned")
class LeaseReturned(Event):
    """The store has reported everything: the rest goes back to the limits."""

    lease_id: str
    store_id: str
    amount: Money
    """Given back."""
    count: int
    reason: Literal["reported", "written_off"]
    by: str | None = None
    note: str | None = None
    """Why it was written off."""
    returned_at: AwareDatetime
