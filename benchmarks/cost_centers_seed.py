"""Companies, groups, centers and cards, limits on all of them, and a long month, written in bulk
(`bulk.py`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from benchmarks.bulk import STATEMENT_S, Bulk, Chunk, in_helpers
from costcenter import names
from costcenter.events import (
    Address,
    CardIssued,
    CenterCardAdded,
    CenterOpened,
    ChargeBooked,
    ChargeConfirmed,
    Chargee,
    ChargeHeld,
    CompanyRegistered,
    Level,
    Limit,
    LimitSet,
    MainGroupOpened,
    MonthOpened,
    Scope,
    UserGroupAdded,
    VatPart,
    Window,
)
from costcenter.service import REGISTRY, SERVICE
from events import AppendRequest, Event, NewEvents, Take
from events.handle import input_hash
from events.store.connection import connect
from events.version import Exact
from money import Money

CENTERS_OF_A_COMPANY = 10
CENTERS_OF_A_CHUNK = 100
CARDS_OF_A_CHUNK = 4_000
CHARGES_OF_AN_APPEND = 200
USERS = 4
"""The user group of all cards: x-4."""

ENOUGH = Money(amount=10**11, currency="EUR")
"""Of a limit that nobody reaches: the accounts are kept all the same."""

THREE: tuple[tuple[Level, Window], ...] = (
    ("card", "day"), ("center", "month"), ("company", "month"),
)  # fmt: skip
TEN: tuple[tuple[Level, Window], ...] = (
    *THREE, ("center", "day"), ("center", "week"), ("center", "range"), ("user_group", "day"),
    ("user_group", "month"), ("main_group", "month"), ("company", "day"),
)  # fmt: skip
"""By number of limits that bind a charge; the first three are the three."""


@dataclass(frozen=True, slots=True)
class Size:
    centers: int = 5_000
    cards: int = 100_000

    @property
    def companies(self) -> int:
        return max(1, self.centers // CENTERS_OF_A_COMPANY)

    def cards_of(self, center: int) -> range:
        """Numbers of the cards of a center."""
        return range(center, self.cards, self.centers)


def card_number(card: int) -> str:
    return f"{1_000_000 + card}"


def company_of(size: Size, center: int) -> int:
    return center % size.companies


def _request(key: str, *parts: NewEvents, claims: tuple[Take, ...] = ()) -> AppendRequest:
    return AppendRequest(key, input_hash(key), parts, claims)


def companies(size: Size, now: datetime) -> Chunk:
    """Runs in a helper, as the others do."""
    chunk = Chunk()
    for number in range(size.companies):
        address = Address(name=f"Firma {number}", postal_code="10115", city="Berlin")
        company = CompanyRegistered(
            company_id=f"f{number}", name=f"Firma {number}", address=address, registered_at=now
        )
        opened = MainGroupOpened(
            main_group=number + 1, name=f"Firma {number}", company_id=f"f{number}", opened_at=now
        )
        added = UserGroupAdded(
            main_group=number + 1, number=USERS, name="Kostenstellen", mode="cost_center",
            added_at=now,
        )  # fmt: skip
        request = _request(
            f"bench/company/{number}",
            NewEvents(names.company_stream(f"f{number}"), Exact(0), (company,)),
            NewEvents(names.group_stream(number + 1), Exact(0), (opened, added)),
        )
        chunk.add(request, REGISTRY, now=now)
    return chunk


def centers(size: Size, first: int, count: int, now: datetime) -> Chunk:
    chunk = Chunk()
    for number in range(first, first + count):
        company, number_shown = company_of(size, number), f"{4_000_000 + number}"
        told: list[Event] = [
            CenterOpened(
                center_id=f"c{number}", number=number_shown, name=f"Abteilung {number}",
                company_id=f"f{company}", opened_at=now,
            )
        ]  # fmt: skip
        stream = names.center_stream(f"c{number}")
        claims = [Take(names.center_number_claim(number_shown), stream)]
        parts = []
        for card in size.cards_of(number):
            shown, card_id = card_number(card), f"k{card}"
            issued = CardIssued(
                card_id=card_id, number=shown, kind="virtual", medium="none",
                main_group=company + 1, user_group=USERS, center_id=f"c{number}", issued_at=now,
            )  # fmt: skip
            added = CenterCardAdded(
                center_id=f"c{number}", card_id=card_id, number=shown, kind="virtual",
                added_at=now,
            )  # fmt: skip
            told.append(added)
            parts.append(NewEvents(names.card_stream(card_id), Exact(0), (issued,)))
            claims.append(Take(names.card_number_claim(shown), names.card_stream(card_id)))
        request = _request(
            f"bench/center/{number}", NewEvents(stream, Exact(0), told), *parts,
            claims=tuple(claims),
        )  # fmt: skip
        chunk.add(request, REGISTRY, now=now)
    return chunk


def _limit(level: Level, window: Window, id: str, now: datetime) -> LimitSet:
    days = {"valid_from": date(now.year, 1, 1), "valid_until": date(now.year, 12, 31)}
    limit = Limit(
        limit_id=f"{level}-{window}-{id}", name=f"{level} {window}",
        scope=Scope(level=level, id=id), window=window, amount=ENOUGH,
        **(days if window == "range" else {}),
    )  # fmt: skip
    return LimitSet(limit=limit, set_at=now)


def _limited(
    chunk: Chunk, stream: str, version: int, events: list[LimitSet], now: datetime
) -> None:
    claims = tuple(Take(names.limit_claim(each.limit.limit_id), stream) for each in events)
    key = f"bench/limits/{stream}/{version}"
    chunk.add(
        _request(key, NewEvents(stream, Exact(version), events), claims=claims), REGISTRY, now=now
    )


def card_limits(first: int, count: int, now: datetime) -> Chunk:
    chunk = Chunk()
    for card in range(first, first + count):
        stream = names.card_stream(f"k{card}")
        _limited(chunk, stream, 1, [_limit("card", "day", f"k{card}", now)], now)
    return chunk


def other_limits(size: Size, already: int, wanted: int, now: datetime) -> Chunk:
    """Those of centers, groups and companies among `TEN[already:wanted]`."""
    chunk = Chunk()
    before, kinds = TEN[:already], TEN[already:wanted]

    def of(level: Level, id: str) -> list[LimitSet]:
        return [_limit(level, window, id, now) for each, window in kinds if each == level]

    def had(*levels: Level) -> int:
        return sum(level in levels for level, _ in before)

    for number in range(size.centers):
        events = of("center", f"c{number}")
        version = 1 + len(size.cards_of(number)) + had("center")
        if events:
            _limited(chunk, names.center_stream(f"c{number}"), version, events, now)
    for number in range(size.companies):
        events = of("company", f"f{number}")
        if events:
            version = 1 + had("company")
            _limited(chunk, names.company_stream(f"f{number}"), version, events, now)
        group = number + 1
        events = [*of("main_group", f"{group}"), *of("user_group", f"{group}-{USERS}")]
        if events:
            version = 2 + had("main_group", "user_group")
            _limited(chunk, names.group_stream(group), version, events, now)
    return chunk


def long_month(size: Size, month: str, charges: int, now: datetime) -> Chunk:
    """Charges of the first center in one month that is over."""
    card, at = size.cards_of(0)[0], datetime.fromisoformat(f"{month}-07T10:00:00+00:00")
    chargee = Chargee(
        center_id="c0", center_number="4000000", center_name="Abteilung 0", card_id=f"k{card}",
        card_number=card_number(card), main_group=1, user_group=USERS, company_id="f0",
    )  # fmt: skip
    amount = Money(amount=720, currency="EUR")
    parts = (VatPart(vat="standard", rate=1900, dsfinvk_key=1, gross=amount),)
    told: list[Event] = [MonthOpened(center_id="c0", month=month, opened_at=at)]
    for number in range(charges):
        charge_id = f"bench-{month}-{number}"
        place: dict[str, Any] = {
            "charge_id": charge_id, "month": month, "chargee": chargee, "amount": amount,
            "parts": parts, "store_id": "berlin", "till_id": "t", "business_date": at.date(),
            "booking_id": f"b-{charge_id}",
        }  # fmt: skip
        told += [
            ChargeHeld(payment_id="P1", expires_at=at + timedelta(minutes=2), held_at=at, **place),
            ChargeConfirmed(charge_id=charge_id, month=month, confirmed_at=at),
            ChargeBooked(booking_number=number, booked_at=at, **place),
        ]
    chunk, stream = Chunk(), names.month_stream("c0", month)
    for start in range(0, len(told), CHARGES_OF_AN_APPEND):
        some = told[start : start + CHARGES_OF_AN_APPEND]
        chunk.add(
            _request(f"bench/{month}/{start}", NewEvents(stream, Exact(start), some)),
            REGISTRY, now=at,
        )  # fmt: skip
    return chunk


async def _all(url: str, *work: tuple[Any, list[tuple[Any, ...]]]) -> None:
    connection = await connect(url, schema=SERVICE.schema)
    try:
        bulk = await Bulk.at_end(connection, SERVICE.schema)
        for make, arguments in work:
            async for chunk in in_helpers(make, arguments):
                await bulk.store(chunk)
        await connection.execute("ANALYZE", timeout=STATEMENT_S)
    finally:
        await connection.close()


async def seed(url: str, size: Size) -> None:
    """Fill the log of a migrated, empty database with a structure without limits."""
    now = datetime.now(UTC)
    step = CENTERS_OF_A_CHUNK
    await _all(
        url,
        (companies, [(size, now)]),
        (
            centers,
            [
                (size, first, min(step, size.centers - first), now)
                for first in range(0, size.centers, step)
            ],
        ),
    )


async def stack(url: str, size: Size, already: int, wanted: int) -> None:
    """From `already` limits on each charge to `wanted`: 0, 3 or 10."""
    now, step = datetime.now(UTC), CARDS_OF_A_CHUNK
    of_cards = [
        (first, min(step, size.cards - first), now)
        for first in range(0, size.cards if not already else 0, step)
    ]
    await _all(url, (card_limits, of_cards), (other_limits, [(size, already, wanted, now)]))


async def months(url: str, size: Size, charges: dict[str, int]) -> None:
    """Charges of the first center, by month."""
    now = datetime.now(UTC)
    await _all(url, (long_month, [(size, *month, now) for month in charges.items()]))
