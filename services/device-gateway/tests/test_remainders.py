"""Vouchers with a short code of another system: their new code comes out on a slip."""

from __future__ import annotations

from typing import Any

import pytest

from device_gateway.handlers.paper import note_printed
from device_gateway.handlers.recovery import sweep
from device_gateway.projections import UnfinishedProjection
from device_gateway.receipt import examples
from device_gateway.receipt.build import slip_of
from device_gateway.receipt.html import slip_html
from device_gateway.receipt.text import slip_text
from money import euro


def a_sale(words: Any) -> Any:
    return words.sale([words.article(500)], words.voucher("4711AB"))


@pytest.fixture
async def paid(rig: Any, till: Any, words: Any) -> dict[str, Any]:
    """A signed booking of 5.00 that a voucher with a short code has paid."""
    rig.vouchers.sell("4711AB", 2000)
    rig.vouchers.weak.add("4711AB")
    answer = await till.post("", a_sale(words), key="K")
    told: dict[str, Any] = answer.json()
    await rig.sign(told["booking_id"])
    return told


def hold_of(rig: Any) -> str:
    (recorded,) = rig.events("booking.recorded")
    (hold_id,) = recorded.renewed
    return str(hold_id)


async def captured(rig: Any) -> None:
    """The booking has reached the voucher service, and the recovery comes by."""
    rig.vouchers.captured.add(hold_of(rig))
    await sweep(rig.gateway, rig.unfinished)


async def test_a_till_hears_that_the_paper_will_be_replaced(paid: dict[str, Any]) -> None:
    (payment,) = paid["payments"]
    assert payment["new_code"] is True


async def test_the_slip_waits_until_the_voucher_service_has_captured_the_payment(
    rig: Any, paid: dict[str, Any]
) -> None:
    await sweep(rig.gateway, rig.unfinished)
    assert (len(rig.desk.receipts), rig.desk.remainders) == (1, {})
    booking = await rig.gateway.booking(paid["booking_id"])
    assert booking.print_due == ("remainder_slips",)


async def test_the_new_code_comes_out_on_a_slip_with_the_rest(
    rig: Any, paid: dict[str, Any]
) -> None:
    await captured(rig)
    ((slip,),) = rig.desk.remainders.values()
    assert (slip.code, slip.value) == ("NEW-4711AB", euro("15.00"))
    assert (await rig.gateway.booking(paid["booking_id"])).print_due == ()


async def test_a_printed_slip_lets_the_new_code_be_forgotten(
    rig: Any, paid: dict[str, Any]
) -> None:
    rig.desk.prints = True
    await captured(rig)
    (job_id,) = rig.desk.remainders
    await note_printed(
        rig.gateway, booking_id=paid["booking_id"], printer_id="bon", job_id=job_id, is_copy=False
    )
    assert rig.vouchers.holds[hold_of(rig)]["told"]


async def test_a_till_without_a_printer_shows_the_new_code(
    rig: Any, till: Any, words: Any, paid: dict[str, Any]
) -> None:
    """In the answer to its own request, repeated; a look at a booking shows no code."""
    assert paid["remainders"] == []
    await captured(rig)
    (rest,) = (await till.post("", a_sale(words), key="K")).json()["remainders"]
    assert (rest["code"], rest["value"]["amount"]) == ("NEW-4711AB", 1500)
    assert (await till.get(f"/{paid['booking_id']}")).json()["remainders"] == []


async def test_a_voucher_without_a_rest_gets_no_slip(rig: Any, till: Any, words: Any) -> None:
    rig.vouchers.sell("4711AB", 500)
    rig.vouchers.weak.add("4711AB")
    sale = words.sale([words.article(500)], words.voucher("4711AB"))
    told = (await till.post("", sale)).json()
    await rig.sign(told["booking_id"])
    await captured(rig)
    assert rig.desk.remainders == {}
    assert (await rig.gateway.booking(told["booking_id"])).print_due == ()


async def test_a_voucher_of_ours_owes_no_slip(rig: Any, till: Any, words: Any) -> None:
    rig.vouchers.sell("CODE-A", 2000)
    sale = words.sale([words.article(500)], words.voucher("CODE-A"))
    told = (await till.post("", sale)).json()
    await rig.sign(told["booking_id"])
    assert (await rig.gateway.booking(told["booking_id"])).print_due == ()
    assert not any("new-code" in call for call in rig.vouchers.calls)


async def test_the_new_code_stands_in_no_fact(rig: Any, paid: dict[str, Any]) -> None:
    await captured(rig)
    assert not any(b"NEW-4711AB" in entry.data for entry in rig.store.log)


def test_the_slip_says_that_the_old_code_is_void() -> None:
    slip = slip_of(
        examples.ORDER, serial="GS-1", value=euro("15.00"), valid_until=None, remainder=True
    )
    code = "VABC-DEFG-HJKM-NPQR"
    for paper in (slip_text(slip, code), slip_html(slip, code)):
        assert "RESTGUTSCHEIN" in paper.replace(" ", "")  # Wide letters stand apart.
        assert "ungültig" in paper
        assert "Verkauft am" not in paper


def test_the_recovery_knows_of_the_slip() -> None:
    assert UnfinishedProjection.reads >= {"booking.recorded", "receipt.queued"}
