"""The software TSE as a device that two processes may hold one after the other."""

from __future__ import annotations

import pytest

from fiscal_signer.adapters.memory import MemoryChip, MemoryDeviceStorage
from fiscal_signer.adapters.software_tses import SoftwareTses
from fiscal_signer.ports import RegisterClient, Signed, StartTransaction, TseError, TseFault
from fiscal_signer.testing import Clock

TSE = "tse-berlin"


def process(storage: MemoryDeviceStorage) -> SoftwareTses:
    return SoftwareTses(
        storage,
        MemoryChip(),
        curves={TSE: "P-256"},
        sealing_key=bytes(32),
        nonce=lambda: bytes(12),
        clock=Clock(),
    )


async def test_a_process_that_looked_long_ago_does_not_refuse_a_till_registered_since() -> None:
    storage = MemoryDeviceStorage()
    standby = await process(storage).open(TSE)
    await standby.info()
    active = await process(storage).open(TSE)
    await active.execute([RegisterClient("KV-berlin-1")])

    with pytest.raises(TseFault) as fault:
        await standby.execute([StartTransaction("KV-berlin-1")])
    assert fault.value.code is TseError.STORAGE_FAILURE

    (started,) = await standby.execute([StartTransaction("KV-berlin-1")])
    assert isinstance(started, Signed)
