"""The sale's page holds no truth: whatever is sent twice, late or from elsewhere happens once."""

from __future__ import annotations

import re
from typing import Any

import pytest_asyncio

from device_gateway.api.pages.sale.dialogs import DIALOGS
from device_gateway.api.pages.sale.refusals import FIELDS, TEXTS
from device_gateway.testing.window import Window as PageWindow
from kassenverbund.kit.auth import Caller

BASE = "/stores/berlin/till/sale"


class Window(PageWindow):
    """With the gateway that it is a window of."""

    def __init__(self, rig: Any, till: Any) -> None:
        super().__init__(rig.http, till.token)
        self.rig, self.till = rig, till


@pytest_asyncio.fixture(loop_scope="session")
async def window(rig: Any, till: Any, words: Any) -> Window:
    rig.tokens.people["office"] = Caller("person", "o", frozenset({"back_office"}))
    for sku, price in (("buch", 1999), ("stift", 300)):
        body = {"name": sku.title(), "price": words.eur(price), "vat": "standard"}
        answer = await rig.http.put(
            f"/stores/berlin/v1/articles/{sku}", json=body,
            headers={"authorization": "Bearer office", "idempotency-key": f"list-{sku}"},
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
    made = Window(rig, till)
    await made.load()
    return made


async def another(window: Window) -> Window:
    """A second window of the same till."""
    made = Window(window.rig, window.till)
    await made.load()
    return made


async def test_a_reload_shows_the_sale_as_it_was(window: Window) -> None:
    await window.act("enter", entry="3*stift")
    other = await another(window)
    assert other.lines == 1
    assert other.shows("3 × 3,00 €")
    assert other.shows("9,00 €")


async def test_a_scan_whose_answer_was_lost_is_one_line(window: Window) -> None:
    await window.act("enter", entry="buch")
    await window.again()
    assert (window.status, window.lines) == (200, 1)


async def test_two_scans_are_two_lines(window: Window) -> None:
    await window.act("enter", entry="stift")
    await window.act("enter", entry="stift")
    assert window.lines == 2


async def test_paying_twice_by_a_double_enter_records_once(window: Window) -> None:
    await window.act("enter", entry="buch")
    await window.act("cash", entry="50")
    await window.again()
    assert window.shows("30,01 €")
    assert len(window.rig.events("booking.recorded")) == 1


async def test_a_second_window_that_shows_an_older_sale_pays_nothing(window: Window) -> None:
    await window.act("enter", entry="buch")
    old = await another(window)
    await window.act("enter", entry="stift")
    await old.act("cash")
    assert (old.status, old.refused) == (409, "page.sale_moved")
    assert old.lines == 2
    assert not window.rig.events("payment.accepted")


async def test_a_window_of_the_sale_before_adds_nothing_to_the_next_one(window: Window) -> None:
    await window.act("enter", entry="buch")
    old = await another(window)
    await window.act("cash")
    await window.load()
    await window.act("enter", entry="stift")
    await old.act("enter", entry="buch")
    assert (old.refused, old.lines) == ("page.sale_moved", 1)


async def test_a_finished_sale_is_told_again_to_whoever_lost_the_answer(window: Window) -> None:
    await window.act("enter", entry="stift")
    await window.act("cash", entry="5,00")
    await window.again()
    assert window.status == 200
    assert window.shows("2,00 €")
    lost = window.sent[-1]
    await window.load()
    await window.act("enter", entry="buch")
    await window.post(*lost)
    assert window.lines == 1
    assert len(window.rig.events("booking.recorded")) == 1


async def test_the_vouchers_being_away_is_said_and_cash_goes_on(window: Window) -> None:
    await window.act("enter", entry="stift")
    window.rig.vouchers.failing = ["away"] * 20
    await window.act("voucher", code="GUTSCHEIN-1", dialog="voucher")
    assert (window.status, window.refused) == (503, "voucher.unavailable")
    await window.act("cash")
    assert window.status == 200
    assert len(window.rig.events("booking.recorded")) == 1


async def test_the_code_of_a_refused_voucher_is_not_sent_back(window: Window) -> None:
    await window.act("enter", entry="stift")
    await window.act("voucher", code="GEHEIM-4711", dialog="voucher")
    assert window.refused == "voucher.not_usable"
    assert 'aria-describedby="wrong-code"' in window.text
    assert "GEHEIM-4711" not in window.text


async def test_a_payment_is_taken_back_and_another_one_taken(window: Window) -> None:
    await window.act("enter", entry="buch")
    await window.act("cash", entry="10")
    paid = re.search(r'name="payment" value="([^"]+)"', window.text)
    assert paid is not None
    await window.act("release", payment=paid.group(1))
    assert window.shows("19,99 €")
    await window.act("card", receipt_number="0815")
    kinds = [paid.kind for paid in window.rig.events("booking.recorded")[0].payments]
    assert kinds == ["card"]


async def test_a_number_of_thirteen_digits_is_not_sold_where_a_voucher_is_asked_for(
    window: Window,
) -> None:
    await window.act("enter", entry="stift")
    await window.act("voucher", code="9783161484100", dialog="voucher")
    assert window.refused == "voucher.not_usable"
    assert window.lines == 1


async def test_what_is_typed_wrong_is_said_at_its_field(window: Window) -> None:
    await window.act("enter", entry="buch")
    await window.act("voucher", code="A", amount="zwölf", dialog="voucher")
    assert window.refused == "page.amount"
    assert 'aria-describedby="wrong-amount"' in window.text


async def test_a_parked_sale_waits_and_goes_on(window: Window) -> None:
    await window.act("enter", entry="buch")
    await window.act("park", label="Frau am Fenster")
    assert window.lines == 0
    await window.load("/dialog/parked")
    assert window.shows("Frau am Fenster")
    parked = re.search(r'name="parked" value="([^"]+)"', window.text)
    assert parked is not None
    await window.act("resume", parked=parked.group(1))
    assert window.lines == 1


async def test_a_line_is_voided_and_a_discount_given(window: Window) -> None:
    await window.act("enter", entry="buch")
    await window.act("enter", entry="stift")
    await window.act("void", line="2")
    assert window.shows("19,99 €")
    await window.act("discount", line="1", discount="10%", reason="Beschädigt")
    assert window.shows("17,99 €")


async def test_without_a_script_a_form_leads_back_to_the_page(window: Window) -> None:
    own = {each: window.hidden(each) for each in ("key", "booking", "seen")}
    headers = {key: value for key, value in window.headers.items() if key != "x-pieces"}
    answer = await window.rig.http.post(
        f"{BASE}/enter", data={**own, "entry": "buch"}, headers=headers
    )
    assert (answer.status_code, answer.headers["location"]) == (303, BASE)


async def test_every_dialog_can_be_opened(window: Window) -> None:
    await window.act("enter", entry="buch")
    for name in DIALOGS:
        await window.load(f"/dialog/{name}?line=1")
        assert window.status == 200, (name, window.text)
        assert f'data-name="{name}"' in window.text
        assert 'id="dialog-title"' in window.text


def test_a_refusal_is_said_at_a_field_that_is_there() -> None:
    names = {"amount", "code", "number", "card_number", "receipt"}
    assert set(FIELDS.values()) <= names
    assert set(FIELDS) <= set(TEXTS)


async def test_a_right_that_is_lent_goes_out_with_the_act(window: Window) -> None:
    for number, role, pin in (("anna", "cashier", "80516273"), ("chef", "manager", "99887766")):
        answer = await window.http.put(
            f"/stores/berlin/v1/cashiers/{number}", json={"name": number, "role": role, "pin": pin},
            headers={"authorization": "Bearer manager", "idempotency-key": number},
        )  # fmt: skip
        assert answer.status_code == 200, answer.text
    own = {**window.headers, "origin": "http://gateway"}
    signed_in = {"key": "in", "cashier": "anna", "pin": "80516273"}
    await window.http.post("/stores/berlin/till/cashier", data=signed_in, headers=own)
    await window.load()
    await window.act("enter", entry="buch")
    given = {"line": "1", "discount": "10%", "reason": "Beschädigt", "dialog": "line"}
    await window.act("discount", **given)
    assert (window.status, window.refused) == (403, "till.right_missing")
    assert 'data-right="discount"' in window.text
    lent = {"key": "lent", "cashier": "chef", "pin": "99887766", "right": "discount"}
    told = await window.http.post("/stores/berlin/till/approvals", data=lent, headers=own)
    await window.act("discount", **given, approval=told.json()["approval"])
    assert window.status == 200, window.refused
    assert window.shows("17,99 €")
    await window.act("cash")
    (correction,) = window.rig.events("till.number_given")[-1].corrections
    assert (correction.person, correction.approved_by) == ("anna", "chef")
