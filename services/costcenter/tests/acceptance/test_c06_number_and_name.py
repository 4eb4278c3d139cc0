"""C06: a cost center needs only number and name: {4711, "Empfang"} is valid."""

from __future__ import annotations

from costcenter.testing.office import Office


async def test_number_and_name_are_enough(office: Office) -> None:
    number = office.number("4711")
    answer = await office.send("PUT", f"/centers/c{number}", {"number": number, "name": "Empfang"})
    assert answer.status_code == 200
    assert answer.json()["warnings"] == []
    shown = (await office.get(f"/centers/c{number}"))["center"]
    assert (shown["number"], shown["name"]) == (number, "Empfang")
    optional = ("company_id", "address", "contact_id", "valid_from", "valid_until", "blocked")
    assert all(shown[name] is None for name in optional)
