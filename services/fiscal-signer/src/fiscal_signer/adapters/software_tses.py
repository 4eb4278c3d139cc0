"""Finds, and sets up, the software TSEs of a chain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from cryptography.exceptions import InvalidTag

from fiscal_signer.adapters.software_tse import Chip, DeviceStorage, SoftwareTse, new_device
from fiscal_signer.ports import Tse, TseError, TseFault

PURPOSE = "fiscal_signer.software_tse"
"""Of the key that seals the devices' private keys."""


class SoftwareTses:
    """See `fiscal_signer.ports.Tses`. `curves`: TSE id → curve, from `chain.yaml`."""

    def __init__(
        self,
        storage: DeviceStorage,
        chip: Chip,
        *,
        curves: Mapping[str, str],
        sealing_key: bytes,
        nonce: Callable[[], bytes],
        clock: Callable[[], datetime],
    ) -> None:
        self._storage = storage
        self._chip = chip
        self._curves = curves
        self._sealing_key = sealing_key
        self._nonce = nonce
        self._clock = clock

    async def open(self, tse_id: str) -> Tse:
        memory = await self._storage.load(tse_id)
        if memory is None:
            curve = self._curves.get(tse_id)
            if curve is None:
                raise TseFault(TseError.NOT_INITIALIZED, f"{tse_id} is not declared")
            made, log = new_device(
                tse_id,
                curve,
                sealing_key=self._sealing_key,
                nonce=self._nonce(),
                now=self._clock(),
            )
            await self._storage.create(made, log)
            # Another process may have been first: what is stored counts.
            memory = await self._storage.load(tse_id)
        if memory is None:
            raise TseFault(TseError.STORAGE_FAILURE, f"{tse_id} could not be set up")
        try:
            return SoftwareTse(
                memory,
                self._storage,
                chip=self._chip,
                sealing_key=self._sealing_key,
                clock=self._clock,
            )
        except InvalidTag as wrong:
            raise TseFault(
                TseError.USER_NOT_AUTHENTICATED, "the chain's root key does not open this device"
            ) from wrong
