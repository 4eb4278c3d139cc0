"""What an account may hold, load and spend: calendar periods in its own time zone.

A lapsed hold no longer counts, an open one counts on the day on which it was placed. What a
recorded booking says is counted in any case: a limit stops what is asked, not what happened.
"""

from __future__ import annotations

from datetime import date, datetime

from money import Money
from voucher.decider.account.refusals import OverLimit
from voucher.decider.account.state import LoadState, Opened


def spendable(account: Opened, day: date, now: datetime, *, without: str = "") -> int | None:
    """What the limits still let through on `day`; None: everything."""
    held_on_day = held_in_month = 0
    for hold in account.open.values():
        if hold.hold_id == without or hold.lapsed(now) or hold.purpose != "payment":
            continue
        if hold.day == day:
            held_on_day += hold.amount.amount
        if (hold.day.year, hold.day.month) == (day.year, day.month):
            held_in_month += hold.amount.amount
    allowed: list[int] = []
    if account.limits.spend_per_day is not None:
        used = account.spent.get(day.isoformat(), 0) + held_on_day
        allowed.append(account.limits.spend_per_day.amount - used)
    if account.limits.spend_per_month is not None:
        used = account.spent.get(f"{day:%Y-%m}", 0) + held_in_month
        allowed.append(account.limits.spend_per_month.amount - used)
    return max(0, min(allowed)) if allowed else None


def check_load(account: Opened, amount: Money, day: date) -> None:
    """Raises `OverLimit`. Loads that are being sold count as if they were."""
    limit = account.limits.load_per_month
    if limit is not None:
        month = f"{day:%Y-%m}"
        coming = sum(
            load.amount.amount
            for load in account.loads.values()
            if load.state is LoadState.PREPARED and f"{load.day:%Y-%m}" == month
        )
        _within(account, "load_per_month", limit, account.loaded.get(month, 0) + coming, amount)
    check_balance(account, amount)


def check_balance(account: Opened, amount: Money) -> None:
    """Raises `OverLimit` where the account would hold too much."""
    limit = account.limits.balance_max
    if limit is not None:
        coming = sum(
            load.amount.amount
            for load in account.loads.values()
            if load.state is LoadState.PREPARED
        )
        _within(account, "balance_max", limit, account.balance.amount + coming, amount)


def _within(account: Opened, name: str, limit: Money, used: int, amount: Money) -> None:
    if used + amount.amount > limit.amount:
        allowed = account.money(max(0, limit.amount - used))
        raise OverLimit(limit=name, allowed=allowed.model_dump())
