"""C02, C14: the slip has the center's own address, else its company's, else number and name; and
the card that was used."""

from __future__ import annotations

import pytest

from tests.support.centers import address
from tests.support.counter import Counter, article, on_center


async def slip(counter: Counter) -> list[str]:
    """The lines of the cost center's part of the newest receipt."""
    done = await counter.sell([article(980, vat="reduced")], on_center(center_number="4711"))
    await counter.print(done["booking_id"])
    text = counter.paper("receipt").text
    part = text[text.index("Kostenstellenbeleg") : text.index("Unterschrift")]
    return [line.strip() for line in part.splitlines() if line.strip()]


async def test_c02_a_center_of_a_company_has_the_company_s_address(counter: Counter) -> None:
    await counter.centers.company("A", "Firma A", "Musterweg 3")
    await counter.centers.usable("4711", company_id="A")
    assert (await slip(counter))[2:7] == [
        "Kostenstelle 4711", "Empfang", "Firma A", "Musterweg 3", "10115 Berlin",
    ]  # fmt: skip


async def test_c02_its_own_address_stands_before_the_company_s(counter: Counter) -> None:
    await counter.centers.company("A", "Firma A", "Musterweg 3")
    own = address("Firma A, Labor", "Haus 7")
    await counter.centers.usable("4711", company_id="A", address=own)
    lines = await slip(counter)
    assert lines[4:6] == ["Firma A, Labor", "Haus 7"]
    assert "Musterweg 3" not in lines


async def test_c02_without_a_company_only_number_and_name_are_printed(counter: Counter) -> None:
    await counter.centers.usable("4711")
    lines = await slip(counter)
    assert lines[2:4] == ["Kostenstelle 4711", "Empfang"]
    assert lines[4].startswith("Kundenkarte")


@pytest.mark.parametrize("said", ["Rechnung folgt", "Kundenkarte", "Auf Rechnung"])
async def test_c14_the_slip_says_card_and_amount_and_that_an_invoice_follows(
    counter: Counter, said: str
) -> None:
    await counter.centers.usable("4711")
    assert any(line.startswith(said) for line in await slip(counter))


async def test_c14_the_slip_says_what_the_limit_leaves(counter: Counter) -> None:
    center_id = await counter.centers.usable("4711")
    await counter.centers.limit(center_id, "500.00")
    assert any(
        line.startswith("Noch verfügbar: Limit") and line.endswith("490,20 €")
        for line in await slip(counter)
    )
