"""What a till, a stranger or a broken program may send: a stable code, and nothing is stored."""

from __future__ import annotations

from typing import Any

import pytest

LINE = {
    "kind": "article", "name": "Buch", "quantity": "1",
    "unit_price": {"amount": 500, "currency": "EUR"}, "vat": "standard",
}  # fmt: skip
CASH = {"kind": "cash", "amount": {"amount": 500, "currency": "EUR"}}


def line(**changes: Any) -> dict[str, Any]:
    return {"lines": [{**LINE, **changes}], "payments": [CASH], "finish": True}


def payment(**changes: Any) -> dict[str, Any]:
    return {"lines": [LINE], "payments": [{**CASH, **changes}], "finish": True}


def paid_by(**codes: Any) -> dict[str, Any]:
    return {"lines": [LINE], "payments": [{"kind": "voucher", **codes}], "finish": True}


def on_center(**said: Any) -> dict[str, Any]:
    return {"lines": [LINE], "payments": [{"kind": "cost_center", **said}], "finish": True}


def sold(**terms: Any) -> dict[str, Any]:
    """The sale of a voucher; an article group belongs to the line and not there."""
    group = {"article_group": terms.pop("article_group")} if "article_group" in terms else {}
    return line(kind="voucher_sale", vat="zero", voucher=terms, **group)


def back(**changes: Any) -> dict[str, Any]:
    said = {"booking_id": "b-1", "line_id": "1", "quantity": "1", "reason": "x"}
    return {"returns": [{**said, **changes}], "finish": True}


def refers(**changes: Any) -> dict[str, Any]:
    return {**line(), "references": [{"type": "ExterneSonstige", "id": "4711", **changes}]}


def eur(amount: Any) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


