"""Webhooks: filled from the log, signed, in order, again and again, and never where they must not
go. The other side is a real HTTPS server with a certificate of its own."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import json
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from events import NO_STREAM, AppendRequest, NewEvents
from events.event import Recorded
from events.store.postgres import PostgresEventStore
from events.subscription import run_projection, wait_until
from kassenverbund.kit.auth import Caller
from kassenverbund.kit.problems import install_problem_handlers
from kassenverbund.kit.secrets import Secrets
from money import euro
from voucher.adapters.webhook_wire import (
    Address,
    HttpsWire,
    UrlRefused,
    checked_url,
    public,
    resolve,
    signature,
)
from voucher.adapters.webhooks import PostgresWebhooks, WebhookFill
from voucher.api import webhooks as api
from voucher.events import VoucherCodeReplaced, VoucherEntitlementExtended, VoucherExpired
from voucher.handlers.webhooks import PAUSES_S, WebhookDeliverer
from voucher.webhook_ports import Answered

if TYPE_CHECKING:
    from voucher.testing.fakes import Clock

HOST = "hooks.example"
SECRET = b"s" * 32
EXTENDED = VoucherEntitlementExtended(
    voucher_id="V1", serial="GS-1", extension_id="X1", entitlement="library_card",
    subject_id="reader-7", old_until="2026-12-31", new_until="2027-12-31", store_id="koeln",
    confirmed_at=datetime(2026, 11, 22, 10, 0, tzinfo=UTC),
)  # fmt: skip
EXPIRED = VoucherExpired(
    voucher_id="V1", serial="GS-1", run_id="R1", amount=euro("1.00"),
    expired_at=datetime(2026, 11, 22, 10, 0, tzinfo=UTC),
)  # fmt: skip
REPLACED = VoucherCodeReplaced(
    voucher_id="V1", serial="GS-1", old_code_hash="0" * 64, code_hash="1" * 64, hash_key_id="k",
    reason="lost", replaced_at=datetime(2026, 11, 22, 10, 0, tzinfo=UTC),
)  # fmt: skip
WANTED = ("voucher.code_replaced", "voucher.entitlement_extended", "voucher.expired")


@dataclass
class Heard:
    path: str
    headers: dict[str, str]
    body: str


@dataclass
class Receiver:
    """A subscriber's server. `answers`: the status of the next requests, then 204."""

    port: int = 0
    answers: list[int] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)
    silent: bool = False

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}/in"

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(entry.body) for entry in self.heard]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            request, *lines = head.strip().split("\r\n")
            headers = {
                name.lower(): value for name, _, value in (line.partition(": ") for line in lines)
            }
            body = (await reader.readexactly(int(headers["content-length"]))).decode()
            self.heard.append(Heard(request.split(" ")[1], headers, body))
            if self.silent:
                await asyncio.sleep(3600)
            status = self.answers.pop(0) if self.answers else 204
            more = "location: https://elsewhere.example/\r\n" if 300 <= status < 400 else ""
            writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: 0\r\n{more}\r\n".encode())
            await writer.drain()
        finally:
            writer.close()


def _certificate(folder: Path, name: str) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    chain, secret = folder / "chain.pem", folder / "key.pem"
    chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return chain, secret


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[Receiver]:
    found = Receiver()
    chain, key = _certificate(tmp_path, HOST)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain, key)
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0, ssl=context)
    found.port = server.sockets[0].getsockname()[1]
    yield found
    server.close()


@pytest.fixture
def trust(receiver: Receiver, tmp_path: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(tmp_path / "chain.pem"))


async def _here(host: str, port: int) -> Sequence[Address]:
    return [ipaddress.ip_address("127.0.0.1")]


