"""The HTTP border, in process, over PostgreSQL: what tills send, what they hear."""

from __future__ import annotations

from costcenter.testing.bookings import on_center, recorded
from costcenter.testing.shop import Shop, eur, line, problem

EMPFANG = {"center_number": "4711"}


async def test_a_hold_answers_with_center_card_and_vat(shop: Shop, unique: str) -> None:
    answer = await shop.hold(unique, EMPFANG, "9.80")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["state"] == "held"
    assert body["center"]["number"] == "4711"
    assert body["card_number"] == "4711"
    assert body["amount"] == eur("9.80")
    assert body["parts"] == [
        {"vat": "reduced", "rate": 700, "dsfinvk_key": 2, "gross": eur("9.80")}
    ]


async def test_the_same_request_is_answered_the_same(shop: Shop, unique: str) -> None:
    first = await shop.hold(unique, EMPFANG, "9.80", key=unique)
    again = await shop.hold(unique, EMPFANG, "9.80", key=unique)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json()["expires_at"] == first.json()["expires_at"]


async def test_a_key_belongs_to_one_request(shop: Shop, unique: str) -> None:
    await shop.hold(unique, EMPFANG, "9.80", key=unique)
    other = await shop.hold(unique, EMPFANG, "9.90", key=unique)
    assert problem(other) == (422, "idempotency_key.reused")


async def test_confirm_and_release_answer_with_the_state(shop: Shop, unique: str) -> None:
    await shop.hold(unique, EMPFANG, "9.80")
    confirmed = await shop.send("POST", f"/v1/charges/{unique}/confirm", {})
    assert confirmed.json()["state"] == "confirmed"
    released = await shop.send("POST", f"/v1/charges/{unique}/release", {})
    assert released.json()["state"] == "released"
    again = await shop.send("POST", f"/v1/charges/{unique}/confirm", {})
    assert problem(again) == (409, "hold.released")


async def test_a_recorded_booking_is_booked(shop: Shop, unique: str) -> None:
    await shop.hold(unique, EMPFANG, "9.80")
    await shop.hear(recorded(f"b-{unique}", payments=[on_center(unique, "9.80")]))
    released = await shop.send("POST", f"/v1/charges/{unique}/release", {})
    assert problem(released) == (409, "hold.captured")


async def test_an_unknown_number_is_not_found(shop: Shop, unique: str) -> None:
    answer = await shop.hold(unique, {"center_number": "9999"}, "9.80")
    assert problem(answer) == (404, "center.unknown")
    answer = await shop.hold(unique, {"number": "9999"}, "9.80")
    assert problem(answer) == (404, "card.unknown")


async def test_bad_input_is_refused_and_holds_nothing(shop: Shop, unique: str) -> None:
    for card in ({}, {"number": "1", "code": "2"}, {"number": "1", "card_number": "2"}):
        assert (await shop.hold(unique, card, "9.80")).status_code == 422
    assert (await shop.hold(unique, EMPFANG, "-1.00")).status_code == 422
    assert (await shop.hold(unique, EMPFANG, "1.00", colour="red")).status_code == 422
    state = await shop.send("POST", f"/v1/charges/{unique}/confirm", {})
    assert problem(state) == (404, "hold.unknown")


async def test_a_quote_stores_nothing(shop: Shop) -> None:
    head = await shop.world.store.head()
    body = {"card": EMPFANG, "amount": eur("5.00"), "basket": [line("5.00")], "store_id": "berlin"}
    answer = await shop.send("POST", "/v1/quotes", body, by="cashier")
    assert answer.json()["amount"] == eur("5.00")
    assert await shop.world.store.head() == head


async def test_a_look_up_says_what_a_card_is(shop: Shop) -> None:
    body = {"card": {"number": "4711"}, "store_id": "berlin"}
    answer = (await shop.send("POST", "/v1/lookups", body, by="cashier")).json()
    assert (answer["mode"], answer["kind"], answer["card_state"]) == (
        "cost_center", "virtual", "usable",
    )  # fmt: skip
    assert answer["center"]["name"] == "Empfang"


async def test_who_may_not_charge_hears_so(shop: Shop, unique: str) -> None:
    for by in ("till", "cashier", "analyst", "auditor"):
        assert problem(await shop.hold(unique, EMPFANG, "1.00", by=by)) == (403, "auth.forbidden")
    body = {"card": EMPFANG, "amount": eur("5.00"), "store_id": "koeln"}
    answer = await shop.send("POST", "/v1/quotes", body, by="cashier")
    assert problem(answer) == (403, "auth.forbidden")


async def test_an_override_names_its_manager(shop: Shop, unique: str) -> None:
    await shop.world.limit(f"L{unique}", "card", "k4711", "booking", "1000.00")
    nobody = await shop.hold(unique, EMPFANG, "1000.01", override={"reason": "Feier"})
    assert problem(nobody) == (403, "auth.forbidden")
    by_gateway = {"by": "m7", "reason": "Feier"}
    answer = await shop.hold(unique, EMPFANG, "1000.01", override=by_gateway)
    assert answer.status_code == 200
    own = await shop.hold(f"{unique}-2", EMPFANG, "1000.01", by="manager", override=by_gateway)
    assert own.status_code == 200
    held = [
        entry.event
        for entry in await shop.world.store.load("month-c4711-2026-10")
        if entry.name == "charge.held"
    ]
    assert [event.override.by for event in held[-2:]] == ["m7", "m"]  # type: ignore[attr-defined]  # ChargeHeld.


async def test_a_month_that_is_not_over_stays_open(shop: Shop) -> None:
    answer = await shop.send("POST", "/v1/months/2026-10/close", {}, by="office")
    assert problem(answer) == (409, "month.not_over")


async def test_the_sweeper_writes_down_what_has_run_out(shop: Shop, unique: str) -> None:
    from costcenter.adapters.lapsed import PostgresLapsedCharges
    from costcenter.service import sweep

    await shop.hold(unique, EMPFANG, "9.80")
    await shop.catch_up()
    shop.world.clock.advance(minutes=3)
    await sweep(shop.world.charges, PostgresLapsedCharges(shop.engine), shop.world.clock())
    answer = await shop.send("POST", f"/v1/charges/{unique}/confirm", {})
    assert problem(answer) == (409, "hold.expired")


async def test_a_lapsed_hold_makes_room_at_once(shop: Shop, unique: str) -> None:
    await shop.world.center(f"{int(unique[:6], 16)}")
    number = f"{int(unique[:6], 16)}"
    await shop.world.card(f"v{unique}", number)
    await shop.world.limit(f"L{unique}", "center", f"c{number}", "day", "10.00")
    card = {"center_number": number}
    assert (await shop.hold(f"{unique}-1", card, "9.80")).status_code == 200
    await shop.catch_up()
    assert problem(await shop.hold(f"{unique}-2", card, "9.80")) == (409, "limit.exceeded")
    shop.world.clock.advance(minutes=3)
    assert (await shop.hold(f"{unique}-3", card, "9.80")).status_code == 200
