"""V18: a voucher sets "paid until" from 31.12.2026 to 31.12.2027; no fee is booked, and the fact
names the voucher."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from events import DomainError
from money import euro
from voucher.events import Effect, Terms, VoucherEntitlementExtended
from voucher.handlers.entitlements import Extension, months_later

if TYPE_CHECKING:
    from voucher.testing.members import Members


CARD_YEAR = Terms(
    funding="donated",
    reason="Jahreskarte geschenkt",
    effect=Effect(entitlement="library_card", months=12),
)


async def prepared(members: Members) -> Extension:
    code = await members.voucher("V18", "0.00", CARD_YEAR)
    return await members.entitlements.prepare(
        extension_id="X1",
        typed=code,
        subject_id="reader-7",
        old_until=date(2026, 12, 31),
        store_id="koeln",
        source="till:koeln/t2",
    )


def line(found: Extension) -> dict[str, Any]:
    return {
        "kind": "entitlement",
        "voucher_id": found.voucher_id,
        "extension_id": found.extension_id,
        "subject_id": found.subject_id,
        "old_until": found.old_until.isoformat(),
        "new_until": found.new_until.isoformat(),
        "amount": euro("0.00").model_dump(),
    }


async def facts(members: Members) -> list[Any]:
    return [entry.event for entry in await members.world.store.load("voucher-V18")]


async def test_the_till_shows_the_new_date_before_it_counts(members: Members) -> None:
    found = await prepared(members)
    assert found.new_until == date(2027, 12, 31)
    assert len(await facts(members)) == 1


async def test_a_recorded_booking_extends_it_and_names_the_voucher(
    members: Members, booked: Callable[..., Any]
) -> None:
    found = await prepared(members)
    await members.hear(booked("B7", line(found)))
    fact = (await facts(members))[-1]
    assert isinstance(fact, VoucherEntitlementExtended)
    assert (fact.serial, fact.old_until, fact.new_until, fact.subject_id) == (
        found.serial,
        date(2026, 12, 31),
        date(2027, 12, 31),
        "reader-7",
    )


async def test_no_fee_is_booked(members: Members, booked: Callable[..., Any]) -> None:
    found = await prepared(members)
    await members.hear(booked("B7", line(found)))
    names = [entry.name for entry in await members.world.store.read(after=0, records_max=100)]
    assert not [name for name in names if name.startswith("fee.")]


async def test_a_booking_heard_twice_extends_once(
    members: Members, booked: Callable[..., Any]
) -> None:
    found = await prepared(members)
    await members.hear(booked("B7", line(found)), booked("B7", line(found), delivery="2"))
    assert len(await facts(members)) == 2


async def test_the_cashier_confirms_without_a_booking(members: Members) -> None:
    found = await prepared(members)
    await members.entitlements.confirm(
        members.world.ask(),
        extension_id="X1",
        voucher_id=found.voucher_id,
        subject_id="reader-7",
        old_until=found.old_until,
        new_until=found.new_until,
        store_id="koeln",
    )
    assert isinstance((await facts(members))[-1], VoucherEntitlementExtended)


async def test_a_used_voucher_extends_nothing_more(
    members: Members, booked: Callable[..., Any]
) -> None:
    found = await prepared(members)
    await members.hear(booked("B7", line(found)))
    with pytest.raises(DomainError):
        await members.entitlements.confirm(
            members.world.ask(),
            extension_id="X2",
            voucher_id=found.voucher_id,
            subject_id="reader-8",
            old_until=found.old_until,
            new_until=found.new_until,
            store_id="koeln",
        )


def test_a_month_without_that_day_ends_on_its_last() -> None:
    assert months_later(date(2027, 1, 31), 1) == date(2027, 2, 28)
