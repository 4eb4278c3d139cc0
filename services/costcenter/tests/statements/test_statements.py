"""What the back office, an auditor and a company read about charges."""

from __future__ import annotations

import csv
import io

import pytest

from costcenter.testing.statements import Log, Office, part
from money import euro

OCTOBER = {"month": "2026-10"}


async def test_c14_the_report_names_which_card_booked_what(log: Log, office: Office) -> None:
    log.open("C", "4711", "4711", "4712")
    log.charge("h1", "4711", "12.40")
    log.charge("h2", "4712", "8.10")
    statement = await office.document("/v1/centers/C/statement", **OCTOBER)
    assert statement["net"] == "20.50"
    assert [(card["card_number"], card["net"]) for card in statement["cards"]] == [
        ("4711", "12.40"),
        ("4712", "8.10"),
    ]


async def test_c18_a_month_with_a_reversal_sums_up_by_card(log: Log, office: Office) -> None:
    log.on("2026-09-07").open("C", "4711", "4711", "4712")
    log.charge("h1", "4711", "12.40")
    log.charge("h2", "4712", "8.10")
    log.on("2026-09-09").give_back("h2", "4712", "8.10")
    statement = await office.document("/v1/centers/C/statement", month="2026-09")
    assert statement["net"] == "12.40"
    assert (statement["charged"], statement["reversed"]) == ("20.50", "8.10")
    assert [(card["card_number"], card["net"]) for card in statement["cards"]] == [
        ("4711", "12.40"),
        ("4712", "0.00"),
    ]
    slips = await office.rows("/v1/reports/charges", center="C", month="2026-09")
    assert [slip["amount"] for slip in slips] == ["12.40", "8.10", "-8.10"]


async def test_c13_250_cards_book_to_one_receivable(log: Log, office: Office) -> None:
    cards = [f"{5000 + number}" for number in range(250)]
    log.open("C", "4711", *cards)
    for card in cards:
        log.charge(f"h{card}", card, "7.20")
    (owed,) = await office.rows("/v1/reports/totals", by="center", **OCTOBER)
    assert (owed["center_number"], owed["owed"]) == ("4711", "1800.00")
    statement = await office.document("/v1/centers/C/statement", **OCTOBER)
    assert len(statement["cards"]) == 250


async def test_c15_past_bookings_stay_with_the_center_that_was_charged(
    log: Log, office: Office
) -> None:
    log.open("C", "4711", "4712")
    log.open("D", "4800")
    log.charge("h1", "4712", "8.10")
    log.cards["4712"] = log.cards["4712"].model_copy(
        update={"center_id": "D", "center_number": "4800"}
    )
    log.charge("h2", "4712", "3.00")
    rows = await office.rows("/v1/reports/totals", by=["center", "card"], **OCTOBER)
    assert [(row["center_number"], row["card_number"], row["net"]) for row in rows] == [
        ("4711", "4712", "8.10"),
        ("4800", "4712", "3.00"),
    ]


async def test_subsidies_are_owed_apart_and_by_their_payer(log: Log, office: Office) -> None:
    log.open("P", "4900")
    log.open("C", "4711", "4711")
    log.charge("h1", "4711", "4.10")
    log.grant("h1", "4711", "P", "3.10")
    payer = await office.document("/v1/centers/P/statement", **OCTOBER)
    eater = await office.document("/v1/centers/C/statement", **OCTOBER)
    assert (payer["net"], payer["subsidies"], payer["owed"]) == ("0.00", "3.10", "3.10")
    assert (eater["net"], eater["subsidies"], eater["owed"]) == ("4.10", "0.00", "4.10")


async def test_a_subsidy_that_was_taken_back_is_no_longer_owed(log: Log, office: Office) -> None:
    log.open("C", "4711", "4711")
    log.grant("h1", "4711", "C", "3.10")
    log.on("2026-10-20").take_back("h1", "4711", "C", "3.10")
    (row,) = await office.rows("/v1/reports/totals", by=["main_group", "user_group"], **OCTOBER)
    assert (row["main_group"], row["user_group"], row["subsidies"]) == (1, 4, "0.00")


