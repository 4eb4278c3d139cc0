"""Compares the table that this process sells by with the outside service, again and again.

It changes nothing and stops nothing: differences and silence are an error in the log, a metric and
a line of `/health/ready`. Selling goes on with the table as it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from opentelemetry import metrics

from kassenverbund.kit.chain import Chain
from kassenverbund.vat.comparison import compare, differences
from kassenverbund.vat.source import RateSource, RateSourceFailed

RETRY = timedelta(minutes=15)
"""So soon a service that was silent is asked again, if its period is not shorter."""

DIFFERS = "vat.differs"

Alert = dict[str, str]
"""`code`, `detail` and `since` (ISO 8601, UTC)."""

_log = structlog.get_logger(__name__)


class VatWatch:
    """`alerts` says what is wrong as of the last comparison."""

    def __init__(
        self,
        chain: Chain,
        source: RateSource,
        *,
        every: timedelta,
        clock: Callable[[], datetime],
        meter: metrics.Meter | None = None,
    ) -> None:
        self._chain = chain
        self._source = source
        self._every = every
        self._clock = clock
        self._alert: Alert | None = None
        self._differences: int | None = None
        self._silent: int | None = None
        meter = meter or metrics.get_meter("kassenverbund")
        # Observed, not set: a value that is told once a day would be missing in between.
        meter.create_observable_gauge(
            "kassenverbund.vat_differences",
            callbacks=[lambda _: _observed(self._differences)],
            description="rows on which the last answer of the VAT source differs",
        )
        meter.create_observable_gauge(
            "kassenverbund.vat_source_silent",
            callbacks=[lambda _: _observed(self._silent)],
            description="1: the VAT source gave no usable answer when it was asked last",
        )

    def alerts(self) -> list[Alert]:
        """For people who look; empty: the source was asked and agrees, or was not asked yet."""
        return [] if self._alert is None else [self._alert]

    async def run(self) -> None:
        """Compare now and once per period, for ever."""
        while True:
            answered = await self.compare_once()
            pause = self._every if answered else min(self._every, RETRY)
            await asyncio.sleep(pause.total_seconds())

    async def compare_once(self) -> bool:
        """Ask, compare, tell. False: there was no usable answer."""
        now = self._clock()
        try:
            proposal = await self._source.proposal()
            found = differences(compare(self._chain, proposal, now=now))
        except RateSourceFailed as failure:
            self._silent = 1
            self._raise_alarm(failure.code, str(failure), now)
            return False
        self._silent = 0
        self._differences = len(found)
        if found:
            self._raise_alarm(DIFFERS, "; ".join(str(row) for row in found), now)
        else:
            _log.info("vat.agrees", country=proposal.country)
            self._alert = None
        return True

    def _raise_alarm(self, code: str, detail: str, now: datetime) -> None:
        _log.error(code, detail=detail, advice="the table in force stays; kassenverbund vat check")
        before = self._alert
        since = before["since"] if before and before["code"] == code else now.isoformat()
        self._alert = {"code": code, "detail": detail, "since": since}


def _observed(value: int | None) -> list[metrics.Observation]:
    return [] if value is None else [metrics.Observation(value)]
