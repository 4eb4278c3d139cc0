"""The software TSE's memory and the leases, in the service's schema."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine

from events import Transient
from events.store.connection import reading
from fiscal_signer.adapters.software_tse import DeviceMemory
from fiscal_signer.ports import Signed, TseError, TseFault

_LOAD = text(
    "SELECT curve, sealed_key, public_key, certificate, initialized_at, signature_counter,"
    " transaction_number, last_log_time, clients::text AS clients,"
    " open_transactions::text AS open_transactions, issuers"
    " FROM software_tse WHERE tse_id = :tse_id"
)
_CREATE = text(
    "INSERT INTO software_tse (tse_id, curve, sealed_key, public_key, certificate, initialized_at,"
    " signature_counter, transaction_number, last_log_time, clients, open_transactions, issuers)"
    " VALUES (:tse_id, :curve, :sealed_key, :public_key, :certificate, :initialized_at,"
    " :signature_counter, :transaction_number, :last_log_time, CAST(:clients AS jsonb),"
    " CAST(:open_transactions AS jsonb), CAST(:issuers AS bytea[]))"
    " ON CONFLICT (tse_id) DO NOTHING RETURNING tse_id"
)
# Plain statements for the driver: these two run for every sale.
_SAVE = (
    "WITH device AS (UPDATE software_tse SET signature_counter = $3, transaction_number = $4,"
    " last_log_time = $5, clients = $6::text::jsonb, open_transactions = $7::text::jsonb"
    " WHERE tse_id = $1 AND signature_counter = $2 RETURNING tse_id),"
    " logs AS (INSERT INTO software_tse_log (tse_id, signature_counter, log_message)"
    " SELECT device.tse_id, log.counter, log.message FROM device,"
    " unnest($8::bigint[], $9::bytea[]) AS log(counter, message))"
    " SELECT tse_id FROM device"
)
_LOG = text(
    "INSERT INTO software_tse_log (tse_id, signature_counter, log_message)"
    " VALUES (:tse_id, :counter, :message)"
)
_LOGS = text(
    "SELECT log_message FROM software_tse_log WHERE tse_id = :tse_id"
    " AND signature_counter > :counter ORDER BY signature_counter LIMIT :records_max"
)
_LOGS_BETWEEN = text(
    "SELECT signature_counter, log_message FROM software_tse_log WHERE tse_id = :tse_id"
    " AND signature_counter > :after AND signature_counter <= :last"
    " ORDER BY signature_counter LIMIT :records_max"
)
# One statement, so that two processes that ask at once are told one after the other. The epoch
# stays where the owner stays, also when its lease ran out in between and nobody else came.
_HOLD = (
    "INSERT INTO tse_lease AS lease (tse_id, owner, epoch, until)"
    " VALUES ($1, $2, 1, clock_timestamp() + make_interval(secs => $3))"
    " ON CONFLICT (tse_id) DO UPDATE SET"
    " epoch = lease.epoch + CASE WHEN lease.owner = excluded.owner THEN 0 ELSE 1 END,"
    " owner = excluded.owner, until = excluded.until"
    " WHERE lease.owner = excluded.owner"
    " OR lease.until < clock_timestamp() - make_interval(secs => $4)"
    " RETURNING epoch"
)

_AWAY = (DBAPIError, PoolTimeout, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)


async def _statement(engine: AsyncEngine, query: str, *arguments: object) -> Any:
    """The first value of a statement that commits by itself, over the driver: one round trip, and
    a third of the processor time of the same over the engine."""
    async with engine.connect() as connection:
        raw = await connection.get_raw_connection()
        driver: asyncpg.Connection[Any] | None = raw.driver_connection
        assert driver is not None  # A connection that was just taken from the pool has one.
        try:
            return await driver.fetchval(query, *arguments)
        except BaseException:
            # The engine doesn't see what happens to its connection here, and would hand out a
            # broken one again; so would a statement that was given up in the middle leave it.
            await connection.invalidate()
            raise


@asynccontextmanager
async def _storage_faults() -> AsyncIterator[None]:
    try:
        yield
    except _AWAY as away:
        raise TseFault(TseError.STORAGE_FAILURE, type(away).__name__) from away


class PostgresDeviceStorage:
    """See `fiscal_signer.adapters.software_tse.DeviceStorage`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def load(self, tse_id: str) -> DeviceMemory | None:
        async with _storage_faults(), reading(self._engine) as connection:
            row = (await connection.execute(_LOAD, {"tse_id": tse_id})).mappings().one_or_none()
        if row is None:
            return None
        opened = json.loads(row["open_transactions"])
        return DeviceMemory(
            tse_id=tse_id,
            curve=row["curve"],
            sealed_key=row["sealed_key"],
            public_key=row["public_key"],
            certificate=row["certificate"],
            initialized_at=row["initialized_at"],
            signature_counter=row["signature_counter"],
            transaction_number=row["transaction_number"],
            last_log_time=row["last_log_time"],
            clients=frozenset(json.loads(row["clients"])),
            open_transactions={int(number): client for number, client in opened.items()},
            issuers=tuple(row["issuers"]),
        )

    async def create(self, memory: DeviceMemory, log: Signed) -> None:
        async with _storage_faults(), self._engine.begin() as connection:
            made = await connection.execute(
                _CREATE,
                {
                    "tse_id": memory.tse_id,
                    "curve": memory.curve,
                    "sealed_key": memory.sealed_key,
                    "public_key": memory.public_key,
                    "certificate": memory.certificate,
                    "initialized_at": memory.initialized_at,
                    "issuers": list(memory.issuers),
                    **_moving(memory),
                },
            )
            if made.scalar_one_or_none() is None:
                return
            await connection.execute(
                _LOG,
                {
                    "tse_id": memory.tse_id,
                    "counter": log.signature_counter,
                    "message": log.log_message,
                },
            )

    async def save(self, before: DeviceMemory, after: DeviceMemory, logs: Sequence[Signed]) -> None:
        moving = _moving(after)
        async with _storage_faults():
            saved = await _statement(
                self._engine,
                _SAVE,
                after.tse_id,
                before.signature_counter,
                *moving.values(),
                [log.signature_counter for log in logs],
                [log.log_message for log in logs],
            )
        if saved is None:
            raise TseFault(TseError.STORAGE_FAILURE, "the device was used by somebody else")

    async def logs_after(self, tse_id: str, counter: int, records_max: int) -> list[bytes]:
        async with _storage_faults(), reading(self._engine) as connection:
            rows = await connection.execute(
                _LOGS, {"tse_id": tse_id, "counter": counter, "records_max": records_max}
            )
            return list(rows.scalars())

    async def logs_between(
        self, tse_id: str, after: int, last: int, records_max: int
    ) -> list[tuple[int, bytes]]:
        wanted = {"tse_id": tse_id, "after": after, "last": last, "records_max": records_max}
        async with _storage_faults(), reading(self._engine) as connection:
            rows = await connection.execute(_LOGS_BETWEEN, wanted)
            return [(counter, message) for counter, message in rows]


