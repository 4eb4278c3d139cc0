"""What is owed: liability at a day, movements of a period, age, forecast."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from money import euro
from voucher.events import (
    AccountCredited,
    AccountOpened,
    CreditLot,
    Terms,
    VoucherCardPrepared,
    VoucherClaimed,
    VoucherExpired,
    VoucherSaleReversed,
    VoucherToppedUp,
    VoucherValidityExtended,
)
from voucher.events.terms import SoldAt

if TYPE_CHECKING:
    from voucher.testing.reports import Log, Office

LIABILITY = "/v1/reports/liability"
MOVEMENTS = "/v1/reports/movements"


async def owed(office: Office, as_of: str) -> str:
    """The liability of all entities together."""
    rows = await office.rows(LIABILITY, as_of=as_of, by="book")
    found = [row["liability"] for row in rows if row["funding"] == "purchased"]
    assert len(found) <= 1
    return str(found[0]) if found else "0.00"


async def test_a_voucher_is_owed_from_the_day_its_sale_was_recorded(
    log: Log, office: Office
) -> None:
    log.on("2026-12-31", "23:58").issue("v1", "50.00")
    assert await owed(office, "2026-12-31") == "0.00"
    log.sell("v2", "20.00")
    assert await owed(office, "2026-12-31") == "20.00"


async def test_the_last_minute_of_a_year_belongs_to_it(log: Log, office: Office) -> None:
    log.on("2026-12-31", "23:59:59.999999").sell("v1", "50.00")
    log.on("2027-01-01", "00:00").redeem("v1", "20.00", "30.00")
    assert await owed(office, "2026-12-30") == "0.00"
    assert await owed(office, "2026-12-31") == "50.00"
    assert await owed(office, "2027-01-01") == "30.00"


async def test_the_night_without_the_hour_of_summer_time_counts_by_the_stores_clock(
    log: Log, office: Office
) -> None:
    log.on("2027-03-27", "23:30").sell("v1", "50.00")
    log.on("2027-03-28", "03:00").redeem("v1", "5.00", "45.00")
    log.on("2027-03-28", "23:59").redeem("v1", "5.00", "40.00")
    assert await owed(office, "2027-03-27") == "50.00"
    assert await owed(office, "2027-03-28") == "40.00"


async def test_a_booking_that_arrives_late_counts_on_its_own_business_day(
    log: Log, office: Office
) -> None:
    log.on("2026-12-01").sell("v1", "50.00")
    log.on("2027-01-02").redeem("v1", "20.00", "30.00", business_date=date(2026, 12, 31))
    assert await owed(office, "2026-12-31") == "30.00"


async def test_kind_rate_and_year_have_rows_of_their_own(log: Log, office: Office) -> None:
    single = Terms(kind="single_purpose", vat="standard", rate=1900, dsfinvk_key=1, goods="Bücher")
    log.on("2026-05-01").sell("v1", "50.00")
    log.on("2026-06-01").sell("v2", "30.00", terms=single)
    log.on("2027-06-01").sell("v3", "10.00", legal_entity_id="hafen")
    rows = await office.rows(LIABILITY, as_of="2027-12-31")
    shown = [
        (row["legal_entity_id"], row["kind"], row["rate"], row["year"], row["liability"])
        for row in rows
    ]
    assert shown == [
        ("hafen", "multi_purpose", 0, 2027, "10.00"),
        ("kette", "multi_purpose", 0, 2026, "50.00"),
        ("kette", "single_purpose", 1900, 2026, "30.00"),
    ]


async def test_a_top_up_is_owed_under_its_own_year(log: Log, office: Office) -> None:
    log.on("2026-05-01").sell("v1", "50.00")
    log.on("2027-05-01").tell(
        VoucherToppedUp(
            voucher_id="v1", serial="GS-v1", top_up_id="T1", value=euro("20.00"),
            consideration=euro("20.00"), valid_until=date(2030, 12, 31), opened=date(2027, 5, 1),
            balance=euro("70.00"), booking_id="B7", store_id="koeln", topped_up_at=log.now,
        )
    )  # fmt: skip
    rows = await office.rows(LIABILITY, as_of="2027-05-01", by="year")
    assert [(row["year"], row["liability"]) for row in rows] == [(2026, "50.00"), (2027, "20.00")]


async def test_opening_plus_in_minus_out_is_closing(log: Log, office: Office) -> None:
    log.on("2026-05-01").sell("v1", "50.00")
    log.on("2026-06-10").sell("v2", "30.00")
    log.on("2026-06-11").redeem("v1", "20.00", "30.00")
    log.on("2026-06-12").tell(
        VoucherSaleReversed(
            voucher_id="v2", serial="GS-v2", hold_id="H", booking_id="B", store_id="berlin",
            refunded=euro("30.00"), spent=euro("0"), till_id="t1", reversed_at=log.now,
        )
    )  # fmt: skip
    query: dict[str, Any] = {"from": "2026-06-01", "to": "2026-06-30", "by": "entity"}
    (row,) = await office.rows(MOVEMENTS, **query)
    assert row["opening"] == "50.00"
    assert (row["issued"], row["redeemed"], row["sale_reversed"]) == ("30.00", "20.00", "30.00")
    assert row["closing"] == "30.00"


async def test_an_expiry_run_and_a_later_extension_cancel_each_other(
    log: Log, office: Office
) -> None:
    log.on("2022-05-01").sell("v1", "50.00")
    log.on("2026-01-10").tell(
        VoucherExpired(
            voucher_id="v1", serial="GS-v1", run_id="R", amount=euro("50.00"), expired_at=log.now
        )
    )
    log.on("2026-02-10").tell(
        VoucherValidityExtended(
            voucher_id="v1", serial="GS-v1", valid_until=date(2027, 12, 31),
            restored=euro("50.00"), balance=euro("50.00"), reason="Kulanz", extended_at=log.now,
        )
    )  # fmt: skip
    assert await owed(office, "2026-01-09") == "50.00"
    assert await owed(office, "2026-01-10") == "0.00"
    (row,) = await office.rows(LIABILITY, as_of="2026-02-10", by="year")
    assert (row["expired"], row["restored"], row["liability"]) == ("50.00", "50.00", "50.00")
    found = (await office.get("/v1/vouchers", serial="GS-v1")).json()["rows"][0]
    assert (found["state"], found["valid_until"]) == ("active", "2027-12-31")


async def test_a_claimed_voucher_is_owed_to_the_account(log: Log, office: Office) -> None:
    log.on("2026-05-01").sell("v1", "10.00")
    log.on("2026-06-01").tell(
        AccountOpened(
            account_id="a1", legal_entity_id="kette", currency="EUR", time_zone="Europe/Berlin",
            opened_at=log.now,
        ),
        VoucherClaimed(
            voucher_id="v1", serial="GS-v1", claim_id="C", account_id="a1", amount=euro("10.00"),
            uses=(), claimed_at=log.now,
        ),
        AccountCredited(
            account_id="a1", credit_id="C", source="voucher", amount=euro("10.00"),
            balance=euro("10.00"), voucher_serial="GS-v1", business_date=log.today,
            credited_at=log.now,
            lots=(
                CreditLot(
                    lot_id="C.1", amount=euro("10.00"), value=euro("10.00"),
                    consideration=euro("10.00"), valid_until=date(2029, 12, 31),
                    opened=date(2026, 5, 1),
                ),
            ),
        ),
    )  # fmt: skip
    rows = await office.rows(LIABILITY, as_of="2026-06-01", by="book,year")
    shown = [(row["book"], row["year"], row["claimed"], row["claimed_in"], row["liability"])
             for row in rows]  # fmt: skip
    assert shown == [
        ("account", 2026, "0.00", "10.00", "10.00"),
        ("voucher", 2026, "10.00", "0.00", "0.00"),
    ]


async def test_a_printed_card_is_owed_once_it_is_sold(log: Log, office: Office) -> None:
    log.on("2026-05-01").issue(
        "v1", "0.00", status="inactive", sold_at=None, valid_until=None, origin="batch",
        batch_id="b1",
    )  # fmt: skip
    log.on("2026-07-01").tell(
        VoucherCardPrepared(
            voucher_id="v1", serial="GS-v1", preparation_id="P", value=euro("25.00"),
            consideration=euro("25.00"), valid_until=date(2029, 12, 31),
            time_zone="Europe/Berlin", opened=log.today, prepared_at=log.now,
            sold_at=SoldAt(store_id="koeln", till_id="t2", booking_id="B1", line_id="L1"),
        )
    )  # fmt: skip
    assert await owed(office, "2026-07-01") == "0.00"
    (pending,) = await office.rows("/v1/reports/pending")
    assert (pending["what"], pending["amount"], pending["store_id"]) == ("sale", "25.00", "koeln")
    from voucher.events import VoucherActivated

    log.tell(
        VoucherActivated(
            voucher_id="v1", serial="GS-v1", booking_id="B1", value=euro("25.00"),
            activated_at=log.now,
        )
    )  # fmt: skip
    assert await owed(office, "2026-07-01") == "25.00"
    assert await office.rows("/v1/reports/pending") == []


async def test_what_is_open_is_told_by_age(log: Log, office: Office) -> None:
    log.on("2026-11-01").sell("v1", "10.00")
    log.on("2025-12-31").sell("v2", "20.00")
    log.on("2021-01-01").sell("v3", "40.00")
    rows = await office.rows("/v1/reports/aging", as_of="2026-11-30")
    assert [(row["months_from"], row["months_below"], row["open"]) for row in rows] == [
        (0, 3, "10.00"),
        (6, 12, "20.00"),
        (36, None, "40.00"),
    ]


async def _three_years(log: Log) -> None:
    """Vouchers of January 2020: 100.00, of which half is used in the month of age 5. Vouchers of
    January 2024, of which nothing is used yet."""
    log.on("2020-01-15").sell("old", "100.00")
    log.on("2020-06-15").redeem("old", "50.00", "50.00")
    log.on("2024-01-15").sell("new", "80.00")


async def test_the_forecast_takes_the_shares_of_the_chains_own_history(
    log: Log, office: Office
) -> None:
    await _three_years(log)
    rows = await office.rows("/v1/reports/breakage", as_of="2024-03-31")
    old, new = rows
    # At age 5, 50.00 of 100.00 were used; the vouchers of 2024 have not come to that age.
    assert (new["year"], new["open"], new["expected"], new["breakage"]) == (
        2024, "80.00", "40.00", "40.00",
    )  # fmt: skip
    assert (old["expected"], old["breakage"]) == ("0.00", "50.00")  # Past its limitation.
    assert (old["used_after_12_months"], new["used_after_12_months"]) == (5000, None)


async def test_without_history_there_is_no_forecast(log: Log, office: Office) -> None:
    log.on("2024-01-15").sell("new", "80.00")
    (row,) = await office.rows("/v1/reports/breakage", as_of="2024-03-31")
    assert row["open"] == "80.00"
    assert row["expected"] is None
    assert row["breakage"] is None


async def test_the_inputs_of_the_forecast_are_shown(log: Log, office: Office) -> None:
    await _three_years(log)
    rows = await office.rows("/v1/reports/breakage-rates", as_of="2024-03-31")
    inputs = {row["age_months"]: row for row in rows}
    # 2024's are two months old and over; at age 5 there is 2020 alone.
    assert (inputs[2]["cohorts"], inputs[2]["sold"]) == (2, "180.00")
    assert (inputs[5]["cohorts"], inputs[5]["used"]) == (1, "50.00")
    assert inputs[5]["rate_parts_per_million"] == 500_000


async def test_todays_liability_counts_every_movement_and_agrees_with_the_days(
    log: Log, office: Office
) -> None:
    from voucher.queries import Queries

    log.on("2026-05-01").sell("v1", "50.00")
    log.issue("v2", "20.00")
    log.give("v3", "10.00")
    log.redeem("v1", "20.00", "30.00")
    await office.get(LIABILITY)
    liability = await Queries(office.engine).liability(today=date(2026, 5, 1) + timedelta(days=1))
    (entry,) = liability.entries
    assert entry.balanced
    assert (entry.issued, entry.redeemed) == (euro("80.00"), euro("20.00"))
    assert (entry.balance, entry.pending) == (euro("60.00"), euro("20.00"))
    assert entry.given_away == euro("10.00")
