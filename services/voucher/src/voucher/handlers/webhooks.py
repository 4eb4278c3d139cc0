"""Delivers what waits in the outbox: in order per subscriber, again with growing pauses, and dead
after the last try, visible to the office.

At least once: a subscriber tells repeats by `webhook-id`, which is the fact's id.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from voucher.webhook_ports import Delivery, Subscriber, WebhookOutbox, WebhookWire

PAUSES_S = (5, 30, 120, 600, 3_600, 3_600 * 3, 3_600 * 6, 3_600 * 12, 3_600 * 24)
"""Before the second try, the third, …; about two days. After the last one a delivery is dead."""

LEASE = timedelta(seconds=60)
"""How long one process keeps a subscriber to itself. Longer than one try."""

TURN_MAX = 100
"""Deliveries of one subscriber before others get their turn."""

SUBSCRIBERS_PER_ROUND_MAX = 50

WAITING_MAX = 100_000
"""Deliveries that may wait for one subscriber; a subscriber that is out for longer is stopped."""


class WebhookDeliverer:
    """One per process; any number of processes share the work."""

    def __init__(
        self, outbox: WebhookOutbox, wire: WebhookWire, clock: Callable[[], datetime]
    ) -> None:
        self._outbox = outbox
        self._wire = wire
        self._clock = clock

    async def round(self) -> int:
        """Deliver what is due. Answers how many attempts were made."""
        attempts = 0
        for _ in range(SUBSCRIBERS_PER_ROUND_MAX):
            now = self._clock()
            leased = await self._outbox.lease(now, now + LEASE)
            if leased is None:
                break
            subscriber, secret = leased
            try:
                attempts += await self._serve(subscriber, secret, until=now + LEASE)
            finally:
                await self._outbox.release(subscriber.webhook_id)
        return attempts

    async def _serve(self, subscriber: Subscriber, secret: bytes, *, until: datetime) -> int:
        for attempt in range(TURN_MAX):
            now = self._clock()
            # Another process may hold the lease once ours is over: order would be lost.
            if now >= until - LEASE / 2:
                return attempt
            delivery = await self._outbox.next(subscriber.webhook_id, now)
            if delivery is None:
                return attempt
            if not await self._deliver(subscriber, secret, delivery, now):
                return attempt + 1
        return TURN_MAX

    async def _deliver(
        self, subscriber: Subscriber, secret: bytes, delivery: Delivery, now: datetime
    ) -> bool:
        """Whether the next one may follow at once."""
        answered = await self._wire.send(
            subscriber.url,
            secret=secret,
            message_id=delivery.event_id,
            body=delivery.body,
            now=now,
        )
        if answered.fault is None:
            await self._outbox.delivered(delivery, now)
            return True
        if answered.gone:
            await self._outbox.stop(subscriber.webhook_id, "gone", now)
            return False
        last = delivery.attempts >= len(PAUSES_S)
        pause = None if last else timedelta(seconds=PAUSES_S[delivery.attempts])
        await self._outbox.failed(
            delivery, answered.fault, next_try_at=None if pause is None else now + pause
        )
        waiting = await self._outbox.waiting(subscriber.webhook_id)
        if waiting > WAITING_MAX:
            await self._outbox.stop(subscriber.webhook_id, "overflow", now)
            return False
        return last
