"""A till at which nobody stands: declared, booked at by other services, closed by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest_asyncio

from device_gateway.handlers.automatic import close_unattended
from device_gateway.handlers.unattended import declare_unattended_tills
from kassenverbund.kit.chain import Chain

TILL = "web-berlin"


def with_tills(chain: Chain, *tills: str) -> Chain:
    document = chain.model_dump(mode="json")
    document["stores"][0]["unattended_tills"] = [{"id": each, "name": "Webshop"} for each in tills]
    document["means_of_payment"].append({"kind": "online", "name": "Online", "fiscal": "Unbar"})
    return Chain.model_validate(document)


class Shop:
    """What books at it."""

    def __init__(self, rig: Any, words: Any) -> None:
        self.rig, self.words = rig, words

    async def post(
        self, body: Any, *, key: str = "", till: str = TILL, who: str = "service"
    ) -> httpx.Response:
        answer: httpx.Response = await self.rig.as_person(
            who, f"/stores/berlin/v1/unattended/{till}/bookings", body, key=key or uuid4().hex
        )
        return answer

    def order(self, minor: int = 1600, **more: Any) -> dict[str, Any]:
        paid = {"kind": "online", "order": "W-1", "amount": self.words.eur(minor)}
        return {"lines": [self.words.article(minor)], "payments": [paid], **more}


@pytest_asyncio.fixture(loop_scope="session")
async def shop(rig: Any, words: Any, chain: Chain) -> AsyncIterator[Shop]:
    declared = with_tills(chain, TILL)
    from device_gateway.handlers.stores import declare_stores

    await declare_stores(rig.gateway, declared)
    await declare_unattended_tills(rig.gateway, declared)
    yield Shop(rig, words)


async def test_where_people_sign_in_it_sells_without_one(shop: Shop) -> None:
    shop.rig.restart(sign_in_required=frozenset({"berlin"}))
    told = await shop.post(shop.order())
    assert (told.status_code, told.json()["state"]) == (200, "recorded")


async def test_it_is_declared_once_with_a_serial_and_a_tse_of_its_own(
    shop: Shop, chain: Chain
) -> None:
    await declare_unattended_tills(shop.rig.gateway, with_tills(chain, TILL))
    (paired,) = shop.rig.events("till.paired")
    assert (paired.till_id, paired.client_id, paired.unattended) == (TILL, "KV-berlin-1", True)
    assert paired.tse_id == "tse-berlin-1"


async def test_what_it_books_is_numbered_signed_and_known_as_its_own(shop: Shop) -> None:
    answer = await shop.post(shop.order())
    assert answer.status_code == 200, answer.text
    assert (answer.json()["number"], answer.json()["state"]) == (1, "recorded")
    (recorded,) = shop.rig.events("booking.recorded")
    assert recorded.unattended
    assert recorded.shift == 1
    await shop.rig.sign(recorded.booking_id)
    seen = await shop.rig.http.get(
        f"/stores/berlin/v1/unattended/{TILL}/bookings/{recorded.booking_id}",
        headers={"authorization": "Bearer service"},
    )
    assert seen.json()["state"] == "signed"


async def test_a_repeat_is_the_same_booking(shop: Shop) -> None:
    first = await shop.post(shop.order(), key="w-1")
    again = await shop.post(shop.order(), key="w-1")
    assert first.json()["booking_id"] == again.json()["booking_id"]
    assert len(shop.rig.events("booking.recorded")) == 1


async def test_nobody_takes_cash_there(shop: Shop, words: Any) -> None:
    body = words.sale([words.article(500)], words.cash(500))
    answer = await shop.post(body)
    assert (answer.status_code, answer.json()["code"]) == (422, "unattended.no_cash")
    assert "booking.started" not in shop.rig.names()


async def test_what_is_refused_is_aborted_and_stays_so(shop: Shop) -> None:
    short = {**shop.order(1600), "lines": [shop.words.article(9900)]}
    answer = await shop.post(short, key="w-2")
    assert (answer.status_code, answer.json()["code"]) == (409, "booking.open_amount")
    assert shop.rig.names().count("booking.aborted") == 1
    again = await shop.post(short, key="w-2")
    assert (again.status_code, again.json()["code"]) == (409, "booking.aborted")


async def test_only_services_book_there_and_only_where_it_is_declared(
    shop: Shop, words: Any
) -> None:
    assert (await shop.post(shop.order(), who="manager")).status_code == 403
    unknown = await shop.post(shop.order(), till="nothing")
    assert unknown.json()["code"] == "unattended.unknown"
    await shop.rig.paired("berlin", "till-1")
    attended = await shop.post(shop.order(), till="till-1")
    assert attended.json()["code"] == "unattended.unknown"


async def test_no_device_becomes_this_till(shop: Shop) -> None:
    offered = await shop.rig.as_person("manager", "/stores/berlin/v1/pairings", {"till_id": TILL})
    assert (offered.status_code, offered.json()["code"]) == (409, "till.taken")
    revoked = await shop.rig.as_person("manager", f"/stores/berlin/v1/tills/{TILL}/revoke")
    assert (revoked.status_code, revoked.json()["code"]) == (409, "till.declared")


async def test_what_the_file_has_no_longer_books_nothing(shop: Shop, chain: Chain) -> None:
    await declare_unattended_tills(shop.rig.gateway, with_tills(chain))
    assert (await shop.post(shop.order())).json()["code"] == "unattended.unknown"
    shop.rig.clock.advance(60)
    await declare_unattended_tills(shop.rig.gateway, with_tills(chain, TILL))
    assert (await shop.post(shop.order())).status_code == 200


async def test_its_shift_closes_by_itself(shop: Shop) -> None:
    await shop.post(shop.order())
    shop.rig.clock.now += timedelta(days=1)
    assert await close_unattended(shop.rig.gateway, {}, {"berlin": [TILL]}) == 1
    (closed,) = shop.rig.events("till.closed")
    assert (closed.till_id, closed.automatic) == (TILL, True)
    assert await close_unattended(shop.rig.gateway, {}, {"berlin": [TILL]}) == 0
