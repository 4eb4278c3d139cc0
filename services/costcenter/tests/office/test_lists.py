"""What back office writes shows in its lists."""

from __future__ import annotations

from costcenter.testing.office import ADDRESS, Office
from costcenter.testing.shop import problem

STAFF = {4: ("Kostenstellen", "cost_center"), 2: ("Mitarbeiter", "prepaid")}


async def test_a_center_says_why_it_cannot_be_charged(office: Office) -> None:
    await office.groups(1, STAFF)
    center = await office.center("1")

    async def state() -> str:
        found = await office.get(f"/centers/{center}")
        assert found["complete"], found
        told: str = found["center"]["state"]
        return told

    assert await state() == "incomplete"
    card = await office.card("1", center, user_group=2)
    assert await state() == "incomplete"  # Its only card pays in another way.
    await office.done(
        "POST", f"/cards/{card}/regroup", {"main_group": office.group(1), "user_group": 4}
    )
    assert await state() == "usable"
    await office.done("POST", f"/centers/{center}/block", {"reason": "Pruefung"})
    assert await state() == "blocked"
    await office.done("POST", f"/centers/{center}/unblock", {})
    body = {"number": office.number("1"), "name": "Empfang"}
    await office.done("PUT", f"/centers/{center}", {**body, "valid_from": "2199-01-01"})
    assert await state() == "not_yet"
    await office.done("PUT", f"/centers/{center}", {**body, "valid_until": "2001-01-01"})
    assert await state() == "over"
    await office.done("POST", f"/centers/{center}/close", {"reason": "aufgeloest"})
    assert await state() == "closed"


async def test_pages_go_on_where_they_ended(office: Office) -> None:
    await office.groups(1, STAFF)
    center = await office.center("9")
    numbers = [office.number(f"9{n:02}") for n in range(7)]
    for n in range(7):
        await office.card(f"9{n:02}", center)
    found, cursor = [], None
    while True:
        asked = {"center_id": center, "limit": 3} | ({"cursor": cursor} if cursor else {})
        page = await office.get("/cards", **asked)
        found += [row["number"] for row in page["rows"]]
        assert len(page["rows"]) <= 3
        cursor = page["next"]
        if cursor is None:
            break
    assert found == numbers


async def test_a_made_up_cursor_is_refused(office: Office) -> None:
    for path in ("/cards", "/main-groups"):
        answer = await office.send("GET", path, params={"cursor": "!!!"})
        assert problem(answer) == (422, "cursor.invalid")
    answer = await office.send("GET", "/main-groups", params={"cursor": "YWJj"})
    assert problem(answer) == (422, "cursor.invalid")


async def test_a_card_tells_its_history_without_codes(office: Office) -> None:
    await office.groups(1, STAFF)
    here, there = await office.center("31"), await office.center("32")
    card = await office.card("31", here, code=f"04:A1:{office.prefix}0:31")
    await office.done("POST", f"/cards/{card}/block", {"reason": "verloren"}, by="manager")
    code = f"04A2{office.prefix}031"
    replaced = {"reason": "lost", "medium": "rfid", "code": code}
    await office.done("POST", f"/cards/{card}/replace", replaced, by="manager")
    await office.done("POST", f"/cards/{card}/unblock", {}, by="manager")
    await office.done("POST", f"/cards/{card}/move", {"center_id": there})
    await office.done("POST", f"/cards/{card}/end", {"reason": "ausgeschieden"})
    answer = await office.send("GET", f"/cards/{card}")
    facts = [fact["name"] for fact in answer.json()["facts"]]
    assert facts == [
        "card.issued", "card.blocked", "card.replaced", "card.unblocked", "card.assigned",
        "card.ended",
    ]  # fmt: skip
    assert code not in answer.text
    assert "hash" not in answer.text
    assert answer.json()["facts"][0]["actor"] == "person:o"


async def test_limits_are_listed_until_they_are_lifted(office: Office) -> None:
    main = await office.groups(1, STAFF)
    center = await office.center("41")
    month = {"name": "Monat", "window": "month", "amount": {"amount": 50000, "currency": "EUR"}}
    path = f"/centers/{center}/limits/L{office.prefix}"
    await office.done("PUT", path, month)
    user = f"/main-groups/{main}/user-groups/4/limits/U{office.prefix}"
    await office.done("PUT", user, {"name": "Tag", "window": "day", "count": 1})
    shown = (await office.get(f"/centers/{center}"))["limits"]
    assert [found["limit"]["limit_id"] for found in shown] == [f"L{office.prefix}"]
    listed = await office.get("/limits", level="user_group", scope=f"{main}-4")
    assert [row["limit"]["count"] for row in listed["rows"]] == [1]
    await office.done("DELETE", path)
    assert (await office.get(f"/centers/{center}"))["limits"] == []


async def test_a_limit_id_belongs_to_one_place(office: Office) -> None:
    one, other = await office.center("51"), await office.center("52")
    day = {"name": "Tag", "window": "day", "count": 1}
    await office.done("PUT", f"/centers/{one}/limits/D{office.prefix}", day)
    taken = await office.send("PUT", f"/centers/{other}/limits/D{office.prefix}", day)
    assert problem(taken) == (422, "limit.reused")


async def test_a_contact_can_be_forgotten_and_is_in_no_event(office: Office) -> None:
    who = f"p{office.prefix}"
    person = {"name": "Erika Mustermann", "phone": "+49 30 1234", "mail": "erika@example.org"}
    await office.done("PUT", f"/contacts/{who}", person)
    center = await office.center("61", contact_id=who)
    assert (await office.get(f"/centers/{center}"))["center"]["contact_id"] == who
    assert (await office.done("GET", f"/contacts/{who}"))["name"] == "Erika Mustermann"
    await office.done("DELETE", f"/contacts/{who}")
    assert problem(await office.send("GET", f"/contacts/{who}")) == (404, "contact.unknown")
    log = await office.shop.world.store.read(after=0, records_max=100_000)
    assert not [entry for entry in log if b"Mustermann" in entry.data]


async def test_a_closed_company_takes_no_center(office: Office) -> None:
    company = f"f{office.prefix}"
    await office.done("PUT", f"/companies/{company}", {"name": "Firma", "address": ADDRESS})
    center = await office.center("71", company_id=company)
    await office.done("POST", f"/companies/{company}/close", {"reason": "gekuendigt"})
    assert (await office.get(f"/centers/{center}"))["center"]["state"] == "company_closed"
    body = {"number": office.number("72"), "name": "Neu", "company_id": company}
    refused = await office.send("PUT", f"/centers/c{office.number('72')}", body)
    assert problem(refused) == (409, "company.closed")


async def test_back_office_alone_writes(office: Office) -> None:
    body = {"number": office.number("81"), "name": "Empfang"}
    for caller in ("gateway", "till", "cashier", "manager", "auditor"):
        refused = await office.send("PUT", f"/centers/c{office.number('81')}", body, by=caller)
        assert problem(refused) == (403, "auth.forbidden"), caller
