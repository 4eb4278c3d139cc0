"""C02: with a company its address is printed; without one only number and name."""

from __future__ import annotations

from typing import Any

from costcenter.testing.office import ADDRESS, Office

MODES = {4: ("Kostenstellen", "cost_center")}


async def printed(office: Office, number: str) -> dict[str, Any]:
    """What the slip of a charge says about the center."""
    hold = f"h{office.number(number)}"
    held = await office.shop.hold(hold, {"center_number": office.number(number)}, "9.80")
    assert held.status_code == 200, held.text
    center: dict[str, Any] = held.json()["center"]
    return center


async def test_a_center_of_a_company_prints_its_address(office: Office) -> None:
    await office.groups(1, MODES)
    company = f"f{office.prefix}"
    await office.done("PUT", f"/companies/{company}", {"name": "Firma A", "address": ADDRESS})
    await office.card("4711", await office.center("4711", company_id=company))
    center = await printed(office, "4711")
    assert center["company_name"] == "Firma A"
    assert center["address"] == ["Firma A", "Hauptstr. 1", "10115 Berlin"]


async def test_a_center_without_a_company_prints_number_and_name(office: Office) -> None:
    await office.groups(1, MODES)
    await office.card("4712", await office.center("4712"))
    center = await printed(office, "4712")
    assert (center["number"], center["name"]) == (office.number("4712"), "Empfang")
    assert center["address"] == []
    assert center.get("company_name") is None


async def test_its_own_address_goes_first(office: Office) -> None:
    await office.groups(1, MODES)
    company = f"f{office.prefix}"
    await office.done("PUT", f"/companies/{company}", {"name": "Firma A", "address": ADDRESS})
    own = {"name": "Werk 2", "lines": [], "postal_code": "50667", "city": "Koeln"}
    await office.card("4713", await office.center("4713", company_id=company, address=own))
    assert (await printed(office, "4713"))["address"] == ["Werk 2", "50667 Koeln"]
