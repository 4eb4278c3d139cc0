"""A device's memory, its chip and the leases without a database and without processes: for tests
and simulations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from fiscal_signer.adapters.chip.child import Key
from fiscal_signer.adapters.chip.helper import DeviceKey
from fiscal_signer.adapters.software_tse import DeviceMemory
from fiscal_signer.ports import Signed, TseError, TseFault


class MemoryDeviceStorage:
    """See `fiscal_signer.adapters.software_tse.DeviceStorage`. It outlives the devices that use
    it, as a real one's memory outlives our processes."""

    def __init__(self) -> None:
        self.devices: dict[str, DeviceMemory] = {}
        self.logs: dict[str, dict[int, bytes]] = {}

    async def load(self, tse_id: str) -> DeviceMemory | None:
        return self.devices.get(tse_id)

    async def create(self, memory: DeviceMemory, log: Signed) -> None:
        if memory.tse_id not in self.devices:
            self.devices[memory.tse_id] = memory
            self.logs[memory.tse_id] = {log.signature_counter: log.log_message}

    async def save(self, before: DeviceMemory, after: DeviceMemory, logs: Sequence[Signed]) -> None:
        if self.devices[before.tse_id].signature_counter != before.signature_counter:
            raise TseFault(TseError.STORAGE_FAILURE, "the device was used by somebody else")
        self.devices[after.tse_id] = after
        for log in logs:
            assert log.signature_counter not in self.logs[after.tse_id]
            self.logs[after.tse_id][log.signature_counter] = log.log_message

    async def logs_after(self, tse_id: str, counter: int, records_max: int) -> list[bytes]:
        stored = self.logs.get(tse_id, {})
        return [stored[number] for number in sorted(stored) if number > counter][:records_max]

    async def logs_between(
        self, tse_id: str, after: int, last: int, records_max: int
    ) -> list[tuple[int, bytes]]:
        stored = self.logs.get(tse_id, {})
        wanted = [number for number in sorted(stored) if after < number <= last]
        return [(number, stored[number]) for number in wanted[:records_max]]


class MemoryChip:
    """See `fiscal_signer.adapters.software_tse.Chip`. Signs in the test's own process."""

    def __init__(self) -> None:
        self._keys: dict[DeviceKey, Key] = {}

    async def sign(self, key: DeviceKey, messages: Sequence[bytes]) -> list[bytes]:
        known = self._keys.get(key)
        if known is None:
            known = self._keys[key] = Key(key.der, key.hash_name)
        return [known.sign(message) for message in messages]


class MemoryLeases:
    """See `fiscal_signer.ports.Leases`."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._held: dict[str, tuple[str, int, datetime]] = {}

    async def hold(
        self, tse_id: str, owner: str, seconds: float, *, idle_s: float = 0.0
    ) -> int | None:
        now = self._clock()
        before, epoch, until = self._held.get(tse_id, ("", 0, now))
        if before != owner:
            if before and until + timedelta(seconds=idle_s) >= now:
                return None
            epoch += 1
        self._held[tse_id] = (owner, epoch, now + timedelta(seconds=seconds))
        return epoch