@dataclass
class Hooks:
    """The outbox of this module's database, and one deliverer."""

    webhooks: PostgresWebhooks
    deliverer: WebhookDeliverer
    engine: AsyncEngine
    store: PostgresEventStore
    clock: Clock
    position: int = 0

    async def subscribe(self, webhook_id: str, url: str, *events: str) -> None:
        await self.webhooks.put(
            webhook_id, url=url, events=events or WANTED, secret=SECRET, active=True,
            now=self.clock(),
        )  # fmt: skip

    async def happen(self, *events: Any) -> None:
        """Facts of the log, as the projection gets them."""
        records = []
        for event in events:
            self.position += 1
            records.append(
                Recorded(
                    position=self.position, stream=f"voucher-{event.voucher_id}",
                    version=self.position, event_id=uuid4(), event=event, name=event.event_name,
                    schema_version=event.event_version, data=event.model_dump_json().encode(),
                    metadata=None, idempotency_key="", recorded_at=self.clock(),  # type: ignore[arg-type]  # nobody reads it here
                )
            )  # fmt: skip
        async with self.engine.begin() as tx:
            await WebhookFill().apply(tx, records)

    async def dead(self, webhook_id: str) -> list[int]:
        found = await self.webhooks.deliveries(webhook_id, dead=True, after=0, rows_max=100)
        return [entry.position for entry in found]

    async def waiting(self, webhook_id: str) -> list[int]:
        found = await self.webhooks.deliveries(webhook_id, dead=False, after=0, rows_max=100)
        return [entry.position for entry in found]


@pytest.fixture
async def hooks(
    models: AsyncEngine, postgres: PostgresEventStore, secrets: Secrets, clock: Clock,
    trust: ssl.SSLContext,
) -> Hooks:  # fmt: skip
    async with models.begin() as tx:
        await tx.execute(text("TRUNCATE webhook_subscriber CASCADE"))
    webhooks = PostgresWebhooks(models, secrets, lambda size: uuid4().bytes[:size])
    wire = HttpsWire(private_allowed=True, trust=trust, resolve=_here, send_s=2.0)
    return Hooks(webhooks, WebhookDeliverer(webhooks, wire, clock), models, postgres, clock)


async def test_a_fact_reaches_its_subscriber(hooks: Hooks, receiver: Receiver) -> None:
    await hooks.subscribe("lib", receiver.url)
    await hooks.happen(EXTENDED)
    await hooks.deliverer.round()
    body = receiver.bodies[0]
    assert (body["type"], body["subject"]) == ("voucher.entitlement_extended.v1", "voucher-V1")
    assert (body["data"]["serial"], body["data"]["old_until"], body["data"]["new_until"]) == (
        "GS-1", "2026-12-31", "2027-12-31",
    )  # fmt: skip


async def test_the_signature_covers_id_time_and_body(hooks: Hooks, receiver: Receiver) -> None:
    await hooks.subscribe("lib", receiver.url)
    await hooks.happen(EXTENDED)
    await hooks.deliverer.round()
    heard = receiver.heard[0]
    signed = f"{heard.headers['webhook-id']}.{heard.headers['webhook-timestamp']}.{heard.body}"
    expected = hmac.new(SECRET, signed.encode(), hashlib.sha256).digest()
    version, _, value = heard.headers["webhook-signature"].partition(",")
    assert (version, base64.b64decode(value)) == ("v1", expected)
    assert int(heard.headers["webhook-timestamp"]) == int(hooks.clock().timestamp())


def test_the_signature_is_that_of_the_published_example() -> None:
    # The example of the Standard Webhooks specification's reference libraries.
    secret = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    found = signature(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, '{"test": 2432232314}')
    assert found == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


async def test_only_what_was_asked_for_is_sent(hooks: Hooks, receiver: Receiver) -> None:
    await hooks.subscribe("lib", receiver.url, "voucher.expired")
    await hooks.happen(EXTENDED, EXPIRED)
    await hooks.deliverer.round()
    assert [body["type"] for body in receiver.bodies] == ["voucher.expired.v1"]


async def test_no_hash_of_a_code_leaves_the_house(hooks: Hooks, receiver: Receiver) -> None:
    await hooks.subscribe("lib", receiver.url)
    await hooks.happen(REPLACED)
    await hooks.deliverer.round()
    assert set(receiver.bodies[0]["data"]) == {"voucher_id", "serial", "reason", "replaced_at"}


async def test_what_was_delivered_is_not_sent_again(hooks: Hooks, receiver: Receiver) -> None:
    await hooks.subscribe("lib", receiver.url)
    await hooks.happen(EXTENDED)
    await hooks.deliverer.round()
    await hooks.deliverer.round()
    assert len(receiver.heard) == 1


