"""C07: digits only; more than 12 are warned of, or refused where a chain wants that."""

from __future__ import annotations

import pytest

from costcenter.decider.structure.center import check_number
from costcenter.decider.structure.refusals import CenterNumberTooLong
from costcenter.testing.office import Office
from costcenter.testing.shop import problem


async def test_4711_is_valid(office: Office) -> None:
    number = office.number("4711")
    done = await office.done("PUT", f"/centers/c{number}", {"number": number, "name": "Empfang"})
    assert done["warnings"] == []


@pytest.mark.parametrize("number", ["KST-1", "47 11", "47.11", "٤٧١١", "4711x", "-1", "²"])
async def test_anything_else_than_digits_is_refused(office: Office, number: str) -> None:
    body = {"number": number, "name": "Empfang"}
    refused = await office.send("PUT", f"/centers/x{office.prefix}", body)
    assert problem(refused) == (422, "center.number_not_digits")


async def test_thirteen_digits_are_warned_of(office: Office) -> None:
    twelve, thirteen = f"{office.prefix}456789012"[:12], f"{office.prefix}4567890123"[:13]
    warned = {}
    for number in (twelve, thirteen):
        body = {"number": number, "name": "Empfang"}
        warned[number] = (await office.done("PUT", f"/centers/c{number}", body))["warnings"]
    assert warned == {twelve: [], thirteen: ["center.number_long"]}


def test_a_chain_may_refuse_thirteen_digits() -> None:
    assert check_number("123456789012", digits_max=12, longer="refuse") == ()
    with pytest.raises(CenterNumberTooLong):
        check_number("1234567890123", digits_max=12, longer="refuse")


async def test_0047_differs_from_47(office: Office) -> None:
    for number, name in ((office.number("47"), "eine"), (f"00{office.number('47')}", "andere")):
        await office.done("PUT", f"/centers/c{number}", {"number": number, "name": name})
        assert (await office.get(f"/centers/c{number}"))["center"]["name"] == name


async def test_a_number_belongs_to_one_center(office: Office) -> None:
    await office.center("4711")
    body = {"number": office.number("4711"), "name": "Zweite"}
    refused = await office.send("PUT", f"/centers/y{office.prefix}", body)
    assert problem(refused) == (409, "center.number_taken")
