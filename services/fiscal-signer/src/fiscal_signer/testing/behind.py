"""A TSE with something between it and its driver."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from fiscal_signer.ports import Chore, Figures, Signed, Tse, TseInfo


class TseBehind(ABC):
    """Hands every call on but `execute`, if the device can be reached."""

    def __init__(self, inner: Tse) -> None:
        self._inner = inner

    @abstractmethod
    def _reach(self) -> None:
        """Raises what a call meets on its way."""

    async def info(self) -> TseInfo:
        self._reach()
        return await self._inner.info()

    async def logs_after(self, signature_counter: int) -> Sequence[Signed]:
        self._reach()
        return await self._inner.logs_after(signature_counter)

    async def open_transactions(self) -> dict[int, str]:
        self._reach()
        return await self._inner.open_transactions()

    async def figures(self) -> Figures:
        self._reach()
        return await self._inner.figures()

    async def tend(self, chore: Chore) -> bool:
        self._reach()
        return await self._inner.tend(chore)
