"""For the tests of services: callers without an issuer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from kassenverbund.kit.auth import Caller, Unauthenticated


class KnownTokens:
    """An authenticator that knows one token per caller."""

    def __init__(self, callers: Mapping[str, Caller]) -> None:
        self._callers = callers

    async def caller(self, token: str) -> Caller:
        """Raises `Unauthenticated`."""
        try:
            return self._callers[token]
        except KeyError:
            raise Unauthenticated from None

    def accept(self, prefix: str, check: Callable[[str], Awaitable[Caller | None]]) -> None:
        """No service registers tokens of its own in these tests."""
        raise NotImplementedError
