"""Back office over HTTP, on PostgreSQL, with the background work running."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from voucher.handlers import import_file
from voucher.testing.desk import Desk

ORDER = {"cards": 3, "template_id": "gift", "legal_entity_id": "kette"}
TEMPLATE: dict[str, Any] = {"name": "Geschenkgutschein"}


def eur(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


@pytest.fixture(autouse=True)
async def template(desk: Desk) -> None:
    answer = await desk.send("PUT", "/v1/templates/gift", TEMPLATE)
    assert answer.status_code == 200, answer.text


async def test_a_defined_template_is_listed(desk: Desk) -> None:
    answer = await desk.send("PUT", "/v1/templates/koeln-only", {
        "name": "Nur am Dom", "terms": {"restrictions": {"stores": ["koeln"]}},
        "validity": {"kind": "months", "months": 24}, "value": eur(5000), "price": eur(4500),
    })  # fmt: skip
    assert answer.json()["warnings"] == ["validity.below_three_years"]
    await desk.catch_up()
    for store, listed in (("koeln", True), ("berlin", False)):
        found = (await desk.get("/v1/templates", by="gateway", store=store)).json()
        assert ("koeln-only" in [one["template_id"] for one in found["templates"]]) == listed


async def test_pages_of_templates_meet_without_a_gap(desk: Desk) -> None:
    for number in range(3):
        await desk.send("PUT", f"/v1/templates/page-{number}", TEMPLATE)
    await desk.catch_up()
    whole = (await desk.get("/v1/templates")).json()["templates"]
    pages, after = [], None
    while True:
        page = (
            await desk.get("/v1/templates", limit=2, **({"after": after} if after else {}))
        ).json()
        pages += page["templates"]
        after = page["next"]
        if after is None:
            break
    assert pages == whole


async def test_a_withdrawn_template_is_not_listed(desk: Desk) -> None:
    await desk.send("PUT", "/v1/templates/old", {**TEMPLATE, "active": False})
    await desk.catch_up()
    shown = (await desk.get("/v1/templates")).json()["templates"]
    kept = (await desk.get("/v1/templates", withdrawn=True)).json()["templates"]
    assert "old" not in [one["template_id"] for one in shown]
    assert "old" in [one["template_id"] for one in kept]
    assert (await desk.get("/v1/templates/old")).json()["active"] is False


async def test_a_run_is_printed_and_handed_out(desk: Desk) -> None:
    rows = await desk.printed("R1", 3)
    assert len({row["code"] for row in rows}) == 3
    batch = (await desk.get("/v1/batches/R1")).json()
    assert (batch["state"], batch["done"]) == ("exported", 3)


async def test_a_handed_out_run_is_not_handed_out_again(desk: Desk) -> None:
    await desk.printed("R2", 1)
    answer = await desk.send("POST", "/v1/batches/R2/export")
    assert (answer.status_code, answer.json()["code"]) == (409, "batch.exported")


async def test_the_file_says_its_own_digest(desk: Desk) -> None:
    await desk.send("PUT", "/v1/batches/R3", ORDER)
    await desk.until("R3", "completed")
    answer = await desk.send("POST", "/v1/batches/R3/export")
    assert answer.headers["x-content-sha256"] == hashlib.sha256(answer.content).hexdigest()


async def test_an_import_is_taken_over(desk: Desk) -> None:
    content = b"serial,code,balance\nALT-1,HTTP01,12.50\nALT-2,HTTP02,7.50\n"
    ordered = await desk.take(content, 2, 2000)
    assert ordered.status_code == 202, ordered.text
    batch = await desk.until(ordered.json()["batch_id"], "completed")
    assert batch["total"] == eur(2000)


async def test_a_dry_run_lists_what_would_be_refused(desk: Desk) -> None:
    answer = await desk.take(b"code,balance\nHTTP10,1\nHTTP10,1\n", 2, 200, dry_run=True)
    assert answer.status_code == 200
    assert answer.json()["acceptable"] is False
    assert answer.json()["refused"] == [
        {"line": 3, "column": "code", "reason": "code.twice", "other_line": 2}
    ]


async def test_a_refused_import_stores_nothing(desk: Desk) -> None:
    before = await desk.store.head()
    answer = await desk.take(b"code,balance\nHTTP20,1\nx,1\n", 2, 200)
    assert (answer.status_code, answer.json()["code"]) == (422, "import.refused")
    assert answer.json()["refused"][0]["reason"] == "code.mistyped"
    assert await desk.store.head() == before


async def test_the_same_key_with_another_total_is_another_request(desk: Desk) -> None:
    content = b"code,balance\nHTTP30,1\n"
    assert (await desk.take(content, 1, 100, key="again")).status_code == 202
    assert (await desk.take(content, 1, 100, key="again")).status_code == 202
    answer = await desk.take(content, 1, 101, key="again")
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key.reused")


async def test_a_file_is_larger_than_other_bodies(desk: Desk) -> None:
    lines = [f"BIG{number:05},1.00" for number in range(6_000)]
    content = "\n".join(["code,balance", *lines]).encode()
    answer = await desk.take(content, 6_000, 600_000, dry_run=True)
    assert len(content) > 64 * 1024
    assert answer.json()["acceptable"] is True


async def test_an_endless_file_is_cut_off(desk: Desk) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(import_file.FILE_BYTES_MAX // 2**20 + 1):
            yield b"x" * 2**20

    answer = await desk.take(endless(), 0, 0)
    assert (answer.status_code, answer.json()["code"]) == (413, "request.too_large")


async def test_only_csv_is_taken(desk: Desk) -> None:
    answer = await desk.send(
        "POST", "/v1/imports", content=b"{}", params={"count": 0, "total": 0},
        media_type="application/json",
    )  # fmt: skip
    assert (answer.status_code, answer.json()["code"]) == (415, "request.media_type")


@pytest.mark.parametrize("by", ["till", "cashier", "manager", "auditor", "gateway", "store-office"])
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/v1/templates/gift", TEMPLATE),
        ("PUT", "/v1/presets/chain", {"values": []}),
        ("PUT", "/v1/batches/R9", ORDER),
        ("POST", "/v1/batches/R9/export", None),
        ("POST", "/v1/batches/R9/exported", {"sha256": "0" * 64}),
        ("POST", "/v1/batches/R9/void", {"reason": "x"}),
        ("POST", "/v1/imports?count=0&total=0", None),
        ("GET", "/v1/exports/vouchers", None),
    ],
)
async def test_only_back_office_of_the_chain_may(
    desk: Desk, by: str, method: str, path: str, body: Any
) -> None:
    answer = await desk.send(method, path, body, by=by)
    assert (answer.status_code, answer.json()["code"]) == (403, "auth.forbidden")


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("PUT", "/v1/templates/gift", {"name": "x", "secret": 1}, "request.invalid"),
        ("PUT", "/v1/templates/gift", {"name": "x", "value": eur(1_000_001)}, "request.invalid"),
        ("PUT", "/v1/templates/gift", {"name": "x", "price": eur(-1)}, "request.invalid"),
        ("PUT", "/v1/templates/gift",
         {"name": "x", "terms": {"funding": "donated"}}, "request.invalid"),
        ("PUT", "/v1/presets/chain", {"values": [eur(1)] * 13}, "request.invalid"),
        ("PUT", "/v1/batches/R9", {**ORDER, "cards": 100_001}, "request.invalid"),
        ("PUT", "/v1/batches/R9", {**ORDER, "template_id": "none"}, "template.unknown"),
        ("PUT", "/v1/batches/R9", {**ORDER, "legal_entity_id": "x"}, "legal_entity.unknown"),
        ("GET", "/v1/batches/R9", None, "batch.unknown"),
        ("POST", "/v1/batches/R9/exported", {"sha256": "x"}, "request.invalid"),
        ("POST", "/v1/imports?count=1&total=1&legal_entity_id=x", None, "request.media_type"),
    ],
)  # fmt: skip
async def test_what_cannot_be_is_refused_by_its_code(
    desk: Desk, method: str, path: str, body: Any, code: str
) -> None:
    answer = await desk.send(method, path, body)
    assert answer.json()["code"] == code
    assert 400 <= answer.status_code < 500
