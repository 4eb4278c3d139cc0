"""What a device needs away from any sale: self-test, time, a look at its figures, warnings.

A chore is done when it is due and no booking was there for a while; when it is overdue, at the next
moment without one. It never begins while bookings wait.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from cryptography import x509

from events import Ask, Event, EventStore, Metadata, handle, state_of
from fiscal_signer.decider import upkeep as rules
from fiscal_signer.decider.upkeep import UPKEEP, Notice, RecordCheck, Upkeep, upkeep_stream
from fiscal_signer.events import TseChecked, WarningName
from fiscal_signer.handlers.device import Device
from fiscal_signer.handlers.driver import NotNow, TseDriver
from fiscal_signer.ports import (
    Authenticate,
    DeleteExported,
    Figures,
    SelfTest,
    TseFault,
    TseInfo,
    UpdateTime,
)

ChoreName = Literal["self_test", "time", "export", "delete"]

Unread = Callable[[], Awaitable[datetime | None]]
"""Since when a log message stands in the device alone; None: none does."""

ReadExport = Callable[[], Awaitable[bool]]
"""Read what stands in the device alone. False: it can't be had now. Raises `TseFault`."""


@dataclass(frozen=True, slots=True)
class UpkeepSettings:
    check_every: timedelta = timedelta(hours=24)
    """A look at the figures."""
    quiet: timedelta = timedelta(minutes=10)
    """So long no booking was there before a chore begins by itself."""
    overdue: timedelta = timedelta(minutes=45)
    """So late a chore does not wait for quiet any more: at a self-test every 24 h, less than 25 h
    pass between two in any case (BSI TR-03153)."""
    jitter: timedelta = timedelta(minutes=15)
    """Devices' chores are spread over so long, before they are due."""
    again: timedelta = timedelta(minutes=5)
    """After a chore that failed or found no turn."""
    settle: timedelta = timedelta(minutes=1)
    """So long after the start of the program no chore begins."""
    self_test_s: float = 60.0
    """A self-test may take so long."""
    delete_s: float = 60.0
    """So may the deletion of what was exported."""


@dataclass(frozen=True, slots=True)
class _Look:
    info: TseInfo
    figures: Figures
    done: tuple[ChoreName, ...] = ()
    failed: tuple[ChoreName, ...] = ()
    detail: str = ""
    drift: timedelta | None = None


