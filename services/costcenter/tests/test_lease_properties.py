"""P17: online charges and leases together never exceed a limit, in whatever order they come, and
every account is exactly what live charges and open leases have of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from costcenter.commands import BookCharge, HoldCharge, ReleaseCharge, ReverseCharge, Shown
from costcenter.decider.binding import Structure
from costcenter.decider.charging import Basis, hold
from costcenter.decider.lease import LEASE, GrantLease, Lease, ReturnLease
from costcenter.decider.leasing import (
    Leased,
    book,
    bounds,
    days_between,
    per_booking,
    post_grant,
    post_return,
    takes_of,
)
from costcenter.decider.month import MONTH, Month
from costcenter.decider.reversing import Reversed, reverse
from costcenter.decider.settling import Target, release
from costcenter.decider.structure_state import (
    Card,
    Center,
    CenterCard,
    Company,
    Limited,
    MainGroup,
    UserGroup,
)
from costcenter.decider.usage import USAGE, Accounts, Posting, Usage
from costcenter.decider.windows import account_of, is_long, newest_claim, part_of
from costcenter.events import Level, Limit, Scope, Window
from costcenter.names import lease_stream, month_stream
from events import Decision, DomainError, GiveBack
from money import Money

# A Saturday: the leases of the following days pass a week's and a month's end.
FIRST = date(2026, 10, 31)
NOW = datetime(2026, 10, 31, 9, 0, tzinfo=UTC)
DAYS = [FIRST + timedelta(days=days) for days in range(4)]


def cents(minor: int) -> Money:
    return Money(amount=minor, currency="EUR")


def limit(
    limit_id: str,
    level: Level,
    window: Window,
    *,
    minor: int | None = None,
    count: int | None = None,
) -> Limited:
    ids = {"company": "F1", "main_group": "1", "user_group": "1-4", "center": "C1", "card": "K1"}
    runs = window == "range"
    return Limited(
        Limit(
            limit_id=limit_id,
            name=limit_id,
            scope=Scope(level=level, id=ids[level]),
            window=window,
            amount=None if minor is None else cents(minor),
            count=count,
            valid_from=FIRST if runs else None,
            valid_until=DAYS[-1] if runs else None,
        )
    )


levels: st.SearchStrategy[Level] = st.sampled_from(
    ["company", "main_group", "user_group", "center"]
)
windows: st.SearchStrategy[Window] = st.sampled_from(["day", "week", "month", "range"])


@st.composite
def limits(draw: st.DrawFn) -> tuple[Limited, ...]:
    found = []
    for number in range(draw(st.integers(1, 4))):
        by_count = draw(st.integers(0, 3)) == 0
        found.append(
            limit(
                f"L{number}",
                draw(levels),
                draw(windows),
                minor=None if by_count else draw(st.integers(500, 6_000)),
                count=draw(st.integers(1, 8)) if by_count else None,
            )
        )
    return tuple(found)


def structure_of(limits: Sequence[Limited]) -> Structure:
    def at(*wanted: str) -> dict[str, Limited]:
        return {one.limit.limit_id: one for one in limits if one.limit.scope.level in wanted}

    card = Card(
        card_id="K1", number="4711", kind="virtual", main_group=1, user_group=4, center_id="C1"
    )
    center = Center(
        center_id="C1",
        number="4711",
        name="Empfang",
        company_id="F1",
        cards={"K1": CenterCard(card_id="K1", number="4711", kind="virtual")},
        limits=at("center"),
    )
    group = MainGroup(
        main_group=1,
        name="Firma A",
        user_groups={4: UserGroup(4, "Kostenstellen", "cost_center")},
        limits=at("main_group", "user_group"),
    )
    return Structure(card, center, group, Company(company_id="F1", limits=at("company")))


@dataclass
class Books:
    """The log's streams as states, kept by the real decisions."""

    structure: Structure
    limits: Sequence[Limited]
    usage: dict[str, Usage] = field(default_factory=dict)
    months: dict[str, Month] = field(default_factory=dict)
    leases: dict[str, Lease] = field(default_factory=dict)
    claims: dict[str, str] = field(default_factory=dict)
    asked: int = 0

    def accounts(self) -> Accounts:
        names = {
            name
            for one in self.limits
            for day in DAYS
            if (name := account_of(one.limit, day)) is not None
        }
        newest = {name: self.claims.get(newest_claim(name)) for name in names if is_long(name)}
        streams = {name for name in names if not is_long(name)}
        streams |= {part_of(name, month) for name in newest for month in ("2026-10", "2026-11")}
        return Accounts({name: self.usage.get(name, Usage()) for name in streams}, newest)

    def month(self, day: date) -> Month:
        return self.months.get(month_stream("C1", f"{day:%Y-%m}"), Month())

    def target(self, day: date) -> Target:
        return Target("C1", f"{day:%Y-%m}", self.month(day))

    def store(self, decision: Decision) -> None:
        for stream, events in decision.events.items():
            for event in events:
                self._fold(stream, event)
        for claim in decision.claims:
            if isinstance(claim, GiveBack):
                del self.claims[claim.key]
            else:
                assert self.claims.get(claim.key) in (None, claim.owner)
                self.claims[claim.key] = claim.owner

    def _fold(self, stream: str, event: Any) -> None:
        if stream.startswith("usage-"):
            self.usage[stream] = USAGE.evolve(self.usage.get(stream, Usage()), event)
        elif stream.startswith("lease-"):
            self.leases[stream] = LEASE.evolve(self.leases.get(stream, Lease()), event)
        else:
            self.months[stream] = MONTH.evolve(self.months.get(stream, Month()), event)

    # -- what may happen -----------------------------------------------------------------------

    def charge(self, minor: int, day: date, mode: Literal["exact", "up_to"]) -> None:
        self.asked += 1
        command = HoldCharge(
            charge_id=f"H{self.asked}",
            shown=Shown(how="number", value="4711", card_id="K1"),
            amount=cents(minor),
            mode=mode,
            basket=(),
            store_id="berlin",
            till_id="t1",
            booking_id=f"B{self.asked}",
            payment_id="1",
            business_date=day,
            local_time=time(12),
            expires_at=NOW + timedelta(minutes=2),
            now=NOW,
        )
        self.store(hold(command, Basis(self.structure, self.accounts()), self.month(day)))

    def give_up(self, which: int) -> None:
        """A held charge is released; one of a lease that was booked is reversed in part."""
        found = [
            (stream, charge)
            for stream, month in sorted(self.months.items())
            for charge in month.charges.values()
            if charge.state in ("held", "booked")
        ]
        if not found:
            return
        stream, charge = found[which % len(found)]
        month = self.months[stream]
        if charge.state == "held":
            command = ReleaseCharge(charge_id=charge.charge_id, reason="released", now=NOW)
            self.store(release(command, month, self.accounts(), {}))
            return
        self.asked += 1
        back = ReverseCharge(
            charge_id=charge.charge_id,
            reversal_id=f"V{self.asked}",
            amount=cents(charge.amount.amount // 2 + 1),
            parts=(),
            booking_id=f"B{self.asked}",
            store_id="berlin",
            till_id="t1",
            business_date=charge.business_date,
            now=NOW,
        )
        target = Target("C1", stream[-7:], month)
        self.store(reverse(back, Reversed(charge, (month,), target, self.accounts())))

    def lease(self, minor: int, count: int, hours: int, store_id: str) -> None:
        self.asked += 1
        ends_at = NOW + timedelta(hours=hours)
        days = days_between(FIRST, ends_at.date())
        found = bounds((self.structure,), days)
        accounts = self.accounts()
        command = GrantLease(
            lease_id=f"S{self.asked}",
            store_id=store_id,
            center_id="C1",
            card_id=None,
            amount=cents(minor),
            count=count,
            takes=takes_of(found, accounts, cents(minor), count),
            per_booking=per_booking(found),
            ends_at=ends_at,
            now=NOW,
        )
        posting = Posting(accounts, NOW)
        post_grant(command, found, posting, FIRST)
        granted = LEASE.decide(command, Lease())
        self.store(Decision({lease_stream(command.lease_id): granted, **posting.events},
                            posting.claims))  # fmt: skip

    def use(self, which: int, minor: int, day: date, *, honest: bool) -> None:
        """A store without a line charges its lease: within it, if it is honest."""
        if not self.leases:
            return
        lease = self.leases[sorted(self.leases)[which % len(self.leases)]]
        assert lease.lease_id is not None
        assert lease.ends_at is not None
        if honest:
            minor = min(minor, lease.left)
            day = min(day, lease.ends_at.date())
            if not lease.open or not minor or not lease.left_count:
                return
        self.asked += 1
        command = BookCharge(
            charge_id=f"H{self.asked}",
            amount=cents(minor),
            parts=(),
            subsidies=(),
            booking_id=f"B{self.asked}",
            booking_number=self.asked,
            store_id=lease.store_id,
            till_id="t1",
            business_date=day,
            now=NOW,
            card_id="K1",
            offline=True,
            lease_id=lease.lease_id,
        )
        leased = Leased(lease, self.structure, self.target(day), self.accounts(), None)
        self.store(book(command, leased))

    def give_back(self, which: int) -> None:
        if not self.leases:
            return
        stream = sorted(self.leases)[which % len(self.leases)]
        lease = self.leases[stream]
        posting = Posting(self.accounts(), NOW)
        ended = LEASE.decide(ReturnLease(charges=(), by=None, now=NOW), lease)
        if ended:
            post_return(lease, posting)
        self.store(Decision({stream: ended, **posting.events}, posting.claims))

    # -- what has to hold ----------------------------------------------------------------------

    def live(self) -> tuple[Counter[str], Counter[str]]:
        """Minor units and number of charges by account: of live charges and open leases."""
        minor, count = Counter[str](), Counter[str]()
        for month in self.months.values():
            for charge in month.charges.values():
                if charge.state == "released":
                    continue
                gone = sum(m.reversed.get(charge.charge_id, 0) for m in self.months.values())
                for take in charge.takes:
                    minor[take.account] += take.amount.amount - gone
                    count[take.account] += charge.amount.amount > gone
        for lease in self.leases.values():
            for take in lease.takes:
                minor[take.account] += lease.left
                count[take.account] += lease.left_count
        return minor, count

    def used(self, account: str) -> Usage:
        accounts = self.accounts()
        stream = accounts.stream(account)
        return Usage() if stream is None else accounts.states[stream]

    def check_sums(self) -> None:
        minor, count = self.live()
        for one in self.limits:
            for account in {account_of(one.limit, day) for day in DAYS} - {None}:
                assert account is not None
                used = self.used(account)
                assert (used.amount, used.count) == (minor[account], count[account])

    def check_limits(self) -> None:
        minor, count = self.live()
        for one in self.limits:
            for account in {account_of(one.limit, day) for day in DAYS} - {None}:
                assert account is not None
                if one.limit.amount is not None:
                    assert minor[account] <= one.limit.amount.amount
                if one.limit.count is not None:
                    assert count[account] <= one.limit.count


Step = tuple[str, int, int, int, bool]
steps = st.lists(
    st.tuples(
        st.sampled_from(
            ["charge", "charge", "lease", "lease", "use", "use", "use", "give_back", "give_up"]
        ),
        st.integers(0, 5),  # which lease, charge or store
        st.integers(1, 3_000),  # how much
        st.integers(0, 3),  # which day
        st.booleans(),
    ),
    max_size=25,
)


def play(books: Books, history: Sequence[Step], *, honest: bool) -> None:
    for kind, which, minor, day, flag in history:
        try:
            match kind:
                case "charge":
                    books.charge(minor, DAYS[day], "exact" if flag else "up_to")
                case "lease":
                    books.lease(minor, 1 + which, 1 + 20 * day, "berlin" if flag else "koeln")
                case "use":
                    books.use(which, minor, DAYS[day], honest=honest)
                case "give_back":
                    books.give_back(which)
                case _:
                    books.give_up(which)
        except DomainError:
            pass  # A limit says no: that is what is proven here.
        books.check_sums()
        if honest:
            books.check_limits()


@settings(max_examples=300, deadline=None)
@given(limits(), steps)
def test_no_interleaving_of_charges_and_leases_exceeds_a_limit(
    all_limits: tuple[Limited, ...], history: list[Step]
) -> None:
    play(Books(structure_of(all_limits), all_limits), history, honest=True)


@settings(max_examples=200, deadline=None)
@given(limits(), steps)
def test_accounts_add_up_even_if_a_store_charges_beyond_its_lease(
    all_limits: tuple[Limited, ...], history: list[Step]
) -> None:
    play(Books(structure_of(all_limits), all_limits), history, honest=False)


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 5_000), st.lists(st.integers(1, 3_000), max_size=6))
def test_a_returned_lease_leaves_exactly_what_was_charged(leased: int, charged: list[int]) -> None:
    """Two stores without a line at once, and an online charge of what is left."""
    all_limits = (limit("L0", "center", "month", minor=10_000),)
    books = Books(structure_of(all_limits), all_limits)
    books.lease(leased, 10, 12, "berlin")
    books.lease(leased, 10, 12, "koeln")
    for number, minor in enumerate(charged):
        books.use(number, minor, FIRST, honest=True)
    books.check_limits()
    books.give_back(0)
    books.give_back(1)
    spent = sum(
        charge.amount.amount for month in books.months.values() for charge in month.charges.values()
    )
    assert books.used("usage-L0-2026-10").amount == spent
