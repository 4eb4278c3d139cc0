"""fiskaly SIGN DE v2, played: an ASGI application for tests, to be served over a real socket.

It keeps to the interface's document (version 2.1.35): tokens, states of a TSS, clients behind an
administrator's log-in, idempotent revisions, the lists and their order, limits, error codes. It
signs with real keys, so what it says verifies like a device's word. What goes wrong is told to it.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from fiscal_signer.testing.fiskaly.tss import TROUBLES, Body, Refusal, Tss

__all__ = ["TROUBLES", "Fault", "FiskalyCloud", "Refusal", "Tss"]


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


class FiskalyCloud:
    """The interface: an ASGI application. `key` and `secret` open it."""

    def __init__(self, clock: Callable[[], datetime], *, key: str, secret: str) -> None:
        self.clock = clock
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
        self.export_after_s = 0
        """What it says in `Retry-After` while an export is made."""
        self.closing = asyncio.Event()
        self._busy: set[str] = set()

    def tss(self, tss_id: UUID, *, env: str = "LIVE") -> Tss:
        """A new TSS, initialized."""
        made = self.tsses[str(tss_id)] = Tss(tss_id, self.clock, env=env)
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
            if isinstance(answer, bytes):
                response = Response(answer)
            else:
                response = JSONResponse(answer, headers=self._when_to_ask_again(answer))
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

    def _when_to_ask_again(self, answer: Body) -> dict[str, str]:
        waits = answer.get("_type") == "EXPORT" and answer["state"] in ("PENDING", "WORKING")
        return {"retry-after": str(self.export_after_s)} if waits else {}

    async def _answer(self, request: Request, path: str, body: Body) -> Body | bytes:
        if path == "auth":
            return self._authenticate(body)
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.token_ends.get(bearer, self.clock()) <= self.clock():
            raise Refusal(401, "E_UNAUTHORIZED")
        _, tss_id, *rest = path.split("/")
        tss = self.tsses.get(tss_id)
        if tss is None:
            raise Refusal(404, "E_TSS_NOT_FOUND")
        if rest[-1:] == ["file"]:
            # A download takes long, and is no work of the TSS.
            return self._route(request, tss, rest, body)
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
        self.token_ends[access] = self.clock() + timedelta(seconds=self.token_s)
        self.token_ends[refresh] = self.clock() + timedelta(seconds=2 * self.token_s)
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
            case "PUT" | "GET", ["export", export_id]:
                return tss.export(request.method, export_id, query)
            case "GET", ["export", export_id, "file"]:
                return tss.export_file(export_id)
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
