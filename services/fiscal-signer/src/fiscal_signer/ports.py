"""What the signer needs from outside: a device that signs, its memory, and the lease on it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, Protocol

LOGS_MAX = 500
"""How many log messages one question to a device brings back."""


class TseError(StrEnum):
    """What a TSE says when it does not sign (BSI TR-03151), and what we say of a silent one."""

    UNREACHABLE = "unreachable"
    TIME_NOT_SET = "time_not_set"
    CERTIFICATE_EXPIRED = "certificate_expired"
    DISABLED = "secure_element_disabled"
    NOT_INITIALIZED = "not_initialized"
    STORAGE_FAILURE = "storage_failure"
    UPDATE_TIME_FAILED = "update_time_failed"
    START_FAILED = "start_transaction_failed"
    FINISH_FAILED = "finish_transaction_failed"
    NO_TRANSACTION = "no_transaction"
    TRANSACTION_NUMBER_NOT_FOUND = "transaction_number_not_found"
    ID_NOT_FOUND = "id_not_found"
    TOO_MANY_CLIENTS = "too_many_clients"
    TOO_MANY_TRANSACTIONS = "too_many_transactions"
    PARAMETER_MISMATCH = "parameter_mismatch"
    USER_NOT_AUTHENTICATED = "user_not_authenticated"
    USER_NOT_AUTHORIZED = "user_not_authorized"
    SIGNING_FAILED = "signing_system_operation_data_failed"
    TOO_LATE = "too_late"
    """Not the device's word but ours: `sign_by` passed before it could be asked."""
    BUSY = "busy"
    """It asks for a pause that is longer than a sale can wait: maintenance, a self-test, too many
    calls."""
    MEMORY_LOST = "memory_lost"
    """The device counts less than we have seen of it: replaced, or restored from a copy."""


class TseFault(Exception):
    """The device did not do what was asked, or nobody knows whether it did. Ask `logs_after`
    before anything is asked again: a blind repeat would sign twice."""

    def __init__(self, code: TseError, detail: str = "") -> None:
        super().__init__(detail or code.value)
        self.code = code


@dataclass(frozen=True, slots=True)
class RegisterClient:
    """Make a till known to the device. Repeating it is harmless."""

    client_id: str


@dataclass(frozen=True, slots=True)
class StartTransaction:
    """Begin a transaction, with empty process type and data (DSFinV-K annex I)."""

    client_id: str
    name: str = ""
    """The same in every repetition of this step, and in no other one. A device whose calls have
    keys makes its own of it; one that only counts leaves it alone."""


@dataclass(frozen=True, slots=True)
class FinishTransaction:
    """End a transaction: by number, or the one that step `of_step` of the same call began."""

    client_id: str
    process_type: str
    process_data: str
    transaction_number: int | None = None
    of_step: int | None = None


DeviceStep = RegisterClient | StartTransaction | FinishTransaction


@dataclass(frozen=True, slots=True)
class Signed:
    """A log message that the device made."""

    operation: str
    """`StartTransaction`, `FinishTransaction`, or a system operation (`registerClient`)."""
    signature_counter: int
    log_time: datetime
    value: bytes
    """The signature, plain r‖s."""
    log_message: bytes
    """Empty where the device gives it out in an export only (its own system messages)."""
    client_id: str = ""
    transaction_number: int | None = None
    process_type: str = ""
    process_data: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """The device works and will never do this step. A finish whose start was refused is too."""

    code: TseError


@dataclass(frozen=True, slots=True)
class AlreadyDone:
    """The step had no effect and made no log (a client that was registered before), or it made one
    that the device does not give out by itself."""


DeviceAnswer = Signed | Refused | AlreadyDone


@dataclass(frozen=True, slots=True)
class TseInfo:
    """What a device says of itself."""

    kind: str
    certified: bool
    serial: str
    """64 hex digits: SHA-256 of the key's point."""
    public_key: bytes
    algorithm: str
    time_format: str
    certificate: bytes | None
    """DER."""
    signature_counter: int
    """The last one given."""
    transaction_number: int
    """The last one given."""
    initialized_at: datetime


@dataclass(frozen=True, slots=True)
class SelfTest:
    """Have the device test itself. It may take a minute, and nothing is signed meanwhile."""


