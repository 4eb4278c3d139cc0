"""The HTTP border, in process, over PostgreSQL: what callers send, what they hear."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from events.reaction import Incoming
from voucher.testing.shop import Shop, eur, problem

if TYPE_CHECKING:
    from services.voucher.tests.conftest import Clock

NEW = Callable[..., Incoming]


# Prepare


async def test_a_prepared_voucher_answers_with_its_code_and_repeats_it(shop: Shop) -> None:
    first = await shop.prepare("p1")
    assert first.status_code == 200
    body = first.json()
    assert body["state"] == "pending"
    assert body["valid_until"] == "2029-12-31"
    assert len(body["code"]) == 19
    again = (await shop.prepare("p1")).json()
    assert again["code"] == body["code"]
    assert again["serial"] == body["serial"]


async def test_a_delivered_code_is_not_given_again(shop: Shop) -> None:
    await shop.prepare("p2")
    for _ in range(2):
        answer = await shop.send("POST", "/voucher/v1/prepared/p2/delivered", {})
        assert answer.status_code == 200
    assert problem(await shop.prepare("p2")) == (409, "voucher.code_gone")


async def test_a_cancelled_preparation_pays_nothing(shop: Shop) -> None:
    code = (await shop.prepare("p3")).json()["code"]
    path = "/voucher/v1/prepared/p3/cancel"
    assert (await shop.send("POST", path, {"reason": "given up"})).json()["state"] == "cancelled"
    assert problem(await shop.hold("p3-H", code, 100)) == (409, "voucher.not_usable")
    assert problem(await shop.prepare("p3")) == (409, "voucher.cancelled")


async def test_a_sold_voucher_is_not_cancelled(shop: Shop, sold: dict[str, Any]) -> None:
    path = f"/voucher/v1/prepared/{sold['voucher_id']}/cancel"
    answer = await shop.send("POST", path, {"reason": "given up"})
    assert problem(answer) == (409, "voucher.sold")


async def test_a_preparation_with_other_terms_is_refused(shop: Shop) -> None:
    await shop.prepare("p4")
    assert problem(await shop.prepare("p4", 6000)) == (422, "voucher.reused")


# Holds


async def test_a_hold_is_placed_confirmed_and_captured(
    shop: Shop, sold: dict[str, Any], recorded: NEW
) -> None:
    hold_id = uuid4().hex
    held = (await shop.hold(hold_id, sold["code"], 500)).json()
    assert held["amount"] == eur(500)
    assert held["voucher_remaining"] == eur(4500)
    assert (held["state"], held["kind"], held["dsfinvk_key"], held["vat"]) == (
        "held", "multi_purpose", 5, "zero",
    )  # fmt: skip
    confirmed = await shop.send("POST", f"/voucher/v1/holds/{hold_id}/confirm", {})
    assert confirmed.json()["state"] == "confirmed"
    await shop.hear(recorded(f"b-{hold_id}", paid=[(hold_id, "5.00", sold["voucher_id"])]))
    assert (await shop.look_up(sold["code"])).json()["balance"] == eur(4500)
    late = await shop.send("POST", f"/voucher/v1/holds/{hold_id}/release", {})
    assert problem(late) == (409, "hold.captured")


async def test_sixteen_with_a_voucher_of_ten_leaves_six_open(shop: Shop, recorded: NEW) -> None:
    code = (await shop.prepare("ten", 1000)).json()["code"]
    await shop.hear(recorded("sale-ten", sells=[("ten", "10.00")]))
    refused = await shop.hold("ten-H1", code, 1600)
    assert problem(refused) == (409, "voucher.insufficient")
    assert refused.json()["available"] == eur(1000)
    held = await shop.hold("ten-H2", code, 1600, mode="up_to")
    assert held.json()["amount"] == eur(1000)
    assert held.json()["voucher_remaining"] == eur(0)


async def test_a_release_that_overtakes_its_hold_forbids_it(
    shop: Shop, sold: dict[str, Any]
) -> None:
    hold_id = uuid4().hex
    for _ in range(2):
        released = await shop.send("POST", f"/voucher/v1/holds/{hold_id}/release", {})
        assert released.json() == {"hold_id": hold_id, "state": "released"}
    assert problem(await shop.hold(hold_id, sold["code"], 500)) == (409, "hold.released")
    confirm = await shop.send("POST", f"/voucher/v1/holds/{hold_id}/confirm", {})
    assert problem(confirm) == (409, "hold.released")


async def test_an_unknown_hold_is_not_confirmed(shop: Shop) -> None:
    answer = await shop.send("POST", f"/voucher/v1/holds/{uuid4().hex}/confirm", {})
    assert problem(answer) == (404, "hold.unknown")


async def test_a_hold_that_ran_out_and_was_spent_is_not_confirmed(
    shop: Shop, sold: dict[str, Any], clock: Clock
) -> None:
    hold_id = uuid4().hex
    await shop.hold(hold_id, sold["code"], 5000, expires_in_s=60)
    clock.advance(seconds=61)
    assert (await shop.redeem(uuid4().hex, sold["code"], 5000)).status_code == 200
    confirm = await shop.send("POST", f"/voucher/v1/holds/{hold_id}/confirm", {})
    assert problem(confirm) == (409, "hold.expired")


async def test_another_legal_entitys_store_hears_not_usable(
    shop: Shop, sold: dict[str, Any]
) -> None:
    answer = await shop.hold(uuid4().hex, sold["code"], 500, store_id="hamburg", by="box")
    assert problem(answer) == (409, "voucher.not_usable")
    assert problem(await shop.look_up(sold["code"], by="foreign-till")) == (
        409, "voucher.not_usable",
    )  # fmt: skip


# Redemptions and idempotency


async def test_a_redemption_repeated_answers_the_same_and_spends_once(
    shop: Shop, sold: dict[str, Any]
) -> None:
    redemption_id, key = uuid4().hex, uuid4().hex
    first = await shop.redeem(redemption_id, sold["code"], 500, key=key)
    same_key = await shop.redeem(redemption_id, sold["code"], 500, key=key)
    other_key = await shop.redeem(redemption_id, sold["code"], 500)
    assert first.status_code == 200
    for repeat in (same_key, other_key):
        assert repeat.json()["remaining"] == first.json()["remaining"] == eur(4500)
    assert (await shop.look_up(sold["code"])).json()["balance"] == eur(4500)


async def test_a_key_with_another_body_is_refused_and_spends_nothing(
    shop: Shop, sold: dict[str, Any]
) -> None:
    key = uuid4().hex
    await shop.redeem(uuid4().hex, sold["code"], 500, key=key)
    reused = await shop.redeem(uuid4().hex, sold["code"], 600, key=key)
    assert problem(reused) == (422, "idempotency_key.reused")
    assert (await shop.look_up(sold["code"])).json()["balance"] == eur(4500)


async def test_a_repeat_of_the_last_cent_is_answered_though_nothing_is_left(
    shop: Shop, sold: dict[str, Any]
) -> None:
    redemption_id, key = uuid4().hex, uuid4().hex
    first = await shop.redeem(redemption_id, sold["code"], 5000, key=key)
    again = await shop.redeem(redemption_id, sold["code"], 5000, key=key)
    assert first.json()["remaining"] == again.json()["remaining"] == eur(0)


async def test_one_redemption_id_spends_only_one_voucher(
    shop: Shop, sold: dict[str, Any], recorded: NEW
) -> None:
    voucher_id, redemption_id = uuid4().hex, uuid4().hex
    other = (await shop.prepare(voucher_id)).json()["code"]
    await shop.hear(recorded(f"sale-{voucher_id}", sells=[(voucher_id, "50.00")]))
    await shop.redeem(redemption_id, sold["code"], 500)
    assert problem(await shop.redeem(redemption_id, other, 500)) == (422, "hold.reused")


async def test_a_write_without_a_key_is_refused(shop: Shop) -> None:
    answer = await shop.client.post(
        f"/voucher/v1/holds/{uuid4().hex}/release", headers={"authorization": "Bearer gateway"}
    )
    assert problem(answer) == (400, "idempotency_key.missing")


# Codes and guessing


async def test_all_reasons_sound_the_same_to_a_till(
    shop: Shop, sold: dict[str, Any], clock: Clock, recorded: NEW
) -> None:
    pending = (await shop.prepare(uuid4().hex)).json()["code"]
    spent_id = uuid4().hex
    spent = (await shop.prepare(spent_id)).json()["code"]
    await shop.hear(recorded(f"sale-{spent_id}", sells=[(spent_id, "50.00")]))
    await shop.redeem(uuid4().hex, spent, 5000)
    answers = [await shop.look_up(code) for code in ("V012-3456-789A-BCDD", pending, spent)]
    clock.advance(days=366 * 4)
    answers.append(await shop.look_up(sold["code"]))
    assert {answer.content for answer in answers} == {answers[0].content}
    assert problem(answers[0]) == (409, "voucher.not_usable")


async def test_a_manager_hears_why(shop: Shop, clock: Clock, sold: dict[str, Any]) -> None:
    clock.advance(days=366 * 4)
    answer = await shop.look_up(sold["code"], by="manager")
    assert (answer.json()["state"], answer.json()["available"]) == ("expired", eur(0))


async def test_a_typing_error_costs_no_attempt(shop: Shop, sold: dict[str, Any]) -> None:
    for _ in range(20):
        answer = await shop.look_up("V012-3456-789A-BCD0")
        assert problem(answer) == (422, "code.mistyped")
    assert (await shop.look_up(sold["code"])).status_code == 200


async def test_guessing_locks_the_source_and_nobody_else(
    shop: Shop, sold: dict[str, Any], clock: Clock
) -> None:
    guesses = [await shop.look_up("V012-3456-789A-BCDD") for _ in range(5)]
    assert [guess.status_code for guess in guesses] == [409, 409, 409, 409, 429]
    locked = await shop.look_up(sold["code"])
    assert problem(locked) == (429, "voucher.rate_limited")
    assert int(locked.headers["retry-after"]) == 300
    assert (await shop.look_up(sold["code"], by="manager")).status_code == 200
    clock.advance(seconds=301)
    assert (await shop.look_up(sold["code"])).status_code == 200


async def test_guessing_through_the_gateway_locks_the_till_it_comes_from(
    shop: Shop, sold: dict[str, Any]
) -> None:
    for _ in range(5):
        await shop.hold(uuid4().hex, "V012-3456-789A-BCDD", 500)
    locked = await shop.hold(uuid4().hex, sold["code"], 500)
    assert problem(locked) == (429, "voucher.rate_limited")
    other = await shop.hold(uuid4().hex, sold["code"], 500, till_id="t5")
    assert other.status_code == 200


# Who may do what


@pytest.mark.parametrize("by", ["till", "roled-till", "analyst", "manager"])
async def test_only_services_prepare_and_hold(shop: Shop, by: str, sold: dict[str, Any]) -> None:
    refused = await shop.hold(uuid4().hex, sold["code"], 500, by=by)
    assert problem(refused) == (403, "auth.forbidden")
    path = f"/voucher/v1/prepared/{uuid4().hex}/delivered"
    assert problem(await shop.send("POST", path, {}, by=by)) == (403, "auth.forbidden")


@pytest.mark.parametrize("by", ["till", "roled-till", "analyst", "manager"])
async def test_only_services_and_back_office_redeem(
    shop: Shop, by: str, sold: dict[str, Any]
) -> None:
    refused = await shop.redeem(uuid4().hex, sold["code"], 500, by=by)
    assert problem(refused) == (403, "auth.forbidden")


@pytest.mark.parametrize("by", ["till", "roled-till", "gateway", "analyst"])
async def test_tills_and_services_do_not_read_the_books(shop: Shop, by: str) -> None:
    for path in ("/voucher/v1/liability", "/voucher/v1/vouchers/GS-1"):
        assert problem(await shop.send("GET", path, by=by)) == (403, "auth.forbidden")


async def test_an_analyst_looks_up_nothing(shop: Shop, sold: dict[str, Any]) -> None:
    assert problem(await shop.look_up(sold["code"], by="analyst")) == (403, "auth.forbidden")


async def test_a_stranger_is_nobody(shop: Shop, sold: dict[str, Any]) -> None:
    assert problem(await shop.look_up(sold["code"], by="x")) == (401, "auth.required")


async def test_a_store_box_acts_for_its_own_store_only(shop: Shop, sold: dict[str, Any]) -> None:
    refused = await shop.hold(uuid4().hex, sold["code"], 500, by="box")
    assert problem(refused) == (403, "auth.forbidden")


# Bad input


@pytest.mark.parametrize(
    "other",
    [
        {"amount": eur(0)},
        {"amount": eur(-1)},
        {"amount": {"amount": 1.5, "currency": "EUR"}},
        {"amount": {"amount": "5", "currency": "EUR"}},
        {"amount": eur(10**13)},
        {"amount": {"amount": True, "currency": "EUR"}},
        {"mode": "some"},
        {"till_id": "a b"},
        {"expires_in_s": 0},
        {"expires_in_s": 10**6},
        {"surprise": 1},
        {"code": "x" * 201},
        {"code": 5},
    ],
)
async def test_bad_input_is_refused_and_stores_nothing(
    shop: Shop, sold: dict[str, Any], other: dict[str, Any]
) -> None:
    head = await shop.store.head()
    answer = await shop.hold(uuid4().hex, sold["code"], 500, **other)
    assert problem(answer) == (422, "request.invalid")
    assert await shop.store.head() == head


async def test_another_currency_is_refused(shop: Shop, sold: dict[str, Any]) -> None:
    francs = {"amount": 500, "currency": "CHF"}
    assert problem(await shop.hold(uuid4().hex, sold["code"], 500, amount=francs)) == (
        422, "money.currency",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"store_id": "nowhere"}, "store.unknown"),
        ({"legal_entity_id": "nobody"}, "legal_entity.unknown"),
        ({"value": eur(1_000_001)}, "request.invalid"),
        ({"value": {"amount": 500, "currency": "CHF"}}, "money.currency"),
    ],
)
async def test_a_voucher_that_nobody_can_issue_is_refused(
    shop: Shop, other: dict[str, Any], code: str
) -> None:
    voucher_id = uuid4().hex
    assert problem(await shop.prepare(voucher_id, **other)) == (422, code)
    assert await shop.store.load(f"voucher-{voucher_id}") == []


# Reading, and what must not be readable


async def test_back_office_sees_a_voucher_with_its_history(
    shop: Shop, sold: dict[str, Any]
) -> None:
    await shop.redeem(uuid4().hex, sold["code"], 500)
    await shop.catch_up()
    path = f"/voucher/v1/vouchers/{sold['serial']}?position={await shop.store.head()}"
    shown = (await shop.send("GET", path, by="office")).json()
    assert (shown["state"], shown["balance"], shown["complete"]) == ("active", eur(4500), True)
    assert [entry["name"] for entry in shown["history"]] == [
        "voucher.issued", "voucher.activated", "voucher.redeemed",
    ]  # fmt: skip


async def test_the_liability_balances(shop: Shop, sold: dict[str, Any]) -> None:
    await shop.redeem(uuid4().hex, sold["code"], 500)
    await shop.catch_up()
    liability = (await shop.send("GET", "/voucher/v1/liability", by="manager")).json()
    assert liability["entries"]
    for owed in liability["entries"]:
        assert owed["balanced"]
        parts = sum(owed[name]["amount"] for name in ("redeemed", "cancelled", "balance"))
        assert owed["issued"]["amount"] == parts


async def test_no_event_table_or_log_line_holds_a_code(
    shop: Shop, recorded: NEW, aborted: NEW, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    printed: list[str] = []
    for number in range(6):
        voucher_id = uuid4().hex
        code = (await shop.prepare(voucher_id)).json()["code"]
        printed.append(code)
        if number % 3 == 0:
            await shop.hear(aborted(f"sale-{voucher_id}", vouchers=[voucher_id]))
            continue
        await shop.hear(recorded(f"sale-{voucher_id}", sells=[(voucher_id, "50.00")]))
        await shop.hold(f"{voucher_id}-H", code, 500)
        await shop.hold(f"{voucher_id}-H", code, 600)
        await shop.hold(f"{voucher_id}-X", code, 500, surprise=code)
        await shop.hold(f"{voucher_id}-X", code + "-0", 500)
        await shop.redeem(f"{voucher_id}-R", code.lower(), 9900)
        await shop.look_up(code)
    await shop.catch_up()
    everything = (await _whole_schema(shop.engine) + caplog.text).upper()
    assert "VOUCHER.HELD" in everything  # The scan reads what it must.
    for code in printed:
        for form in (code, code.replace("-", "")):
            assert form not in everything
            assert form.encode().hex().upper() not in everything


async def _whole_schema(engine: AsyncEngine) -> str:
    """Every row of every table of the service, as text."""
    async with engine.connect() as connection:
        tables = await connection.scalars(
            text("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()")
        )
        parts: list[str] = []
        for table in tables.all():
            rows = await connection.scalars(text(f'SELECT t::text FROM "{table}" AS t'))
            parts.extend(rows.all())
    return "\n".join(parts)


def test_a_body_shows_asterisks_where_its_code_is() -> None:
    from voucher.api.bodies import LookupBody

    body = LookupBody.model_validate({"code": "V012-3456-789A-BCDD"})
    assert "V012" not in repr(body)
    assert "V012" not in str(body.model_dump())


async def test_the_openapi_document_names_the_idempotency_key_of_every_write(shop: Shop) -> None:
    document = (await shop.client.get("/openapi.json")).json()
    writes = [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in ("put", "post") and not path.endswith(("/lookups", "/check"))
    ]
    assert len(writes) >= 21
    for path, method, operation in writes:
        headers = [p["name"] for p in operation.get("parameters", []) if p["in"] == "header"]
        assert headers == ["Idempotency-Key"], (path, method)
