"""One TSS of fiskaly SIGN DE v2 as a TSE.

A transaction's id comes from the name that the caller gave it, and each call names the revision
that it makes: revision 1 starts, revision 2 finishes. So a call that is repeated, also one that
arrives late, makes nothing new ("Idempotent Requests" in the document). What the interface can't
say is which system and audit messages used a counter; those are told as `unread`.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from fiscal_signer.adapters.fiskaly import wire
from fiscal_signer.adapters.fiskaly.cloud import Cloud
from fiscal_signer.adapters.fiskaly.errors import CLOSED_STATES, Declined
from fiscal_signer.adapters.fiskaly.history import history_after
from fiscal_signer.adapters.fiskaly.logs import Signer, content_of, decoded, parsed, rebuilt
from fiscal_signer.ports import (
    LOGS_MAX,
    AlreadyDone,
    Chore,
    DeviceAnswer,
    DeviceStep,
    Figures,
    FinishTransaction,
    Refused,
    RegisterClient,
    Signed,
    StartTransaction,
    TseError,
    TseFault,
    TseInfo,
)

KIND = "fiskaly"
START_REVISION, FINISH_REVISION = 1, 2
PAGE = 100
"""The most that a list of the interface holds."""
READ_MAX = 1_024
"""Revisions that are kept after they were read. They never change; so a long history that is cut
off by a time-out is further on at the next try."""


class FiskalyTse:
    """See `fiscal_signer.ports.Tse`. One request at a time, as the vendor asks for each TSS."""

    def __init__(
        self,
        tss_id: UUID,
        cloud: Cloud,
        *,
        admin_pin: str | None,
        clock: Callable[[], datetime],
        new_id: Callable[[], UUID],
        turn: asyncio.Lock | None = None,
    ) -> None:
        self._tss_id = tss_id
        self._path = f"tss/{tss_id}"
        self._cloud = cloud
        self._admin_pin = admin_pin
        self._clock = clock
        self._new_id = new_id
        self._turn = turn or asyncio.Lock()
        self._clients: dict[str, wire.Client] = {}
        self._signer: Signer | None = None
        self._read: dict[tuple[str, int], wire.Transaction] = {}

    async def info(self) -> TseInfo:
        async with self._turn:
            return await self._info()

    async def execute(self, steps: Sequence[DeviceStep]) -> Sequence[DeviceAnswer]:
        async with self._turn:
            answers: list[DeviceAnswer] = []
            for step in steps:
                try:
                    answers.append(await self._step(step, answers))
                except Declined as declined:
                    answers.append(Refused(declined.refusal or _failed(step)))
            return answers

    async def logs_after(self, signature_counter: int) -> Sequence[Signed]:
        async with self._turn:
            info = await self._info()
            if info.signature_counter <= signature_counter:
                return ()
            until = min(info.signature_counter, signature_counter + LOGS_MAX)
            return await history_after(
                self, after=signature_counter, until=until, now=self._clock()
            )

    async def open_transactions(self) -> dict[int, str]:
        async with self._turn:
            found: dict[int, str] = {}
            offset = 0
            while page := await self.page("number", ("ACTIVE",), offset):
                found.update({one.number: one.client_serial_number for one in page})
                offset += len(page)
            return found

    async def figures(self) -> Figures:
        """Self-test and time are the vendor's affair, and the interface tells neither a clock nor
        limits. Its own log messages come in exports."""
        return Figures(exports=True)

    async def tend(self, chore: Chore) -> bool:
        """Nothing of it can be asked for."""
        del chore
        return False

    async def export(
        self, method: str, export_id: str, query: Mapping[str, str | int]
    ) -> tuple[wire.Export, float | None]:
        """Begin an export or look at it; and in how many seconds it wants to be asked again.
        Raises `Declined`, `TseFault`."""
        async with self._turn:
            return await self._cloud.paced(
                wire.Export, method, f"{self._path}/export/{export_id}", query=query
            )

    def export_file(self, export_id: str) -> AsyncIterator[bytes]:
        """The file of an export, in pieces. Sales go on beside it. Raises `TseFault`."""
        return self._cloud.stream(f"{self._path}/export/{export_id}/file")

    async def signer(self) -> Signer:
        """The key whose signatures count. Raises `TseFault`."""
        if self._signer is None:
            await self.info()
        assert self._signer is not None  # Set by the answer right above, or before.
        return self._signer

    # -- what the steps do -----------------------------------------------------------------

    async def _step(self, step: DeviceStep, before: Sequence[DeviceAnswer]) -> DeviceAnswer:
        match step:
            case RegisterClient():
                return await self._register(step)
            case StartTransaction():
                return await self._start(step)
            case FinishTransaction():
                return await self._finish(step, before)

    async def _register(self, step: RegisterClient) -> DeviceAnswer:
        """Its log is a system message, which can't be read by itself: answered as done."""
        known = await self._client(step.client_id)
        if known is not None and known.state == "REGISTERED":
            return AlreadyDone()
        if self._admin_pin is None:
            return Refused(TseError.USER_NOT_AUTHORIZED)
        try:
            await self._put("POST", "admin/auth", {"admin_pin": self._admin_pin}, anew=False)
        except (Declined, TseFault) as refused:
            if (
                isinstance(refused, TseFault)
                and refused.code is not TseError.USER_NOT_AUTHENTICATED
            ):
                raise
            # After five wrong ones the PIN is blocked, so it is not tried again.
            self._admin_pin = None
            return Refused(TseError.USER_NOT_AUTHENTICATED)
        try:
            if known is None:
                path = f"client/{self.uuid_of('client', step.client_id)}"
                await self._put("PUT", path, {"serial_number": step.client_id})
            else:
                await self._put("PATCH", f"client/{known.id}", {"state": "REGISTERED"})
        finally:
            self._clients.pop(step.client_id, None)
            await self._log_out()
        return AlreadyDone()

    async def _log_out(self) -> None:
        try:
            await self._put("POST", "admin/logout", {})
        except (Declined, TseFault):
            return  # The session ends by itself; the client's outcome counts.

    async def _start(self, step: StartTransaction) -> DeviceAnswer:
        client = await self._client(step.client_id)
        if client is None or client.state != "REGISTERED":
            return Refused(TseError.ID_NOT_FOUND)
        tx_id = self.uuid_of("tx", step.name) if step.name else self._new_id()
        body = {"state": "ACTIVE", "client_id": client.id}
        try:
            started = await self._upsert(str(tx_id), START_REVISION, body)
        except Declined as declined:
            self._forget_client(step.client_id, declined)
            if declined.refusal is not None:
                raise
            # It says no to what we may have done before: then it is there to be read.
            try:
                started = await self.transaction(str(tx_id), START_REVISION)
            except Declined:
                return Refused(TseError.START_FAILED)
        if started.log.operation != "Start":
            started = await self.transaction(str(tx_id), START_REVISION)
        return await self.signed(started, "", b"")

    async def _finish(
        self, step: FinishTransaction, before: Sequence[DeviceAnswer]
    ) -> DeviceAnswer:
        number = step.transaction_number
        if number is None and step.of_step is not None and step.of_step < len(before):
            start = before[step.of_step]
            if isinstance(start, Refused):
                return start
            number = start.transaction_number if isinstance(start, Signed) else None
        if number is None:
            return Refused(TseError.TRANSACTION_NUMBER_NOT_FOUND)
        client = await self._client(step.client_id)
        if client is None:
            return Refused(TseError.PARAMETER_MISMATCH)
        data = step.process_data.encode()
        raw = {
            "process_type": step.process_type,
            "process_data": base64.b64encode(data).decode(),
        }
        body = {"state": "FINISHED", "client_id": client.id, "schema": {"raw": raw}}
        try:
            finished = await self._upsert(str(number), FINISH_REVISION, body)
        except Declined as declined:
            self._forget_client(step.client_id, declined)
            if declined.refusal is not None:
                raise
            return await self._finish_as_it_is(step, number, body)
        return await self.signed(finished, step.process_type, data)

    async def _finish_as_it_is(
        self, step: FinishTransaction, number: int, body: Mapping[str, object]
    ) -> DeviceAnswer:
        """It refused revision 2. The transaction itself says why."""
        found = await self.transaction(str(number), None)
        data = step.process_data.encode()
        if found.client_serial_number != step.client_id:
            return Refused(TseError.PARAMETER_MISMATCH)
        if found.state == "ACTIVE" and found.latest_revision >= FINISH_REVISION:
            # Somebody updated it; its end is a later revision then.
            found = await self._upsert(str(number), found.latest_revision + 1, body)
            return await self.signed(found, step.process_type, data)
        if found.state == "ACTIVE":
            return Refused(TseError.FINISH_FAILED)
        if content_of(found) == (step.process_type, data):
            return await self.signed(found, step.process_type, data)
        return Refused(TseError.TRANSACTION_NUMBER_NOT_FOUND)

    # -- what the interface says -----------------------------------------------------------

    async def _info(self) -> TseInfo:
        try:
            tss = await self._cloud.ask(wire.Tss, "GET", self._path)
        except Declined as declined:
            raise TseFault(TseError.UNREACHABLE, str(declined)) from declined
        if tss.state in CLOSED_STATES:
            raise TseFault(TseError.DISABLED, f"the TSS is {tss.state}")
        if tss.state != "INITIALIZED":
            raise TseFault(TseError.NOT_INITIALIZED, f"the TSS is {tss.state}")
        if tss.signature_counter is None or tss.transaction_counter is None:
            raise TseFault(TseError.UNREACHABLE, "the TSS does not say its counters")
        signer = Signer.of(tss.public_key, tss.signature_timestamp_format)
        if tss.serial_number and tss.serial_number.lower() != signer.serial.hex():
            raise TseFault(TseError.MEMORY_LOST, "its serial number is not that of its key")
        self._signer = signer
        return TseInfo(
            kind=KIND,
            certified=tss.env == "LIVE",
            serial=signer.serial.hex(),
            public_key=signer.point,
            algorithm=tss.signature_algorithm,
            time_format=tss.signature_timestamp_format,
            certificate=self._certificate(tss.certificate),
            signature_counter=tss.signature_counter,
            transaction_number=tss.transaction_counter,
            initialized_at=datetime.fromtimestamp(tss.time_init or tss.time_creation, UTC),
        )

    def _certificate(self, text: str) -> bytes | None:
        """DER. Raises `TseFault` for one whose time is over."""
        if not text:
            return None
        raw = text.encode() if text.startswith("-----") else decoded("".join(text.split()))
        try:
            if raw.startswith(b"-----"):
                certificate = x509.load_pem_x509_certificate(raw)
            else:
                certificate = x509.load_der_x509_certificate(raw)
        except ValueError:
            return None  # Not checked here: signatures are, by the key that the TSS names.
        if certificate.not_valid_after_utc < self._clock():
            raise TseFault(
                TseError.CERTIFICATE_EXPIRED, f"expired {certificate.not_valid_after_utc}"
            )
        return certificate.public_bytes(Encoding.DER)

    async def _client(self, serial: str) -> wire.Client | None:
        known = self._clients.get(serial)
        if known is None:
            found = await self._cloud.ask(
                wire.Clients, "GET", f"{self._path}/client", query={"serial_number": serial}
            )
            # Registered ones first, should there be several of this name.
            named = [one for one in found.data if one.serial_number == serial]
            known = min(named, key=lambda one: one.state != "REGISTERED", default=None)
        if known is not None and known.state == "REGISTERED":
            self._clients[serial] = known
        return known

    def _forget_client(self, serial: str, declined: Declined) -> None:
        if declined.refusal is TseError.ID_NOT_FOUND:
            self._clients.pop(serial, None)

    async def transaction(self, name: str, revision: int | None) -> wire.Transaction:
        """A revision, or the latest one. Raises `Declined`, `TseFault`."""
        path = f"{self._path}/tx/{name}"
        if revision is None:
            return await self._cloud.ask(wire.Transaction, "GET", path)
        known = self._read.get((name, revision))
        if known is None:
            query = {"tx_revision": revision}
            known = await self._cloud.ask(wire.Transaction, "GET", path, query=query)
            if len(self._read) >= READ_MAX:
                self._read.pop(next(iter(self._read)))  # The oldest one.
            self._read[name, revision] = known
        return known

    async def page(
        self, order_by: str, states: Sequence[str], offset: int
    ) -> Sequence[wire.Transaction]:
        """Transactions in their latest revision, the newest first. Raises `TseFault`."""
        query: dict[str, str | int] = {
            "order_by": order_by,
            "order": "desc",
            "limit": PAGE,
            "offset": offset,
        }
        query.update({f"states[{at}]": state for at, state in enumerate(states)})
        try:
            found = await self._cloud.ask(wire.Transactions, "GET", f"{self._path}/tx", query=query)
        except Declined as declined:
            raise TseFault(TseError.UNREACHABLE, str(declined)) from declined
        return found.data

    async def signed(
        self, transaction: wire.Transaction, process_type: str, process_data: bytes
    ) -> Signed:
        """A revision as a log message whose signature holds. Raises `TseFault`."""
        if self._signer is None:
            await self._info()
        assert self._signer is not None  # Set by the answer right above, or before.
        found = rebuilt(transaction, self._signer, process_type, process_data)
        if found is None:
            # Another shape than the known ones. The vendor still gives the bytes themselves.
            path = f"{self._path}/tx/{transaction.number}/log"
            query = {"tx_revision": transaction.revision}
            try:
                raw = await self._cloud.fetch("GET", path, query=query)
            except Declined as declined:
                raise TseFault(TseError.SIGNING_FAILED, str(declined)) from declined
            found = parsed(raw, transaction, self._signer)
        if found is None:
            raise TseFault(
                TseError.SIGNING_FAILED,
                f"the signature of counter {transaction.signature.counter} does not hold",
            )
        return found

    async def _upsert(
        self, name: str, revision: int, body: Mapping[str, object]
    ) -> wire.Transaction:
        return await self._cloud.ask(
            wire.Transaction,
            "PUT",
            f"{self._path}/tx/{name}",
            body=body,
            query={"tx_revision": revision},
        )

    async def _put(
        self, method: str, path: str, body: Mapping[str, object], *, anew: bool = True
    ) -> None:
        await self._cloud.fetch(method, f"{self._path}/{path}", body=body, anew=anew)

    def uuid_of(self, what: str, name: str) -> UUID:
        """An id in the form of UUIDv4 that is the same for the same name at this TSS, and
        unlike any other TSS's."""
        digest = hashlib.sha256(f"kassenverbund/{self._tss_id}/{what}/{name}".encode()).digest()
        return UUID(bytes=digest[:16], version=4)


def _failed(step: DeviceStep) -> TseError:
    match step:
        case RegisterClient():
            return TseError.PARAMETER_MISMATCH
        case StartTransaction():
            return TseError.START_FAILED
        case FinishTransaction():
            return TseError.FINISH_FAILED
