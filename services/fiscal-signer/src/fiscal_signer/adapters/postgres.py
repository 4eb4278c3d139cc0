"""The software TSE's memory and the leases, in the service's schema."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

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
    " open_transactions::text AS open_transactions FROM software_tse WHERE tse_id = :tse_id"
)
_CREATE = text(
    "INSERT INTO software_tse (tse_id, curve, sealed_key, public_key, certificate, initialized_at,"
    " signature_counter, transaction_number, last_log_time, clients, open_transactions)"
    " VALUES (:tse_id, :curve, :sealed_key, :public_key, :certificate, :initialized_at,"
    " :signature_counter, :transaction_number, :last_log_time, CAST(:clients AS jsonb),"
    " CAST(:open_transactions AS jsonb)) ON CONFLICT (tse_id) DO NOTHING RETURNING tse_id"
)
_SAVE = text(
    "WITH device AS (UPDATE software_tse SET signature_counter = :signature_counter,"
    " transaction_number = :transaction_number, last_log_time = :last_log_time,"
    " clients = CAST(:clients AS jsonb), open_transactions = CAST(:open_transactions AS jsonb)"
    " WHERE tse_id = :tse_id AND signature_counter = :before RETURNING tse_id),"
    " logs AS (INSERT INTO software_tse_log (tse_id, signature_counter, log_message)"
    " SELECT device.tse_id, log.counter, log.message FROM device,"
    " unnest(CAST(:counters AS bigint[]), CAST(:messages AS bytea[])) AS log(counter, message))"
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
# One statement, so that two processes that ask at once are told one after the other. The epoch
# stays where the owner stays, also when its lease ran out in between and nobody else came.
_HOLD = text(
    "INSERT INTO tse_lease AS lease (tse_id, owner, epoch, until)"
    " VALUES (:tse_id, :owner, 1, clock_timestamp() + make_interval(secs => :seconds))"
    " ON CONFLICT (tse_id) DO UPDATE SET"
    " epoch = lease.epoch + CASE WHEN lease.owner = excluded.owner THEN 0 ELSE 1 END,"
    " owner = excluded.owner, until = excluded.until"
    " WHERE lease.owner = excluded.owner OR lease.until < clock_timestamp()"
    " RETURNING epoch"
)


@asynccontextmanager
async def _storage_faults() -> AsyncIterator[None]:
    try:
        yield
    except (DBAPIError, PoolTimeout, OSError) as away:
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
        async with _storage_faults(), self._engine.begin() as connection:
            saved = await connection.execute(
                _SAVE,
                {
                    "tse_id": after.tse_id,
                    "before": before.signature_counter,
                    "counters": [log.signature_counter for log in logs],
                    "messages": [log.log_message for log in logs],
                    **_moving(after),
                },
            )
            if saved.scalar_one_or_none() is None:
                raise TseFault(TseError.STORAGE_FAILURE, "the device was used by somebody else")

    async def logs_after(self, tse_id: str, counter: int, records_max: int) -> list[bytes]:
        async with _storage_faults(), reading(self._engine) as connection:
            rows = await connection.execute(
                _LOGS, {"tse_id": tse_id, "counter": counter, "records_max": records_max}
            )
            return list(rows.scalars())


def _moving(memory: DeviceMemory) -> dict[str, object]:
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

    async def hold(self, tse_id: str, owner: str, seconds: float) -> int | None:
        try:
            async with self._engine.begin() as connection:
                held = await connection.execute(
                    _HOLD, {"tse_id": tse_id, "owner": owner, "seconds": seconds}
                )
                epoch: int | None = held.scalar_one_or_none()
                return epoch
        except (DBAPIError, PoolTimeout, OSError) as away:
            raise Transient(f"the lease of {tse_id} could not be renewed") from away
