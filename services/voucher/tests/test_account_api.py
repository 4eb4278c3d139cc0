"""Accounts over HTTP, in process, over PostgreSQL: what office, owners of fees and tills hear."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from events.reaction import Incoming
from events.store.postgres import PostgresEventStore
from kassenverbund.kit.auth import Caller
from kassenverbund.kit.chain import Chain
from kassenverbund.kit.problems import install_problem_handlers
from kassenverbund.kit.secrets import Secrets
from kassenverbund.kit.service import Opened, Runtime
from kassenverbund.kit.testing import KnownTokens
from voucher.adapters.account_reservations import (
    AccountReservations,
    PostgresLapsedReservations,
)
from voucher.service import SERVICE
from voucher.testing.fakes import pool_of

if TYPE_CHECKING:
    from voucher.testing.fakes import Clock

CALLERS = {
    "gateway": Caller(kind="service", id="device-gateway", roles=frozenset({"service"})),
    "box": Caller(kind="service", id="box", roles=frozenset({"service"}), store_id="hamburg"),
    "till": Caller(kind="till", id="t1", store_id="koeln", till_id="t1"),
    "foreign-till": Caller(kind="till", id="t7", store_id="hamburg", till_id="t7"),
    "manager": Caller(kind="person", id="m", roles=frozenset({"manager"})),
    "cashier": Caller(kind="person", id="c", roles=frozenset({"cashier"})),
    "office": Caller(kind="person", id="o", roles=frozenset({"back_office"})),
}
NEW = Callable[..., Incoming]


def eur(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


class Desk:
    """One account behind HTTP."""

    def __init__(self, opened: Opened, client: httpx.AsyncClient) -> None:
        self.opened, self.client = opened, client
        self.account_id = f"A{uuid4().hex[:10]}"
        self.path = f"/voucher/v1/accounts/{self.account_id}"

    async def send(
        self, method: str, path: str, body: Any = None, *, by: str = "office", key: str = "",
        **other: Any,
    ) -> httpx.Response:  # fmt: skip
        headers = {"authorization": f"Bearer {by}", "idempotency-key": key or uuid4().hex}
        headers |= other.pop("headers", {})
        if body is not None:
            other["json"] = body
        return await self.client.request(method, path, headers=headers, **other)

    async def open(self, *, by: str = "office", **other: Any) -> httpx.Response:
        body = {"legal_entity_id": "kette", "holder_id": "reader-7", "store_id": "koeln"}
        return await self.send("PUT", self.path, {**body, **other}, by=by)

    async def card(self, card_id: str = "K1", **other: Any) -> dict[str, Any]:
        answer = await self.send("PUT", f"{self.path}/cards/{card_id}", other)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def prepare_load(self, load_id: str, amount: int, **other: Any) -> httpx.Response:
        body = {
            "amount": eur(amount), "booking_id": f"B-{load_id}", "store_id": "koeln",
            "till_id": "t1",
        }  # fmt: skip
        named = {} if "code" in other else {"account_id": self.account_id}
        path = f"/voucher/v1/loads/{load_id}"
        return await self.send("PUT", path, {**body, **named, **other}, by="gateway")

    async def load(self, amount: int, booked: NEW) -> str:
        load_id = uuid4().hex
        answer = await self.prepare_load(load_id, amount)
        assert answer.status_code == 200, answer.text
        line = {
            "kind": "account_load", "account_id": self.account_id, "load_id": load_id,
            "amount": eur(amount),
        }  # fmt: skip
        await self.hear(booked(f"B-{load_id}", line))
        return load_id

    async def hear(self, *records: Incoming) -> None:
        await self.opened.reactions[0].handle(records)

    async def shown(self) -> dict[str, Any]:
        found: dict[str, Any] = (await self.send("GET", self.path)).json()
        return found

    async def hold(self, hold_id: str, code: str, amount: int, **other: Any) -> httpx.Response:
        body = {
            "code": code, "amount": eur(amount), "mode": "exact", "store_id": "koeln",
            "till_id": "t1", "booking_id": "B2", "payment_id": "P1",
        }  # fmt: skip
        path = f"/voucher/v1/holds/{hold_id}"
        return await self.send("PUT", path, {**body, **other}, by="gateway")

    async def fee(self, fee_id: str, amount: int, **other: Any) -> httpx.Response:
        body = {"kind": "annual_fee", "amount": eur(amount), "due": "2026-11-22"}
        return await self.send("PUT", f"{self.path}/fees/{fee_id}", {**body, **other})

    async def settle(self, settlement_id: str, how: str, amount: int, **other: Any) -> Any:
        body = {
            "account_id": self.account_id, "fee_id": "F1", "how": how, "amount": eur(amount),
            "store_id": "koeln", "till_id": "t1", "booking_id": "B9",
        }  # fmt: skip
        path = f"/voucher/v1/settlements/{settlement_id}"
        return await self.send("PUT", path, {**body, **other}, by="gateway")

    async def import_fees(self, csv: str, key: str = "") -> httpx.Response:
        headers = {"content-type": "text/csv"}
        return await self.send(
            "POST", "/voucher/v1/fees/imports", key=key, content=csv.encode(), headers=headers
        )


@pytest.fixture
async def desk(
    postgres: PostgresEventStore,
    models: AsyncEngine,
    chain: Chain,
    secrets: Secrets,
    clock: Clock,
    tmp_path: Path,
) -> AsyncIterator[Desk]:
    async with models.begin() as tx:
        await tx.execute(text("TRUNCATE attempt, attempt_budget"))
    authenticator = KnownTokens(CALLERS)
    opened = await SERVICE.open(
        Runtime(
            chain=chain,
            store=postgres,
            engine=models,
            pool=pool_of(models),
            client=lambda _: httpx.AsyncClient(),
            authenticator=authenticator,
            secrets=secrets,
            clock=clock,
            var=tmp_path,
            sign_within_s=10,
        )
    )
    app = FastAPI()
    app.state.authenticator = authenticator
    app.include_router(opened.router, prefix="/voucher")
    install_problem_handlers(app)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield Desk(opened, client)


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


async def test_an_opened_account_has_the_chains_caps(desk: Desk) -> None:
    answer = await desk.open()
    assert answer.status_code == 200, answer.text
    limits = answer.json()["limits"]
    assert (limits["balance_max"], limits["spend_per_day"]) == (eur(15000), None)


async def test_limits_above_the_caps_are_refused(desk: Desk) -> None:
    answer = await desk.open(limits={"balance_max": eur(15001)})
    assert problem(answer) == (409, "account.over_limit")


async def test_a_cashier_opens_no_account(desk: Desk) -> None:
    assert problem(await desk.open(by="cashier")) == (403, "auth.forbidden")


async def test_an_account_nobody_opened_is_unknown(desk: Desk) -> None:
    assert problem(await desk.send("GET", desk.path)) == (404, "account.unknown")


async def test_a_card_is_loaded_and_pays_as_a_voucher_does(desk: Desk, booked: NEW) -> None:
    await desk.open()
    code = (await desk.card())["code"]
    await desk.load(2000, booked)
    hold_id = uuid4().hex
    held = (await desk.hold(hold_id, code, 500)).json()
    assert (held["amount"], held["voucher_remaining"], held["dsfinvk_key"], held["vat"]) == (
        eur(500), eur(1500), 5, "zero",
    )  # fmt: skip
    confirmed = await desk.send("POST", f"/voucher/v1/holds/{hold_id}/confirm", {}, by="gateway")
    assert confirmed.json()["state"] == "confirmed"
    paid = {"kind": "voucher", "hold_id": hold_id, "voucher_id": held["voucher_id"],
            "amount": eur(500)}  # fmt: skip
    await desk.hear(booked(f"B-{hold_id}", payments=[paid]))
    assert (await desk.shown())["balance"] == eur(1500)


async def test_goods_that_come_back_are_credit_again(desk: Desk, booked: NEW) -> None:
    await desk.open()
    code = (await desk.card())["code"]
    await desk.load(2000, booked)
    hold_id, reversal_id = uuid4().hex, uuid4().hex
    await desk.hold(hold_id, code, 500)
    paid = {"kind": "voucher", "hold_id": hold_id, "amount": eur(500)}
    await desk.hear(booked(f"B-{hold_id}", payments=[paid]))
    line = {"kind": "voucher_redemption_reversal", "hold_id": hold_id, "voucher_id": "x",
            "reversal_id": reversal_id, "amount": eur(200)}  # fmt: skip
    await desk.hear(booked(f"B-{reversal_id}", line))
    assert (await desk.shown())["balance"] == eur(1700)


async def test_a_system_that_signs_elsewhere_reverses_at_most_what_was_spent(
    desk: Desk, booked: NEW
) -> None:
    await desk.open()
    code = (await desk.card())["code"]
    await desk.load(2000, booked)
    hold_id = uuid4().hex
    await desk.hold(hold_id, code, 500)
    paid = {"kind": "voucher", "hold_id": hold_id, "amount": eur(500)}
    await desk.hear(booked(f"B-{hold_id}", payments=[paid]))
    path = f"{desk.path}/reversals"
    body = {"hold_id": hold_id, "amount": eur(500), "store_id": "koeln"}
    assert (await desk.send("PUT", f"{path}/R1", body)).json()["balance"] == eur(2000)
    answer = await desk.send("PUT", f"{path}/R2", {**body, "amount": eur(1)})
    assert problem(answer) == (409, "reversal.too_large")


async def test_a_hold_on_a_card_is_shown_and_is_no_vouchers(desk: Desk, booked: NEW) -> None:
    await desk.open()
    code = (await desk.card())["code"]
    await desk.load(2000, booked)
    hold_id = uuid4().hex
    await desk.hold(hold_id, code, 500)
    shown = (await desk.send("GET", f"/voucher/v1/holds/{hold_id}", by="office")).json()
    assert (shown["state"], shown["amount"], shown["balance"]) == ("held", eur(500), eur(2000))
    body = {"booking_id": "B", "amount": eur(100), "final": True}
    answer = await desk.send("POST", f"/voucher/v1/holds/{hold_id}/captures", body, by="gateway")
    assert problem(answer) == (404, "hold.unknown")
    body = {"hold_id": hold_id, "amount": eur(100), "store_id": "koeln"}
    answer = await desk.send("PUT", f"/voucher/v1/reversals/{uuid4().hex}", body, by="office")
    assert answer.status_code == 404


async def test_the_rest_of_a_card_is_returned_in_cash(desk: Desk, booked: NEW) -> None:
    await desk.open()
    code = (await desk.card())["code"]
    await desk.load(700, booked)
    hold_id = uuid4().hex
    assert (await desk.hold(hold_id, code, 700, purpose="payout")).status_code == 200
    line = {"kind": "voucher_payout", "hold_id": hold_id, "amount": eur(-700)}
    await desk.hear(booked(f"B-{hold_id}", line))
    moves = (await desk.send("GET", f"{desk.path}/statement?from=2026-11-01&to=2026-11-30")).json()[
        "moves"
    ]
    assert [move["what"] for move in moves] == ["load", "paid_out"]


async def test_a_till_hears_what_a_card_is_worth(desk: Desk, booked: NEW) -> None:
    await desk.open()
    card = await desk.card()
    await desk.load(2000, booked)
    answer = await desk.send("POST", "/voucher/v1/lookups", {"code": card["code"]}, by="till")
    assert answer.json()["balance"] == eur(2000)
    assert answer.json()["serial"] == card["card_serial"]


async def test_unknown_blocked_and_lost_cards_sound_the_same(desk: Desk, booked: NEW) -> None:
    await desk.open()
    card = await desk.card()
    await desk.load(2000, booked)
    await desk.send("POST", f"{desk.path}/block", {"reason": "dispute"}, by="manager")
    blocked = await desk.hold("same-1", card["code"], 100)
    await desk.send("POST", f"{desk.path}/unblock", {}, by="manager")
    await desk.send("POST", f"{desk.path}/cards/K1/end", {"reason": "lost"})
    lost = await desk.hold("same-2", card["code"], 100)
    foreign = await desk.hold("same-3", (await desk.card("K2"))["code"], 100, store_id="hamburg")
    bodies = [
        {key: value for key, value in answer.json().items() if key != "instance"}
        for answer in (blocked, lost, foreign)
    ]
    assert bodies[0] == bodies[1] == bodies[2]
    assert bodies[0]["code"] == "voucher.not_usable"


async def test_a_release_before_the_hold_forbids_it(desk: Desk, booked: NEW) -> None:
    await desk.open()
    code = (await desk.card())["code"]
    await desk.load(2000, booked)
    hold_id = uuid4().hex
    await desk.send("POST", f"/voucher/v1/holds/{hold_id}/release", {}, by="gateway")
    assert problem(await desk.hold(hold_id, code, 100)) == (409, "hold.released")


async def test_a_delivered_card_code_is_not_given_again(desk: Desk) -> None:
    await desk.open()
    first = await desk.card()
    assert (await desk.card())["code"] == first["code"]
    await desk.send("POST", f"{desk.path}/cards/K1/delivered", {})
    answer = await desk.send("PUT", f"{desk.path}/cards/K1", {})
    assert problem(answer) == (409, "voucher.code_gone")


async def test_a_replaced_card_keeps_the_credit_under_a_new_code(desk: Desk, booked: NEW) -> None:
    await desk.open()
    old = await desk.card()
    await desk.load(500, booked)
    new = await desk.card("K2", replaces=old["card_serial"])
    assert problem(await desk.hold(uuid4().hex, old["code"], 100)) == (409, "voucher.not_usable")
    assert (await desk.hold(uuid4().hex, new["code"], 100)).status_code == 200


async def test_a_load_by_the_card_reaches_its_account(desk: Desk) -> None:
    await desk.open()
    code = (await desk.card())["code"]
    answer = await desk.prepare_load(uuid4().hex, 500, code=code)
    assert answer.json()["account_id"] == desk.account_id


async def test_an_aborted_load_never_counts(desk: Desk, gave_up: NEW) -> None:
    await desk.open()
    load_id = uuid4().hex
    await desk.prepare_load(load_id, 500)
    await desk.hear(gave_up(f"B-{load_id}", load_ids=[load_id]))
    assert problem(await desk.prepare_load(load_id, 500)) == (409, "load.cancelled")


async def test_a_load_that_was_given_up_before_it_came_is_refused(desk: Desk, gave_up: NEW) -> None:
    await desk.open()
    load_id = uuid4().hex
    await desk.hear(gave_up(f"B-{load_id}", load_ids=[load_id]))
    assert problem(await desk.prepare_load(load_id, 500)) == (409, "load.cancelled")


async def test_a_load_over_the_month_is_refused_with_what_is_allowed(
    desk: Desk, booked: NEW
) -> None:
    await desk.open()
    await desk.load(14000, booked)
    answer = await desk.prepare_load(uuid4().hex, 1001)
    assert problem(answer) == (409, "account.over_limit")
    assert answer.json()["allowed"] == eur(1000)


@pytest.mark.parametrize("amount", [0, -100, 100_001, 10**13])
async def test_an_absurd_load_is_refused(desk: Desk, amount: int) -> None:
    assert problem(await desk.prepare_load(uuid4().hex, amount))[0] == 422


async def test_another_stores_gateway_loads_nothing_here(desk: Desk) -> None:
    await desk.open()
    body = {"account_id": desk.account_id, "amount": eur(100), "booking_id": "B",
            "store_id": "koeln", "till_id": "t1"}  # fmt: skip
    answer = await desk.send("PUT", f"/voucher/v1/loads/{uuid4().hex}", body, by="box")
    assert problem(answer) == (403, "auth.forbidden")


async def test_a_statement_opens_moves_and_closes(desk: Desk, booked: NEW, clock: Clock) -> None:
    await desk.open()
    await desk.load(1000, booked)
    path = f"{desk.path}/statement"
    found = (await desk.send("GET", f"{path}?from=2026-11-22&to=2026-11-22")).json()
    assert (found["opening"], found["closing"]) == (eur(0), eur(1000))
    later = (await desk.send("GET", f"{path}?from=2026-11-23&to=2026-11-30")).json()
    assert (later["opening"], later["moves"], later["closing"]) == (eur(1000), [], eur(1000))


async def test_a_statement_is_also_csv(desk: Desk, booked: NEW) -> None:
    await desk.open()
    await desk.load(1000, booked)
    answer = await desk.send(
        "GET",
        f"{desk.path}/statement?from=2026-11-22&to=2026-11-22",
        headers={"accept": "text/csv"},
    )
    lines = answer.text.splitlines()
    assert lines[0].startswith("date,what,amount,balance")
    assert (lines[1].split(",")[1], lines[-1].split(",")[1:4]) == (
        "opening", ["closing", "", "10.00"],
    )  # fmt: skip


async def test_no_cell_of_a_statement_is_a_formula(desk: Desk) -> None:
    await desk.open()
    body = {"credit_id": "G1", "amount": eur(100), "reason": "=HYPERLINK(1)"}
    await desk.send("POST", f"{desk.path}/goodwill", body)
    answer = await desk.send(
        "GET", f"{desk.path}/statement?from=2026-11-22&to=2026-11-22&format=csv"
    )
    assert ",'=HYPERLINK(1)" in answer.text


@pytest.mark.parametrize(
    "period", ["from=2026-11-23&to=2026-11-22", "from=1990-01-01&to=2026-11-22"]
)
async def test_a_period_that_is_none_is_refused(desk: Desk, period: str) -> None:
    await desk.open()
    answer = await desk.send("GET", f"{desk.path}/statement?{period}")
    assert problem(answer) == (422, "statement.period")


async def test_a_fee_is_settled_by_a_recorded_booking(desk: Desk, booked: NEW) -> None:
    await desk.open()
    await desk.fee("F1", 400)
    settlement_id = uuid4().hex
    assert (await desk.settle(settlement_id, "payment", 400)).json()["state"] == "prepared"
    line = {"kind": "fee", "account_id": desk.account_id, "fee_id": "F1",
            "settlement_id": settlement_id, "how": "payment", "amount": eur(400)}  # fmt: skip
    await desk.hear(booked(f"B-{settlement_id}", line))
    assert (await desk.shown())["fees"] == []


async def test_a_match_above_the_fee_is_refused(desk: Desk) -> None:
    await desk.open()
    await desk.fee("F1", 400)
    answer = await desk.settle(uuid4().hex, "payment", 500)
    assert problem(answer) == (409, "fee.over_open")
    assert answer.json()["open"] == eur(400)


async def test_a_settlement_id_belongs_to_one_account(desk: Desk) -> None:
    await desk.open()
    await desk.fee("F1", 400)
    settlement_id = uuid4().hex
    await desk.settle(settlement_id, "payment", 400)
    other = Desk(desk.opened, desk.client)
    await other.open()
    await other.fee("F1", 400)
    answer = await other.settle(settlement_id, "payment", 400)
    assert problem(answer) == (422, "settlement.reused")


async def test_receipt_duty_forbids_an_offset_without_a_booking(desk: Desk, booked: NEW) -> None:
    await desk.open()
    await desk.load(1000, booked)
    await desk.fee("F1", 400)
    body = {"settlement_id": uuid4().hex, "fee_id": "F1", "how": "credit", "amount": eur(400),
            "store_id": "koeln"}  # fmt: skip
    answer = await desk.send("POST", f"{desk.path}/settlements", body)
    assert problem(answer) == (409, "account.receipt_duty")


async def test_a_broken_fee_line_is_poison_and_settles_nothing(desk: Desk, booked: NEW) -> None:
    line = {"kind": "fee", "account_id": desk.account_id, "fee_id": "F1", "how": "payment",
            "amount": eur(400)}  # fmt: skip
    with pytest.raises(ValueError, match="settlement_id"):
        await desk.hear(booked(uuid4().hex, line))


async def test_fees_are_imported_all_at_once(desk: Desk) -> None:
    await desk.open()
    rows = f"account_id;fee_id;kind;amount;due\n{desk.account_id};F1;annual_fee;15,00;2026-12-31\n"
    answer = await desk.import_fees(rows)
    assert (answer.status_code, answer.json()["total"]) == (200, eur(1500))
    assert (await desk.shown())["fees"][0]["amount"] == eur(1500)


async def test_an_import_with_refused_rows_stores_nothing_and_names_them(desk: Desk) -> None:
    await desk.open()
    rows = (
        "account_id,fee_id,kind,amount,due,text\n"
        f"{desk.account_id},F1,annual_fee,15.00,2026-12-31,ok\n"
        "nobody,F2,annual_fee,15.00,2026-12-31,unknown account\n"
        f"{desk.account_id},F3,annual_fee,-1,2026-12-31,negative\n"
        f"{desk.account_id},F4,annual_fee,1.00,31.12.2026,date\n"
        f"{desk.account_id},F1,annual_fee,16.00,2026-12-31,again\n"
    )
    answer = await desk.import_fees(rows)
    assert problem(answer) == (422, "fees.refused")
    refused = [(row["row"], row["code"]) for row in answer.json()["rows"]]
    assert refused == [
        (3, "account.unknown"), (4, "row.amount"), (5, "row.invalid"), (6, "fee.reused"),
    ]  # fmt: skip
    assert (await desk.shown())["fees"] == []


async def test_an_import_sent_twice_posts_once(desk: Desk) -> None:
    await desk.open()
    rows = f"account_id,fee_id,kind,amount,due\n{desk.account_id},F1,annual_fee,1.00,2026-12-31\n"
    key = uuid4().hex
    first, second = await desk.import_fees(rows, key), await desk.import_fees(rows, key)
    assert first.json() == second.json()
    assert len((await desk.shown())["fees"]) == 1


@pytest.mark.parametrize("raw", ["", "a,b\n1,2\n", "account_id,fee_id,kind,amount,due\n", '"'])
async def test_what_is_no_csv_of_fees_is_refused(desk: Desk, raw: str) -> None:
    assert problem(await desk.import_fees(raw)) == (422, "fees.unreadable")


async def test_the_same_key_with_another_body_is_refused(desk: Desk) -> None:
    await desk.open()
    key = uuid4().hex
    body = {"kind": "annual_fee", "amount": eur(100), "due": "2026-11-22"}
    await desk.send("PUT", f"{desk.path}/fees/F1", body, key=key)
    answer = await desk.send("PUT", f"{desk.path}/fees/F1", {**body, "amount": eur(200)}, key=key)
    assert problem(answer) == (422, "idempotency_key.reused")


async def test_a_lapsed_hold_is_swept(
    desk: Desk, booked: NEW, clock: Clock, postgres: PostgresEventStore, models: AsyncEngine
) -> None:
    await desk.open()
    code = (await desk.card())["code"]
    await desk.load(1000, booked)
    hold_id = uuid4().hex
    await desk.hold(hold_id, code, 1000)
    records = await postgres.load(f"account-{desk.account_id}")
    async with models.begin() as tx:
        await AccountReservations().apply(tx, records)
    clock.advance(minutes=6)
    lapsed = await PostgresLapsedReservations(models).lapsed(clock(), holds_max=100)
    assert (desk.account_id, hold_id) in lapsed
    assert not await PostgresLapsedReservations(models).lapsed(
        clock() - timedelta(minutes=6), holds_max=100
    )


async def test_no_code_stands_in_the_log(
    desk: Desk, booked: NEW, postgres: PostgresEventStore
) -> None:
    await desk.open()
    code = (await desk.card())["code"]
    await desk.load(1000, booked)
    plain = code.replace("-", "").encode()
    for entry in await postgres.read(after=0, records_max=10_000):
        assert plain not in entry.data
        assert code.encode() not in entry.data
