"""Whatever is sent to the routes of accounts: never a 5xx, and no balance moves."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from voucher.testing.fakes import Clock
from voucher.testing.shop import Shop

if TYPE_CHECKING:
    from collections.abc import Callable

    from events.reaction import Incoming

REQUESTS = 600
SEED = 20261122

GOOD: dict[str, Any] = {
    "legal_entity_id": "kette", "holder_id": "reader-7", "store_id": "koeln", "till_id": "t1",
    "booking_id": "B1", "kind": "annual_fee", "due": "2026-12-31", "text": "Gebühr",
    "amount": {"amount": 100, "currency": "EUR"}, "reason": "x", "fee_id": "F1", "how": "credit",
    "settlement_id": "S1", "code": "V000-0000-0000-0000", "account_id": "BAD", "limits": {},
    "receipt_duty": True, "replaces": None, "use_credit": False, "credit_id": "C1",
    "fee_kinds": [], "valid_until": "2029-12-31", "subject_id": "p", "old_until": "2026-12-31",
    "new_until": "2027-12-31", "voucher_id": "V1", "balance_max": None, "url": "https://a.example",
    "events": ["fee.settled"], "secret": "whsec_" + "A" * 44, "active": False,
}  # fmt: skip
BAD: tuple[Any, ...] = (
    None, "", "x" * 300, "a\u0000b", "\x1b[0m", -1, 0, 10**30, 1.5, True, [], {}, [1] * 200,
    {"amount": 0, "currency": "EUR"}, {"amount": -5, "currency": "EUR"},
    {"amount": 10**12, "currency": "EUR"}, {"amount": 10**13, "currency": "EUR"},
    {"amount": "1", "currency": "EUR"}, {"amount": 1, "currency": "USD"}, {"amount": 1.5},
    "2026-13-01", "9999-12-31", "0001-01-01", "\u202e", "payout", "'; DROP TABLE event; --",
)  # fmt: skip
ROUTES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("PUT", "/accounts/{id}", ("legal_entity_id", "holder_id", "limits", "receipt_duty",
                               "store_id")),
    ("PUT", "/accounts/{id}/limits", ("balance_max",)),
    ("POST", "/accounts/{id}/block", ("reason",)),
    ("POST", "/accounts/{id}/unblock", ()),
    ("POST", "/accounts/{id}/goodwill", ("credit_id", "amount", "reason", "fee_kinds",
                                         "valid_until")),
    ("PUT", "/accounts/{id}/cards/{id}", ("replaces",)),
    ("POST", "/accounts/{id}/cards/{id}/end", ("reason",)),
    ("PUT", "/loads/{id}", ("account_id", "code", "amount", "booking_id", "store_id", "till_id")),
    ("POST", "/loads/{id}/cancel", ("reason",)),
    ("PUT", "/accounts/{id}/fees/{id}", ("kind", "amount", "due", "text")),
    ("POST", "/accounts/{id}/fees/{id}/withdraw", ("reason",)),
    ("POST", "/accounts/{id}/settlements", ("settlement_id", "fee_id", "how", "amount", "code",
                                            "use_credit", "reason", "store_id")),
    ("PUT", "/settlements/{id}", ("account_id", "fee_id", "how", "amount", "code", "reason",
                                  "booking_id", "store_id", "till_id")),
    ("POST", "/settlements/{id}/drop", ("reason",)),
    ("POST", "/accounts/{id}/claims", ("code",)),
    ("PUT", "/extensions/{id}", ("code", "subject_id", "old_until", "store_id", "till_id")),
    ("POST", "/extensions/{id}/confirm", ("voucher_id", "subject_id", "old_until", "new_until",
                                          "store_id")),
    ("PUT", "/webhooks/{id}", ("url", "events", "secret", "active")),
    ("POST", "/webhooks/{id}/deliveries/{id}/retry", ()),
    ("GET", "/accounts/{id}/statement?from={id}&to={id}", ()),
    ("GET", "/webhooks/{id}/deliveries?limit={id}&cursor={id}", ()),
)  # fmt: skip
IDS = ("BAD", "F1", "S1", "1", "0", "-1", "2026-01-01", "9999-12-31", "a%00b", "%F0%9F%98%80",
       "x" * 70, "..", "%2e%2e%2f", "999999999999999999999")  # fmt: skip


def _request(chance: random.Random) -> tuple[str, str, Any]:
    method, path, fields = chance.choice(ROUTES)
    while "{id}" in path:
        path = path.replace("{id}", chance.choice(IDS), 1)
    body: Any = {name: GOOD[name] for name in fields}
    for name in chance.sample(fields, k=min(len(fields), chance.randint(0, 2))):
        body[name] = chance.choice(BAD)
    if chance.random() < 0.05:
        body = chance.choice(BAD)
    return method, f"/voucher/v1{path}", None if method == "GET" else body


async def test_no_request_breaks_the_service_or_moves_a_balance(
    shop: Shop, booked: Callable[..., Incoming], clock: Clock
) -> None:
    chance = random.Random(SEED)
    body = {"legal_entity_id": "kette", "store_id": "koeln"}
    await shop.send("PUT", "/voucher/v1/accounts/GOOD", body, by="office")
    line = {"kind": "account_load", "account_id": "GOOD", "load_id": "L-good",
            "amount": {"amount": 700, "currency": "EUR"}}  # fmt: skip
    await shop.hear(booked("B-good", line))
    seen: dict[int, int] = {}
    for number in range(REQUESTS):
        method, path, asked = _request(chance)
        by = chance.choice(("gateway", "office", "manager", "till", "analyst"))
        answer = await shop.send(method, path, asked, by=by)
        seen[answer.status_code] = seen.get(answer.status_code, 0) + 1
        assert answer.status_code < 500, (number, method, path, asked, answer.text)
    assert {200, 403, 404, 422} <= seen.keys()  # The requests reach further than the first check.
    found = await shop.send("GET", "/voucher/v1/accounts/GOOD", by="office")
    assert found.json()["balance"] == {"amount": 700, "currency": "EUR"}


@pytest.mark.parametrize("raw", [b"{", b"[]", b"\xff\xfe", b'{"a":1e999}', b"null"])
async def test_a_body_that_is_none_is_refused(shop: Shop, raw: bytes) -> None:
    answer = await shop.client.request(
        "PUT", "/voucher/v1/accounts/BAD", content=raw,
        headers={"authorization": "Bearer office", "idempotency-key": "k",
                 "content-type": "application/json"},
    )  # fmt: skip
    assert answer.status_code in (400, 422)
