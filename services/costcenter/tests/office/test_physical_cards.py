"""Over HTTP: the uid of an RFID card (or its QR code) is found again as its card."""

from __future__ import annotations

from costcenter.testing.office import Office
from costcenter.testing.shop import problem

MODES = {4: ("Kostenstellen", "cost_center")}


async def test_a_uid_resolves_to_its_card_however_the_reader_writes_it(office: Office) -> None:
    await office.groups(1, MODES)
    center = await office.center("4711")
    await office.card("4711", center, code=f"04A1{office.prefix}0C3")
    readings = (
        f"04A1{office.prefix}0C3",
        f"04a1{office.prefix}0c3",
        f"04:A1:{office.prefix}0:C3",
        f" 04 a1 {office.prefix}0 c3 ",
    )
    for place, code in enumerate(readings):
        held = await office.shop.hold(f"h{office.prefix}-{place}", {"code": code}, "9.80")
        assert held.status_code == 200, held.text
        assert held.json()["card_number"] == office.number("4711")


async def test_a_qr_code_resolves_to_its_card_as_it_is(office: Office) -> None:
    await office.groups(1, MODES)
    center = await office.center("4711")
    code = f"Ausweis/{office.prefix}/Ä"
    qr = {"kind": "physical", "medium": "qr", "code": code}
    await office.card("4711", center, **qr)
    held = await office.shop.hold(f"h{office.prefix}", {"code": code}, "9.80")
    assert held.json()["card_number"] == office.number("4711")
    other = await office.shop.hold(f"i{office.prefix}", {"code": code.lower()}, "9.80")
    assert problem(other) == (404, "card.unknown")


async def test_a_replaced_card_is_dead_and_its_successor_pays(office: Office) -> None:
    await office.groups(1, MODES)
    old, new = f"04A1{office.prefix}0C4", f"04A1{office.prefix}0C5"
    card = await office.card("4711", await office.center("4711"), code=old)
    body = {"reason": "lost", "medium": "rfid", "code": new}
    await office.done("POST", f"/cards/{card}/replace", body)
    dead = await office.shop.hold(f"h{office.prefix}", {"code": old}, "9.80")
    assert problem(dead) == (409, "card.not_usable")
    assert dead.json()["reason"] == "replaced"
    held = await office.shop.hold(f"i{office.prefix}", {"code": new}, "9.80")
    assert held.json()["card_number"] == office.number("4711")
    again = {"number": office.number("4712"), "kind": "physical", "medium": "rfid", "code": old}
    group = {"main_group": office.group(1), "user_group": 4}
    refused = await office.send("PUT", f"/cards/k{office.number('4712')}", {**again, **group})
    assert problem(refused) == (409, "card.code_taken")


async def test_no_event_carries_a_code(office: Office) -> None:
    await office.groups(1, MODES)
    code = f"Geheim-{office.prefix}"
    await office.card("4711", await office.center("4711"), kind="physical", medium="qr", code=code)
    log = await office.shop.world.store.read(after=0, records_max=100_000)
    assert not [entry for entry in log if code.encode() in entry.data]