BODIES: list[tuple[str, Any, int, str]] = [
    ("a list instead of an object", [], 422, "request.invalid"),
    ("an unknown field", {"lines": [], "tip": 1}, 422, "request.invalid"),
    ("a line of an unknown kind", line(kind="gold"), 422, "request.invalid"),
    ("an amount as text", line(unit_price=eur("500")), 422, "request.invalid"),
    ("an amount with a fraction", line(unit_price=eur(5.5)), 422, "request.invalid"),
    ("an amount beyond all sense", line(unit_price=eur(10**15)), 422, "request.invalid"),
    ("a price beyond a till's", line(unit_price=eur(10**9)), 422, "line.refused"),
    ("a negative price", line(unit_price=eur(-1)), 422, "line.refused"),
    ("a quantity as a number", line(quantity=1), 422, "request.invalid"),
    ("a quantity with four decimals", line(quantity="1.0001"), 422, "request.invalid"),
    ("a negative quantity", line(quantity="-1"), 422, "request.invalid"),
    ("a quantity of nothing", line(quantity="0"), 422, "line.refused"),
    ("a quantity with an exponent", line(quantity="1e5"), 422, "request.invalid"),
    ("an unknown VAT key", line(vat="luxury"), 422, "vat.unknown"),
    ("an unknown currency", line(unit_price={"amount": 1, "currency": "CHF"}), 422,
     "currency.unknown"),
    ("printer commands in a name", line(name="Buch\x1bp\x00"), 422, "request.invalid"),
    ("a line break in a name", line(name="Buch\nBEZAHLT"), 422, "request.invalid"),
    ("a name without end", line(name="x" * 5000), 422, "request.invalid"),
    ("an empty name", line(name=""), 422, "request.invalid"),
    ("control characters in a sku", line(sku="\x1b@"), 422, "request.invalid"),
    ("a right-to-left override in a name", line(name="abc\u202edef"), 422, "request.invalid"),
    ("a payment of an unknown kind", payment(kind="gold"), 422, "request.invalid"),
    ("a negative payment", payment(amount=eur(-500)), 422, "payment.out_of_range"),
    ("cash without an amount", payment(amount=None), 422, "request.invalid"),
    ("cash with a code", payment(code="X"), 422, "request.invalid"),
    ("a voucher without a code", payment(kind="voucher"), 422, "request.invalid"),
    ("finish as a word", {"lines": [LINE], "finish": "yes"}, 422, "request.invalid"),
    ("501 lines", {"lines": [{**LINE, "name": "x"}] * 501}, 422, "request.invalid"),
    ("21 payments", {"lines": [LINE], "payments": [CASH] * 21}, 422, "request.invalid"),
    ("a tip of the house", line(kind="tip", vat="zero", tip_to="house"), 422, "request.invalid"),
    ("a taxed tip of the staff", line(kind="tip"), 422, "line.refused"),
    ("two tips at once", line(kind="tip", vat="zero", quantity="2"), 422, "line.refused"),
    ("whose an article is", line(tip_to="owner"), 422, "request.invalid"),
    ("a GTIN with letters", line(gtin="978-3-16"), 422, "request.invalid"),
    ("an order that cash pays", payment(order="W-1"), 422, "request.invalid"),
    ("paid online without an order", payment(kind="online"), 422, "request.invalid"),
    ("an order's number without end", payment(kind="online", order="9" * 41), 422,
     "request.invalid"),
    ("bottles for a voucher", line(kind="deposit_return", voucher={"kind": "single_purpose"}), 422,
     "request.invalid"),
    ("a till that sends a return as a line", line(kind="return"), 422, "request.invalid"),
    ("a negative return", back(quantity="-1"), 422, "request.invalid"),
    ("a return of nothing", back(quantity="0"), 422, "line.refused"),
    ("a return without a reason", back(reason=""), 422, "request.invalid"),
    ("a return of an unknown booking", back(), 404, "booking.unknown"),
    ("a payout without a reason", {"payouts": [{"code": "K-1"}]}, 422, "request.invalid"),
    ("six payouts", {"payouts": [{"code": "K", "reason": "x"}] * 6}, 422, "request.invalid"),
    ("money back by voucher", {**line(), "refund": "voucher"}, 422, "request.invalid"),
    ("training as a word", {**line(), "training": "yes"}, 422, "request.invalid"),
    ("a cashier's name", {**line(), "cashier": "Eva Müller"}, 422, "request.invalid"),
    ("a reference of an unknown type", refers(type="Quittung"), 422, "request.invalid"),
    ("a reference without end", refers(id="1" * 41), 422, "request.invalid"),
    ("a reference to a booking that is none", refers(type="Transaktion"), 404, "booking.unknown"),
    ("a cost center without a card", on_center(), 422, "request.invalid"),
    ("a card by two names", on_center(card={"code": "A", "number": "1"}), 422, "request.invalid"),
    ("a card with a control character", on_center(card={"code": "A\x00"}), 422, "request.invalid"),
    ("a card's number without end", on_center(card={"number": "1" * 500}), 422, "request.invalid"),
    ("an unknown field of a card", on_center(card={"code": "A", "pin": "1"}), 422,
     "request.invalid"),
    ("a charge of nothing", on_center(card={"number": "1"}, amount=eur(0)), 422,
     "payment.out_of_range"),
    ("an override without a reason", on_center(card={"number": "1"}, override={}), 422,
     "request.invalid"),
    ("an override without a manager", on_center(card={"number": "1"}, override={"reason": "x"}),
     403, "auth.forbidden"),
    ("several customer cards", {"lines": [LINE], "payments": [
        {"kind": "customer_card", "codes": ["A", "B"]}]}, 422, "request.invalid"),
    ("codes and a code", paid_by(code="A", codes=["A", "B"]), 422, "request.invalid"),
    ("one code as several", paid_by(codes=["A"]), 422, "request.invalid"),
    ("eleven codes", paid_by(codes=[f"C{n}" for n in range(11)]), 422, "request.invalid"),
    ("the same code twice", paid_by(codes=["A", "A"]), 422, "request.invalid"),
    ("a code without end", paid_by(code="x" * 201), 422, "request.invalid"),
    ("a control character in a code", paid_by(codes=["A", "B\x00"]), 422, "request.invalid"),
    ("codes of cash", payment(codes=["A", "B"]), 422, "request.invalid"),
    ("a discount by the till itself", line(kind="discount"), 422, "request.invalid"),
    ("a top-up without a code", line(kind="voucher_top_up", vat="zero"), 422, "request.invalid"),
    ("an article with a code", line(code="A"), 422, "request.invalid"),
    ("an article with a voucher's terms", line(voucher={}), 422, "request.invalid"),
    ("a voucher with an article group", sold(article_group="books"), 422, "request.invalid"),
    ("an article group with a blank", line(article_group="a b"), 422, "request.invalid"),
    ("a voucher of an unknown kind", sold(kind="endless"), 422, "request.invalid"),
    ("a voucher's code in its terms", sold(code="A"), 422, "request.invalid"),
    ("goods with printer commands", sold(goods="B\x1b@"), 422, "request.invalid"),
    ("a value in another currency", sold(value={"amount": 900, "currency": "CHF"}), 422,
     "currency.unknown"),
    ("a voucher above its value", sold(value=eur(499)), 422, "line.refused"),
    ("a voucher with a value beyond a till's", sold(value=eur(10**9)), 422, "line.refused"),
    ("a negative value", sold(value=eur(-500)), 422, "line.refused"),
    ("a single-purpose voucher without VAT", sold(kind="single_purpose"), 422, "line.refused"),
    ("two top-ups on one line",
     line(kind="voucher_top_up", vat="zero", code="A", quantity="2"), 422, "line.refused"),
    ("an article voucher that nobody declared",
     line(kind="voucher_article_sale", vat="zero", sku="G"), 422, "line.refused"),
    ("a negative redemption",
     line(kind="voucher_article_redemption", unit_price=eur(-5)), 422, "line.refused"),
    ("an absurd sum", {"lines": [{**LINE, "unit_price": eur(10**8), "quantity": "11"}]}, 422,
     "booking.too_large"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "status", "code"), [row[1:] for row in BODIES],
                         ids=[row[0] for row in BODIES])  # fmt: skip
