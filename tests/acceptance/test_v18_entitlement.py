"""V18: a voucher sets "paid until" forward by a year; the cashier confirms: no fee is booked."""

from __future__ import annotations

from tests.support.counter import Counter, eur
from voucher.events import Effect, Terms, VoucherEntitlementExtended

CARD_YEAR = Terms(
    funding="donated",
    reason="Jahreskarte geschenkt",
    effect=Effect(entitlement="library_card", months=12),
)


async def line(counter: Counter, **more: object) -> dict[str, object]:
    code = await counter.members.voucher("V18", "0.00", CARD_YEAR)
    return {
        "kind": "entitlement", "code": code, "subject_id": "reader-7", "old_until": "2026-12-31",
        **more,
    }  # fmt: skip


async def test_v18_the_cashier_is_told_the_new_date_before_anything_counts(
    counter: Counter,
) -> None:
    problem = await counter.refused([await line(counter)])
    assert (problem["status"], problem["code"]) == (409, "entitlement.not_confirmed")
    assert (problem["old_until"], problem["new_until"]) == ("2026-12-31", "2027-12-31")
    assert not [entry for entry in counter.log.log if entry.name == "booking.started"]


async def test_v18_confirmed_the_date_is_extended_and_no_fee_is_booked(counter: Counter) -> None:
    done = await counter.sell([await line(counter, confirmed=True)])
    assert (done["state"], done["total"]) == ("recorded", eur(0))
    facts = [entry.event for entry in await counter.vouchers.store.load("voucher-V18")]
    fact = facts[-1]
    assert isinstance(fact, VoucherEntitlementExtended)
    assert (fact.new_until.isoformat(), fact.subject_id) == ("2027-12-31", "reader-7")
    names = [entry.name for entry in await counter.vouchers.store.read(after=0, records_max=100)]
    assert not [name for name in names if name.startswith("fee.")]


async def test_v18_the_paper_names_the_new_date_and_the_voucher(counter: Counter) -> None:
    done = await counter.sell([await line(counter, confirmed=True)])
    await counter.print(done["booking_id"])
    assert "Verlängert bis 31.12.2027" in counter.paper("receipt").text
    serial = counter.published()["lines"][0]["voucher_serial"]
    assert serial


async def test_v18_the_code_stands_in_no_log(counter: Counter) -> None:
    sent = await line(counter, confirmed=True)
    await counter.sell([sent])
    assert str(sent["code"]).encode() not in b"".join(entry.data for entry in counter.log.log)
