"""fiskaly SIGN DE v2, played: an ASGI application for tests, to be served over a real socket.

It keeps to the interface's document (version 2.1.35): tokens, states of a TSS, clients behind an
administrator's log-in, idempotent revisions, the lists and their order, limits, error codes. It
signs with real keys, so what it says verifies like a device's word. What goes wrong is told to it.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from fiscal_signer.adapters.chip.child import Key
from fiscal_signer.country.de import log_message
from fiscal_signer.country.de.algorithms import serial_of

ALGORITHM = "ecdsa-plain-SHA256"
CLIENTS_MAX = 199
OPEN_MAX = 2_000

Body = dict[str, Any]


class Refusal(Exception):
    """An error answer: `{status_code, error, code, message}`."""

    def __init__(self, status: int, code: str, *, retry_after: int | None = None) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.retry_after = retry_after


@dataclass
class Fault:
    """What happens to the next call that fits."""

    kind: str
    """`refuse`: not done, answered with `refusal`. `lose`: done, and the answer never comes.
    `break`: done, and answered with a 500. `stall`: neither done nor answered."""
    refusal: Refusal | None = None
    method: str = "PUT"
    part: str = "/tx/"
    """What the path must hold."""
    times: int = 1
    skip: int = 0
    """So many calls that fit go well before."""


@dataclass
class _Tx:
    id: str
    number: int
    client: str
    revisions: list[Body] = field(default_factory=list)
    bodies: list[Body] = field(default_factory=list)


class Tss:
    """One technical security system."""

    def __init__(self, tss_id: UUID, clock: Callable[[], datetime], *, env: str = "LIVE") -> None:
        self.id = str(tss_id)
        self.state = "INITIALIZED"
        self.env = env
        self.pin = "123456"
        self.admin = False
        self.counter = 0
        self.numbers = 0
        self.clients: dict[str, Body] = {}
        self.clients_max = CLIENTS_MAX
        self.open_max = OPEN_MAX
        self.valid_until = clock() + timedelta(days=365 * 5)
        self.says_counter: int | None = None
        """What it tells of its counter instead of the truth."""
        self.break_signatures = False
        """Whether it signs something else than it says."""
        self.txs: list[_Tx] = []
        self._clock = clock
        self._private = ec.generate_private_key(ec.SECP256R1())
        der = self._private.private_bytes(
            serialization.Encoding.DER,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        self._key = Key(der, "sha256")
        self.point = self._private.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        self.system("initialize", b"")

    def system(self, operation: str, data: bytes) -> None:
        """A log of its own: it takes a counter and stands in exports only."""
        self.counter += 1
        log_message.system_signed(
            operation=operation,
            system_data=data,
            serial=serial_of(self.point),
            algorithm=ALGORITHM,
            signature_counter=self.counter,
            log_time=log_message.time_element(self._clock(), log_message.UNIX_TIME),
        )

    def signed(self, tx: _Tx, operation: str, kind: str, data: bytes, body: Body) -> Body:
        """A new revision, with its signature."""
        self.counter += 1
        now = self._clock()
        content = log_message.transaction_signed(
            operation=f"{operation}Transaction",
            client_id=self.clients[tx.client]["serial_number"],
            process_type=kind,
            process_data=data,
            transaction_number=tx.number,
            serial=serial_of(self.point),
            algorithm=ALGORITHM,
            signature_counter=self.counter,
            log_time=log_message.time_element(now, log_message.UNIX_TIME),
        )
        value = self._key.sign(content + b"\0" if self.break_signatures else content)
        revision: Body = {
            "_id": tx.id,
            "_type": "TRANSACTION",
            "_env": self.env,
            "_version": "2.1.35",
            "number": tx.number,
            "state": body["state"],
            "revision": len(tx.revisions) + 1,
            "tss_id": self.id,
            "tss_serial_number": serial_of(self.point).hex(),
            "client_id": tx.client,
            "client_serial_number": self.clients[tx.client]["serial_number"],
            "time_start": int(now.timestamp()),
            "schema": body.get("schema", {}),
            "log": {
                "operation": operation,
                "timestamp": int(now.timestamp()),
                "timestamp_format": "unixTime",
            },
            # A number here, by the document's "Known issues"; a string in its schema.
            "signature": {
                "value": base64.b64encode(value).decode(),
                "algorithm": ALGORITHM,
                "counter": self.counter,
                "public_key": base64.b64encode(self.point).decode(),
            },
            "raw_log": log_message.whole(content, value),
        }
        if body["state"] != "ACTIVE":
            revision["time_end"] = int(now.timestamp())
        tx.revisions.append(revision)
        tx.bodies.append(body)
        return revision

    def certificate(self) -> str:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._private.public_key())
            .serial_number(1)
            .not_valid_before(self.valid_until - timedelta(days=365 * 8))
            .not_valid_after(self.valid_until)
            .sign(self._private, hashes.SHA256())
        )
        return base64.b64encode(made.public_bytes(serialization.Encoding.DER)).decode()

    def described(self) -> Body:
        counter = self.counter if self.says_counter is None else self.says_counter
        return {
            "_id": self.id,
            "_type": "TSS",
            "_env": self.env,
            "_version": "2.1.35",
            "state": self.state,
            "certificate": self.certificate(),
            "serial_number": serial_of(self.point).hex(),
            "public_key": base64.b64encode(self.point).decode(),
            "signature_algorithm": ALGORITHM,
            "signature_timestamp_format": "unixTime",
            "signature_counter": str(counter),
            "transaction_counter": str(self.numbers),
            "time_creation": 1_700_000_000,
            "time_init": 1_700_000_100,
        }

    def open(self) -> list[_Tx]:
        return [tx for tx in self.txs if tx.revisions[-1]["state"] == "ACTIVE"]

    def find(self, name: str) -> _Tx:
        for tx in self.txs:
            if name in (tx.id, str(tx.number)):
                return tx
        raise Refusal(404, "E_TX_NOT_FOUND")

    def usable(self) -> None:
        """Raises `Refusal` where the TSS does not sign."""
        if self.state in ("DEFECTIVE", "DELETED", "EVICTED"):
            raise Refusal(423, f"E_TSS_{self.state}")
        if self.state == "DISABLED":
            raise Refusal(400, "E_TSS_DISABLED")
        if self.state != "INITIALIZED":
            raise Refusal(400, "E_TSS_NOT_INITIALIZED")

    def upsert(self, name: str, revision: int, body: Body) -> Body:
        """`PUT /tx`: the same revision again gives the same answer."""
        self.usable()
        client = self.clients.get(body["client_id"])
        if client is None:
            raise Refusal(400, "E_CLIENT_NOT_FOUND")
        if client["state"] != "REGISTERED":
            raise Refusal(400, "E_CLIENT_DEREGISTERED")
        known = [tx for tx in self.txs if name in (tx.id, str(tx.number))]
        if not known:
            if revision != 1 or name.isdigit():
                raise Refusal(404, "E_TX_NOT_FOUND")
            if len(self.open()) >= self.open_max:
                raise Refusal(400, "E_TX_LIMIT_REACHED")
            self.numbers += 1
            tx = _Tx(name, self.numbers, body["client_id"])
            self.txs.append(tx)
            return self.shown(tx, self.signed(tx, "Start", "", b"", body))
        tx = known[0]
        if revision <= len(tx.revisions) and tx.bodies[revision - 1] == body:
            return self.shown(tx, tx.revisions[revision - 1])
        closed = tx.revisions[-1]["state"] != "ACTIVE"
        if closed or revision != len(tx.revisions) + 1 or tx.client != body["client_id"]:
            raise Refusal(400, "E_TX_UPSERT")
        raw = body.get("schema", {}).get("raw", {})
        data = base64.b64decode(raw.get("process_data", ""))
        operation = "Update" if body["state"] == "ACTIVE" else "Finish"
        return self.shown(tx, self.signed(tx, operation, raw.get("process_type", ""), data, body))

    def shown(self, tx: _Tx, revision: Body) -> Body:
        seen = {name: value for name, value in revision.items() if name != "raw_log"}
        return {**seen, "latest_revision": len(tx.revisions)}

    def register(self, client_id: str, serial: str, state: str) -> Body:
        """`PUT` and `PATCH /client`, for an administrator."""
        self.usable()
        if not self.admin:
            raise Refusal(401, "E_UNAUTHORIZED")
        live = [one for one in self.clients.values() if one["state"] == "REGISTERED"]
        if state == "REGISTERED" and len(live) >= self.clients_max:
            raise Refusal(403, "E_CLIENT_LIMIT_REACHED")
        self.clients[client_id] = {"_id": client_id, "serial_number": serial, "state": state}
        operation = "registerClient" if state == "REGISTERED" else "deregisterClient"
        self.system(operation, serial.encode())
        return self.clients[client_id]


class FiskalyCloud:
    """The interface: an ASGI application. `key` and `secret` open it."""

    def __init__(self, clock: Callable[[], datetime], *, key: str, secret: str) -> None:
        self._clock = clock
        self._key, self._secret = key, secret
        self._tokens = 0
        self.token_ends: dict[str, datetime] = {}
        self.token_s = 86_400
        self.tsses: dict[str, Tss] = {}
        self.faults: deque[Fault] = deque()
        self.calls: list[tuple[str, str]] = []
        """Method and path of every call that came."""
        self.signed_in: list[str] = []
        """How tokens were asked for: `key` or `refresh`."""
        self.overlaps = 0
        """Calls of a TSS that came while it was still at another one."""
        self.held = 0
        """Answers that are kept back right now."""
        self.slow_s = 0.0
        self.closing = asyncio.Event()
        self._busy: set[str] = set()

    def tss(self, tss_id: UUID, *, env: str = "LIVE") -> Tss:
        """A new TSS, initialized."""
        made = self.tsses[str(tss_id)] = Tss(tss_id, self._clock, env=env)
        return made

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        raw = await request.body()
        path = request.url.path.removeprefix("/api/v2/")
        self.calls.append((request.method, path))
        response: Response
        try:
            answer = await self._answer(request, path, json.loads(raw or b"{}"))
            response = Response(answer) if isinstance(answer, bytes) else JSONResponse(answer)
        except Refusal as refusal:
            headers = {}
            if refusal.retry_after is not None:
                headers["retry-after"] = str(refusal.retry_after)
            told = {
                "status_code": refusal.status,
                "error": "x",
                "code": refusal.code,
                "message": refusal.code,
            }
            response = JSONResponse(told, status_code=refusal.status, headers=headers)
        await response(scope, receive, send)

    async def _answer(self, request: Request, path: str, body: Body) -> Body | bytes:
        if path == "auth":
            return self._authenticate(body)
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.token_ends.get(bearer, self._clock()) <= self._clock():
            raise Refusal(401, "E_UNAUTHORIZED")
        _, tss_id, *rest = path.split("/")
        tss = self.tsses.get(tss_id)
        if tss is None:
            raise Refusal(404, "E_TSS_NOT_FOUND")
        if tss_id in self._busy:
            self.overlaps += 1
        self._busy.add(tss_id)
        try:
            return await self._with_faults(request, path, tss, rest, body)
        finally:
            self._busy.discard(tss_id)

    async def _with_faults(
        self, request: Request, path: str, tss: Tss, rest: list[str], body: Body
    ) -> Body | bytes:
        await asyncio.sleep(self.slow_s)
        fault = self._due(request.method, path)
        if fault is None:
            return self._route(request, tss, rest, body)
        if fault.refusal is not None:
            raise fault.refusal
        if fault.kind != "stall":
            self._route(request, tss, rest, body)
        if fault.kind == "break":
            raise Refusal(500, "E_UNEXPECTED")
        # Nobody hears the answer. The TSS itself is free again: only the line is slow.
        self._busy.discard(tss.id)
        self.held += 1
        await self.closing.wait()
        raise Refusal(500, "E_UNEXPECTED")

    def _due(self, method: str, path: str) -> Fault | None:
        for fault in self.faults:
            if fault.method == method and fault.part in path:
                fault.skip -= 1
                if fault.skip >= 0:
                    return None
                fault.times -= 1
                if not fault.times:
                    self.faults.remove(fault)
                return fault
        return None

    def _authenticate(self, body: Body) -> Body:
        if "refresh_token" in body:
            if body["refresh_token"] not in self.token_ends:
                raise Refusal(401, "E_UNAUTHORIZED")
            self.signed_in.append("refresh")
        elif (body.get("api_key"), body.get("api_secret")) == (self._key, self._secret):
            self.signed_in.append("key")
        else:
            raise Refusal(401, "E_UNAUTHORIZED")
        self._tokens += 1
        access, refresh = f"access-{self._tokens}", f"refresh-{self._tokens}"
        self.token_ends[access] = self._clock() + timedelta(seconds=self.token_s)
        self.token_ends[refresh] = self._clock() + timedelta(seconds=2 * self.token_s)
        return {
            "access_token": access,
            "access_token_expires_in": self.token_s,
            "refresh_token": refresh,
            "refresh_token_expires_in": 2 * self.token_s,
        }

    def _route(self, request: Request, tss: Tss, rest: list[str], body: Body) -> Body | bytes:
        query = request.query_params
        match request.method, rest:
            case "GET", []:
                return tss.described()
            case "POST", ["admin", "auth"]:
                if body["admin_pin"] != tss.pin:
                    raise Refusal(401, "E_ADMIN_LOGIN_FAILED")
                tss.admin = True
                tss.system("authenticateUser", b"")
                return {}
            case "POST", ["admin", "logout"]:
                tss.admin = False
                tss.system("logOut", b"")
                return {}
            case "GET", ["client"]:
                wanted = query.get("serial_number")
                found = [
                    one
                    for one in tss.clients.values()
                    if wanted is None or one["serial_number"] == wanted
                ]
                return {"data": found, "count": len(found), "_type": "CLIENT_LIST"}
            case "PUT", ["client", client_id]:
                return tss.register(client_id, body["serial_number"], "REGISTERED")
            case "PATCH", ["client", client_id]:
                serial = tss.clients[client_id]["serial_number"]
                return tss.register(client_id, serial, body["state"])
            case "PUT", ["tx", name]:
                return tss.upsert(name, int(query["tx_revision"]), body)
            case "GET", ["tx"]:
                return _listed(tss, request)
            case "GET", ["tx", name, *log]:
                tx = tss.find(name)
                revision = int(query.get("tx_revision", len(tx.revisions)))
                if revision > len(tx.revisions):
                    raise Refusal(400, "E_TX_REVISION_NOT_FOUND")
                found_one = tx.revisions[revision - 1]
                return bytes(found_one["raw_log"]) if log else tss.shown(tx, found_one)
        raise Refusal(404, "E_NOT_FOUND")


def _listed(tss: Tss, request: Request) -> Body:
    """`GET /tx`: each transaction in its latest revision."""
    query = request.query_params
    states = [value for name, value in query.multi_items() if name.startswith("states[")]
    latest = [tss.shown(tx, tx.revisions[-1]) for tx in tss.txs]
    found = [one for one in latest if not states or one["state"] in states]
    key = query.get("order_by", "number")
    found.sort(key=lambda one: one.get(key, 0), reverse=query.get("order") == "desc")
    offset, limit = int(query.get("offset", 0)), int(query.get("limit", 100))
    return {
        "data": found[offset : offset + limit],
        "count": len(found),
        "_type": "TRANSACTION_LIST",
    }
