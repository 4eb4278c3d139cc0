"""An order of a web shop is picked up at a till; the order service is a small real HTTP server."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any
from uuid import uuid4

import httpx
import pytest_asyncio
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from device_gateway.adapters.orders_http import HttpOrderService
from device_gateway.handlers.gateway import Gateway
from device_gateway.ports.orders import NoOrders
from device_gateway.testing.window import Window
from kassenverbund.kit.code_format import check_symbol
from tests.support.counter import Counter, cash, eur, open_counter

ORDERS: dict[str, Any] = {
    "K-1000": {
        "order_id": "o1", "number": "K-1000", "store_id": "berlin", "state": "ready", "paid": True,
        "total": eur(2480),
        "lines": [
            {"name": "Die Möwe", "quantity": "2", "unit_price": eur(1240), "vat": "reduced"},
        ],
    },
    "K-1001": {
        "order_id": "o2", "number": "K-1001", "store_id": "berlin", "state": "ready",
        "paid": False, "total": eur(500),
        "lines": [{"name": "Heft", "quantity": "1", "unit_price": eur(500), "sku": "S1"}],
    },
    "K-1002": {
        "order_id": "o3", "number": "K-1002", "store_id": "koeln", "state": "ready", "paid": True,
        "total": eur(100), "lines": [],
    },
}  # fmt: skip
PICK_UP = "P7F3K0Q2M9X4B6D"
PICK_UP += check_symbol(PICK_UP)
CODES = {"ABHOL-7": "K-1000", PICK_UP: "K-1000"}


class Shop:
    """Behaves as the order service will: claims are exclusive, repeats get the same answer."""

    def __init__(self) -> None:
        self.claims: dict[str, str] = {}
        self.rejected: list[str] = []
        self.seen: list[str] = []
        self.loses = 0
        self.app = FastAPI()
        self.app.post("/order-connector/v1/lookups")(self.look_up)
        self.app.post("/order-connector/v1/tills/{till}/claims")(self.claim)
        self.app.post("/order-connector/v1/claims/{claim}/rejected")(self.reject)

    async def look_up(self, request: Request) -> Any:
        body = await request.json()
        number = body.get("number") or CODES.get(body.get("code"))
        self.seen.append(request.url.path)
        found = ORDERS.get(number or "")
        return found or _problem(404, "order.unknown")

    async def claim(self, till: str, request: Request) -> Any:
        body = await request.json()
        order = next(each for each in ORDERS.values() if each["order_id"] == body["order_id"])
        if self.claims.setdefault(order["order_id"], body["claim_id"]) != body["claim_id"]:
            return _problem(409, "order.claimed")
        if self.loses:
            self.loses -= 1
            return JSONResponse({}, status_code=500)
        lease = "2026-11-22T10:15:00Z"
        return {"claim_id": body["claim_id"], "lease_until": lease, "order": order}

    async def reject(self, claim: str) -> Any:
        self.rejected.append(claim)
        self.claims = {order: by for order, by in self.claims.items() if by != claim}
        return {"claim_id": claim}


def _problem(status: int, code: str) -> JSONResponse:
    return JSONResponse({"code": code, "detail": "no", "status": status}, status_code=status)


@pytest_asyncio.fixture(loop_scope="session")
async def shop() -> AsyncIterator[tuple[Shop, Counter]]:
    behind, counter = Shop(), await open_counter()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        config = uvicorn.Config(behind.app, log_level="warning", lifespan="off")
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve([listening]))
        base = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with httpx.AsyncClient(base_url=base, trust_env=False) as client:
            _orders(counter.gateway, HttpOrderService(client, clock=counter.clock))
            yield behind, counter
        server.should_exit = True
        with suppress(asyncio.CancelledError):
            await running
    await counter.client.aclose()


def _orders(gateway: Gateway, service: Any) -> None:
    object.__setattr__(gateway, "orders", service)


async def picked(counter: Counter, key: str = "", **wanted: str) -> httpx.Response:
    return await counter.at_till("/pickups", dict(wanted), key=key or uuid4().hex)


async def test_an_order_that_is_paid_is_found_by_its_code_and_recorded(
    shop: tuple[Shop, Counter],
) -> None:
    behind, counter = shop
    found = (await counter.at_till("/pickups/find", {"code": "ABHOL-7"})).json()
    assert (found["number"], found["paid"], found["total"]) == ("K-1000", True, eur(2480))
    done = (await picked(counter, code="ABHOL-7")).json()
    assert (done["state"], done["payments"][0]["kind"]) == ("recorded", "online")
    assert counter.published()["references"] == [{"type": "ExterneSonstige", "id": "K-1000"}]
    assert "ABHOL-7" not in "".join(behind.seen)
    assert b"ABHOL-7" not in b"".join(entry.data for entry in counter.log.log)


async def test_an_order_that_is_not_paid_is_open_until_it_is(shop: tuple[Shop, Counter]) -> None:
    _, counter = shop
    listed = {"name": "Heft", "price": eur(450), "vat": "standard"}
    await counter.office("PUT", "articles/S1", listed)
    begun = (await picked(counter, number="K-1001")).json()
    assert (begun["state"], begun["open_amount"]) == ("open", eur(500))
    assert begun["lines"][0]["vat"] == "standard"
    await counter.book(200, f"/{begun['booking_id']}/payments", payments=[cash(500)])
    assert (await counter.book(200, f"/{begun['booking_id']}/finish"))["state"] == "recorded"
    assert counter.published()["references"][0]["id"] == "K-1001"


async def test_a_second_scan_is_refused_and_a_repeat_is_not(shop: tuple[Shop, Counter]) -> None:
    behind, counter = shop
    behind.loses = 1
    first = await picked(counter, "k", number="K-1000")
    again = await picked(counter, "k", number="K-1000")
    assert first.json()["booking_id"] == again.json()["booking_id"]
    other = await picked(counter, number="K-1000")
    assert (other.status_code, other.json()["code"]) == (409, "order.claimed")


async def test_an_order_of_another_store_is_shown_and_not_booked(
    shop: tuple[Shop, Counter],
) -> None:
    behind, counter = shop
    problem = (await picked(counter, number="K-1002")).json()
    assert (problem["code"], problem["store_id"]) == ("order.other_store", "koeln")
    assert not behind.claims


async def test_what_cannot_be_booked_is_given_back(shop: tuple[Shop, Counter]) -> None:
    behind, counter = shop
    problem = (await picked(counter, number="K-1001")).json()
    assert problem["code"] == "article.unknown"
    assert len(behind.rejected) == 1
    assert not behind.claims


async def test_unknown_is_unknown(shop: tuple[Shop, Counter]) -> None:
    answer = await shop[1].at_till("/pickups/find", {"number": "K-9"})
    assert (answer.status_code, answer.json()["code"]) == (404, "order.unknown")


async def test_without_an_order_service_it_is_refused_at_once(shop: tuple[Shop, Counter]) -> None:
    _, counter = shop
    _orders(counter.gateway, NoOrders())
    for path in ("/pickups/find", "/pickups"):
        answer = await counter.at_till(path, {"number": "K-1000"})
        assert (answer.status_code, answer.json()["code"]) == (503, "order.unavailable")


async def test_at_the_page_a_scanned_code_shows_the_order_before_it_is_taken(
    shop: tuple[Shop, Counter],
) -> None:
    behind, counter = shop
    window = await Window(counter.client, counter.token).load()
    await window.act("scan", entry=PICK_UP)
    assert window.dialog == "pickup"
    assert window.shows("Die Möwe")
    assert window.shows("Online bezahlt: hier ist nichts zu zahlen.")
    assert PICK_UP not in window.text
    assert not behind.claims
    number = window.hidden("number")
    await window.act("pickup", number=number, dialog="pickup")
    await window.again()
    assert window.status == 200, window.refused
    assert 'data-ended="' in window.text
    recorded = [entry for entry in counter.log.log if entry.name == "booking.recorded"]
    assert len(recorded) == 1
    assert counter.published()["payments"][0]["kind"] == "online"


async def test_at_the_page_an_order_that_is_not_paid_is_a_sale_like_any_other(
    shop: tuple[Shop, Counter],
) -> None:
    _, counter = shop
    await counter.office("PUT", "articles/S1", {"name": "Heft", "price": eur(450), "vat": "zero"})
    window = await Window(counter.client, counter.token).load()
    await window.act("pickup-find", number="K-1001", dialog="pickup")
    await window.act("pickup", number="K-1001", dialog="pickup")
    assert (window.lines, window.dialog) == (1, "")
    await window.act("pickup-find", number="K-1000", dialog="pickup")
    assert window.refused == "page.sale_open"
    await window.act("cash", entry="10")
    assert counter.published()["references"][0]["id"] == "K-1001"


async def test_at_the_page_an_order_that_nobody_knows_is_said_at_its_number(
    shop: tuple[Shop, Counter],
) -> None:
    window = await Window(shop[1].client, shop[1].token).load()
    await window.act("pickup-find", number="K-9", dialog="pickup")
    assert (window.refused, window.dialog) == ("order.unknown", "pickup")
    assert 'aria-describedby="wrong-number"' in window.text
