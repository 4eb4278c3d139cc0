"""C21: the QR code `EMP:00815` means card 00815, by the pattern `^EMP:(\\d{5})$`."""

from __future__ import annotations

from costcenter.testing.office import Office
from costcenter.testing.shop import problem

MODES = {4: ("Kostenstellen", "cost_center")}


async def declare(office: Office) -> str:
    """A pattern of this test's own: the tests share a log. Answers what its codes begin with."""
    begin = f"EMP{office.prefix}:"
    body = {
        "name": "Ausweise", "expression": rf"^{begin}(?P<value>{office.prefix}\d{{5}})$",
        "meaning": "card", "example": f"{begin}{office.prefix}00815",
    }  # fmt: skip
    await office.done("PUT", f"/patterns/p{office.prefix}", body)
    return begin


async def test_a_staff_card_of_another_system_pays(office: Office) -> None:
    begin = await declare(office)
    await office.groups(1, MODES)
    await office.card("00815", await office.center("4711"), code=f"04A1{office.prefix}0C9")
    code = f"{begin}{office.number('00815')}"
    held = await office.shop.hold(f"h{office.prefix}", {"code": code}, "9.80")
    assert held.status_code == 200, held.text
    assert held.json()["card_number"] == office.number("00815")


async def test_the_gateway_hears_what_a_code_means(office: Office) -> None:
    begin = await declare(office)
    body = {"code": f"{begin}{office.prefix}00815"}
    meant = await office.done("POST", "/codes", body, by="gateway")
    assert meant == {
        "meaning": "card", "value": f"{office.prefix}00815", "pattern_id": f"p{office.prefix}",
    }  # fmt: skip
    nothing = await office.send("POST", "/codes", {"code": "whatever"}, by="gateway")
    assert problem(nothing) == (404, "code.unknown")


async def test_a_code_of_nobodys_card_is_refused(office: Office) -> None:
    begin = await declare(office)
    code = f"{begin}{office.number('99999')}"
    held = await office.shop.hold(f"h{office.prefix}", {"code": code}, "9.80")
    assert problem(held) == (404, "card.unknown")


async def test_a_conflict_is_found_before_anybody_pays(office: Office) -> None:
    begin = await declare(office)
    tried = {
        "expression": rf"^EMP(?P<value>{office.prefix}:\d+)$", "meaning": "voucher",
        "codes": [f"{begin}{office.prefix}00815"],
    }  # fmt: skip
    report = await office.done("POST", "/patterns/dry-run", tried)
    (overlap,) = report["overlaps"]
    assert overlap["pattern_id"] == f"p{office.prefix}"
    assert overlap["code"].startswith(begin)
    assert report["codes"][0]["meaning"] == "voucher"
    body = {"name": "Gutscheine", "example": f"EMP{office.prefix}:1", **tried}
    del body["codes"]
    refused = await office.send("PUT", f"/patterns/q{office.prefix}", body)
    assert problem(refused) == (409, "pattern.overlaps")
    assert refused.json()["overlaps"] == [overlap]
    await office.done("DELETE", f"/patterns/p{office.prefix}")
    await office.done("PUT", f"/patterns/q{office.prefix}", body)