async def test_order_is_kept_while_one_is_tried_again(hooks: Hooks, receiver: Receiver) -> None:
    receiver.answers = [500]
    await hooks.subscribe("lib", receiver.url)
    await hooks.happen(EXTENDED, EXPIRED)
    await hooks.deliverer.round()
    assert len(receiver.heard) == 1
    hooks.clock.advance(seconds=PAUSES_S[0])
    await hooks.deliverer.round()
    assert [body["type"] for body in receiver.bodies] == [
        "voucher.entitlement_extended.v1", "voucher.entitlement_extended.v1", "voucher.expired.v1",
    ]  # fmt: skip


async def test_a_repeat_has_the_same_id(hooks: Hooks, receiver: Receiver) -> None:
    receiver.answers = [503]
    await hooks.subscribe("lib", receiver.url)
    await hooks.happen(EXTENDED)
    await hooks.deliverer.round()
    hooks.clock.advance(seconds=PAUSES_S[0])
    await hooks.deliverer.round()
    assert len({heard.headers["webhook-id"] for heard in receiver.heard}) == 1


async def test_nothing_is_tried_before_its_pause_is_over(hooks: Hooks, receiver: Receiver) -> None:
    receiver.answers = [500, 500]
    await hooks.subscribe("lib", receiver.url)
    await hooks.happen(EXTENDED)
    await hooks.deliverer.round()
    hooks.clock.advance(seconds=PAUSES_S[0] - 1)
    await hooks.deliverer.round()
    assert len(receiver.heard) == 1


async def test_after_the_last_try_it_is_dead_and_the_next_one_comes(
    hooks: Hooks, receiver: Receiver
) -> None:
    receiver.answers = [500] * (len(PAUSES_S) + 1)
    await hooks.subscribe("lib", receiver.url)
    await hooks.happen(EXTENDED, EXPIRED)
    for pause in (0, *PAUSES_S):
        hooks.clock.advance(seconds=pause)
        await hooks.deliverer.round()
    assert await hooks.dead("lib") == [1]
    assert receiver.bodies[-1]["type"] == "voucher.expired.v1"


async def test_a_dead_one_is_sent_once_more_when_the_office_says_so(
    hooks: Hooks, receiver: Receiver
) -> None:
    receiver.answers = [500] * (len(PAUSES_S) + 1)
    await hooks.subscribe("lib", receiver.url)
    await hooks.happen(EXTENDED)
    for pause in (0, *PAUSES_S):
        hooks.clock.advance(seconds=pause)
        await hooks.deliverer.round()
    await hooks.webhooks.retry("lib", 1, hooks.clock())
    await hooks.deliverer.round()
    assert (await hooks.dead("lib"), await hooks.waiting("lib")) == ([], [])


async def test_a_subscriber_that_is_gone_is_asked_no_more(hooks: Hooks, receiver: Receiver) -> None:
    receiver.answers = [410]
    await hooks.subscribe("lib", receiver.url)
    await hooks.happen(EXTENDED, EXPIRED)
    await hooks.deliverer.round()
    hooks.clock.advance(days=1)
    await hooks.deliverer.round()
    assert (await hooks.webhooks.every())[0].stopped == "gone"
    assert len(receiver.heard) == 1


async def test_a_redirect_is_not_followed(hooks: Hooks, receiver: Receiver) -> None:
    receiver.answers = [307]
    await hooks.subscribe("lib", receiver.url)
    await hooks.happen(EXTENDED)
    await hooks.deliverer.round()
    found = await hooks.webhooks.deliveries("lib", dead=False, after=0, rows_max=1)
    assert found[0].fault == "http 307"


async def test_one_that_never_answers_stops_no_other(
    hooks: Hooks, receiver: Receiver, trust: ssl.SSLContext
) -> None:
    receiver.silent = True
    wire = HttpsWire(private_allowed=True, trust=trust, resolve=_here, send_s=0.3)
    await hooks.subscribe("a", receiver.url)
    await hooks.subscribe("b", receiver.url)
    await hooks.happen(EXTENDED)
    attempts = await WebhookDeliverer(hooks.webhooks, wire, hooks.clock).round()
    assert attempts == 2
    found = await hooks.webhooks.deliveries("a", dead=False, after=0, rows_max=1)
    assert found[0].fault == "timeout"


async def test_two_deliverers_send_each_fact_once(hooks: Hooks, receiver: Receiver) -> None:
    await hooks.subscribe("lib", receiver.url)
    await hooks.happen(*[EXPIRED] * 20)
    await asyncio.gather(hooks.deliverer.round(), hooks.deliverer.round())
    assert [body["sequence"] for body in receiver.bodies] == [str(n) for n in range(1, 21)]


