"""A TSE in software: for test and training. **Not certified**, and everything it makes says so.

It keeps to the formats of BSI TR-03153 (log messages, counters, transaction numbers), so what
stands behind it can be tried without a device. Its key lies encrypted in the database; a real
TSE's key never leaves its chip.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fiscal_signer.adapters.chip.child import Key
from fiscal_signer.adapters.chip.helper import DeviceKey
from fiscal_signer.adapters.software_certificates import (
    NOT_CERTIFIED,
    authority_of,
    certificate_for,
)
from fiscal_signer.country.de import log_message, tlv
from fiscal_signer.country.de.algorithms import CURVES, key_of, serial_of, verify_plain
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
    SelfTest,
    Signed,
    StartTransaction,
    TseError,
    TseFault,
    TseInfo,
    UpdateTime,
)

KIND = "software"
CLIENTS_MAX = 512
OPEN_TRANSACTIONS_MAX = 4_096
_NONCE_BYTES = 12

SELF_TEST_EVERY = timedelta(hours=24)
TIME_EVERY = timedelta(hours=24)
"""Its clock is the machine's; the message in its log says so once a day."""


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
    issuers: tuple[bytes, ...] = ()
    """DER: whose signatures are on the certificate, up to the root."""


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

    async def logs_between(
        self, tse_id: str, after: int, last: int, records_max: int
    ) -> list[tuple[int, bytes]]:
        """The same up to and with `last`, with the counters that they are stored under."""
        ...


class Chip(Protocol):
    """What signs for the devices. `adapters/chip`: processes of their own."""

    async def sign(self, key: DeviceKey, messages: Sequence[bytes]) -> list[bytes]:
        """A signature (r‖s) for each message, in order. Keeps nothing: what was signed and never
        stored has not happened. Raises `TseFault`."""
        ...


class SoftwareTse:
    """See `fiscal_signer.ports.Tse`. One call is one question to the chip and one write to the
    storage, whatever number of steps it has."""

    def __init__(
        self,
        memory: DeviceMemory,
        storage: DeviceStorage,
        *,
        chip: Chip,
        sealing_key: bytes,
        clock: Callable[[], datetime],
    ) -> None:
        self._memory: DeviceMemory | None = memory
        self._tse_id = memory.tse_id
        self._storage = storage
        self._chip = chip
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
        call = await self._begin()
        outcomes = [call.run(step) for step in steps]
        made = iter(await self._end(call))
        return [next(made) if isinstance(one, _Draft) else one for one in outcomes]

    async def figures(self) -> Figures:
        unix = max(int(self._clock().timestamp()), (await self._load()).last_log_time)
        return Figures(
            self_test_every=SELF_TEST_EVERY,
            time_every=TIME_EVERY,
            clock=datetime.fromtimestamp(unix, UTC),
        )

    async def tend(self, chore: Chore) -> bool:
        """It has no users, and its storage is a database: nothing to log in to or to delete."""
        if not isinstance(chore, SelfTest | UpdateTime):
            return False
        call = await self._begin()
        tested = isinstance(chore, SelfTest)
        draft = call.system("selfTest", b"") if tested else call.update_time()
        await self._end(call, check=draft)
        return True

    async def _begin(self) -> _Call:
        before = self._memory or await self._load()
        # Until the outcome is durable the memory here is not to be trusted.
        self._memory = None
        now = int(self._clock().timestamp())
        return _Call(before, self._curve.algorithm, self._serial, now)

    async def _end(self, call: _Call, *, check: _Draft | None = None) -> list[Signed]:
        """Sign what was drafted and store it. `check`: whose signature has to hold first."""
        values = await self._chip.sign(self._key, [draft.signed for draft in call.drafts])
        logs = [
            draft.with_signature(value) for draft, value in zip(call.drafts, values, strict=True)
        ]
        if check is not None:
            key, value = key_of(call.before.public_key), values[call.drafts.index(check)]
            if not verify_plain(key, self._curve.algorithm, value, check.signed):
                raise TseFault(TseError.SIGNING_FAILED, "its key does not fit its certificate")
        if logs:
            await self._storage.save(call.before, call.memory, logs)
        elif (await self._load()).signature_counter != call.before.signature_counter:
            # Nothing was stored, so nothing has told us that another process used the device
            # since we looked. A refusal must not rest on what it knew then.
            raise TseFault(TseError.STORAGE_FAILURE, "the device was used by somebody else")
        self._memory = call.memory
        return logs

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


@dataclass(slots=True)
class _Draft:
    """A log message that lacks its signature."""

    operation: str
    signature_counter: int
    log_time: datetime
    signed: bytes
    """The bytes to be signed."""
    client_id: str
    transaction_number: int | None = None
    process_type: str = ""
    process_data: str = ""

    def with_signature(self, value: bytes) -> Signed:
        return Signed(
            operation=self.operation,
            signature_counter=self.signature_counter,
            log_time=self.log_time,
            value=value,
            log_message=log_message.whole(self.signed, value),
            client_id=self.client_id,
            transaction_number=self.transaction_number,
            process_type=self.process_type,
            process_data=self.process_data,
        )