def _moving(memory: DeviceMemory) -> dict[str, object]:
    """What a call changes, in the order of the statements' parameters."""
    return {
        "signature_counter": memory.signature_counter,
        "transaction_number": memory.transaction_number,
        "last_log_time": memory.last_log_time,
        "clients": json.dumps(sorted(memory.clients)),
        "open_transactions": json.dumps(memory.open_transactions),
    }


class PostgresLeases:
    """See `fiscal_signer.ports.Leases`. The database's clock counts, for every process alike."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def hold(
        self, tse_id: str, owner: str, seconds: float, *, idle_s: float = 0.0
    ) -> int | None:
        try:
            epoch: int | None = await _statement(
                self._engine, _HOLD, tse_id, owner, seconds, idle_s
            )
        except _AWAY as away:
            raise Transient(f"the lease of {tse_id} could not be renewed") from away
        return epoch


# One row per alarm; whoever gets it back sends the mail. A process that dies with it in hand leaves
# it to the next one.
_CLAIM_ALARM = (
    "INSERT INTO tse_alarm_mail AS mail (alarm_id, until)"
    " VALUES ($1, clock_timestamp() + make_interval(secs => $2))"
    " ON CONFLICT (alarm_id) DO UPDATE SET until = excluded.until"
    " WHERE mail.sent_at IS NULL AND mail.until < clock_timestamp() RETURNING alarm_id"
)
_SENT_ALARM = "UPDATE tse_alarm_mail SET sent_at = clock_timestamp() WHERE alarm_id = $1"


class PostgresMailbox:
    """See `fiscal_signer.handlers.alarm.Mailbox`."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def claim(self, alarm_id: str, again_s: float) -> bool:
        return await self._done(_CLAIM_ALARM, alarm_id, again_s) is not None

    async def sent(self, alarm_id: str) -> None:
        await self._done(_SENT_ALARM, alarm_id)

    async def _done(self, query: str, *arguments: object) -> Any:
        try:
            return await _statement(self._engine, query, *arguments)
        except _AWAY as away:
            raise Transient("the alarms' mailbox is away") from away
