"""Thousands of requests that nobody meant, at the voucher service of the running program: none is
answered with 5xx, each refusal has its code, and no balance of a voucher changes.

Two makers: hypothesis over the published OpenAPI (requests as they should be, with one part of
them spoiled, half of them naming real codes and serials), and schemathesis.
"""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.support.program import Program
from tests.support.shop import article, by_voucher, cash, pair_tills, voucher_sale

pytestmark = [pytest.mark.proof, pytest.mark.slow]

SPOILED = 4_500
GENERATED_MIN = 500
"""At least 5,000 requests of both makers together (issue 3, "It must show", 4)."""

SECONDS = 600
"""One test sends thousands of requests: on a busy machine that takes minutes."""

AT_ONCE = 16
FUZZ_SEED = 20261122
SCHEMATHESIS_EXAMPLES = 25
VOUCHERS = 8

JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=80),
    st.sampled_from(
        ["", " ", "\x00", "\x1bp\x00\x19\xfa", "\u202e", "\ud7ff", "0", "-1", "1e9", "NaN", "null",
         "' OR 1=1 --", "../../etc/passwd", "V" * 16, "A" * 5_000, "9999-12-31", "0000-00-00"]
    ),
    st.lists(st.integers(), max_size=5),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
    st.just({"amount": -1, "currency": "EUR"}),
    st.just({"amount": 2**63, "currency": "EUR"}),
    st.just({"amount": 1.5, "currency": "EUR"}),
    st.just({"amount": 100, "currency": "USD"}),
)  # fmt: skip
NO_AMOUNT: tuple[Any, ...] = (None, "1", -1, 0, 1.5, 2**70, True, [], {})
PLAIN = re.compile(r"^[A-Za-z0-9._-]{1,40}$")


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    body: dict[str, Any] | None
    """The schema of its JSON body."""


@dataclass
class Book:
    """Vouchers with known codes, and what they are worth."""

    program: Program
    client: httpx.AsyncClient
    document: dict[str, Any]
    tokens: dict[str, str]
    sold: list[dict[str, Any]]
    asked: int = 0

    def operations(self) -> list[Operation]:
        found = []
        for path, methods in self.document["paths"].items():
            if not path.startswith("/voucher/"):
                continue
            for method, operation in methods.items():
                content = operation.get("requestBody", {}).get("content", {})
                found.append(
                    Operation(method, path, content.get("application/json", {}).get("schema"))
                )
        return found

    async def balances(self) -> dict[str, int]:
        worth = {}
        for voucher in self.sold:
            answer = await self.client.post(
                "/voucher/v1/lookups",
                json={"code": voucher["code"]},
                headers={"Authorization": f"Bearer {self.tokens['manager']}"},
            )
            assert answer.status_code == 200, answer.text
            worth[voucher["serial"]] = answer.json()["balance"]["amount"]
        return worth


@pytest.fixture(scope="module")
async def book(alone: Program) -> AsyncIterator[Book]:
    alone.start()
    await alone.ready()
    async with alone.client() as client:
        tills = await pair_tills(
            client, manager=alone.token("manager"), stores=("berlin", "koeln"), each=1
        )
        sold = []
        for number in range(VOUCHERS):
            answer = await tills[0].sell(
                [voucher_sale(1000 * (number + 1))], [cash(1000 * (number + 1))], key=f"s{number}"
            )
            sold += answer["vouchers"]
        await tills[1].sell([article("Heft", 300)], [by_voucher(sold[1]["code"])], key="p1")
        tokens = {
            role: alone.token(*role.split("+"))
            for role in ("service", "manager", "back_office", "analyst", "back_office+manager")
        }
        document = (await client.get("/openapi.json")).json()
        yield Book(alone, client, document, tokens, sold)


def instance(schema: dict[str, Any], document: dict[str, Any], name: str = "") -> Any:
    """Something that fits a schema, more or less: what is spoiled afterwards."""
    if "$ref" in schema:
        target: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        return instance(target, document, name)
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return instance(schema[several][0], document, name)
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            fields = schema.get("properties", {})
            return {key: instance(value, document, key) for key, value in fields.items()}
        case "array":
            return [instance(schema.get("items", {}), document, name)]
        case "integer" | "number":
            return max(int(schema.get("minimum", 0)), 1)
        case "boolean":
            return False
        case _:
            return _text(schema, name)


def _text(schema: dict[str, Any], name: str) -> str:
    known: dict[str, str] = {
        "currency": "EUR", "store_id": "koeln", "legal_entity_id": "kette", "till_id": "t1",
        "vat": "reduced", "time_zone": "Europe/Berlin",
    }  # fmt: skip
    if name in known:
        return known[name]
    if schema.get("format") == "date":
        return "2027-06-30"
    if schema.get("format") == "date-time":
        return "2026-11-22T10:00:00Z"
    return "x" * max(int(schema.get("minLength", 0)), 8)