class _Call:
    """One call: the memory as it goes from step to step, and the log messages to be signed. No
    step needs another one's signature, so all are drafted first and signed together."""

    def __init__(self, memory: DeviceMemory, algorithm: str, serial: bytes, now: int) -> None:
        self.before = memory
        self._algorithm = algorithm
        self._serial = serial
        self._unix = max(now, memory.last_log_time)
        self._clients = set(memory.clients)
        self._open = dict(memory.open_transactions)
        self._counter = memory.signature_counter
        self._transaction = memory.transaction_number
        self._now = datetime.fromtimestamp(self._unix, UTC)
        self._log_time = log_message.time_element(self._now, log_message.UNIX_TIME)
        self._outcomes: list[_Draft | Refused | AlreadyDone] = []
        self.drafts: list[_Draft] = []

    @property
    def memory(self) -> DeviceMemory:
        return replace(
            self.before,
            signature_counter=self._counter,
            transaction_number=self._transaction,
            last_log_time=self._unix,
            clients=frozenset(self._clients),
            open_transactions=self._open,
        )

    def run(self, step: DeviceStep) -> _Draft | Refused | AlreadyDone:
        match step:
            case FinishTransaction():
                outcome = self._finish(step)
            case StartTransaction():
                outcome = self._start(step)
            case RegisterClient():
                outcome = self._register(step)
        self._outcomes.append(outcome)
        return outcome

    def _register(self, step: RegisterClient) -> _Draft | Refused | AlreadyDone:
        if step.client_id in self._clients:
            return AlreadyDone()
        if len(self._clients) >= CLIENTS_MAX:
            return Refused(TseError.TOO_MANY_CLIENTS)
        self._clients.add(step.client_id)
        return self.system("registerClient", step.client_id.encode(), client_id=step.client_id)

    def _start(self, step: StartTransaction) -> _Draft | Refused | AlreadyDone:
        if step.client_id not in self._clients:
            return Refused(TseError.ID_NOT_FOUND)
        if len(self._open) >= OPEN_TRANSACTIONS_MAX:
            return Refused(TseError.TOO_MANY_TRANSACTIONS)
        self._transaction += 1
        self._open[self._transaction] = step.client_id
        return self._draft(log_message.START, step.client_id, self._transaction, "", "")

    def _finish(self, step: FinishTransaction) -> _Draft | Refused | AlreadyDone:
        number = step.transaction_number
        if number is None and step.of_step is not None and step.of_step < len(self._outcomes):
            start = self._outcomes[step.of_step]
            if isinstance(start, Refused):
                return start
            number = start.transaction_number if isinstance(start, _Draft) else None
        if number is None or number not in self._open:
            return Refused(TseError.TRANSACTION_NUMBER_NOT_FOUND)
        if self._open[number] != step.client_id:
            return Refused(TseError.PARAMETER_MISMATCH)
        del self._open[number]
        return self._draft(
            log_message.FINISH, step.client_id, number, step.process_type, step.process_data
        )

    def update_time(self) -> _Draft:
        """It has no clock but the machine's: what it sets is what it has, never going back."""
        data = tlv.integer(0x81, self._unix) + tlv.integer(0x82, self._unix)
        return self.system("updateTime", data)

    def _draft(
        self, operation: str, client_id: str, number: int, process_type: str, process_data: str
    ) -> _Draft:
        self._counter += 1
        signed = log_message.transaction_signed(
            operation=operation,
            client_id=client_id,
            process_type=process_type,
            process_data=process_data.encode(),
            transaction_number=number,
            serial=self._serial,
            algorithm=self._algorithm,
            signature_counter=self._counter,
            log_time=self._log_time,
        )
        draft = _Draft(
            operation, self._counter, self._now, signed, client_id, number,
            process_type, process_data,
        )  # fmt: skip
        self.drafts.append(draft)
        return draft

    def system(self, operation: str, data: bytes, *, client_id: str = "") -> _Draft:
        """A log of the device about itself."""
        self._counter += 1
        signed = log_message.system_signed(
            operation=operation,
            system_data=data,
            serial=self._serial,
            algorithm=self._algorithm,
            signature_counter=self._counter,
            log_time=self._log_time,
        )
        draft = _Draft(operation, self._counter, self._now, signed, client_id)
        self.drafts.append(draft)
        return draft


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
    authority = authority_of(sealing_key)
    memory = DeviceMemory(
        tse_id=tse_id,
        curve=curve_name,
        sealed_key=nonce + AESGCM(sealing_key).encrypt(nonce, raw, tse_id.encode()),
        public_key=public_key,
        certificate=certificate_for(authority, key.public_key(), now=now),
        initialized_at=now,
        signature_counter=0,
        transaction_number=0,
        last_log_time=int(now.timestamp()),
        clients=frozenset(),
        open_transactions={},
        issuers=(authority.der,),
    )
    call = _Call(memory, curve.algorithm, serial_of(public_key), memory.last_log_time)
    draft = call.system("initialize", NOT_CERTIFIED.encode())
    # The key was made right here, so here it may sign once.
    return call.memory, draft.with_signature(Key(raw, curve.hash().name).sign(draft.signed))


def _unseal(memory: DeviceMemory, sealing_key: bytes) -> DeviceKey:
    """Raises `InvalidTag`: it was sealed with another key."""
    nonce, sealed = memory.sealed_key[:_NONCE_BYTES], memory.sealed_key[_NONCE_BYTES:]
    raw = AESGCM(sealing_key).decrypt(nonce, sealed, memory.tse_id.encode())
    return DeviceKey(memory.tse_id, CURVES[memory.curve].hash().name, raw)
