"""The way to a played fiskaly cloud, and devices at its end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from uuid import UUID, uuid4

import httpx

from fiscal_signer.adapters.fiskaly import (
    Access,
    Cloud,
    FiskalyArchives,
    FiskalyTses,
    Limits,
    Patience,
    client_for,
)
from fiscal_signer.testing import Clock
from fiscal_signer.testing.fiskaly import FiskalyCloud, Tss

KEY, SECRET, PIN = "test_key", "not-for-any-log", "123456"
TSE = "tse-berlin"
TSS_ID = UUID("4f0e6b52-8f6c-4c5e-9b0a-3d2c1b0a9f8e")
LIMITS = Limits(call_s=0.4, wait_max_s=0.05, waits_max=2, pause_s=0.01)


def devices_of(
    client: httpx.AsyncClient,
    *,
    clock: Callable[[], datetime],
    monotonic: Callable[[], float],
    limits: Limits = LIMITS,
    secret: str = SECRET,
) -> FiskalyTses:
    """The devices as one process of the signer has them."""
    cloud = Cloud(
        client, Access(api_key=KEY, api_secret=secret), monotonic=monotonic, limits=limits
    )
    return FiskalyTses(
        cloud, tss_ids={TSE: TSS_ID}, admin_pins={TSE: PIN}, clock=clock, new_id=uuid4
    )


class Line:
    """A played cloud at `url`, with one TSS."""

    def __init__(self, url: str, clock: Clock, cloud: FiskalyCloud, tss: Tss) -> None:
        self.url = url
        self.clock = clock
        self.cloud = cloud
        self.tss = tss
        self.seconds = 1_000.0
        """The monotonic clock of our processes; stands still until it is moved."""
        self._clients: list[httpx.AsyncClient] = []

    def tses(self, *, limits: Limits = LIMITS, secret: str = SECRET) -> FiskalyTses:
        """The devices as a new process would open them."""
        client = client_for(self.url, None, limits)
        self._clients.append(client)
        return devices_of(
            client,
            clock=self.clock,
            monotonic=lambda: self.seconds,
            limits=limits,
            secret=secret,
        )

    def archives(self, *, patience: Patience | None = None) -> FiskalyArchives:
        """The exports as a new process would ask for them."""
        return FiskalyArchives(
            self.tses(),
            clock=self.clock,
            monotonic=lambda: self.seconds,
            patience=patience or Patience(look_s=0.01),
        )

    async def close(self) -> None:
        for client in self._clients:
            await client.aclose()
