"""The outbox of webhooks in PostgreSQL, and the projection that fills it."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from events import DomainError, Recorded
from events.store.connection import faults, reading
from kassenverbund.kit.secrets import Secrets
from voucher.codes import RandomBytes
from voucher.webhook_ports import Delivery, Subscriber

_log = logging.getLogger("voucher.webhooks")

NONCE_BYTES = 12

SUBSCRIBERS_MAX = 50

HIDDEN = frozenset({"code_hash", "old_code_hash", "hash_key_id"})
"""What leaves the service to strangers does not even hold the hash of a code."""

_SUBSCRIBER = (
    "webhook_id, url, events, active, stopped, created_at, changed_at, delivered, delivered_at"
)
_DELIVERY = "webhook_id, position, event_id, name, body, dead, attempts, next_try_at, fault"
_PUT = text(
    """
    INSERT INTO webhook_subscriber AS s
        (webhook_id, url, events, key_id, nonce, sealed, active, stopped, created_at, changed_at)
    SELECT :webhook_id, :url, :events, :key_id, :nonce, :sealed, :active, :stopped, :now, :now
    WHERE (SELECT count(*) FROM webhook_subscriber WHERE webhook_id <> :webhook_id) < :most
    ON CONFLICT (webhook_id) DO UPDATE SET url = excluded.url, events = excluded.events,
        key_id = excluded.key_id, nonce = excluded.nonce, sealed = excluded.sealed,
        active = excluded.active, stopped = excluded.stopped, changed_at = excluded.changed_at
    RETURNING """  # noqa: S608 (names of columns)
    + _SUBSCRIBER
)
_LIST = text(f"SELECT {_SUBSCRIBER} FROM webhook_subscriber ORDER BY webhook_id")  # noqa: S608 (names of columns)
_DELETE = text("DELETE FROM webhook_subscriber WHERE webhook_id = :webhook_id")
_LEASE = text(
    f"""
    UPDATE webhook_subscriber SET leased_until = :until WHERE webhook_id = (
        SELECT s.webhook_id FROM webhook_subscriber AS s
        CROSS JOIN LATERAL (
            SELECT next_try_at FROM webhook_delivery AS d
            WHERE d.webhook_id = s.webhook_id AND NOT d.dead ORDER BY d.position LIMIT 1) AS head
        WHERE s.active AND (s.leased_until IS NULL OR s.leased_until <= :now)
            AND head.next_try_at <= :now
        ORDER BY head.next_try_at LIMIT 1 FOR UPDATE OF s SKIP LOCKED)
    RETURNING {_SUBSCRIBER}, key_id, nonce, sealed
    """  # noqa: S608 (names of columns)
)
_RELEASE = text("UPDATE webhook_subscriber SET leased_until = NULL WHERE webhook_id = :webhook_id")
_NEXT = text(
    f"""
    SELECT {_DELIVERY} FROM webhook_delivery
    WHERE webhook_id = :webhook_id AND NOT dead
        AND (SELECT active FROM webhook_subscriber WHERE webhook_id = :webhook_id)
    ORDER BY position LIMIT 1
    """  # noqa: S608 (names of columns)
)
_DONE = text("DELETE FROM webhook_delivery WHERE webhook_id = :webhook_id AND position = :position")
_MARK = text(
    "UPDATE webhook_subscriber SET delivered = greatest(delivered, :position), delivered_at = :now"
    " WHERE webhook_id = :webhook_id"
)
_FAILED = text(
    "UPDATE webhook_delivery SET attempts = attempts + 1, fault = :fault,"
    " dead = CAST(:next_try_at AS timestamptz) IS NULL,"
    " next_try_at = coalesce(:next_try_at, next_try_at)"
    " WHERE webhook_id = :webhook_id AND position = :position"
)
_STOP = text(
    "UPDATE webhook_subscriber SET active = false, stopped = :reason, changed_at = :now"
    " WHERE webhook_id = :webhook_id"
)
_WAITING = text("SELECT count(*) FROM webhook_delivery WHERE webhook_id = :webhook_id AND NOT dead")
_PAGE = text(
    f"SELECT {_DELIVERY} FROM webhook_delivery"  # noqa: S608 (names of columns)
    " WHERE webhook_id = :webhook_id AND dead = :dead AND position > :after"
    " ORDER BY position LIMIT :rows_max"
)
_RETRY = text(
    "UPDATE webhook_delivery SET dead = false, attempts = 0, next_try_at = :now"
    " WHERE webhook_id = :webhook_id AND position = :position AND dead RETURNING 1"
)
_WANTED = text("SELECT webhook_id, events FROM webhook_subscriber WHERE active")
_FILL = text(
    """
    INSERT INTO webhook_delivery (webhook_id, position, event_id, name, body, next_try_at)
    SELECT webhook_id, position, CAST(event_id AS uuid), name, body, next_try_at
    FROM unnest(CAST(:webhook_id AS text[]), CAST(:position AS bigint[]),
        CAST(:event_id AS text[]), CAST(:name AS text[]), CAST(:body AS text[]),
        CAST(:next_try_at AS timestamptz[]))
        AS d(webhook_id, position, event_id, name, body, next_try_at)
    ON CONFLICT DO NOTHING
    """
)


class WebhookUnknown(DomainError):
    code = "webhook.unknown"
    status = 404
    title = "There is no such webhook or delivery"


class TooManyWebhooks(DomainError):
    code = "webhook.too_many"
    title = "There are as many webhooks as one chain may have"


class PostgresWebhooks:
    """See `voucher.webhook_ports.WebhookOutbox`; and what the office asks."""

    def __init__(self, engine: AsyncEngine, secrets: Secrets, random_bytes: RandomBytes) -> None:
        self._engine = engine
        self._cipher = AESGCM(secrets.key("voucher.webhook"))
        self._key_id = secrets.key_id
        self._random_bytes = random_bytes

    async def put(
        self,
        webhook_id: str,
        *,
        url: str,
        events: Sequence[str],
        secret: bytes,
        active: bool,
        now: datetime,
    ) -> Subscriber:
        """Facts that are recorded from now on are delivered. Raises `TooManyWebhooks`."""
        nonce = self._random_bytes(NONCE_BYTES)
        row = await self._write(
            _PUT,
            webhook_id=webhook_id,
            url=url,
            events=list(events),
            key_id=self._key_id,
            nonce=nonce,
            sealed=self._cipher.encrypt(nonce, secret, webhook_id.encode()),
            active=active,
            stopped=None if active else "by_office",
            now=now,
            most=SUBSCRIBERS_MAX,
        )
        if row is None:
            raise TooManyWebhooks
        return _subscriber(row)

    async def every(self) -> list[Subscriber]:
        async with faults(), reading(self._engine) as connection:
            return [_subscriber(row) for row in await connection.execute(_LIST)]

    async def delete(self, webhook_id: str) -> None:
        """With everything that waits for it. Harmless for one that is not there."""
        async with faults(), self._engine.begin() as tx:
            await tx.execute(_DELETE, {"webhook_id": webhook_id})

    async def deliveries(
        self, webhook_id: str, *, dead: bool, after: int, rows_max: int
    ) -> list[Delivery]:
        async with faults(), reading(self._engine) as connection:
            rows = await connection.execute(
                _PAGE,
                {"webhook_id": webhook_id, "dead": dead, "after": after, "rows_max": rows_max},
            )
            return [_delivery(row) for row in rows]

    async def retry(self, webhook_id: str, position: int, now: datetime) -> None:
        """A dead delivery waits again, before all later ones. Raises `WebhookUnknown`."""
        row = await self._write(_RETRY, webhook_id=webhook_id, position=position, now=now)
        if row is None:
            raise WebhookUnknown

    async def lease(self, now: datetime, until: datetime) -> tuple[Subscriber, bytes] | None:
        row = await self._write(_LEASE, now=now, until=until)
        if row is None:
            return None
        try:
            secret = self._cipher.decrypt(row.nonce, row.sealed, row.webhook_id.encode())
        except InvalidTag:
            # Sealed with another root key, or changed. It cannot sign; the others go on.
            _log.error("webhook %s: its secret is unreadable; it is stopped", row.webhook_id)
            await self.stop(row.webhook_id, "secret_unreadable", now)
            return None
        return _subscriber(row), secret

    async def release(self, webhook_id: str) -> None:
        async with faults(), self._engine.begin() as tx:
            await tx.execute(_RELEASE, {"webhook_id": webhook_id})

    async def next(self, webhook_id: str, now: datetime) -> Delivery | None:
        async with faults(), reading(self._engine) as connection:
            rows = await connection.execute(_NEXT, {"webhook_id": webhook_id})
            row = rows.one_or_none()
        if row is None or row.next_try_at > now:
            return None
        return _delivery(row)

    async def delivered(self, delivery: Delivery, now: datetime) -> None:
        key = {"webhook_id": delivery.webhook_id, "position": delivery.position}
        async with faults(), self._engine.begin() as tx:
            await tx.execute(_DONE, key)
            await tx.execute(_MARK, {**key, "now": now})

    async def failed(self, delivery: Delivery, fault: str, *, next_try_at: datetime | None) -> None:
        async with faults(), self._engine.begin() as tx:
            await tx.execute(
                _FAILED,
                {
                    "webhook_id": delivery.webhook_id,
                    "position": delivery.position,
                    "fault": fault[:200],
                    "next_try_at": next_try_at,
                },
            )

    async def stop(self, webhook_id: str, reason: str, now: datetime) -> None:
        async with faults(), self._engine.begin() as tx:
            await tx.execute(_STOP, {"webhook_id": webhook_id, "reason": reason, "now": now})

    async def waiting(self, webhook_id: str) -> int:
        async with faults(), reading(self._engine) as connection:
            return int(await connection.scalar(_WAITING, {"webhook_id": webhook_id}) or 0)

    async def _write(self, statement: Any, **values: Any) -> Row[Any] | None:
        async with faults(), self._engine.begin() as tx:
            return (await tx.execute(statement, values)).one_or_none()


class WebhookFill:
    """The log → the outbox, in the transaction that moves the checkpoint: each fact once. What was
    recorded before a subscriber came is not sent. Its version never changes: a rebuild would send
    everything again."""

    name = "webhook_outbox"
    version = 1
    reads = None  # What is wanted stands in the table of subscribers.

    async def apply(self, tx: AsyncConnection, recorded: Sequence[Recorded]) -> None:
        wanted = [(row.webhook_id, set(row.events)) for row in await tx.execute(_WANTED)]
        pairs = [
            (webhook_id, entry)
            for entry in recorded
            for webhook_id, events in wanted
            if entry.name in events
        ]
        if not pairs:
            return
        bodies = {entry.position: message(entry) for _, entry in pairs}
        await tx.execute(
            _FILL,
            {
                "webhook_id": [webhook_id for webhook_id, _ in pairs],
                "position": [entry.position for _, entry in pairs],
                "event_id": [str(entry.event_id) for _, entry in pairs],
                "name": [entry.name for _, entry in pairs],
                "body": [bodies[entry.position] for _, entry in pairs],
                "next_try_at": [entry.recorded_at for _, entry in pairs],
            },
        )


def message(entry: Recorded) -> str:
    """A fact as a structured CloudEvent (JSON), without the hashes of codes."""
    return json.dumps(
        {
            "specversion": "1.0",
            "id": str(entry.event_id),
            "source": "/voucher",
            "type": f"{entry.name}.v{entry.schema_version}",
            "subject": entry.stream,
            "time": entry.recorded_at.isoformat().replace("+00:00", "Z"),
            "datacontenttype": "application/json",
            "sequence": str(entry.version),
            "data": _shown(json.loads(entry.data)),
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )


def _shown(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shown(inner) for key, inner in value.items() if key not in HIDDEN}
    return [_shown(inner) for inner in value] if isinstance(value, list) else value


def _subscriber(row: Row[Any]) -> Subscriber:
    return Subscriber(
        webhook_id=row.webhook_id,
        url=row.url,
        events=tuple(row.events),
        active=row.active,
        stopped=row.stopped,
        created_at=row.created_at,
        changed_at=row.changed_at,
        delivered=row.delivered,
        delivered_at=row.delivered_at,
    )


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        webhook_id=row.webhook_id,
        position=row.position,
        event_id=str(row.event_id),
        name=row.name,
        body=row.body,
        dead=row.dead,
        attempts=row.attempts,
        next_try_at=row.next_try_at,
        fault=row.fault,
    )
