"""How another service is asked while a cashier waits.

Every call has an id of its own, so a lost answer is asked for again with the same id. The whole
exchange takes at most `CASHIER_WAIT_S`, and so do all exchanges of one request of a till together
(`patience.py`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from device_gateway.adapters.line import Line
from device_gateway.adapters.patience import patience
from device_gateway.ports import Place, ServiceRefused, ServiceUnavailable
from events import LostRace

TRY_WAIT_S = 1.2
TRIES_MAX = 3
BETWEEN_TRIES_S = 0.05
NOBODY_THERE = frozenset({502, 503, 504})
"""Said by what stands before a service that is not there, or by one that cannot work."""


class Reply(BaseModel):
    """What of an answer is read."""

    model_config = ConfigDict(extra="ignore", frozen=True)


R = TypeVar("R", bound=Reply)


class Asking:
    """Asks one service. `client` has the base address and this service's credentials already. With
    a `line`, nobody waits for a service that has just been silent to somebody else.

    `name` is what errors call it; `unavailable` is what no answer is told as, `unreachable` the
    same where nobody at all answered.
    """

    name: str
    unavailable: type[ServiceUnavailable]
    unreachable: type[ServiceUnavailable]

    def __init__(
        self,
        client: httpx.AsyncClient,
        line: Line | None = None,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._line = line
        self.clock = clock

    async def ask(
        self, shape: type[R], method: str, path: str, body: Mapping[str, Any] | None, *, key: str
    ) -> R:
        """The reply, or the refusal. Anything in between is asked again with the same ids."""
        line, last, heard = self._line, "no answer in time", False
        tries = TRIES_MAX if line is None or line.state.up else 1
        if line is not None and not line.admits():
            raise self.unreachable(f"{self.unavailable.title} (since {line.state.since:%H:%M})")
        answers = 0 if line is None else line.answers
        mine = patience()
        wait_s = mine.left_s
        try:
            async with mine.waiting(wait_s):
                for attempt in range(1, tries + 1):
                    try:
                        async with asyncio.timeout(TRY_WAIT_S):
                            answer = await self._client.request(
                                method, path, json=body, headers={"idempotency-key": key}
                            )
                    except (TimeoutError, httpx.TransportError) as away:
                        last = type(away).__name__
                    else:
                        heard = answer.status_code not in NOBODY_THERE
                        if line is not None and heard:
                            line.answered()
                        if answer.is_success:
                            return self._read(shape, answer)
                        if answer.status_code < 500 and not _lost_race(answer):
                            raise self._refusal(answer)
                        last = f"status {answer.status_code}"
                    if attempt < tries:
                        await asyncio.sleep(BETWEEN_TRIES_S * attempt)
        except TimeoutError:
            pass
        if heard:
            raise self.unavailable(f"{self.unavailable.title} ({last})")
        # Who had hardly time to be answered knows nothing about the line.
        if line is not None and (wait_s >= TRY_WAIT_S or not line.state.up):
            line.silent(answers=answers)
        raise self.unreachable(f"{self.unavailable.title} ({last})")

    def refused(
        self, code: str, status: int, problem: Mapping[str, Any], extra: Mapping[str, object]
    ) -> ServiceRefused:
        """What a problem of the service is told as."""
        raise NotImplementedError

    def _read(self, shape: type[R], answer: httpx.Response) -> R:
        try:
            return shape.model_validate_json(answer.content)
        except ValidationError:
            # What came may mean that it was done; the caller repeats by id or releases.
            raise self.unavailable(f"{self.name} answered something unreadable") from None

    def _refusal(self, answer: httpx.Response) -> ServiceRefused | ServiceUnavailable:
        """A 4xx with a problem's code. 401 and 403 are ours to mend, no answer to a cashier."""
        try:
            problem = answer.json()
        except ValueError:
            problem = None
        if not isinstance(problem, dict) or answer.status_code in (401, 403):
            return self.unavailable(f"{self.name} answered {answer.status_code}")
        extra: dict[str, object] = {}
        if answer.headers.get("retry-after", "").isdigit():
            extra["retry_after_s"] = int(answer.headers["retry-after"])
        code = str(problem.get("code", f"{self.unavailable.code.partition('.')[0]}.refused"))
        return self.refused(code, answer.status_code, problem, extra)


def at(place: Place, part: str) -> dict[str, str]:
    """Who asks, as it stands in a body; `part` names the line or the payment."""
    return {
        "store_id": place.store_id,
        "till_id": place.till_id,
        "booking_id": place.booking_id,
        part: place.part_id,
    }


def _lost_race(answer: httpx.Response) -> bool:
    """Other tills were faster every time. Nothing was decided: to the cashier that is no answer,
    least of all that the voucher or card cannot be used."""
    if answer.status_code != LostRace.status:
        return False
    try:
        problem = answer.json()
    except ValueError:
        return False
    return isinstance(problem, dict) and problem.get("code") == LostRace.code
