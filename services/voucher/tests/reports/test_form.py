"""How reports are answered: pages, CSV, who may read, what is refused."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from sqlalchemy.ext.asyncio import create_async_engine

from voucher.api import reports
from voucher.events import VoucherEvent
from voucher.queries import Queries, words

if TYPE_CHECKING:
    from voucher.testing.reports import Log, Office

DOCS = Path(__file__).parents[4] / "docs" / "reports.md"


def all_routes() -> dict[str, type[Any]]:
    """Path → the class of its rows."""
    queries = Queries(create_async_engine("postgresql+asyncpg://nobody@localhost/nothing"))
    router = reports.routes(queries, lambda: pytest.fail("no clock is needed"))
    return {
        route.path: get_args(route.response_model.model_fields["rows"].annotation)[0]
        for route in router.routes
        if isinstance(route, APIRoute)
    }


PATHS = sorted(path for path in all_routes() if "{" not in path)
STORE_PATHS = [
    f"/v1/reports/{name}"
    for name in ("redemptions", "waivers", "waiver-totals", "pending", "overdrafts",
                 "overdraft-totals", "failures", "fee-settlements", "fee-totals")
]  # fmt: skip


async def test_pages_go_on_where_the_last_one_ended(log: Log, office: Office) -> None:
    for number in range(5):
        log.on("2026-06-01").sell(f"v{number}", "10.00")
    first = (await office.get("/v1/vouchers", limit=2)).json()
    log.sell("v9", "10.00")  # Comes in between, and is newer than all that is still to be shown.
    second = (await office.get("/v1/vouchers", limit=2, cursor=first["next"])).json()
    third = (await office.get("/v1/vouchers", limit=2, cursor=second["next"])).json()
    serials = [row["serial"] for page in (first, second, third) for row in page["rows"]]
    assert serials == ["GS-v4", "GS-v3", "GS-v2", "GS-v1", "GS-v0"]
    assert third["next"] is None


async def test_every_report_goes_through_pages_of_one_row(log: Log, office: Office) -> None:
    for number, day in enumerate(("2024-01-15", "2025-06-01", "2026-11-20")):
        log.on(day).sell(f"v{number}", "10.00")
        log.give(f"g{number}", "5.00")
        log.redeem(f"v{number}", "4.00", "6.00", accepted_by="hafen")
        log.redeem(f"g{number}", "1.00", "4.00", waiver="Lesefest")
    for path in PATHS:
        query: dict[str, Any] = {"from": "2024-01-01"} if takes_days(path) else {}
        whole = (await office.get(path, **query)).json()["rows"]
        assert await one_by_one(office, path, len(whole), query) == whole, path


async def one_by_one(office: Office, path: str, rows: int, query: dict[str, Any]) -> list[Any]:
    found: list[Any] = []
    for _ in range(rows + 1):
        page = (await office.get(path, limit=1, **query)).json()
        found += page["rows"]
        if page["next"] is None:
            break
        query = {**query, "cursor": page["next"]}
    return found


def takes_days(path: str) -> bool:
    return path.endswith(
        ("movements", "redemptions", "inter-company", "waivers", "waiver-totals",
         "fee-settlements", "fee-totals")
    )  # fmt: skip


@pytest.mark.parametrize(
    "cursor",
    ["x", "bnVsbA", "WzFd" * 200, "WyJhIl0", "W251bGxd", "WzFlOTk5XQ", "é", "WyJcdWQ4MDAiXQ"],
)
async def test_a_cursor_that_is_none_is_refused(office: Office, cursor: str) -> None:
    answer = await office.get("/v1/vouchers", cursor=cursor)
    assert answer.status_code == 422
    assert answer.headers["content-type"].startswith("application/problem+json")


@pytest.mark.parametrize(
    "query",
    [{"limit": 0}, {"limit": 501}, {"as_of": "1066-10-14"}, {"as_of": "31.12.2026"},
     {"by": "colour"}, {"format": "xml"}, {"decimal": "dot"}],
)  # fmt: skip
async def test_a_query_that_makes_no_sense_is_refused(
    office: Office, query: dict[str, Any]
) -> None:
    assert (await office.get("/v1/reports/liability", **query)).status_code == 422


async def test_csv_has_the_rows_of_the_json(log: Log, office: Office) -> None:
    for number in range(3):
        log.on("2026-06-01").sell(f"v{number}", "1234.50")
    as_json = (await office.get("/v1/vouchers")).json()["rows"]
    answer = await office.get("/v1/vouchers", accept="text/csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["serial"] for row in rows] == [row["serial"] for row in as_json]
    assert list(rows[0]) == list(as_json[0])
    assert rows[0]["value"] == "1234.50"


async def test_german_csv_has_decimal_commas_and_semicolons(log: Log, office: Office) -> None:
    log.on("2026-06-01").sell("v1", "1234.50")
    answer = await office.get("/v1/vouchers", format="csv", decimal="comma")
    assert answer.content.startswith("\ufeff".encode())
    (row,) = csv.DictReader(io.StringIO(answer.text.lstrip("\ufeff")), delimiter=";")
    assert row["value"] == "1234,50"


async def test_csv_streams_more_than_a_page(
    log: Log, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kassenverbund.kit import listing

    monkeypatch.setattr(listing, "EXPORT_PAGE", 2)
    for number in range(7):
        log.on("2026-06-01").sell(f"v{number}", "10.00")
    answer = await office.get("/v1/vouchers", format="csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["serial"] for row in rows] == [f"GS-v{number}" for number in range(6, -1, -1)]


async def test_a_spreadsheet_takes_no_text_for_a_formula(log: Log, office: Office) -> None:
    log.on("2026-06-01").give("v1", "5.00", reason="=HYPERLINK(1)")
    log.redeem("v1", "5.00", "0.00", waiver="=HYPERLINK(1)")
    answer = await office.get("/v1/reports/waivers", format="csv", from_="2026-06-01")
    (row,) = csv.DictReader(io.StringIO(answer.text))
    assert row["reason"] == "'=HYPERLINK(1)"


@pytest.mark.parametrize("who", ["cashier", "till", "nobody"])
async def test_reports_are_for_the_office(office: Office, who: str) -> None:
    for path in PATHS:
        assert (await office.get(path, who=who)).status_code in (401, 403), path


async def test_an_auditor_reads_every_report(office: Office) -> None:
    for path in PATHS:
        assert (await office.get(path, who="auditor")).status_code == 200, path


async def test_a_manager_of_one_store_hears_nothing_of_another(office: Office) -> None:
    for path in STORE_PATHS:
        assert (await office.get(path, who="manager")).status_code == 200, path
        assert (await office.get(path, who="manager", store="koeln")).status_code == 403, path


async def test_what_is_about_the_chain_is_not_for_a_manager_of_one_store(office: Office) -> None:
    for path in sorted({*PATHS} - {*STORE_PATHS, "/v1/vouchers"}):
        assert (await office.get(path, who="manager")).status_code == 403, path


async def test_a_manager_of_one_store_finds_its_own_vouchers(log: Log, office: Office) -> None:
    log.on("2026-06-01").sell("v1", "10.00")
    log.give("v2", "10.00")
    rows = await office.rows("/v1/vouchers", who="manager")
    assert [row["serial"] for row in rows] == ["GS-v1"]


async def test_an_unknown_serial_has_no_history(office: Office) -> None:
    answer = await office.get("/v1/vouchers/GS-none/history")
    assert answer.json()["code"] == "voucher.unknown"


def test_every_fact_of_a_voucher_has_words_in_both_languages() -> None:
    assert {event.event_name for event in get_args(VoucherEvent)} == set(words.WORDS)
    assert all(german and english for german, english in words.WORDS.values())


def test_the_page_about_reports_names_every_report_and_its_columns() -> None:
    sections = dict(re.findall(r"^### `GET (\S+)`\n(.*?)(?=^##|\Z)", DOCS.read_text(), re.M | re.S))
    routes = {f"/voucher{path}": row for path, row in all_routes().items()}
    assert set(sections) == set(routes)
    for path, row in routes.items():
        columns = re.search(r"^Columns: (.*?)(?:\n\n|\Z)", sections[path], re.M | re.S)
        assert columns, path
        assert re.findall(r"`(\w+)`", columns[1]) == list(row.model_fields), path


def test_the_reports_are_documented_as_openapi() -> None:
    app = FastAPI()
    queries = Queries(create_async_engine("postgresql+asyncpg://nobody@localhost/nothing"))
    app.include_router(reports.routes(queries, lambda: pytest.fail("no clock is needed")))
    document = app.openapi()
    assert set(PATHS) < set(document["paths"])
