"""Who may read what."""

from __future__ import annotations

import pytest

from costcenter.testing.statements import Log, Office

PATHS = (
    "/v1/reports/charges", "/v1/reports/totals?by=center", "/v1/reports/months",
    "/v1/centers/C/statement", "/v1/centers/C/months/2026-10/charges",
)  # fmt: skip


@pytest.mark.parametrize("who", ["cashier", "till", "nobody", "nameless"])
async def test_reports_are_not_for_everybody(log: Log, office: Office, who: str) -> None:
    log.open("C", "4711", "4711", company="A")
    for path in PATHS:
        assert (await office.get(path, who=who)).status_code in (401, 403, 404), path


async def test_an_auditor_reads_every_report(log: Log, office: Office) -> None:
    log.open("C", "4711", "4711", company="A")
    for path in PATHS:
        assert (await office.get(path, who="auditor")).status_code == 200, path


async def test_a_manager_of_one_store_hears_nothing_of_another(log: Log, office: Office) -> None:
    log.open("C", "4711", "4711")
    log.charge("h1", "4711", "5.00")
    log.charge("h2", "4711", "7.00", store_id="koeln")
    rows = await office.rows("/v1/reports/charges", who="manager", month="2026-10")
    assert [row["store_id"] for row in rows] == ["berlin"]
    answer = await office.get("/v1/reports/charges", who="manager", store="koeln")
    assert answer.status_code == 403
    assert (await office.get("/v1/centers/C/statement", who="manager")).status_code == 403


async def test_a_company_sees_its_own_centers_and_no_others(log: Log, office: Office) -> None:
    log.open("C", "4711", "4711", company="A")
    log.open("D", "4800", "4800", company="B")
    log.charge("h1", "4711", "5.00")
    log.charge("h2", "4800", "7.00")
    for path in ("/v1/reports/charges", "/v1/reports/totals?by=center"):
        rows = await office.rows(path, who="firma-a", month="2026-10")
        assert [row["center_id"] for row in rows] == ["C"], path
    own = await office.document("/v1/centers/C/statement", who="firma-a", month="2026-10")
    assert own["net"] == "5.00"


async def test_a_company_sees_its_part_of_a_center_that_several_companies_use(
    log: Log, office: Office
) -> None:
    log.open("C", "4711")
    log.issue("1", "C", "4711", company="A")
    log.issue("2", "C", "4711", company="B")
    log.charge("h1", "1", "5.00")
    log.charge("h2", "2", "7.00")
    own = await office.document("/v1/centers/C/statement", who="firma-a", month="2026-10")
    assert (own["net"], [card["card_id"] for card in own["cards"]]) == ("5.00", ["1"])
    slips = await office.get("/v1/centers/C/months/2026-10/charges", who="firma-a")
    assert slips.status_code == 404


async def test_a_company_does_not_learn_which_centers_others_have(log: Log, office: Office) -> None:
    log.open("C", "4711", "4711", company="A")
    for center in ("C", "none"):
        for path in ("statement", "months/2026-10/charges"):
            answer = await office.get(f"/v1/centers/{center}/{path}", who="firma-b")
            assert (answer.status_code, answer.json()["code"]) == (404, "center.unknown"), path
    answer = await office.get("/v1/reports/charges", who="firma-b", company="A")
    assert answer.status_code == 403
