"""Finds the TSSs of a chain."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import datetime
from uuid import UUID

from fiscal_signer.adapters.fiskaly.cloud import Cloud
from fiscal_signer.adapters.fiskaly.device import FiskalyTse
from fiscal_signer.ports import Tse, TseError, TseFault


class FiskalyTses:
    """See `fiscal_signer.ports.Tses`. `tss_ids`: TSE id → TSS, from `chain.yaml`."""

    def __init__(
        self,
        cloud: Cloud | None,
        *,
        tss_ids: Mapping[str, UUID],
        admin_pins: Mapping[str, str],
        clock: Callable[[], datetime],
        new_id: Callable[[], UUID],
    ) -> None:
        self._cloud = cloud
        self._tss_ids = tss_ids
        self._admin_pins = admin_pins
        self._clock = clock
        self._new_id = new_id
        self._turns: dict[str, asyncio.Lock] = {}

    async def open(self, tse_id: str) -> Tse:
        return self.tss(tse_id)

    def tss(self, tse_id: str) -> FiskalyTse:
        """The device, also for its exports. Raises `TseFault`."""
        tss_id = self._tss_ids.get(tse_id)
        if tss_id is None:
            raise TseFault(TseError.NOT_INITIALIZED, f"{tse_id} is not declared")
        if self._cloud is None:
            raise TseFault(TseError.USER_NOT_AUTHENTICATED, "no key for fiskaly is set")
        return FiskalyTse(
            tss_id,
            self._cloud,
            admin_pin=self._admin_pins.get(tse_id),
            # Whoever asks for it in this process: one request at a time for each TSS.
            turn=self._turns.setdefault(tse_id, asyncio.Lock()),
            clock=self._clock,
            new_id=self._new_id,
        )
