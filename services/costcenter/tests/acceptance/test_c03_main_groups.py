"""C03: main groups are the first level: 1 = Firma A, 2 = Firma B, 3 = Firma C."""

from __future__ import annotations

from costcenter.testing.office import ADDRESS, Office


async def test_each_company_of_the_office_complex_has_a_main_group(office: Office) -> None:
    for number, name in enumerate(("Firma A", "Firma B", "Firma C"), 1):
        company = f"{name[-1]}-{office.prefix}"
        address = {**ADDRESS, "name": name}
        await office.done("PUT", f"/companies/{company}", {"name": name, "address": address})
        body = {"name": name, "company_id": company}
        await office.done("PUT", f"/main-groups/{office.group(number)}", body)
    listed = (await office.get("/main-groups", limit=500))["rows"]
    own = {office.group(number): number for number in (1, 2, 3)}
    found = {row["main_group"]: row for row in listed if row["main_group"] in own}
    assert [found[number]["name"] for number in own] == ["Firma A", "Firma B", "Firma C"]
    assert found[office.group(2)]["company_id"] == f"B-{office.prefix}"
