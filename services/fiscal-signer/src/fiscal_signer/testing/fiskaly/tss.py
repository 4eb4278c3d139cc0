"""A technical security system, played: states, clients, transactions and real signatures."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fiscal_signer.adapters.chip.child import Key
from fiscal_signer.country.de import log_message
from fiscal_signer.country.de.algorithms import serial_of
from fiscal_signer.testing.fiskaly.exports import Export

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


TROUBLES = {
    "clock_not_set": Refusal(502, "ERROR_TIME_NOT_SET"),
    "certificate_expired": Refusal(502, "ERROR_CERTIFICATE_EXPIRED"),
    "full": Refusal(502, "SMAERS_GATEWAY_ERROR_PRECONDITION_UNEXPORTED_LOGS"),
    "revoked": Refusal(403, "E_ACCESS_DENIED"),
    "overloaded": Refusal(429, "E_TOO_MANY_REQUESTS"),
    "broken": Refusal(500, ""),
}
"""What a TSS says as long as it is in trouble."""


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
        self.logs: dict[int, bytes] = {}
        """Every log message that it made."""
        self.exports: dict[str, Export] = {}
        self.export_looks = 1
        self.export_fails = 0
        """So many exports end in an error."""
        self.trouble: Refusal | None = None
        """Why it signs nothing now; what it tells of itself is as ever. See `TROUBLES`."""
        self.self_test_until: datetime | None = None
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
        content = log_message.system_signed(
            operation=operation,
            system_data=data,
            serial=serial_of(self.point),
            algorithm=ALGORITHM,
            signature_counter=self.counter,
            log_time=log_message.time_element(self._clock(), log_message.UNIX_TIME),
        )
        self.logs[self.counter] = log_message.whole(content, self._key.sign(content))

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
        self.logs[self.counter] = log_message.whole(content, value)
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

    def export(self, method: str, export_id: str, query: Mapping[str, str]) -> Body:
        """`PUT` and `GET …/export/{id}`."""
        known = self.exports.get(export_id)
        if method == "PUT" and known is None:
            known = self.exports[export_id] = Export(export_id, query, self.export_looks)
            if self.export_fails:
                self.export_fails -= 1
                known.state = "ERROR"
            return known.look(self)
        if known is None:
            raise Refusal(404, "E_EXPORT_NOT_FOUND")
        return known.look(self)

    def export_file(self, export_id: str) -> bytes:
        """`GET …/export/{id}/file`."""
        known = self.exports.get(export_id)
        if known is None or known.state != "COMPLETED":
            raise Refusal(404, "E_EXPORT_NOT_FOUND")
        return known.file

    def open(self) -> list[_Tx]:
        return [tx for tx in self.txs if tx.revisions[-1]["state"] == "ACTIVE"]

    def find(self, name: str) -> _Tx:
        for tx in self.txs:
            if name in (tx.id, str(tx.number)):
                return tx
        raise Refusal(404, "E_TX_NOT_FOUND")

    def usable(self) -> None:
        """Raises `Refusal` where the TSS does not sign."""
        if self.trouble is not None:
            raise self.trouble
        if self.self_test_until is not None and self._clock() < self.self_test_until:
            left = (self.self_test_until - self._clock()).total_seconds()
            raise Refusal(503, "WRONG_STATE_NEEDS_SELF_TEST", retry_after=math.ceil(left))
        if any(one.state in ("PENDING", "WORKING") for one in self.exports.values()):
            raise Refusal(503, "E_EXPORT_IN_PROGRESS")
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