async def test_a_late_charge_is_marked_and_stands_in_the_month_that_settles_it(
    log: Log, office: Office
) -> None:
    log.open("C", "4711", "4711")
    log.charge("h1", "4711", "5.00", month="2026-11", late=True, offline=True)
    november = await office.document("/v1/centers/C/statement", month="2026-11")
    assert (november["net"], november["late"]) == ("5.00", 1)
    (slip,) = await office.rows("/v1/reports/charges", month="2026-11", late=True)
    assert (slip["day"], slip["late"], slip["offline"]) == ("2026-10-12", True, True)
    assert await office.rows("/v1/reports/charges", month="2026-10") == []


async def test_days_are_days_of_the_booking(log: Log, office: Office) -> None:
    log.on("2026-10-01").open("C", "4711", "4711")
    for day in ("2026-10-01", "2026-10-15", "2026-10-16"):
        log.on(day).charge(f"h{day}", "4711", "1.00")
    statement = await office.document(
        "/v1/centers/C/statement", from_="2026-10-02", to="2026-10-15"
    )
    assert (statement["net"], statement["period"]) == ("1.00", "2026-10-02/2026-10-15")


async def test_vat_rates_sum_up_to_the_whole(log: Log, office: Office) -> None:
    log.open("C", "4711", "4711")
    parts = (part("5.00"), part("4.00", "reduced", 700, 2))
    log.charge("h1", "4711", "9.80", parts=parts)
    rows = await office.rows("/v1/reports/totals", by="vat", **OCTOBER)
    assert [(row["vat"], row["rate"], row["net"], row["charges"]) for row in rows] == [
        ("reduced", 700, "4.00", 1),
        ("standard", 1900, "5.00", 1),
        ("unknown", 0, "0.80", 1),
    ]
    (whole,) = await office.rows("/v1/reports/totals", by="store", **OCTOBER)
    assert (whole["store_id"], whole["net"], whole["charges"]) == ("berlin", "9.80", 1)


async def test_by_card_and_rate_is_the_same_as_by_rate(log: Log, office: Office) -> None:
    log.open("C", "4711", "4711", "4712")
    parts = (part("5.00"), part("4.80", "reduced", 700, 2))
    log.charge("h1", "4711", "9.80", parts=parts)
    log.charge("h2", "4712", "9.80", parts=parts)
    log.give_back("h2", "4712", "9.80", parts=parts)
    by_rate = await office.rows("/v1/reports/totals", by="vat", **OCTOBER)
    by_card = await office.rows("/v1/reports/totals", by=["vat", "card"], **OCTOBER)
    for rate in by_rate:
        cards = [row for row in by_card if row["vat"] == rate["vat"]]
        assert sum(row["charges"] for row in cards) == rate["charges"] == 2
        assert sum(euro(row["net"]).amount for row in cards) == euro(rate["net"]).amount


async def test_groups_and_companies_are_told_by_their_names(log: Log, office: Office) -> None:
    from costcenter.events import Address, CompanyRegistered, MainGroupOpened, UserGroupAdded

    log.tell(
        "x",
        CompanyRegistered(
            company_id="A", name="Firma A", registered_at=log.now,
            address=Address(name="Firma A", postal_code="10115", city="Berlin"),
        ),
        MainGroupOpened(main_group=1, name="Firma A", opened_at=log.now),
        UserGroupAdded(
            main_group=1, number=4, name="Kostenstellen", mode="cost_center", added_at=log.now
        ),
    )  # fmt: skip
    log.open("C", "4711", "4711", company="A")
    log.charge("h1", "4711", "5.00")
    (row,) = await office.rows("/v1/reports/totals", by=["company", "user_group"], **OCTOBER)
    assert (row["company_name"], row["user_group_name"]) == ("Firma A", "Kostenstellen")


