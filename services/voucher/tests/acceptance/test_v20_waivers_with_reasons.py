"""V20: waivers and cancellations are listed with their reason, and their sum is the ledger's."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from money import euro
from voucher.events import AccountOpened, FeePosted, FeeSettled

if TYPE_CHECKING:
    from voucher.testing.reports import Log, Office
    from voucher.testing.world import World

TODAY: dict[str, Any] = {"from": "2026-11-22", "to": "2026-11-22"}


async def test_v20_three_waivers_of_a_day_name_reason_person_and_time(
    log: Log, office: Office
) -> None:
    log.on("2026-11-22").give("v1", "10.00", reason="Lesefest")
    log.redeem("v1", "10.00", "0.00", waiver="Lesefest")
    log.tell(
        AccountOpened(
            account_id="a1", legal_entity_id="kette", currency="EUR", holder_id="reader-1",
            time_zone="Europe/Berlin", opened_at=log.now,
        )
    )  # fmt: skip
    for number, reason in enumerate(("Gutschein 0042", "Kulanz")):
        log.tell(
            FeePosted(
                account_id="a1", fee_id=f"F{number}", kind="annual_fee", amount=euro("15.00"),
                due=date(2026, 11, 1), posted_at=log.now,
            ),
            FeeSettled(
                account_id="a1", fee_id=f"F{number}", settlement_id=f"S{number}",
                kind="annual_fee", how="waiver", amount=euro("15.00"), open=euro("0"),
                balance=euro("0"), reason=reason, business_date=log.today, settled_at=log.now,
            ),
        )  # fmt: skip
    rows = await office.rows("/v1/reports/waivers", **TODAY)
    assert [(row["what"], row["amount"], row["reason"]) for row in rows] == [
        ("voucher_waiver", "10.00", "Lesefest"),
        ("fee_waiver", "15.00", "Gutschein 0042"),
        ("fee_waiver", "15.00", "Kulanz"),
    ]
    assert [row["actor"] for row in rows] == ["policy:bookings", "person:anna", "person:anna"]
    assert all(row["at"] for row in rows)


async def test_v20_the_sum_of_the_waivers_is_that_of_the_ledger(
    world: World, office: Office
) -> None:
    given = await world.give_away("v1", "20.00", reason="Tombola 2026")
    sold = await world.sell("v2", "50.00")
    await world.pay(given.code, "4.00", "H1")
    await world.pay(given.code, "3.50", "H2")
    await world.pay(sold.code, "9.00", "H3")
    await office.follow(world.store)
    rows = await office.rows("/v1/reports/waivers", **TODAY)
    assert [row["reason"] for row in rows] == ["Tombola 2026", "Tombola 2026"]
    (total,) = await office.rows("/v1/reports/waiver-totals", **TODAY)
    movements = await office.rows("/v1/reports/movements", **TODAY, by="book")
    ledger = {row["funding"]: row["redeemed"] for row in movements}
    assert (total["what"], total["amount"]) == ("voucher_waiver", ledger["donated"]) == (
        "voucher_waiver", "7.50",
    )  # fmt: skip


async def test_v20_what_is_given_back_is_listed_with_a_reason(world: World, office: Office) -> None:
    sold = await world.sell("v1", "50.00")
    await world.pay(sold.code, "9.00", "H1")
    await world.refund("H1", "9.00", "R1", voucher_id="v1")
    await office.follow(world.store)
    (row,) = await office.rows("/v1/reports/waivers", **TODAY)
    assert (row["what"], row["amount"]) == ("redemption_reversed", "9.00")
    assert row["reason"]
