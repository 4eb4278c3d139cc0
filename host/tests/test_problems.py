"""The border of every HTTP application: each error is a problem+json with a stable code."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated

import httpx
import pytest
from fastapi import FastAPI, Request
from pydantic import BaseModel, ConfigDict, Field

from events import DomainError, LostRace, Transient
from kassenverbund.kit import problems
from kassenverbund.kit.problems import BODY_BYTES_MAX, install_problem_handlers

STREAMED_MAX = 4 * BODY_BYTES_MAX


class VoucherSpent(DomainError):
    code = "voucher.spent"
    title = "Nothing is left on it"


class TooManyTries(DomainError):
    code = "voucher.rate_limited"
    status = 429


class Line(BaseModel):
    model_config = ConfigDict(extra="forbid")
    quantity: Annotated[int, Field(ge=1)]


class Sale(BaseModel):
    model_config = ConfigDict(extra="forbid")
    lines: list[Line] = []
    name: str = ""


def application() -> FastAPI:
    app = FastAPI()
    install_problem_handlers(app)
    app.state.streamed["/files"] = STREAMED_MAX

    @app.post("/files")
    async def take(request: Request) -> dict[str, int]:
        sizes = [len(piece) async for piece in request.stream()]
        return {"pieces": len(sizes), "bytes": sum(sizes)}

    @app.post("/sales")
    async def sell(sale: Sale) -> dict[str, int]:
        return {"lines": len(sale.lines)}

    @app.get("/broken/{how}")
    async def broken(how: str) -> None:
        faults: dict[str, Exception] = {
            "refused": VoucherSpent("all of it", available=0, status="mine"),
            "limited": TooManyTries("slow down", retry_after_s=30),
            "race": LostRace(),
            "fault": Transient("the store is away"),
            "reset": ConnectionResetError("db"),
            "defect": ZeroDivisionError("a secret detail"),
        }
        raise faults[how]

    return app


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(application())
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as opened:
        yield opened


async def test_a_refusal_keeps_its_code_its_detail_and_what_helps(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.get("/broken/refused")

    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:kassenverbund:problem:voucher.spent",
        "title": "Nothing is left on it",
        "status": 409,
        "code": "voucher.spent",
        "detail": "all of it",
        "instance": "/broken/refused",
        "available": 0,
    }


@pytest.mark.parametrize(
    ("how", "status", "code", "retry_after"),
    [
        ("limited", 429, "voucher.rate_limited", "30"),
        ("race", 409, "conflict", "1"),
        ("fault", 503, "unavailable", "1"),
        ("reset", 503, "unavailable", "1"),
    ],
)
async def test_what_may_pass_says_when_to_ask_again(
    client: httpx.AsyncClient, how: str, status: int, code: str, retry_after: str
) -> None:
    answer = await client.get(f"/broken/{how}")

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["retry-after"] == retry_after


async def test_a_defect_is_told_by_its_incident_and_nothing_else(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await client.get("/broken/defect")

    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert answer.json()["incident"] in caplog.text


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"lines": [{"quantity": 0}]}', 422, "request.invalid"),
        (b'{"lines": [{"quantity": "x"}]}', 422, "request.invalid"),
        (b'{"unknown": 1}', 422, "request.invalid"),
        (b'{"\\ud800": 1}', 422, "request.invalid"),
        (b'{"lines": [', 400, "request.malformed"),
        (b"[" * 60_000, 400, "request.malformed"),
        (b'"\xff"', 400, "request.malformed"),
        (b'{"name": "a\\u0000b"}', 422, "request.invalid"),
        (b'{"name": "' + b"a" * BODY_BYTES_MAX + b'"}', 413, "request.too_large"),
    ],
)
async def test_bad_input_gets_a_stable_code(
    client: httpx.AsyncClient, body: bytes, status: int, code: str
) -> None:
    answer = await client.post("/sales", content=body, headers={"content-type": "application/json"})

    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_an_invalid_request_names_the_field_and_never_repeats_the_input(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.post("/sales", json={"lines": [{"quantity": "MY-SECRET-CODE"}]})

    assert answer.json()["errors"][0]["field"] == "lines[0].quantity"
    assert "MY-SECRET-CODE" not in answer.text


async def test_an_escaped_backslash_before_u0000_is_no_nul(client: httpx.AsyncClient) -> None:
    answer = await client.post(
        "/sales",
        content=b'{"name": "a\\\\u0000b"}',
        headers={"content-type": "application/json"},
    )

    assert answer.status_code == 200


async def test_a_body_without_a_length_is_counted_while_it_streams(
    client: httpx.AsyncClient,
) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 1024

    answer = await client.post("/sales", content=endless())

    assert (answer.status_code, answer.json()["code"]) == (413, "request.too_large")


async def pieces(number: int, size: int) -> AsyncIterator[bytes]:
    for _ in range(number):
        yield b"x" * size


async def test_a_streamed_body_arrives_in_pieces_and_may_be_larger(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.post("/files", content=pieces(4, BODY_BYTES_MAX))

    assert answer.json()["bytes"] == STREAMED_MAX
    assert answer.json()["pieces"] >= 4


async def test_a_streamed_body_has_a_limit_of_its_own(client: httpx.AsyncClient) -> None:
    answer = await client.post("/files", content=pieces(5, BODY_BYTES_MAX))

    assert (answer.status_code, answer.json()["code"]) == (413, "request.too_large")
    assert answer.headers["connection"] == "close"


async def test_a_streamed_body_that_says_it_is_too_large_is_not_read(
    client: httpx.AsyncClient,
) -> None:
    headers = {"content-length": str(STREAMED_MAX + 1)}
    answer = await client.post("/files", content=pieces(1, 1), headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (413, "request.too_large")


async def test_a_streamed_body_that_stops_is_given_up(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(problems, "BODY_WAIT_S", 0.01)

    async def stuck() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.Event().wait()

    answer = await client.post("/files", content=stuck())

    assert (answer.status_code, answer.json()["code"]) == (408, "request.too_slow")


async def test_an_unknown_address_and_a_wrong_method_have_codes(
    client: httpx.AsyncClient,
) -> None:
    unknown, method = await client.get("/nowhere"), await client.get("/sales")

    assert (unknown.status_code, unknown.json()["code"]) == (404, "route.unknown")
    assert (method.status_code, method.json()["code"]) == (405, "route.method_not_allowed")
    assert method.headers["allow"] == "POST"


@pytest.mark.parametrize("path", ["/broken/%00", "/broken/x?a=%00"])
async def test_u0000_in_an_address_is_refused(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)

    assert (answer.status_code, answer.json()["code"]) == (422, "request.invalid")


async def test_every_answer_carries_the_security_headers(client: httpx.AsyncClient) -> None:
    for answer in (await client.get("/nowhere"), await client.post("/sales", json={})):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