async def test_what_somebody_has_to_look_at_is_found(log: Log, office: Office) -> None:
    log.open("C", "4711", "4711")
    log.charge("h1", "4711", "5.00")
    log.charge("h2", "4711", "6.00", fault="hold_expired")
    log.give_back("h1", "4711", "5.00", refused={"amount": 100, "currency": "EUR"})
    rows = await office.rows("/v1/reports/charges", faults=True, **OCTOBER)
    assert [(row["fault"], row["refused"]) for row in rows] == [
        ("hold_expired", "0.00"),
        (None, "1.00"),
    ]


async def test_pages_of_slips_follow_each_other_without_a_gap(log: Log, office: Office) -> None:
    log.open("C", "4711", "4711")
    for number in range(7):
        log.charge(f"h{number}", "4711", f"{number}.00")
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = await office.document("/v1/reports/charges", limit=3, **OCTOBER, **cursor)
        seen += [row["amount"] for row in page["rows"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert seen == [f"{number}.00" for number in range(7)]


async def test_a_statement_as_csv_streams_more_than_a_page(
    log: Log, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kassenverbund.kit import listing

    monkeypatch.setattr(listing, "EXPORT_PAGE", 2)
    log.open("C", "4711", "4711")
    for number in range(5):
        log.charge(f"h{number}", "4711", f"{number}.50")
    answer = await office.get("/v1/centers/C/statement", format="csv", **OCTOBER)
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["amount"] for row in rows] == [f"{number}.50" for number in range(5)]


async def test_csv_for_excel_in_german(log: Log, office: Office) -> None:
    log.open("C", "4711", "4711")
    log.charge("h1", "4711", "1234.50")
    answer = await office.get("/v1/reports/charges", format="csv", decimal="comma", **OCTOBER)
    assert answer.content.startswith("\ufeff".encode())
    (row,) = csv.DictReader(io.StringIO(answer.text.lstrip("\ufeff")), delimiter=";")
    assert row["amount"] == "1234,50"


async def test_separator_and_mark_can_be_chosen(log: Log, office: Office) -> None:
    log.open("C", "4711", "4711")
    log.charge("h1", "4711", "12.50")
    answer = await office.get(
        "/v1/reports/charges", format="csv", separator="semicolon", bom=True, **OCTOBER
    )
    assert answer.content.startswith("\ufeff".encode())
    (row,) = csv.DictReader(io.StringIO(answer.text.lstrip("\ufeff")), delimiter=";")
    assert row["amount"] == "12.50"


async def test_a_spreadsheet_takes_no_name_for_a_formula(log: Log, office: Office) -> None:
    log.open("C", "4711", "4711")
    log.cards["4711"] = log.cards["4711"].model_copy(update={"center_name": "=HYPERLINK(1)"})
    log.charge("h1", "4711", "12.50")
    answer = await office.get("/v1/reports/charges", format="csv", **OCTOBER)
    (row,) = csv.DictReader(io.StringIO(answer.text))
    assert row["center_name"] == "'=HYPERLINK(1)"


@pytest.mark.parametrize(
    "query",
    [
        {"month": "2026-10", "from": "2026-10-01"},
        {"to_month": "2026-10"},
        {"month": "2026-10", "to_month": "2026-09"},
        {"from": "2026-10-02", "to": "2026-10-01"},
        {"month": "2026-13"},
        {"cursor": "x"},
    ],
)
async def test_an_unclear_question_is_refused(office: Office, query: dict[str, str]) -> None:
    assert (await office.get("/v1/reports/charges", **query)).status_code == 422


async def test_an_unknown_center_has_no_statement(office: Office) -> None:
    answer = await office.get("/v1/centers/none/statement", **OCTOBER)
    assert (answer.status_code, answer.json()["code"]) == (404, "center.unknown")
