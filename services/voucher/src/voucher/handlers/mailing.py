"""Vouchers by mail. A voucher leaves when its sale is recorded (and so signed in order at a till),
never before; what the outbox knows of it is forgotten once it is out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from events import DomainError, EventStore, state_of
from kassenverbund.kit.chain import Chain
from kassenverbund.kit.mail import MailDelayed, Mailer, MailRefused
from voucher.decider import VOUCHER, Issued, Status
from voucher.handlers.mail_words import mail_of
from voucher.handlers.names import stream_of
from voucher.ports import Deliveries, MailOrder, MailOutbox, MailRow, MailState
from voucher.qr import QrCodes

MAIL_KEPT = timedelta(days=30)
"""How long an order waits for its sale (a web order that a store has to release)."""

LOOK_AGAIN = timedelta(seconds=5)
"""How soon a voucher whose sale is not recorded yet is looked at again, at first."""

LOOK_AGAIN_MAX = timedelta(minutes=10)

TRIES_MAX = 12
"""Tries with a mail server that does not take the message now; the waits double, so the last one
is about a day after the first."""

RETRY_FIRST = timedelta(seconds=30)

CLAIMED_FOR = timedelta(minutes=2)
"""A replica that died while it sent keeps a row for so long. Longer than `SEND_WITHIN_S`."""

AT_ONCE_MAX = 20
"""Mails that one round takes."""

REASON_MAX = 300

_log = logging.getLogger("voucher.mail")


class MailNotSet(DomainError):
    code = "mail.not_set"
    title = "This chain has no mail server"


class MailOut(DomainError):
    code = "mail.sent"
    title = "This voucher was mailed before; its code is not kept"


class CodeNotKept(DomainError):
    code = "voucher.code_gone"
    title = "The code of this voucher was delivered and is not kept"


class Mailing:
    """Takes orders and sends what is due."""

    def __init__(
        self,
        store: EventStore,
        *,
        chain: Chain,
        deliveries: Deliveries,
        outbox: MailOutbox,
        mailer: Mailer | None,
        qr: QrCodes,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._chain = chain
        self._deliveries = deliveries
        self._outbox = outbox
        self._mailer = mailer
        self._qr = qr
        self._clock = clock

    async def order(self, order: MailOrder) -> None:
        """Mail a voucher once its sale is recorded. A repeat replaces what waits.

        Raises `MailNotSet`, `MailOut`, and `CodeNotKept` where its code is delivered or unknown.
        """
        if self._mailer is None:
            raise MailNotSet
        now = self._clock()
        if not await self._deliveries.keep_until(order.voucher_id, now + MAIL_KEPT):
            raise CodeNotKept
        if not await self._outbox.order(order, now):
            raise MailOut

    async def forget(self, voucher_id: str) -> None:
        """Somebody asks that the address be forgotten; what is not out yet is not mailed."""
        await self._outbox.end(voucher_id, "dropped", reason="forgotten", now=self._clock())

    async def rows(
        self, *, state: MailState | None, after: str, rows_max: int
    ) -> Sequence[MailRow]:
        """A page of what waits, went out or failed."""
        return await self._outbox.rows(state=state, after=after, rows_max=rows_max)

    async def send_due(self) -> int:
        """One round; answers how many went out."""
        if self._mailer is None:
            return 0
        orders = await self._outbox.due(self._clock(), again_in=CLAIMED_FOR, rows_max=AT_ONCE_MAX)
        return sum([await self._send(order, self._mailer) for order in orders])

    async def _send(self, order: MailOrder, mailer: Mailer) -> bool:
        now = self._clock()
        _, voucher = await state_of(self._store, VOUCHER, stream_of(order.voucher_id))
        if not isinstance(voucher, Issued) or voucher.status is Status.PENDING:
            await self._not_sold_yet(order, now)
            return False
        if voucher.status is not Status.ACTIVE:
            await self._outbox.end(order.voucher_id, "dropped", reason="not_sold", now=now)
            return False
        code = await self._deliveries.read(order.voucher_id)
        if code is None:
            await self._fail(order, "its code is not kept any more", now)
            return False
        issuer = self._chain.legal_entity(voucher.legal_entity_id).name
        mail = mail_of(order, voucher, code=code, qr=self._qr.of(voucher, code), issuer=issuer)
        try:
            await mailer.send(mail)
        except MailDelayed as fault:
            await self._delayed(order, str(fault), now)
            return False
        except MailRefused as fault:
            await self._fail(order, str(fault), now)
            return False
        # In this order: a crash in between sends the same message again, and loses none.
        await self._outbox.end(order.voucher_id, "sent", reason=None, now=self._clock())
        await self._deliveries.wipe(order.voucher_id)
        return True

    async def _not_sold_yet(self, order: MailOrder, now: datetime) -> None:
        asked = order.asked_at or now
        if now - asked > MAIL_KEPT:
            await self._outbox.end(order.voucher_id, "dropped", reason="not_sold", now=now)
            return
        wait = min(max(LOOK_AGAIN, (now - asked) / 10), LOOK_AGAIN_MAX)
        await self._outbox.later(
            order.voucher_id, now + wait, tries=0, reason="not_sold_yet", now=now
        )

    async def _delayed(self, order: MailOrder, why: str, now: datetime) -> None:
        if order.tries >= TRIES_MAX:
            await self._fail(order, why, now)
            return
        wait = RETRY_FIRST * 2 ** (order.tries - 1)
        await self._outbox.later(
            order.voucher_id, now + wait, tries=order.tries, reason=_plain(why, order), now=now
        )

    async def _fail(self, order: MailOrder, why: str, now: datetime) -> None:
        _log.error("voucher %s cannot be mailed; replace its code", order.voucher_id)
        await self._outbox.end(order.voucher_id, "failed", reason=_plain(why, order), now=now)


def _plain(why: str, order: MailOrder) -> str:
    """A mail server likes to repeat the address: it does not belong here."""
    return "".join(
        letter if letter.isprintable() else " " for letter in why.replace(order.to, "<address>")
    )[:REASON_MAX]
