"""A store's share of the limits: granted, used, returned."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from costcenter.decider.lease import (
    LEASE,
    GrantLease,
    LeaseReused,
    LeaseRunning,
    LeaseUnknown,
    LeaseUnreported,
    ReturnLease,
    UseLease,
    WriteOffLease,
)
from costcenter.events import LeaseGranted, LeaseReturned, LeaseUsed, Take
from events.testing.scenario import Scenario
from money import Money, euro

NOW = datetime(2026, 10, 12, 8, 0, tzinfo=UTC)
TAKES = (Take(limit_id="L1", account="usage-L1-2026-10-12", amount=euro("10.00"), count=5),)

lease = Scenario(LEASE)


def grant(**fields: Any) -> GrantLease:
    plain: dict[str, Any] = {
        "lease_id": "S1",
        "store_id": "berlin",
        "center_id": "C1",
        "card_id": None,
        "amount": euro("10.00"),
        "count": 5,
        "takes": TAKES,
        "per_booking": None,
        "ends_at": NOW + timedelta(hours=24),
        "now": NOW,
    }
    return GrantLease(**(plain | fields))


def granted(**fields: Any) -> LeaseGranted:
    (event,) = LEASE.decide(grant(**fields), LEASE.initial)
    assert isinstance(event, LeaseGranted)
    return event


def use(amount: str, charge_id: str = "H1") -> UseLease:
    return UseLease(charge_id=charge_id, amount=euro(amount), now=NOW)


def used(
    amount: str, *, left: str, exceeded: Money | None = None, charge_id: str = "H1"
) -> LeaseUsed:
    return LeaseUsed(
        lease_id="S1",
        charge_id=charge_id,
        amount=euro(amount),
        left=euro(left),
        exceeded=exceeded,
        used_at=NOW,
    )


def give_back(*charges: str) -> ReturnLease:
    return ReturnLease(charges=charges, by=None, now=NOW)


def returned(amount: str, count: int, **fields: Any) -> LeaseReturned:
    plain: dict[str, Any] = {"reason": "reported", "by": None, "returned_at": NOW}
    return LeaseReturned(
        lease_id="S1",
        store_id="berlin",
        amount=euro(amount),
        count=count,
        **(plain | fields),
    )


def test_a_repeated_grant_changes_nothing() -> None:
    lease.given(granted()).when(grant()).then_nothing()


def test_a_lease_id_means_one_lease() -> None:
    lease.given(granted()).when(grant(amount=euro("11.00"))).then_refused(LeaseReused)


def test_a_charge_uses_a_part_of_the_lease() -> None:
    lease.given(granted()).when(use("4.00")).then(used("4.00", left="6.00"))


def test_a_charge_is_used_once() -> None:
    lease.given(granted(), used("4.00", left="6.00")).when(use("4.00")).then_nothing()


def test_what_a_store_charged_beyond_its_lease_is_visible() -> None:
    lease.given(granted(), used("4.00", left="6.00")).when(use("7.00", "H2")).then(
        used("7.00", left="0.00", exceeded=euro("1.00"), charge_id="H2")
    )


def test_a_charge_beyond_the_number_is_exceeded_as_a_whole() -> None:
    history = (granted(count=1), used("1.00", left="9.00"))
    lease.given(*history).when(use("2.00", "H2")).then(
        used("2.00", left="7.00", exceeded=euro("2.00"), charge_id="H2")
    )


def test_a_charge_beyond_the_amount_per_booking_is_exceeded_by_the_rest() -> None:
    lease.given(granted(per_booking=euro("3.00"))).when(use("5.00")).then(
        used("5.00", left="5.00", exceeded=euro("2.00"))
    )


def test_a_charge_after_the_return_is_exceeded_as_a_whole() -> None:
    lease.given(granted(), returned("10.00", 5)).when(use("4.00")).then(
        used("4.00", left="0.00", exceeded=euro("4.00"))
    )


def test_a_return_gives_back_what_is_left() -> None:
    lease.given(granted(), used("4.00", left="6.00")).when(give_back("H1")).then(
        returned("6.00", 4)
    )


def test_a_return_waits_for_the_charges_that_were_made() -> None:
    lease.given(granted()).when(give_back("H1")).then_refused(LeaseUnreported)


def test_a_lease_is_returned_once() -> None:
    lease.given(granted(), returned("10.00", 5)).when(give_back()).then_nothing()


def test_a_running_lease_is_not_written_off() -> None:
    command = WriteOffLease(by="person:anna", reason="Box defekt", now=NOW)
    lease.given(granted()).when(command).then_refused(LeaseRunning)


def test_a_lease_that_nobody_returned_is_written_off_with_a_reason() -> None:
    later = NOW + timedelta(hours=25)
    command = WriteOffLease(by="person:anna", reason="Box defekt", now=later)
    lease.given(granted()).when(command).then(
        returned(
            "10.00",
            5,
            reason="written_off",
            by="person:anna",
            note="Box defekt",
            returned_at=later,
        )
    )


def test_an_unknown_lease_is_not_used() -> None:
    lease.when(use("4.00")).then_refused(LeaseUnknown)
