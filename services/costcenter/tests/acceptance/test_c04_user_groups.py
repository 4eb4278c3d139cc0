"""C04: the number of a user group is unique only inside its main group.

Company A has six, B has two, C has one; a second 1-4 fails, 2-4 succeeds.
"""

from __future__ import annotations

from costcenter.testing.office import Office
from costcenter.testing.shop import problem

A = {
    1: ("Geschaeftsleitung", "prepaid"),
    2: ("Mitarbeiter", "prepaid"),
    3: ("Auszubildende", "prepaid"),
    4: ("Kostenstellen", "cost_center"),
    5: ("Aushilfen", "cash"),
    6: ("Gaeste", "cash"),
}
B = {1: ("Mitarbeiter", "cost_center"), 2: ("Auszubildende", "prepaid")}
C = {1: ("Mitarbeiter", "prepaid")}


async def test_companies_a_b_and_c_have_six_two_and_one(office: Office) -> None:
    for number, groups in enumerate((A, B, C), 1):
        await office.groups(number, groups)
    listed = {
        row["main_group"]: row for row in (await office.get("/main-groups", limit=500))["rows"]
    }
    shown = [
        {group["number"]: (group["name"], group["mode"]) for group in listed[main]["groups"]}
        for main in map(office.group, (1, 2, 3))
    ]
    assert shown == [A, B, C]


async def test_a_second_1_4_fails_and_2_4_succeeds(office: Office) -> None:
    for number, groups in enumerate((A, B), 1):
        await office.groups(number, groups)
    body = {"number": 4, "name": "Nochmal", "mode": "cost_center"}
    second = await office.send("POST", f"/main-groups/{office.group(1)}/user-groups", body)
    assert problem(second) == (409, "user_group.exists")
    assert second.json()["name"] == "Kostenstellen"
    other = await office.send("POST", f"/main-groups/{office.group(2)}/user-groups", body)
    assert other.status_code == 201
    assert {group["number"] for group in other.json()["groups"]} == {1, 2, 4}
