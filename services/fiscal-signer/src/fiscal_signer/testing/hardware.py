"""A TSE as hardware ones are, played: it wants a self-test and its time, fills up, and wears out.

It stands before a software TSE, which does the signing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from fiscal_signer.ports import (
    Authenticate,
    Chore,
    DeleteExported,
    DeviceAnswer,
    DeviceStep,
    Figures,
    SelfTest,
    Signed,
    Tse,
    TseError,
    TseFault,
    TseInfo,
    Tses,
    UpdateTime,
)

SELF_TEST_WITHIN = timedelta(hours=25)
LOG_BYTES = 500
"""What one log message takes of the storage."""


class Hardware:
    """The state of one device; outlives the processes."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.self_tested_at: datetime | None = None
        self.chores: list[Chore] = []
        """All that were done, in order."""
        self.during: list[str] = []
        """What was asked of the device while it tested itself."""
        self.self_test_fails = False
        self.drift = timedelta()
        self.deleted_up_to = 0
        self.storage_max: int | None = None
        self.signatures_max: int | None = None
        self.made_before = 0
        """Signatures from the life before."""
        self.self_test: Callable[[], object] | None = None
        """Called while it tests itself."""
        self.role = ""


class HardwareTse:
    """See `fiscal_signer.ports.Tse`."""

    def __init__(self, inner: Tse, state: Hardware) -> None:
        self._inner = inner
        self._state = state

    async def info(self) -> TseInfo:
        return await self._inner.info()

    async def execute(self, steps: Sequence[DeviceStep]) -> Sequence[DeviceAnswer]:
        state = self._state
        tested = state.self_tested_at
        if tested is None or state.clock() - tested > SELF_TEST_WITHIN:
            raise TseFault(TseError.BUSY, "it wants a self-test")
        return await self._inner.execute(steps)

    async def logs_after(self, signature_counter: int) -> Sequence[Signed]:
        return await self._inner.logs_after(signature_counter)

    async def open_transactions(self) -> dict[int, str]:
        return await self._inner.open_transactions()

    async def figures(self) -> Figures:
        state = self._state
        made = (await self._inner.info()).signature_counter
        return Figures(
            self_test_every=timedelta(hours=24),
            time_every=timedelta(minutes=30),
            clock=state.clock() + state.drift,
            signatures_max=state.signatures_max,
            storage_used=(made - state.deleted_up_to) * LOG_BYTES,
            storage_max=state.storage_max,
        )

    async def tend(self, chore: Chore) -> bool:
        state = self._state
        match chore:
            case Authenticate():
                state.role = chore.role
                return True
            case SelfTest():
                assert state.role == "admin", "nobody has logged in"
                if state.self_test is not None:
                    state.self_test()
                if state.self_test_fails:
                    raise TseFault(TseError.SIGNING_FAILED, "the self-test failed")
                state.self_tested_at = state.clock()
            case UpdateTime():
                assert state.role == "timeAdmin", "nobody has logged in"
                state.drift = timedelta()
            case DeleteExported():
                assert state.role == "admin", "nobody has logged in"
                state.deleted_up_to = max(state.deleted_up_to, chore.up_to)
                state.chores.append(chore)
                return True
        state.chores.append(chore)
        return await self._inner.tend(chore)


class HardwareTses:
    """See `fiscal_signer.ports.Tses`."""

    def __init__(self, inner: Tses, state: Hardware) -> None:
        self._inner = inner
        self._state = state

    async def open(self, tse_id: str) -> Tse:
        return HardwareTse(await self._inner.open(tse_id), self._state)