async def test_a_bad_body_is_refused_and_nothing_is_stored(
    rig: Any, till: Any, body: Any, status: int, code: str
) -> None:
    before = len(rig.store.log)
    answer = await till.post("", body)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(rig.store.log) == before
    assert rig.desk.receipts == {}


async def raw(till: Any, content: bytes, **headers: str) -> Any:
    return await till.rig.http.post(
        till.base,
        content=content,
        headers={
            "authorization": f"Bearer {till.token}",
            "idempotency-key": "raw",
            "content-type": "application/json",
            **headers,
        },
    )


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b'{"lines": [', 400, "request.malformed"),
        (b"\xff\xfe", 400, "request.malformed"),
        (b"x" * 1024 * 1024, 413, "request.too_large"),
        (b'{"lines": [], "a": "\\u0000"}', 422, "request.invalid"),
        (b"[" * 20_000, 400, "request.malformed"),
    ],
    ids=["broken JSON", "not UTF-8", "1 MiB", "U+0000", "20,000 brackets"],
)
async def test_bytes_that_are_no_request_are_refused_and_nothing_is_stored(
    rig: Any, till: Any, content: bytes, status: int, code: str
) -> None:
    before = len(rig.store.log)
    answer = await raw(till, content)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert len(rig.store.log) == before


async def test_a_write_without_an_idempotency_key_is_refused(rig: Any, till: Any) -> None:
    answer = await raw(till, b"{}", **{"idempotency-key": ""})
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key.missing")


@pytest.mark.parametrize("token", ["", "kvt_forged", "nonsense"])
async def test_a_stranger_is_refused(rig: Any, till: Any, token: str) -> None:
    before = len(rig.store.log)
    answer = await raw(till, b"{}", authorization=f"Bearer {token}")
    assert (answer.status_code, answer.json()["code"]) == (401, "auth.required")
    assert len(rig.store.log) == before


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/stores/koeln/v1/tills/till-1/bookings", "auth.foreign_store"),
        ("/stores/nowhere/v1/tills/till-1/bookings", "auth.foreign_store"),
        ("/stores/berlin/v1/tills/till-2/bookings", "auth.foreign_till"),
    ],
)
async def test_a_till_reaches_only_itself(rig: Any, till: Any, path: str, code: str) -> None:
    before = len(rig.store.log)
    till.base = path
    answer = await till.post("", line())
    assert (answer.status_code, answer.json()["code"]) == (403, code)
    assert len(rig.store.log) == before


async def test_a_person_does_not_sell_at_a_till(rig: Any, till: Any) -> None:
    answer = await rig.as_person("manager", till.base, line())
    assert answer.json()["code"] == "auth.forbidden"


async def test_a_booking_of_another_till_is_unknown(rig: Any, till: Any) -> None:
    told = (await till.post("", line())).json()
    other = await rig.paired("berlin", "till-2")
    answer = await other.get(f"/{told['booking_id']}")
    assert (answer.status_code, answer.json()["code"]) == (404, "booking.unknown")


async def test_a_manager_looks_at_a_booking_of_the_own_store_only(rig: Any, till: Any) -> None:
    told = (await till.post("", line())).json()
    path = f"{till.base}/{told['booking_id']}"
    mine = await rig.http.get(path, headers={"authorization": "Bearer manager"})
    theirs = await rig.http.get(path, headers={"authorization": "Bearer manager-koeln"})
    assert (mine.status_code, theirs.json()["code"]) == (200, "auth.foreign_store")


async def test_an_unknown_booking_is_unknown(till: Any) -> None:
    assert (await till.get("/nothing")).json()["code"] == "booking.unknown"
    assert (await till.post("/nothing/finish")).json()["code"] == "booking.unknown"