@dataclass(frozen=True, slots=True)
class UpdateTime:
    """Set the device's clock by ours."""


@dataclass(frozen=True, slots=True)
class Authenticate:
    """Make sure that the device knows us in a role, for what follows."""

    role: Literal["admin", "timeAdmin"]


@dataclass(frozen=True, slots=True)
class DeleteExported:
    """Let the device forget its log messages up to a counter: those that we hold ourselves."""

    up_to: int


Chore = SelfTest | UpdateTime | Authenticate | DeleteExported
"""What a device needs now and then, away from any sale (BSI TR-03151). A device signs system log
messages of its own for it, which use counters."""


@dataclass(frozen=True, slots=True)
class Figures:
    """How a device is, and what its kind needs. None: it has none of it, or sees to it itself."""

    self_test_every: timedelta | None = None
    time_every: timedelta | None = None
    clock: datetime | None = None
    """Its time, at the moment of the answer."""
    signatures_max: int | None = None
    """So many signatures it makes in its life."""
    storage_used: int | None = None
    storage_max: int | None = None
    """Bytes of its log."""
    exports: bool = False
    """It gives out some of its log messages in exports only."""


class Tse(Protocol):
    """One device. It does one call at a time; the caller sees to that.

    Every method raises `TseFault` when the device can't be reached or fails as a whole.
    """

    async def info(self) -> TseInfo:
        """Also the probe of a device that was out: it answers only when it could sign."""
        ...

    async def execute(self, steps: Sequence[DeviceStep]) -> Sequence[DeviceAnswer]:
        """Do the steps in this order, each at most once; one answer per step. What an answer says
        is durable in the device. After a `TseFault` any prefix of the steps may have been done.
        """
        ...

    async def logs_after(self, signature_counter: int) -> Sequence[Signed]:
        """Up to `LOGS_MAX` log messages with a higher counter, in counter order."""
        ...

    async def open_transactions(self) -> dict[int, str]:
        """Transaction number → client id of what was started and not finished."""
        ...

    async def figures(self) -> Figures:
        """How it is. Signs nothing."""
        ...

    async def tend(self, chore: Chore) -> bool:
        """Do a chore. False: this kind of device has no such thing, and nothing was done."""
        ...


class Tses(Protocol):
    """The devices by their id in `chain.yaml`."""

    async def open(self, tse_id: str) -> Tse:
        """The device, set up if it is new. Raises `TseFault`."""
        ...


class Leases(Protocol):
    """Who may drive a device. A speed-up and a courtesy: the fence is the stream's version."""

    async def hold(
        self, tse_id: str, owner: str, seconds: float, *, idle_s: float = 0.0
    ) -> int | None:
        """Take or renew the lease: its epoch, or None while another owner's lease runs.

        `idle_s`: another owner's lease is taken only so long after its end. The epoch grows by
        one each time the owner changes, never otherwise.
        """
        ...


@dataclass(frozen=True, slots=True)
class Archive:
    """An export of a device on its way out."""

    label: str
    """What of the device's log it holds, for its file's name: `1-4711` (counters)."""
    pieces: AsyncIterator[bytes]
    """A TAR archive, in pieces. Raises `TseFault` where the device fails on the way: whoever
    receives it has then received a part that does not end as archives do."""


class Archives(Protocol):
    """Exports of devices (`exportData` of BSI TR-03151)."""

    async def open(
        self, tse_id: str, *, begin: datetime | None = None, end: datetime | None = None
    ) -> Archive:
        """All log messages from `begin` to before `end`, of any kind; None: all of them. The same
        period makes the same bytes, in any process. Raises `TseFault`: `BUSY` is for a device that
        still works at it; asked again, it goes on from there."""
        ...


@dataclass(frozen=True, slots=True)
class Exported:
    """A log message out of an export. Its signature holds."""

    signature_counter: int
    kind: Literal["transaction", "system", "audit"]
    operation: str
    client_id: str
    log_time: datetime
    log_message: bytes


class ExportReader(Protocol):
    """Devices that give out some of their log messages in exports only."""

    async def read(self, tse_id: str, counters: Sequence[int]) -> Sequence[Exported]:
        """The log messages of these counters, as far as the device has them. Raises `TseFault`."""
        ...
