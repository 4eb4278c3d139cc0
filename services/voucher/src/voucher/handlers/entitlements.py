"""Vouchers that extend an entitlement: a date is set forward at the till, and no fee is booked.

No membership is kept here. The system that keeps it learns of the new date by webhook.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from events import Ask, Claim, ClaimTaken, DomainError, EventStore, Take, handle, state_of
from kassenverbund.kit.chain import Chain
from voucher.commands import ExtendEntitlement
from voucher.decider import VOUCHER, Issued, VoucherNotUsable
from voucher.handlers.names import Find, StoreUnknown, stream_of


class NoEntitlement(DomainError):
    code = "voucher.no_effect"
    title = "This voucher does not extend an entitlement, or has done so already"


class ExtensionReused(DomainError):
    code = "extension.reused"
    status = 422
    title = "This extension id belongs to another request"


@dataclass(frozen=True, slots=True)
class Extension:
    """What the till shows the cashier, and puts on its booking line or into the confirmation."""

    extension_id: str
    voucher_id: str
    serial: str
    entitlement: str
    subject_id: str
    old_until: date
    new_until: date


def months_later(day: date, months: int) -> date:
    """The same day of a later month; its last day where there is none (31 January + 1 month)."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


class Entitlements:
    """Extensions of entitlements. One per process."""

    def __init__(
        self,
        store: EventStore,
        *,
        chain: Chain,
        find: Find,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._chain = chain
        self._clock = clock
        self._find = find

    async def prepare(
        self,
        *,
        extension_id: str,
        typed: str,
        subject_id: str,
        old_until: date,
        store_id: str,
        source: str,
    ) -> Extension:
        """What the voucher would do. Stores nothing: nothing is kept from anybody until the till
        confirms or records it.

        Raises what the finder raises, `VoucherNotUsable`, `NoEntitlement`.
        """
        place, now = self._chain.store(store_id), self._clock()
        if place is None:
            raise StoreUnknown(store_id)
        found = await self._find(typed, source, now)
        _, voucher = await state_of(self._store, VOUCHER, found.stream)
        if not isinstance(voucher, Issued) or voucher.code_hash != found.code_hash:
            raise VoucherNotUsable
        if place.legal_entity != voucher.legal_entity_id:
            raise VoucherNotUsable
        effect = voucher.terms.effect
        if effect is None:
            raise NoEntitlement
        extension = Extension(
            extension_id=extension_id,
            voucher_id=voucher.voucher_id,
            serial=voucher.serial,
            entitlement=effect.entitlement,
            subject_id=subject_id,
            old_until=old_until,
            new_until=months_later(old_until, effect.months),
        )
        # Decided here as it would be at the till's confirmation: what is refused is refused now.
        VOUCHER.decide(_command(extension, store_id, None, recorded=False, now=now), voucher)
        return extension

    async def confirm(
        self,
        ask: Ask,
        *,
        extension_id: str,
        voucher_id: str,
        subject_id: str,
        old_until: date,
        new_until: date,
        store_id: str,
    ) -> Extension:
        """The cashier has confirmed it, and no booking is made.

        Raises the refusals of the voucher, `NoEntitlement` (also for another new date than the
        voucher gives) and `ExtensionReused`.
        """
        _, voucher = await state_of(self._store, VOUCHER, stream_of(voucher_id))
        place = self._chain.store(store_id)
        if place is None:
            raise StoreUnknown(store_id)
        if not isinstance(voucher, Issued) or place.legal_entity != voucher.legal_entity_id:
            raise VoucherNotUsable
        effect = voucher.terms.effect
        if effect is None or new_until != months_later(old_until, effect.months):
            raise NoEntitlement
        extension = Extension(
            extension_id=extension_id,
            voucher_id=voucher_id,
            serial=voucher.serial,
            entitlement=effect.entitlement,
            subject_id=subject_id,
            old_until=old_until,
            new_until=new_until,
        )
        command = _command(extension, store_id, None, recorded=False, now=self._clock())
        await self._on(extension, command, ask)
        return extension

    async def record(
        self, ask: Ask, extension: Extension, *, store_id: str, booking_id: str, now: datetime
    ) -> int:
        """It stands in a recorded booking."""
        command = _command(extension, store_id, booking_id, recorded=True, now=now)
        return await self._on(extension, command, ask)

    async def _on(self, extension: Extension, command: ExtendEntitlement, ask: Ask) -> int:
        stream = stream_of(extension.voucher_id)
        claims: tuple[Claim, ...] = (Take(f"extension:{extension.extension_id}", stream),)
        try:
            done = await handle(
                self._store, VOUCHER, stream, command, ask=ask, claims=lambda _: claims
            )
        except ClaimTaken as taken:
            raise ExtensionReused from taken
        return done.position


def _command(
    extension: Extension,
    store_id: str,
    booking_id: str | None,
    *,
    recorded: bool,
    now: datetime,
) -> ExtendEntitlement:
    return ExtendEntitlement(
        extension_id=extension.extension_id,
        subject_id=extension.subject_id,
        old_until=extension.old_until,
        new_until=extension.new_until,
        booking_id=booking_id,
        store_id=store_id,
        recorded=recorded,
        now=now,
    )