async def test_facts_before_the_subscription_are_not_sent(hooks: Hooks, receiver: Receiver) -> None:
    await hooks.happen(EXTENDED)
    await hooks.subscribe("lib", receiver.url)
    await hooks.deliverer.round()
    assert receiver.heard == []


async def test_the_secret_lies_sealed(hooks: Hooks, receiver: Receiver) -> None:
    await hooks.subscribe("lib", receiver.url)
    async with hooks.engine.connect() as connection:
        row = (await connection.execute(text("SELECT * FROM webhook_subscriber"))).one()
    assert SECRET not in row.sealed
    assert SECRET.decode() not in repr(row)


async def test_the_log_itself_fills_the_outbox_once(
    hooks: Hooks, receiver: Receiver, postgres: PostgresEventStore
) -> None:
    """V18 to the end: the recorded extension reaches the system that keeps the membership."""
    await hooks.subscribe("lib", receiver.url, "voucher.entitlement_extended")
    stream = f"voucher-{uuid4().hex}"
    request = AppendRequest(
        key=uuid4().hex, input_hash=b"x" * 32, streams=[NewEvents(stream, NO_STREAM, [EXTENDED])]
    )
    appended = await postgres.append(request)
    hooks.clock.now = appended.recorded[0].recorded_at
    for _ in range(2):  # The second run stands for a restart: it goes on at the checkpoint.
        running = asyncio.create_task(
            run_projection(postgres, hooks.engine, WebhookFill(), schema="voucher")
        )
        reached = await wait_until(
            hooks.engine, "voucher", WebhookFill(), appended.last_position, 10.0
        )
        running.cancel()
        assert reached
        await hooks.deliverer.round()
    assert [body["subject"] for body in receiver.bodies] == [stream]


# The wire


async def _sent(wire: HttpsWire, url: str) -> Answered:
    return await wire.send(
        url, secret=SECRET, message_id="m", body="{}", now=datetime(2026, 11, 22, tzinfo=UTC)
    )


async def test_a_certificate_that_nobody_vouches_for_is_refused(receiver: Receiver) -> None:
    wire = HttpsWire(private_allowed=True, resolve=_here)
    assert (await _sent(wire, receiver.url)).fault == "failed: ConnectError"
    assert receiver.heard == []


async def test_a_certificate_of_another_name_is_refused(
    receiver: Receiver, trust: ssl.SSLContext
) -> None:
    wire = HttpsWire(private_allowed=True, trust=trust, resolve=_here)
    other = f"https://other.example:{receiver.port}/in"
    assert (await _sent(wire, other)).fault == "failed: ConnectError"
    assert receiver.heard == []


async def test_a_name_that_leads_inside_is_refused(
    receiver: Receiver, trust: ssl.SSLContext
) -> None:
    wire = HttpsWire(trust=trust, resolve=_here)
    assert (await _sent(wire, receiver.url)).fault == "address_refused"
    assert receiver.heard == []


async def test_a_name_with_one_inner_address_among_public_ones_is_refused(
    receiver: Receiver,
) -> None:
    async def both(host: str, port: int) -> Sequence[Address]:
        return [ipaddress.ip_address("93.184.216.34"), ipaddress.ip_address("10.0.0.1")]

    assert (await _sent(HttpsWire(resolve=both), receiver.url)).fault == "address_refused"


async def test_the_name_is_looked_up_once_and_that_address_is_taken(
    receiver: Receiver, trust: ssl.SSLContext
) -> None:
    asked: list[str] = []

    async def rebinding(host: str, port: int) -> Sequence[Address]:
        asked.append(host)
        return await _here(host, port)

    wire = HttpsWire(private_allowed=True, trust=trust, resolve=rebinding)
    assert (await _sent(wire, receiver.url)).fault is None
    assert asked == [HOST]
    assert receiver.heard[0].headers["host"] == f"{HOST}:{receiver.port}"


async def test_the_systems_resolver_is_understood() -> None:
    assert ipaddress.ip_address("127.0.0.1") in await resolve("localhost", 443)


@pytest.mark.parametrize(
    "inside",
    [
        "127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.169.254", "0.0.0.0",
        "100.64.0.1", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1",
        "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "ff02::1",
    ],
)  # fmt: skip
def test_an_address_that_is_not_of_the_open_internet_is_inside(inside: str) -> None:
    assert not public(ipaddress.ip_address(inside))


