"""Lists that somebody works through, and the search."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from money import euro
from voucher.adapters.holds import PostgresLapsedHolds
from voucher.events import (
    AccountCardAssigned,
    AccountCardEnded,
    AccountCredited,
    AccountHeld,
    AccountLoadPrepared,
    AccountOpened,
    AccountSpent,
    BatchCompleted,
    BatchExported,
    BatchOrdered,
    BatchProgressed,
    CreditLot,
    FeePosted,
    FeeSettled,
    FeeSettlementFailed,
    FeeSettlementPrepared,
    FeeWithdrawn,
    OverdraftBooked,
    OverdraftSettled,
    TemplateDefined,
    Terms,
    Validity,
    VoucherBlocked,
    VoucherCaptureFailed,
    VoucherCodeReplaced,
    VoucherHeld,
    VoucherHoldReleased,
    VoucherRedemptionReversed,
)

if TYPE_CHECKING:
    from voucher.testing.reports import Log, Office

JUNE: dict[str, Any] = {"from": "2026-06-01", "to": "2026-06-30"}


def opened(log: Log, account_id: str, **other: Any) -> AccountOpened:
    told = {
        "account_id": account_id, "legal_entity_id": "kette", "currency": "EUR",
        "time_zone": "Europe/Berlin", "opened_at": log.now, "holder_id": f"reader-{account_id}",
    }  # fmt: skip
    return AccountOpened.model_validate({**told, **other})


def credited(log: Log, account_id: str, amount: str, balance: str) -> AccountCredited:
    return AccountCredited(
        account_id=account_id, credit_id="C1", source="load", amount=euro(amount),
        balance=euro(balance), business_date=log.today, credited_at=log.now,
        lots=(
            CreditLot(
                lot_id="C1", amount=euro(amount), value=euro(amount), consideration=euro(amount),
                valid_until=date(2029, 12, 31), opened=log.today,
            ),
        ),
    )  # fmt: skip


async def test_redemptions_are_told_by_store_day_and_issuer(log: Log, office: Office) -> None:
    log.on("2026-06-01").sell("v1", "50.00")
    log.on("2026-06-02").redeem("v1", "5.00", "45.00")
    log.redeem("v1", "6.00", "39.00", store_id="hamburg", accepted_by="hafen")
    log.on("2026-06-03").redeem("v1", "7.00", "32.00")
    rows = await office.rows("/v1/reports/redemptions", **JUNE)
    assert [
        (row["day"], row["store_id"], row["issued_by"], row["accepted_by"], row["redeemed"])
        for row in rows
    ] == [
        ("2026-06-02", "hamburg", "kette", "hafen", "6.00"),
        ("2026-06-02", "koeln", "kette", "kette", "5.00"),
        ("2026-06-03", "koeln", "kette", "kette", "7.00"),
    ]


async def test_legal_entities_owe_each_other_what_the_other_took_less_what_came_back(
    log: Log, office: Office
) -> None:
    log.on("2026-06-01").sell("v1", "50.00")
    log.redeem("v1", "20.00", "30.00", hold_id="H1", store_id="hamburg", accepted_by="hafen")
    log.redeem("v1", "5.00", "25.00")
    await office.get("/v1/reports/inter-company")  # The reversal comes in a page of its own.
    log.tell(
        VoucherRedemptionReversed(
            voucher_id="v1", serial="GS-v1", reversal_id="R", hold_id="H1", amount=euro("8.00"),
            balance=euro("33.00"), uses=(), store_id="berlin", reversed_at=log.now,
        )
    )  # fmt: skip
    (row,) = await office.rows("/v1/reports/inter-company", **JUNE)
    assert (row["issued_by"], row["accepted_by"]) == ("kette", "hafen")
    assert (row["redeemed"], row["reversed"], row["owed"]) == ("20.00", "8.00", "12.00")


async def test_the_zag_counter_warns_at_70_90_and_100_percent_of_twelve_months(
    log: Log, office: Office
) -> None:
    levels = []
    for number, (day, amount) in enumerate(
        (("2026-01-10", "699999.99"), ("2026-02-10", "0.01"), ("2026-03-10", "200000.00"),
         ("2026-04-10", "100000.00"))
    ):  # fmt: skip
        log.on(day).sell(f"v{number}", amount)
        log.redeem(f"v{number}", amount, "0.00", store_id="hamburg", accepted_by="hafen")
        (row,) = await office.rows("/v1/reports/zag", as_of=day)
        levels.append((row["percent"], row["level"]))
    assert levels == [(69, 0), (70, 70), (90, 90), (100, 100)]
    # A year later the first of them no longer counts.
    (row,) = await office.rows("/v1/reports/zag", as_of="2027-01-10")
    assert (row["window_from"], row["accepted_elsewhere"]) == ("2026-01-11", "300000.01")


async def test_what_was_given_away_is_not_counted_by_the_zag(log: Log, office: Office) -> None:
    log.on("2026-06-01").give("v1", "50.00")
    log.redeem("v1", "20.00", "30.00", store_id="hamburg", accepted_by="hafen", waiver="Lesefest")
    (row,) = await office.rows("/v1/reports/zag", as_of="2026-06-01")
    assert (row["accepted_elsewhere"], row["given_away"]) == ("0.00", "20.00")


async def test_pending_sales_loads_and_settlements_are_listed_until_they_are_recorded(
    log: Log, office: Office
) -> None:
    log.on("2026-06-01").issue("v1", "50.00")
    log.tell(
        opened(log, "a1"),
        AccountLoadPrepared(
            account_id="a1", load_id="C1", amount=euro("20.00"), booking_id="B", store_id="berlin",
            till_id="t1", prepared_at=log.now,
        ),
        FeePosted(
            account_id="a1", fee_id="F1", kind="annual_fee", amount=euro("15.00"),
            due=date(2026, 6, 1), posted_at=log.now,
        ),
        FeeSettlementPrepared(
            account_id="a1", fee_id="F1", settlement_id="S1", how="payment", amount=euro("15.00"),
            booking_id="B", store_id="koeln", till_id="t2", expires_at=log.now, prepared_at=log.now,
        ),
    )  # fmt: skip
    rows = await office.rows("/v1/reports/pending")
    assert [(row["what"], row["amount"]) for row in rows] == [
        ("sale", "50.00"), ("load", "20.00"), ("settlement", "15.00"),
    ]  # fmt: skip
    log.tell(credited(log, "a1", "20.00", "20.00"))
    assert [row["what"] for row in await office.rows("/v1/reports/pending")] == [
        "sale", "settlement",
    ]  # fmt: skip


async def test_an_overdraft_stands_at_its_store_until_it_is_settled(
    log: Log, office: Office
) -> None:
    log.on("2026-06-01").tell(
        OverdraftBooked(
            overdraft_id="O1", store_id="koeln", booking_id="B", amount=euro("30.00"),
            balance=euro("30.00"), offline=True, serial="GS-v1", booked_at=log.now,
        )
    )  # fmt: skip
    (total,) = await office.rows("/v1/reports/overdraft-totals")
    assert (total["store_id"], total["open"]) == ("koeln", "30.00")
    for amount, balance in (("10.00", "20.00"), ("20.00", "0.00")):
        log.tell(
            OverdraftSettled(
                overdraft_id="O1", store_id="koeln", amount=euro(amount), balance=euro(balance),
                how="collected", reason="Kunde hat gezahlt", settled_at=log.now,
            )
        )  # fmt: skip
    assert await office.rows("/v1/reports/overdrafts") == []
    (row,) = await office.rows("/v1/reports/overdrafts", open_only="false")
    assert (row["settled"], row["open"], row["reason"]) == ("30.00", "0.00", "Kunde hat gezahlt")


async def test_failures_are_listed_newest_first(log: Log, office: Office) -> None:
    for number in (1, 2):
        log.on(f"2026-06-0{number}").tell(
            VoucherCaptureFailed(
                hold_id=f"H{number}", booking_id=f"B{number}", amount=euro("9.00"),
                missing=euro("9.00"), store_id="koeln", till_id="t2", reason="hold_unknown",
                failed_at=log.now,
            )
        )  # fmt: skip
    rows = await office.rows("/v1/reports/failures")
    assert [row["booking_id"] for row in rows] == ["B2", "B1"]


async def test_a_settlement_for_an_account_that_was_never_opened_is_a_failure(
    log: Log, office: Office
) -> None:
    log.on("2026-06-01").tell(
        FeeSettlementFailed(
            account_id="never", fee_id="F1", settlement_id="S1", how="payment",
            amount=euro("4.00"), booking_id="B1", store_id="koeln", reason="fee_unknown",
            failed_at=log.now,
        )
    )  # fmt: skip
    (row,) = await office.rows("/v1/reports/failures")
    assert (row["account_id"], row["missing"], row["reason"]) == ("never", "4.00", "fee_unknown")


async def test_value_that_ends_soon_is_listed_and_what_ended_on_request(
    log: Log, office: Office
) -> None:
    log.on("2026-06-01").sell("v1", "50.00", valid_until=date(2026, 7, 1))
    log.sell("v2", "20.00", valid_until=date(2026, 5, 31))
    log.sell("v3", "10.00")
    soon = await office.rows("/v1/reports/expiring", within_days=30)
    assert [(row["serial"], row["open"]) for row in soon] == [("GS-v1", "50.00")]
    both = await office.rows("/v1/reports/expiring", within_days=30, past="true")
    assert [(row["serial"], row["past"]) for row in both] == [("GS-v2", True), ("GS-v1", False)]


async def test_weak_codes_are_listed_until_they_are_replaced(log: Log, office: Office) -> None:
    log.on("2026-06-01").issue("v1", "30.00", code_kind="weak", status="active", origin="import")
    rows = await office.rows("/v1/reports/weak-codes")
    assert [(row["serial"], row["balance"]) for row in rows] == [("GS-v1", "30.00")]
    log.tell(
        VoucherCodeReplaced(
            voucher_id="v1", serial="GS-v1", old_code_hash="a", code_hash="b", hash_key_id="k",
            reason="weak_code", replaced_at=log.now,
        )
    )  # fmt: skip
    assert await office.rows("/v1/reports/weak-codes") == []


async def test_an_account_shows_balance_cards_and_open_fees(log: Log, office: Office) -> None:
    log.on("2026-06-01").tell(
        opened(log, "a1"),
        AccountCardAssigned(
            account_id="a1", card_serial="KK-1", code_hash="h1", hash_key_id="k",
            assigned_at=log.now,
        ),
        AccountCardAssigned(
            account_id="a1", card_serial="KK-2", code_hash="h2", hash_key_id="k",
            assigned_at=log.now,
        ),
        AccountCardEnded(
            account_id="a1", card_serial="KK-1", code_hash="h1", reason="lost", ended_at=log.now
        ),
        credited(log, "a1", "20.00", "20.00"),
        AccountSpent(
            account_id="a1", hold_id="H", booking_id="B", amount=euro("5.00"),
            remaining=euro("15.00"), uses=(), store_id="koeln", till_id="t2",
            business_date=log.today, spent_at=log.now,
        ),
        FeePosted(
            account_id="a1", fee_id="F1", kind="overdue_fee", amount=euro("4.00"),
            due=date(2026, 6, 1), posted_at=log.now,
        ),
    )  # fmt: skip
    (row,) = await office.rows("/v1/reports/accounts", holder="reader-a1")
    assert (row["balance"], row["open_fees"], row["cards"]) == ("15.00", "4.00", "KK-2")


async def test_fees_are_open_until_they_are_settled_and_totals_say_how(
    log: Log, office: Office
) -> None:
    log.on("2026-06-01").tell(opened(log, "a1"))
    for number, (how, reason) in enumerate((("payment", None), ("waiver", "Gutschein 0042"))):
        log.tell(
            FeePosted(
                account_id="a1", fee_id=f"F{number}", kind="annual_fee", amount=euro("15.00"),
                due=date(2026, 6, 1), posted_at=log.now,
            ),
            FeeSettled(
                account_id="a1", fee_id=f"F{number}", settlement_id=f"S{number}",
                kind="annual_fee", how=how, amount=euro("15.00"), open=euro("0"),
                balance=euro("0"), reason=reason, business_date=log.today, settled_at=log.now,
            ),
        )  # fmt: skip
    log.tell(
        FeePosted(
            account_id="a1", fee_id="F9", kind="annual_fee", amount=euro("7.00"),
            due=date(2026, 5, 1), posted_at=log.now,
        ),
        FeePosted(
            account_id="a1", fee_id="F8", kind="annual_fee", amount=euro("8.00"),
            due=date(2026, 5, 1), posted_at=log.now,
        ),
        FeeWithdrawn(
            account_id="a1", fee_id="F8", amount=euro("8.00"), reason="Irrtum",
            withdrawn_at=log.now,
        ),
    )  # fmt: skip
    (fee,) = await office.rows("/v1/reports/fees")
    assert (fee["fee_id"], fee["open"], fee["overdue"]) == ("F9", "7.00", True)
    totals = await office.rows("/v1/reports/fee-totals", **JUNE)
    assert [(row["how"], row["amount"]) for row in totals] == [
        ("payment", "15.00"), ("waiver", "15.00"),
    ]  # fmt: skip
    (account,) = await office.rows("/v1/reports/accounts")
    assert account["open_fees"] == "7.00"


async def test_a_print_run_shows_how_far_it_is(log: Log, office: Office) -> None:
    log.on("2026-06-01").tell(
        BatchOrdered(
            batch_id="b1", kind="cards", legal_entity_id="kette", cards=10_000, terms=Terms(),
            value=euro("25.00"), ordered_at=log.now,
        ),
        BatchProgressed(batch_id="b1", done=2_500, progressed_at=log.now),
    )  # fmt: skip
    (row,) = await office.rows("/v1/reports/batches")
    assert (row["done"], row["percent"], row["state"]) == (2_500, 25, "running")
    log.tell(
        BatchCompleted(batch_id="b1", cards=10_000, completed_at=log.now),
        BatchExported(batch_id="b1", cards=10_000, digest="ab" * 32, exported_at=log.now),
    )
    (row,) = await office.rows("/v1/reports/batches")
    assert (row["percent"], row["state"], row["digest"]) == (100, "exported", "ab" * 32)


async def test_templates_are_listed_as_they_are_now(log: Log, office: Office) -> None:
    for name in ("Winter 50", "Winter Fünfzig"):
        log.on("2026-06-01").tell(
            TemplateDefined(
                template_id="winter", name=name, terms=Terms(), validity=Validity(),
                value=euro("50.00"), defined_at=log.now,
            )
        )  # fmt: skip
    (row,) = await office.rows("/v1/reports/templates")
    assert (row["name"], row["value"], row["active"]) == ("Winter Fünfzig", "50.00", True)


async def test_the_search_finds_by_each_of_its_criteria(log: Log, office: Office) -> None:
    single = Terms(
        kind="single_purpose", vat="standard", rate=1900, dsfinvk_key=1, template_id="winter"
    )
    log.on("2026-06-01").sell("v1", "50.00")
    log.on("2026-06-02").sell("v2", "30.00", terms=single, legal_entity_id="hafen", batch_id="b1")
    log.on("2026-06-03").give("v3", "10.00")
    log.redeem("v1", "45.00", "5.00")
    log.tell(VoucherBlocked(voucher_id="v2", serial="GS-v2", reason="lost", blocked_at=log.now))
    finds: dict[str, list[str]] = {
        "serial=GS-v1": ["GS-v1"],
        "state=active": ["GS-v3", "GS-v1"],
        "state=blocked": ["GS-v2"],
        "blocked=true": ["GS-v2"],
        "entity=hafen": ["GS-v2"],
        "kind=single_purpose": ["GS-v2"],
        "funding=donated": ["GS-v3"],
        "store=berlin": ["GS-v2", "GS-v1"],
        "last_store=koeln": ["GS-v1"],
        "booking=B-v2": ["GS-v2"],
        "batch=b1": ["GS-v2"],
        "template=winter": ["GS-v2"],
        "value_min=3000": ["GS-v2", "GS-v1"],
        "value_max=1000": ["GS-v3"],
        "balance_max=500": ["GS-v1"],
        "issued_from=2026-06-02": ["GS-v3", "GS-v2"],
        "issued_to=2026-06-01": ["GS-v1"],
        "valid_to=2028-01-01": [],
    }
    for query, serials in finds.items():
        name, _, value = query.partition("=")
        rows = await office.rows("/v1/vouchers", **{name: value})
        assert [row["serial"] for row in rows] == serials, query


async def test_a_voucher_past_its_day_is_found_as_expired_and_an_empty_one_as_spent(
    log: Log, office: Office
) -> None:
    log.on("2026-06-01").sell("v1", "50.00", valid_until=date(2026, 6, 30))
    log.sell("v2", "10.00")
    log.redeem("v2", "10.00", "0.00")
    log.on("2026-06-30", "23:59")
    assert [r["serial"] for r in await office.rows("/v1/vouchers", state="active")] == ["GS-v1"]
    log.on("2026-07-01", "00:00")
    assert [r["serial"] for r in await office.rows("/v1/vouchers", state="expired")] == ["GS-v1"]
    assert [r["serial"] for r in await office.rows("/v1/vouchers", state="spent")] == ["GS-v2"]


async def test_the_history_tells_all_stores_in_both_languages(log: Log, office: Office) -> None:
    log.on("2026-06-01").sell("v1", "1234.50")
    log.tell(
        VoucherHeld(
            voucher_id="v1", serial="GS-v1", hold_id="H", amount=euro("5.00"),
            available=euro("1229.50"), store_id="koeln", till_id="t2", booking_id="B",
            payment_id="P", expires_at=log.now, held_at=log.now,
        ),
        VoucherHoldReleased(
            voucher_id="v1", serial="GS-v1", hold_id="H", amount=euro("5.00"),
            available=euro("1234.50"), reason="expired", released_at=log.now,
        ),
    )  # fmt: skip
    log.redeem("v1", "5.00", "1229.50")
    german = [row["words"] for row in await office.rows("/v1/vouchers/GS-v1/history")]
    assert german == [
        "Ausgestellt über 1.234,50 EUR in Buchhandlung am Park",
        "Verkauf gebucht, 1.234,50 EUR gültig",
        "5,00 EUR reserviert in Buchhandlung am Dom",
        "Reservierung von 5,00 EUR aufgehoben: abgelaufen",
        "5,00 EUR eingelöst in Buchhandlung am Dom, Rest 1.229,50 EUR",
    ]
    english = await office.rows("/v1/vouchers/GS-v1/history", lang="en")
    assert english[-1]["words"] == "5.00 EUR redeemed at Buchhandlung am Dom, 1,229.50 EUR left"
    assert english[-1]["actor"] == "policy:bookings"


async def test_the_vouchers_sweeper_leaves_the_holds_of_accounts_alone(
    log: Log, office: Office
) -> None:
    log.on("2026-06-01").tell(
        opened(log, "a1"),
        AccountHeld(
            account_id="a1", hold_id="H1", amount=euro("5.00"), available=euro("5.00"),
            store_id="koeln", till_id="t2", booking_id="B", payment_id="P",
            business_date=log.today, expires_at=log.now + timedelta(minutes=5), held_at=log.now,
        ),
    )  # fmt: skip
    await office.get("/v1/reports/pending")
    lapsed = PostgresLapsedHolds(office.engine)
    late = log.now + timedelta(minutes=5)
    assert await lapsed.lapsed(late, holds_max=10) == []
