"""A TSE in software: for test and training. **Not certified**, and everything it makes says so.

It keeps to the formats of BSI TR-03153 (log messages, counters, transaction numbers), so what
stands behind it can be tried without a device. Its key lies encrypted in the database; a real
TSE's key never leaves its chip.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.x509.oid import NameOID

from fiscal_signer.country.de import log_message
from fiscal_signer.country.de.algorithms import CURVES, Curve, serial_of, sign_plain
from fiscal_signer.ports import (
    LOGS_MAX,
    AlreadyDone,
    DeviceAnswer,
    DeviceStep,
    FinishTransaction,
    Refused,
    RegisterClient,
    Signed,
    StartTransaction,
    TseError,
    TseFault,
    TseInfo,
)

KIND = "software"
NOT_CERTIFIED = "NICHT ZERTIFIZIERT - nur Test und Schulung"
CLIENTS_MAX = 512
OPEN_TRANSACTIONS_MAX = 4_096
CERTIFICATE_YEARS = 8
_NONCE_BYTES = 12

STEPS_PER_BREATH = 4
"""A few milliseconds of signing, then somebody else."""


@dataclass(frozen=True, slots=True)
class DeviceMemory:
    """What the device keeps. `sealed_key` is the private key under AES-256-GCM."""

    tse_id: str
    curve: str
    sealed_key: bytes
    public_key: bytes
    certificate: bytes
    initialized_at: datetime
    signature_counter: int
    transaction_number: int
    last_log_time: int
    """Unix seconds; log times never go back."""
    clients: frozenset[str]
    open_transactions: dict[int, str]


class DeviceStorage(Protocol):
    """The device's memory. Durable when a method returns.

    Raises `TseFault(STORAGE_FAILURE)` when it is away, or when another process has used the
    device since `load` (the counter moved).
    """

    async def load(self, tse_id: str) -> DeviceMemory | None: ...

    async def create(self, memory: DeviceMemory, log: Signed) -> None:
        """Store a new device, unless there is one with this id."""
        ...

    async def save(self, before: DeviceMemory, after: DeviceMemory, logs: Sequence[Signed]) -> None:
        """Replace `before` by `after` and add the log messages, or nothing of it."""
        ...

    async def logs_after(self, tse_id: str, counter: int, records_max: int) -> list[bytes]:
        """Stored log messages with a higher counter, in order."""
        ...


class SoftwareTse:
    """See `fiscal_signer.ports.Tse`. One call is one write to the storage."""

    def __init__(
        self,
        memory: DeviceMemory,
        storage: DeviceStorage,
        *,
        sealing_key: bytes,
        clock: Callable[[], datetime],
    ) -> None:
        self._memory: DeviceMemory | None = memory
        self._tse_id = memory.tse_id
        self._storage = storage
        self._clock = clock
        self._curve = CURVES[memory.curve]
        self._key = _unseal(memory, sealing_key)
        self._serial = serial_of(memory.public_key)

    async def info(self) -> TseInfo:
        memory = self._memory = await self._load()
        return TseInfo(
            kind=KIND,
            certified=False,
            serial=self._serial.hex(),
            public_key=memory.public_key,
            algorithm=self._curve.algorithm,
            time_format=log_message.UNIX_TIME,
            certificate=memory.certificate,
            signature_counter=memory.signature_counter,
            transaction_number=memory.transaction_number,
            initialized_at=memory.initialized_at,
        )

    async def execute(self, steps: Sequence[DeviceStep]) -> Sequence[DeviceAnswer]:
        before = self._memory or await self._load()
        # Until the outcome is durable the memory here is not to be trusted.
        self._memory = None
        call = _Call(before, self._curve, self._key, self._serial, int(self._clock().timestamp()))
        answers: list[DeviceAnswer] = []
        for done, step in enumerate(steps, start=1):
            answers.append(call.run(step, answers))
            if done % STEPS_PER_BREATH == 0:
                # A thread would not help: signing holds the interpreter's lock. So the loop's
                # other tasks get their turn every few signatures.
                await asyncio.sleep(0)
        if call.logs:
            await self._storage.save(before, call.memory, call.logs)
        elif (await self._load()).signature_counter != before.signature_counter:
            # Nothing was stored, so nothing has told us that another process used the device
            # since we looked. A refusal must not rest on what it knew then.
            raise TseFault(TseError.STORAGE_FAILURE, "the device was used by somebody else")
        self._memory = call.memory
        return answers

    async def logs_after(self, signature_counter: int) -> Sequence[Signed]:
        stored = await self._storage.logs_after(self._tse_id, signature_counter, LOGS_MAX)
        return [signed_of(raw) for raw in stored]

    async def open_transactions(self) -> dict[int, str]:
        return dict((await self._load()).open_transactions)

    async def _load(self) -> DeviceMemory:
        memory = await self._storage.load(self._tse_id)
        if memory is None:
            raise TseFault(TseError.MEMORY_LOST, f"{self._tse_id} has no memory any more")
        return memory


def signed_of(raw: bytes) -> Signed:
    """A stored log message as an answer. Raises `TseFault` for bytes that are none."""
    try:
        log = log_message.parse(raw)
    except log_message.LogMessageError as broken:
        raise TseFault(TseError.STORAGE_FAILURE, f"a stored log is broken: {broken}") from broken
    client = log.client_id or ""
    if log.kind == "system" and log.operation == "registerClient":
        client = (log.system_data or b"").decode()
    return Signed(
        operation=log.operation or log.kind,
        signature_counter=log.signature_counter,
        log_time=log.log_time,
        value=log.signature,
        log_message=raw,
        client_id=client,
        transaction_number=log.transaction_number,
        process_type=log.process_type or "",
        process_data=(log.process_data or b"").decode(),
    )


class _Call:
    """One call: the memory as it goes from step to step, and the logs that it makes."""

    def __init__(
        self,
        memory: DeviceMemory,
        curve: Curve,
        key: ec.EllipticCurvePrivateKey,
        serial: bytes,
        now: int,
    ) -> None:
        self._before = memory
        self._curve = curve
        self._key = key
        self._serial = serial
        self._now = max(now, memory.last_log_time)
        self._clients = set(memory.clients)
        self._open = dict(memory.open_transactions)
        self._counter = memory.signature_counter
        self._transaction = memory.transaction_number
        self._log_time = log_message.time_element(_instant(self._now), log_message.UNIX_TIME)
        self.logs: list[Signed] = []

    @property
    def memory(self) -> DeviceMemory:
        return replace(
            self._before,
            signature_counter=self._counter,
            transaction_number=self._transaction,
            last_log_time=self._now,
            clients=frozenset(self._clients),
            open_transactions=self._open,
        )

    def run(self, step: DeviceStep, before: Sequence[DeviceAnswer]) -> DeviceAnswer:
        match step:
            case RegisterClient():
                return self._register(step)
            case StartTransaction():
                return self._start(step)
            case FinishTransaction():
                return self._finish(step, before)

    def _register(self, step: RegisterClient) -> DeviceAnswer:
        if step.client_id in self._clients:
            return AlreadyDone()
        if len(self._clients) >= CLIENTS_MAX:
            return Refused(TseError.TOO_MANY_CLIENTS)
        self._clients.add(step.client_id)
        return self.system("registerClient", step.client_id.encode(), client_id=step.client_id)

    def _start(self, step: StartTransaction) -> DeviceAnswer:
        if step.client_id not in self._clients:
            return Refused(TseError.ID_NOT_FOUND)
        if len(self._open) >= OPEN_TRANSACTIONS_MAX:
            return Refused(TseError.TOO_MANY_TRANSACTIONS)
        self._transaction += 1
        self._open[self._transaction] = step.client_id
        return self._sign(log_message.START, step.client_id, self._transaction, "", "")

    def _finish(self, step: FinishTransaction, answers: Sequence[DeviceAnswer]) -> DeviceAnswer:
        number = step.transaction_number
        if number is None and step.of_step is not None and step.of_step < len(answers):
            start = answers[step.of_step]
            if isinstance(start, Refused):
                return start
            number = start.transaction_number if isinstance(start, Signed) else None
        if number is None or number not in self._open:
            return Refused(TseError.TRANSACTION_NUMBER_NOT_FOUND)
        if self._open[number] != step.client_id:
            return Refused(TseError.PARAMETER_MISMATCH)
        del self._open[number]
        return self._sign(
            log_message.FINISH, step.client_id, number, step.process_type, step.process_data
        )

    def _sign(
        self, operation: str, client_id: str, number: int, process_type: str, process_data: str
    ) -> Signed:
        self._counter += 1
        signed = log_message.transaction_signed(
            operation=operation,
            client_id=client_id,
            process_type=process_type,
            process_data=process_data.encode(),
            transaction_number=number,
            serial=self._serial,
            algorithm=self._curve.algorithm,
            signature_counter=self._counter,
            log_time=self._log_time,
        )
        return self._log(
            signed, operation, client_id, number=number, type_=process_type, data=process_data
        )

    def system(self, operation: str, data: bytes, *, client_id: str = "") -> Signed:
        """A log of the device about itself."""
        self._counter += 1
        signed = log_message.system_signed(
            operation=operation,
            system_data=data,
            serial=self._serial,
            algorithm=self._curve.algorithm,
            signature_counter=self._counter,
            log_time=self._log_time,
        )
        return self._log(signed, operation, client_id)

    def _log(
        self,
        signed: bytes,
        operation: str,
        client_id: str,
        *,
        number: int | None = None,
        type_: str = "",
        data: str = "",
    ) -> Signed:
        value = sign_plain(self._key, self._curve, signed)
        log = Signed(
            operation=operation,
            signature_counter=self._counter,
            log_time=_instant(self._now),
            value=value,
            log_message=log_message.whole(signed, value),
            client_id=client_id,
            transaction_number=number,
            process_type=type_,
            process_data=data,
        )
        self.logs.append(log)
        return log


def _instant(unix: int) -> datetime:
    return datetime.fromtimestamp(unix, UTC)


def new_device(
    tse_id: str, curve_name: str, *, sealing_key: bytes, nonce: bytes, now: datetime
) -> tuple[DeviceMemory, Signed]:
    """A device with a fresh key, and the log message of its initialisation."""
    curve = CURVES[curve_name]
    key = ec.generate_private_key(curve.make())
    public_key = key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    raw = key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    memory = DeviceMemory(
        tse_id=tse_id,
        curve=curve_name,
        sealed_key=nonce + AESGCM(sealing_key).encrypt(nonce, raw, tse_id.encode()),
        public_key=public_key,
        certificate=_certificate(key, curve, public_key, now),
        initialized_at=now,
        signature_counter=0,
        transaction_number=0,
        last_log_time=int(now.timestamp()),
        clients=frozenset(),
        open_transactions={},
    )
    call = _Call(memory, curve, key, serial_of(public_key), memory.last_log_time)
    log = call.system("initialize", NOT_CERTIFIED.encode())
    return call.memory, log


def _unseal(memory: DeviceMemory, sealing_key: bytes) -> ec.EllipticCurvePrivateKey:
    nonce, sealed = memory.sealed_key[:_NONCE_BYTES], memory.sealed_key[_NONCE_BYTES:]
    raw = AESGCM(sealing_key).decrypt(nonce, sealed, memory.tse_id.encode())
    key = serialization.load_der_private_key(raw, password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)  # Nothing else is ever sealed here.
    return key


def _certificate(
    key: ec.EllipticCurvePrivateKey, curve: Curve, public_key: bytes, now: datetime
) -> bytes:
    """Self-signed; the subject names the serial number, and that nobody certified anything."""
    serial = serial_of(public_key)
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, NOT_CERTIFIED),
            x509.NameAttribute(NameOID.COMMON_NAME, serial.hex()),
        ]
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(serial[:8], "big") | 1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=365 * CERTIFICATE_YEARS))
    )
    algorithm = curve.hash()
    assert isinstance(algorithm, hashes.SHA256 | hashes.SHA384)  # What CURVES holds.
    return builder.sign(key, algorithm).public_bytes(serialization.Encoding.DER)