@pytest.mark.parametrize("outside", ["93.184.216.34", "2606:2800:220:1::1"])
def test_an_address_of_the_open_internet_is_outside(outside: str) -> None:
    assert public(ipaddress.ip_address(outside))


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/", "ftp://hooks.example/", "https://", "https://u:p@hooks.example/",
        "https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/latest",
        "https://hooks.example/#x", "//hooks.example", "https://hooks.example/" + "a" * 600,
    ],
)  # fmt: skip
def test_an_address_that_must_not_be_called_is_refused(url: str) -> None:
    with pytest.raises(UrlRefused):
        checked_url(url, private_allowed=False)


# HTTP

OFFICE = Caller(kind="person", id="o", roles=frozenset({"back_office"}))
BODY = {
    "url": "https://hooks.example/in",
    "events": ["voucher.entitlement_extended"],
    "secret": "whsec_" + base64.b64encode(SECRET).decode(),
}


class Always:
    def __init__(self, caller: Caller) -> None:
        self._caller = caller

    async def caller(self, token: str) -> Caller:
        return self._caller


@pytest.fixture
async def border(hooks: Hooks) -> AsyncIterator[Callable[..., Any]]:
    app = FastAPI()
    app.state.authenticator = Always(OFFICE)
    app.include_router(api.routes(hooks.webhooks, hooks.store, hooks.clock, private_allowed=False))
    install_problem_handlers(app)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:

        async def send(method: str, path: str, body: Any = None, key: str = "") -> httpx.Response:
            headers = {"authorization": "Bearer x", "idempotency-key": key or uuid4().hex}
            return await client.request(method, path, json=body, headers=headers)

        yield send


async def test_a_webhook_is_shown_without_its_secret(border: Callable[..., Any]) -> None:
    put = await border("PUT", "/v1/webhooks/lib", BODY)
    shown = await border("GET", "/v1/webhooks")
    assert put.status_code == 200
    assert shown.json()["webhooks"][0]["url"] == BODY["url"]
    for answer in (put, shown):
        assert "whsec_" not in answer.text


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"url": "http://hooks.example/in"}, "webhook.url"),
        ({"url": "https://10.0.0.1/in"}, "webhook.url"),
        ({"secret": "whsec_c2hvcnQ="}, "webhook.secret"),
        ({"secret": "plain"}, "webhook.secret"),
        ({"events": ["voucher.nothing"]}, "request.invalid"),
        ({"events": []}, "request.invalid"),
        ({"more": 1}, "request.invalid"),
    ],
)
async def test_a_webhook_that_cannot_be_is_refused(
    border: Callable[..., Any], change: dict[str, Any], code: str
) -> None:
    answer = await border("PUT", "/v1/webhooks/lib", {**BODY, **change})
    assert (answer.status_code, answer.json()["code"]) == (422, code)


async def test_the_same_key_with_another_body_is_refused(border: Callable[..., Any]) -> None:
    key = uuid4().hex
    await border("PUT", "/v1/webhooks/lib", BODY, key)
    answer = await border("PUT", "/v1/webhooks/lib", {**BODY, "active": False}, key)
    assert answer.json()["code"] == "idempotency_key.reused"


async def test_dead_deliveries_are_listed_and_sent_again(
    border: Callable[..., Any], hooks: Hooks
) -> None:
    await border("PUT", "/v1/webhooks/lib", BODY)
    await hooks.happen(EXTENDED)
    delivery = (await hooks.webhooks.deliveries("lib", dead=False, after=0, rows_max=1))[0]
    await hooks.webhooks.failed(delivery, "http 500", next_try_at=None)
    listed = (await border("GET", "/v1/webhooks/lib/deliveries")).json()["deliveries"]
    assert [(entry["position"], entry["fault"]) for entry in listed] == [(1, "http 500")]
    again = await border("POST", "/v1/webhooks/lib/deliveries/1/retry", {})
    assert again.status_code == 200
    assert await hooks.waiting("lib") == [1]


async def test_a_delivery_that_is_not_dead_is_not_sent_again(border: Callable[..., Any]) -> None:
    await border("PUT", "/v1/webhooks/lib", BODY)
    answer = await border("POST", "/v1/webhooks/lib/deliveries/7/retry", {})
    assert (answer.status_code, answer.json()["code"]) == (404, "webhook.unknown")
