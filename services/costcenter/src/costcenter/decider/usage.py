"""Accounts of limits, streams `usage-…`: how much of each window is used.

An account holds two numbers. Which charge took what stands in the charge (`charge.held`), so an
account of a busy center folds as fast as that of an idle one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, assert_never

from costcenter.decider.structure_state import Limited
from costcenter.decider.windows import is_long, newest_claim, part_of, span_of
from costcenter.events import (
    Take,
    UsageClosed,
    UsageEvent,
    UsageGivenBack,
    UsageOpened,
    UsageTaken,
)
from events import Claim, Decider, GiveBack
from events import Take as TakeClaim
from money import Money


@dataclass(frozen=True, slots=True)
class Usage:
    """What is used in one window (or in one month's part of a long one). Minor units."""

    opened: bool = False
    month: str | None = None
    amount: int = 0
    count: int = 0
    closed: bool = False


class Stale(Exception):
    """The decision was prepared for other streams than it needs now. Prepare it again."""


def evolve(usage: Usage, event: UsageEvent) -> Usage:
    match event:
        case UsageOpened():
            return Usage(
                opened=True, month=event.month, amount=event.amount.amount, count=event.count
            )
        case UsageTaken():
            return replace(
                usage, amount=usage.amount + event.amount.amount, count=usage.count + event.count
            )
        case UsageGivenBack():
            return replace(
                usage, amount=usage.amount - event.amount.amount, count=usage.count - event.count
            )
        case UsageClosed():
            return replace(usage, closed=True)
        case _:
            assert_never(event)


def _never(command: Any, usage: Usage) -> Sequence[Any]:
    raise NotImplementedError("accounts are written by the decisions about charges and leases")


USAGE: Decider[Any, Usage] = Decider(initial=Usage(), decide=_never, evolve=evolve)


@dataclass(frozen=True, slots=True)
class Accounts:
    """The accounts that one decision may touch."""

    states: Mapping[str, Usage] = field(default_factory=dict)
    """By stream; a stream without an event is not missing but `Usage()`."""
    newest: Mapping[str, str | None] = field(default_factory=dict)
    """Of each long account: the stream of its newest part, None where it has none."""

    def stream(self, account: str) -> str | None:
        """Where the account stands now. None: a long one without any part. Raises `Stale` for one
        that the decision was not prepared for."""
        if not is_long(account):
            return account
        if account not in self.newest:
            raise Stale(account)
        return self.newest[account]

    def state(self, stream: str) -> Usage:
        """Raises `Stale` for a stream that the decision was not prepared for."""
        if stream not in self.states:
            raise Stale(stream)
        return self.states[stream]

    def used(self, limited: Limited, account: str) -> Usage:
        """What is used, before the account's first fact too. Raises `Stale`."""
        stream = self.stream(account)
        state = Usage() if stream is None else self.state(stream)
        if state.closed:
            raise Stale(account)
        return state if state.opened else opening(limited, account)


def opening(limited: Limited, account: str) -> Usage:
    """What the limit found used when it was set, if that was in this account's window."""
    day = limited.opening_day
    if not is_long(account):
        inside = day is not None and account.endswith(
            f"-{span_of(limited.limit.window, day, limited.limit).name}"
        )
        if not inside:
            return Usage()
    return Usage(amount=limited.opening_used, count=limited.opening_count)


class Posting:
    """Collects what one decision writes to accounts. Lives as long as the decision."""

    def __init__(self, accounts: Accounts, now: datetime) -> None:
        self._accounts = accounts
        self._now = now
        self.events: dict[str, list[UsageEvent]] = {}
        self.claims: list[Claim] = []

    def take(
        self, limited: Limited, account: str, month: str, *, by: str, amount: Money, count: int
    ) -> None:
        """Take from an account, opening it, or its next part, first where that is needed.

        `month`: of the business date. What comes late for an older part goes to the newest one.
        Raises `Stale`.
        """
        limit_id = limited.limit.limit_id
        if is_long(account):
            stream = self._part_for(limited, account, month, amount)
        else:
            stream = account
            if not self._accounts.state(stream).opened:
                used = opening(limited, account)
                self._open(stream, limit_id, account, None, used, amount)
        self._write(
            stream,
            UsageTaken(
                limit_id=limit_id,
                account=account,
                by=by,
                amount=amount,
                count=count,
                taken_at=self._now,
            ),
        )

    def take_more(self, take: Take, *, by: str, amount: Money, count: int) -> None:
        """From an account that this charge has taken from before: it is open. Raises `Stale`."""
        self._write(
            self._standing(take.account),
            UsageTaken(
                limit_id=take.limit_id,
                account=take.account,
                by=by,
                amount=amount,
                count=count,
                taken_at=self._now,
            ),
        )

    def give_back(self, take: Take, *, by: str, amount: Money, count: int, reason: Any) -> None:
        """Into the window that was taken from; of a long one, into its newest part. Raises
        `Stale`."""
        if not amount and not count:
            return
        self._write(
            self._standing(take.account),
            UsageGivenBack(
                limit_id=take.limit_id,
                account=take.account,
                by=by,
                amount=amount,
                count=count,
                reason=reason,
                given_back_at=self._now,
            ),
        )

    def _standing(self, account: str) -> str:
        stream = self._accounts.stream(account)
        if stream is None or self._accounts.state(stream).closed:
            raise Stale(account)
        return stream

    def _part_for(self, limited: Limited, account: str, month: str, amount: Money) -> str:
        limit_id = limited.limit.limit_id
        newest = self._accounts.stream(account)
        wanted = part_of(account, month)
        if newest is None:
            if self._accounts.state(wanted).opened:
                raise Stale(account)
            used = opening(limited, account)
            self._open(wanted, limit_id, account, month, used, amount)
            self.claims.append(TakeClaim(newest_claim(account), wanted))
            return wanted
        state = self._accounts.state(newest)
        if state.closed:
            raise Stale(account)
        if state.month is None or state.month >= month:
            return newest
        self._write(
            newest,
            UsageClosed(
                limit_id=limit_id,
                account=account,
                month=state.month,
                amount=Money(amount=state.amount, currency=amount.currency),
                count=state.count,
                closed_at=self._now,
            ),
        )
        self._open(wanted, limit_id, account, month, state, amount)
        claim = newest_claim(account)
        self.claims += [GiveBack(claim, newest), TakeClaim(claim, wanted)]
        return wanted

    def _open(
        self,
        stream: str,
        limit_id: str,
        account: str,
        month: str | None,
        used: Usage,
        amount: Money,
    ) -> None:
        self._write(
            stream,
            UsageOpened(
                limit_id=limit_id,
                account=account,
                month=month,
                amount=Money(amount=used.amount, currency=amount.currency),
                count=used.count,
                opened_at=self._now,
            ),
        )

    def _write(self, stream: str, event: UsageEvent) -> None:
        self.events.setdefault(stream, []).append(event)
