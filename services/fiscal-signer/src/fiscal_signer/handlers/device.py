"""A device as its driver sees it: opened when needed, every call with a deadline."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from events import Ask, EventStore, handle
from fiscal_signer.commands import Identity
from fiscal_signer.decider.ledger import LEDGER, Initialize, ledger_stream
from fiscal_signer.handlers.asking import Answers, Settings, ask_about_gaps, ask_device, call_device
from fiscal_signer.ports import Chore, Figures, Signed, Tse, TseError, TseFault, TseInfo, Tses


class Device:
    """Raises `TseFault` for whatever is wrong with the device, its silence included."""

    def __init__(
        self, tse_id: str, store_id: str, *, store: EventStore, tses: Tses, settings: Settings
    ) -> None:
        self._tse_id = tse_id
        self._store_id = store_id
        self._store = store
        self._tses = tses
        self._settings = settings
        self._opened: Tse | None = None
        self._identity: Identity | None = None
        self.drift: timedelta | None = None
        """Its clock against ours when it signed last; full seconds, as log times are."""

    async def bring(self, answers: Answers, *, now: datetime, ask_first: bool) -> None:
        """Have the device do what is left of a request; `ask_first`: and say before what it has
        done of it."""
        # A deadline that ignored the number of steps would call a busy device a broken one.
        async with self._call(steps=len(answers.left())) as device:
            if ask_first:
                await ask_device(device, answers)
            await call_device(device, answers, now=now)
            if not ask_first:
                self._compare(answers, now)
            if not answers.gapless():
                await ask_about_gaps(device, answers)

    def _compare(self, answers: Answers, now: datetime) -> None:
        first = next((one for one in answers.known.values() if isinstance(one, Signed)), None)
        if first is not None:
            self.drift = first.log_time - now

    async def info(self) -> TseInfo:
        async with self._call() as device:
            return await device.info()

    async def logs(self, after: int) -> list[Signed]:
        """All log messages above a counter."""
        found: list[Signed] = []
        async with self._call() as device:
            while page := await device.logs_after(found[-1].signature_counter if found else after):
                found.extend(page)
        return found

    async def figures(self) -> Figures:
        async with self._call() as device:
            return await device.figures()

    async def tend(self, chore: Chore, *, within_s: float) -> bool:
        """See `Tse.tend`. A self-test takes longer than a signature."""
        async with self._call(more_s=within_s) as device:
            return await device.tend(chore)

    async def identity(self) -> Identity:
        """Who the device is; recorded when it is seen for the first time. A device with another
        key than the recorded one is not used (`MEMORY_LOST`). Raises `Transient` too."""
        if self._identity is None:
            info = await self.info()
            ledger = await handle(
                self._store,
                LEDGER,
                ledger_stream(self._tse_id),
                Initialize(self._tse_id, self._store_id, info),
                ask=Ask.of(f"{self._tse_id}/initialize/{info.serial}", info.serial),
            )
            known = ledger.state.initialized
            if known is None or known.serial != info.serial:
                raise TseFault(TseError.MEMORY_LOST, "the device has another key than before")
            self._identity = Identity(
                serial=info.serial,
                certified=info.certified,
                algorithm=info.algorithm,
                time_format=info.time_format,
                public_key=base64.b64encode(info.public_key).decode(),
            )
        return self._identity

    @asynccontextmanager
    async def _call(self, *, steps: int = 0, more_s: float = 0.0) -> AsyncIterator[Tse]:
        settings = self._settings
        try:
            async with asyncio.timeout(settings.call_s + settings.step_s * steps + more_s):
                if self._opened is None:
                    self._opened = await self._tses.open(self._tse_id)
                yield self._opened
        except TimeoutError as silent:
            raise TseFault(TseError.UNREACHABLE, "no answer in time") from silent
