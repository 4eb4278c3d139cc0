"""What a store took beyond a voucher's value is owed by the store, shown, and never lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events import DomainError, fold
from events.reaction import Incoming
from money import Money, euro
from voucher.commands import CaptureHold
from voucher.decider import VOUCHER
from voucher.decider.overdraft import (
    OVERDRAFT,
    BookOverdraft,
    OverdraftSettledBefore,
    OverdraftUnknown,
    SettleOverdraft,
)
from voucher.events import (
    OverdraftBooked,
    OverdraftSettled,
    VoucherCaptureFailed,
    VoucherIssued,
    VoucherRedeemed,
)
from voucher.handlers.overdrafts import Overdrafting

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)


def failed(hold_id: str, missing: str) -> VoucherCaptureFailed:
    return VoucherCaptureFailed(
        voucher_id="v1", serial="GS-1", hold_id=hold_id, booking_id="B1", amount=euro("20.00"),
        missing=euro(missing), store_id="berlin", till_id="t1", reason="hold_unknown",
        offline=True, failed_at=NOW,
    )  # fmt: skip


def book(hold_id: str, missing: str) -> BookOverdraft:
    return BookOverdraft(failed(hold_id, missing), "kette")


def settle(overdraft_id: str) -> SettleOverdraft:
    return SettleOverdraft(overdraft_id, "written_off", "Kulanz", NOW)


def test_what_is_missing_stands_on_the_stores_account() -> None:
    (booked,) = OVERDRAFT.decide(book("H1", "7.00"), OVERDRAFT.initial)
    assert isinstance(booked, OverdraftBooked)
    assert (booked.overdraft_id, booked.amount, booked.balance) == (
        "H1",
        euro("7.00"),
        euro("7.00"),
    )
    assert (booked.offline, booked.serial, booked.legal_entity_id) == (True, "GS-1", "kette")


def test_the_same_capture_is_booked_once() -> None:
    first = OVERDRAFT.decide(book("H1", "7.00"), OVERDRAFT.initial)
    account = fold(OVERDRAFT, first)
    assert OVERDRAFT.decide(book("H1", "7.00"), account) == ()
    account = fold(OVERDRAFT, OVERDRAFT.decide(settle("H1"), account), start=account)
    assert OVERDRAFT.decide(book("H1", "7.00"), account) == ()


def test_a_settled_overdraft_is_not_settled_again() -> None:
    account = fold(OVERDRAFT, OVERDRAFT.decide(book("H1", "7.00"), OVERDRAFT.initial))
    (settled,) = OVERDRAFT.decide(settle("H1"), account)
    assert isinstance(settled, OverdraftSettled)
    assert (settled.amount, settled.balance) == (euro("7.00"), euro("0.00"))
    account = fold(OVERDRAFT, [settled], start=account)
    with pytest.raises(OverdraftSettledBefore):
        OVERDRAFT.decide(settle("H1"), account)


def test_what_was_never_overdrawn_cannot_be_settled() -> None:
    with pytest.raises(OverdraftUnknown):
        OVERDRAFT.decide(settle("H1"), OVERDRAFT.initial)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 5), st.integers(1, 10_000)), max_size=40))
def test_the_balance_is_the_sum_of_what_is_open(
    steps: list[tuple[bool, int, int]],
) -> None:
    account = OVERDRAFT.initial
    for settling, number, minor in steps:
        command = (
            settle(f"H{number}")
            if settling
            else book(f"H{number}", f"{minor // 100}.{minor % 100:02}")
        )
        try:
            account = fold(OVERDRAFT, OVERDRAFT.decide(command, account), start=account)
        except DomainError:
            continue
        owed = sum(each.amount.amount for each in account.open.values())
        assert account.balance == Money(amount=owed, currency="EUR")


def reported_late(incoming: Incoming, serial: str | None = None) -> Incoming:
    """The same booking, with vouchers that the store took without a line. `serial`: all that it
    knew of them was what the QR code says."""
    document = json.loads(incoming.data)
    for payment in document["payments"]:
        if payment["kind"] == "voucher":
            payment["offline"] = True
            if serial is not None:
                payment |= {"voucher_id": None, "voucher_serial": serial}
    return replace(incoming, data=json.dumps(document).encode())


def a_voucher(face: int) -> Any:
    issued = VoucherIssued(
        voucher_id="v1", serial="GS-1", code_hash="00", hash_key_id="k", value=Money(amount=face),
        consideration=Money(amount=face), legal_entity_id="kette", status="active",
        valid_until=date(2029, 12, 31), time_zone="Europe/Berlin", opened=NOW.date(),
        issued_at=NOW,
    )  # fmt: skip
    return fold(VOUCHER, [issued])


async def test_what_was_taken_offline_and_spent_elsewhere_is_the_stores_overdraft(
    world: Any, recorded: Callable[..., Incoming]
) -> None:
    sold = await world.sell("v1", "20.00")
    await world.pay(sold.code, "12.00", "H1")
    late = reported_late(recorded("B9", paid=[("H9", "15.00", "v1")]))
    await world.hear(late)
    await world.hear(late)

    assert (await world.issued("v1")).balance == euro("0.00")
    entries = await world.store.read(after=0, records_max=1_000)
    (redeemed,) = (e.event for e in entries if e.name == "voucher.redeemed" and e.event.offline)
    (booked,) = (e.event for e in entries if e.name == "overdraft.booked")
    assert redeemed.amount == euro("8.00")
    assert (booked.amount, booked.store_id, booked.offline) == (euro("7.00"), "koeln", True)

    settled = await Overdrafting(world.store).settle(world.ask(), "koeln", settle("H9"))
    assert (settled.amount, settled.balance) == (euro("7.00"), euro("0.00"))


async def test_a_voucher_that_only_its_serial_names_is_redeemed_once(
    world: Any, recorded: Callable[..., Incoming]
) -> None:
    await world.sell("v1", "20.00")
    serial = (await world.issued("v1")).serial
    late = reported_late(recorded("B9", paid=[("H9", "15.00", "v1")]), serial)
    await world.hear(late)
    await world.hear(late)

    voucher = await world.issued("v1")
    assert voucher.balance == euro("5.00")
    assert voucher.hold("H9").amount == euro("15.00")
    entries = await world.store.read(after=0, records_max=1_000)
    assert [e.name for e in entries if e.name == "overdraft.booked"] == []


async def test_a_serial_that_nobody_has_is_the_stores_overdraft(
    world: Any, recorded: Callable[..., Incoming]
) -> None:
    late = reported_late(recorded("B9", paid=[("H9", "15.00", "v1")]), "GS-0000-0000-0000")
    await world.hear(late)
    entries = await world.store.read(after=0, records_max=1_000)
    (booked,) = (e.event for e in entries if e.name == "overdraft.booked")
    assert (booked.amount, booked.voucher_id) == (euro("15.00"), None)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 1_500)), min_size=1, max_size=12),
    st.integers(100, 3_000),
)
def test_what_is_taken_with_and_without_a_line_is_the_vouchers_or_the_stores(
    payments: list[tuple[bool, int]], face: int
) -> None:
    """Each payment is once redeemed, or once missing, and never both."""
    voucher = a_voucher(face)
    redeemed = missing = 0
    for number, (offline, minor) in enumerate(payments):
        capture = CaptureHold(
            voucher_id=None, serial="GS-1", hold_id=f"H{number}", booking_id=f"B{number}",
            amount=Money(amount=minor), store_id="berlin", till_id="t1", accepted_by="kette",
            recorded_at=NOW, now=NOW, offline=offline,
        )  # fmt: skip
        for _ in range(2):
            decided = VOUCHER.decide(capture, voucher)
            for event in decided:
                if isinstance(event, VoucherRedeemed):
                    assert event.offline == offline
                    redeemed += event.amount.amount
                if isinstance(event, VoucherCaptureFailed):
                    missing += event.missing.amount
            voucher = fold(VOUCHER, decided, start=voucher)
    wanted = sum(minor for _, minor in payments)
    assert (redeemed, missing) == (min(face, wanted), max(0, wanted - face))