def leaves(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where in a body something stands that can be spoiled."""
    yield at
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*at, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, (*at, index))


def spoiled(value: Any, at: tuple[Any, ...], junk: Any) -> Any:
    if not at:
        return junk
    if isinstance(value, dict):
        return {**value, at[0]: spoiled(value[at[0]], at[1:], junk)}
    return [spoiled(inner, at[1:], junk) if n == at[0] else inner for n, inner in enumerate(value)]


def made(book: Book) -> list[tuple[str, str, bytes, dict[str, str]]]:
    """The requests, drawn once by hypothesis with a fixed seed."""
    requests: list[tuple[str, str, bytes, dict[str, str]]] = []
    operations = book.operations()

    @seed(FUZZ_SEED)
    @settings(
        max_examples=SPOILED, database=None, deadline=None, phases=(Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.data())
    def draw(data: st.DataObject) -> None:
        requests.append(_request(book, data.draw(st.sampled_from(operations)), data))

    draw()
    return requests


def _request(
    book: Book, operation: Operation, data: st.DataObject
) -> tuple[str, str, bytes, dict[str, str]]:
    voucher = data.draw(st.sampled_from(book.sold))
    junk = data.draw(JUNK)

    def in_path(match: re.Match[str]) -> str:
        if match.group(1) == "serial" and data.draw(st.booleans()):
            return str(voucher["serial"])
        text = str(junk)
        return text if PLAIN.match(text) else "some-id"

    path = re.sub(r"{(\w+)}", in_path, operation.path)
    headers = {
        "Authorization": f"Bearer {book.tokens[data.draw(st.sampled_from(sorted(book.tokens)))]}",
        "Content-Type": "application/json",
        "Idempotency-Key": data.draw(st.sampled_from(["again", "k" * 300, "", "x y"]))
        if data.draw(st.integers(0, 9)) == 0
        else f"fuzz-{data.draw(st.integers(0, 2**60))}",
    }
    if operation.body is None:
        return operation.method, path, b"", headers
    body = instance(operation.body, book.document)
    if isinstance(body, dict) and "code" in body and data.draw(st.booleans()):
        # A real code: then what is spoiled has to be the amount, or it would be a payment.
        spots = [at for at in leaves(body) if at and at[0] in ("amount", "value")]
        if spots:
            body["code"] = voucher["code"]
            at = data.draw(st.sampled_from(spots))
            bad = data.draw(st.sampled_from(NO_AMOUNT))
            return operation.method, path, _bytes(spoiled(body, at, bad)), headers
    at = data.draw(st.sampled_from(list(leaves(body))))
    content = _bytes(spoiled(body, at, junk))
    if data.draw(st.integers(0, 19)) == 0:
        content = content[: len(content) // 2]
    return operation.method, path, content, headers


def _bytes(value: Any) -> bytes:
    return json.dumps(value).encode("utf-8", "surrogatepass")


@pytest.mark.timeout(SECONDS)
async def test_no_spoiled_request_breaks_the_service_or_changes_a_balance(book: Book) -> None:
    before = await book.balances()
    requests = made(book)
    room = asyncio.Semaphore(AT_ONCE)
    broken: list[str] = []

    async def send(method: str, path: str, content: bytes, headers: dict[str, str]) -> None:
        async with room:
            answer = await book.client.request(method, path, content=content, headers=headers)
        book.asked += 1
        if answer.status_code >= 500:
            broken.append(f"{method} {path} {content[:300]!r}: {answer.text[:300]}")
        elif answer.status_code >= 400 and "code" not in answer.json():
            broken.append(f"{method} {path}: {answer.status_code} without a code")

    await asyncio.gather(*(send(*request) for request in requests))
    assert broken == []
    assert book.asked == len(requests) >= SPOILED
    assert await book.balances() == before


@pytest.mark.timeout(SECONDS)
async def test_no_generated_request_breaks_the_service_or_changes_a_balance(
    book: Book, tmp_path: Path
) -> None:
    """schemathesis over the voucher routes, as a service and as back office may ask them."""
    before = await book.balances()
    asked = 0
    for role in ("service", "back_office+manager"):
        done = await asyncio.to_thread(
            subprocess.run,
            [
                str(Path(sys.executable).with_name("schemathesis")), "run",
                f"{book.program.base_url}/openapi.json",
                "--tls-verify", str(book.program.var / "tls" / "ca.pem"),
                "--header", f"Authorization: Bearer {book.tokens[role]}",
                "--include-path-regex", "^/voucher/",
                "--checks", "not_a_server_error,content_type_conformance",
                "--phases", "examples,coverage,fuzzing",
                "--max-examples", str(SCHEMATHESIS_EXAMPLES),
                "--max-time", "20",
                "--seed", str(FUZZ_SEED),
                "--suppress-health-check", "all",
                "--warnings", "off",
                "--generation-database", "none",
                "--no-color",
            ],
            cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-6000:]
        asked += sum(int(number) for number in re.findall(r"(\d+) generated", done.stdout))
    assert await book.balances() == before
    print(f"{asked} requests by schemathesis")
    assert asked >= GENERATED_MIN


async def test_the_log_is_whole_and_says_what_the_read_models_say(book: Book) -> None:
    done = await asyncio.to_thread(book.program.cli, "verify")
    assert done.returncode == 0, done.stderr
    answer = await book.client.get(
        "/voucher/v1/liability",
        headers={"Authorization": f"Bearer {book.tokens['back_office']}"},
    )
    assert all(entry["balanced"] for entry in answer.json()["entries"])