class Caretaker:
    """Of one device, in one process. Which process works is for the driver's lease to say; what
    was done stands in the log, so another process goes on from there."""

    def __init__(
        self,
        driver: TseDriver,
        *,
        store_id: str,
        store: EventStore,
        clock: Callable[[], datetime],
        settings: UpkeepSettings,
        unread: Unread | None = None,
        read_export: ReadExport | None = None,
    ) -> None:
        self._driver = driver
        self._tse_id = driver.tse_id
        self._store_id = store_id
        self._store = store
        self._clock = clock
        self._settings = settings
        self._unread = unread
        self._read_export = read_export
        self._early = settings.jitter * share_of(driver.tse_id)
        self._not_before = clock() + settings.settle * (1 + share_of(driver.tse_id))
        self._time_set_at: datetime | None = None
        self._figures: Figures | None = None

    @property
    def awake(self) -> bool:
        """Whether `tend` would look at what is due."""
        return not self._driver.busy and self._clock() >= self._not_before

    async def tend(self) -> Sequence[Event]:
        """Do what is due, if anything is and it may be now; what was recorded.

        Raises `Transient`: another process drives the device, or the store is away.
        """
        now = self._clock()
        if not self.awake:
            return ()
        _, state = await state_of(self._store, UPKEEP, upkeep_stream(self._tse_id))
        due = self._due(state)
        if now < due or (now < due + self._settings.overdue and not self._quiet(now)):
            self._not_before = min(
                max(due, now + timedelta(seconds=30)), now + self._settings.again
            )
            return ()
        self._not_before = now + self._settings.again
        try:
            look = await self._driver.errand(lambda device: self._work(device, state))
            look = await self._relieved(await self._exported(look))
        except NotNow:
            return ()
        except TseFault as fault:
            return await self._failed(state, fault)
        return await self._record(state, look)

    async def outage(self, began_at: datetime | None, reason: str = "") -> Sequence[Event]:
        """Warn of a device that has been out since then; None: it is not."""
        notice = rules.of_outage(began_at, reason, self._clock())
        return await self._note({"outage": notice}, None)

    # -- when ------------------------------------------------------------------------------

    def _due(self, state: Upkeep) -> datetime:
        """When the earliest of the chores is due; long ago for a device that never had one."""
        figures = self._figures
        last = [(state.checked_at, self._settings.check_every)]
        if figures is not None and figures.self_test_every is not None:
            last.append((state.self_tested_at, figures.self_test_every))
        if figures is not None and figures.time_every is not None:
            last.append((self._time_set(state), figures.time_every))
        long_ago = self._clock() - timedelta(days=1)
        return min((at + every if at else long_ago) for at, every in last) - self._early

    def _time_set(self, state: Upkeep) -> datetime | None:
        """By the log, or by this process: a time update alone has no entry there."""
        known = [at for at in (state.time_set_at, self._time_set_at) if at is not None]
        return max(known, default=None)

    def _quiet(self, now: datetime) -> bool:
        return now - self._driver.last_sale_at >= self._settings.quiet

    # -- at the device ---------------------------------------------------------------------

    async def _work(self, device: Device, state: Upkeep) -> _Look:
        """The chores that are due, in a turn of the device. Raises `TseFault`."""
        figures = self._figures = await device.figures()
        done: list[ChoreName] = []
        failed: list[ChoreName] = []
        detail = ""
        try:
            if self._is_due(state.self_tested_at, figures.self_test_every):
                failed = ["self_test"]
                await device.tend(Authenticate("admin"), within_s=0)
                if await device.tend(SelfTest(), within_s=self._settings.self_test_s):
                    done.append("self_test")
            if self._is_due(self._time_set(state), figures.time_every):
                failed = ["time"]
                await device.tend(Authenticate("timeAdmin"), within_s=0)
                if await device.tend(UpdateTime(), within_s=0):
                    done.append("time")
                    self._time_set_at = self._clock()
            failed = []
        except TseFault as fault:
            detail = fault.code.value
        info = await device.info()
        if done or failed:
            figures = await device.figures()
        drift = device.drift if figures.clock is None else figures.clock - self._clock()
        return _Look(info, figures, tuple(done), tuple(failed), detail, drift)

    def _is_due(self, last: datetime | None, every: timedelta | None) -> bool:
        if every is None:
            return False
        return last is None or self._clock() >= last + every - self._early

    async def _exported(self, look: _Look) -> _Look:
        """Read what the device holds alone, where there is such a thing."""
        if self._read_export is None or self._unread is None or await self._unread() is None:
            return look
        try:
            read = await self._read_export()
        except TseFault as fault:
            return replace(look, failed=(*look.failed, "export"), detail=fault.code.value)
        return replace(look, done=(*look.done, "export")) if read else look

    async def _relieved(self, look: _Look) -> _Look:
        """Before a device is full: let it forget what our log holds byte for byte. The export of
        the whole device is made from there then."""
        figures = look.figures
        if (
            not figures.storage_max
            or not rules.of_storage(figures.storage_used or 0, figures.storage_max).stage
        ):
            return look
        if "export" in look.failed or (self._unread and await self._unread() is not None):
            return look
        up_to = await self._driver.explained()

        async def delete(device: Device) -> _Look:
            await device.tend(Authenticate("admin"), within_s=0)
            if not await device.tend(DeleteExported(up_to), within_s=self._settings.delete_s):
                return look
            done = (*look.done, "delete")
            return replace(
                look, info=await device.info(), figures=await device.figures(), done=done
            )

        try:
            return await self._driver.errand(delete)
        except TseFault as fault:
            return replace(look, failed=(*look.failed, "delete"), detail=fault.code.value)

    # -- into the log ----------------------------------------------------------------------

    async def _record(self, state: Upkeep, look: _Look) -> Sequence[Event]:
        now, figures, info = self._clock(), look.figures, look.info
        until = None if info.certificate is None else _until(info.certificate)
        drift = look.drift
        # It had a turn, so it is not out.
        noticed: dict[WarningName, Notice] = {"outage": rules.WELL}
        if until is not None:
            noticed["certificate_expires"] = rules.of_certificate(until, now)
        if figures.signatures_max:
            noticed["signatures_run_out"] = rules.of_signatures(
                info.signature_counter, figures.signatures_max
            )
        if figures.storage_max:
            noticed["storage_fills"] = rules.of_storage(
                figures.storage_used or 0, figures.storage_max
            )
        if drift is not None:
            noticed["time_drifts"] = rules.of_drift(drift)
        if self._unread is not None:
            noticed["export_overdue"] = rules.of_unread(await self._unread(), now)
        noticed["self_test_failed"] = (
            Notice(3, look.detail) if set(look.failed) & {"self_test", "time"} else rules.WELL
        )
        checked = TseChecked(
            tse_id=self._tse_id,
            store_id=self._store_id,
            done=look.done,
            failed=look.failed,
            detail=look.detail,
            drift_ms=None if drift is None else round(drift / timedelta(milliseconds=1)),
            certificate_until=until,
            signatures=info.signature_counter,
            signatures_max=figures.signatures_max,
            storage_used=figures.storage_used,
            storage_max=figures.storage_max,
            checked_at=now,
        )
        # A time update every half hour has its own log message; it gets no entry of its own.
        only_time = (
            look.done == ("time",)
            and not look.failed
            and not self._is_due(state.checked_at, self._settings.check_every)
        )
        return await self._note(noticed, None if only_time else checked)

    async def _failed(self, state: Upkeep, fault: TseFault) -> Sequence[Event]:
        """The device could not even be looked at. Not yet an outage: no sale has failed."""
        if not self._is_due(state.checked_at, self._settings.check_every):
            return ()
        return await self._note({"self_test_failed": Notice(3, fault.code.value)}, None)

    async def _note(
        self, noticed: dict[WarningName, Notice], checked: TseChecked | None
    ) -> Sequence[Event]:
        now, stream = self._clock(), upkeep_stream(self._tse_id)
        command = RecordCheck(self._tse_id, self._store_id, now, noticed, checked)
        _, state = await state_of(self._store, UPKEEP, stream)
        if not UPKEEP.decide(command, state):
            return ()  # Looked at again and again, and each decided key would be stored.
        handled = await handle(
            self._store,
            UPKEEP,
            stream,
            command,
            ask=Ask.of(
                f"{self._tse_id}/upkeep/{'-'.join(sorted(noticed))}/{now.isoformat()}",
                self._tse_id,
                metadata=Metadata(actor="service:fiscal-signer"),
            ),
        )
        return handled.events


def share_of(tse_id: str) -> float:
    """A device's own number from 0 to 1, the same in every process."""
    return hashlib.sha256(tse_id.encode()).digest()[0] / 255


def _until(certificate: bytes) -> datetime | None:
    try:
        return x509.load_der_x509_certificate(certificate).not_valid_after_utc
    except ValueError:
        return None
