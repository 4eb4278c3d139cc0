"""How another service is asked while a cashier waits.

Every call has an id of its own, so a lost answer is asked for again with the same id; the whole
exchange takes at most `CASHIER_WAIT_S`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from device_gateway.ports import Place, ServiceRefused, ServiceUnavailable
from events import LostRace

CASHIER_WAIT_S = 3.0
TRY_WAIT_S = 1.2
TRIES_MAX = 3
BETWEEN_TRIES_S = 0.05


class Reply(BaseModel):
    """What of an answer is read."""

    model_config = ConfigDict(extra="ignore", frozen=True)


R = TypeVar("R", bound=Reply)


class Asking:
    """Asks one service. `client` has the base address and this service's credentials already.

    `name` is what errors call it; `unavailable` is what no answer is told as.
    """

    name: str
    unavailable: type[ServiceUnavailable]

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def ask(
        self, shape: type[R], method: str, path: str, body: Mapping[str, Any], *, key: str
    ) -> R:
        """The reply, or the refusal. Anything in between is asked again with the same ids."""
        last = "no answer in time"
        try:
            async with asyncio.timeout(CASHIER_WAIT_S):
                for attempt in range(1, TRIES_MAX + 1):
                    try:
                        async with asyncio.timeout(TRY_WAIT_S):
                            answer = await self._client.request(
                                method, path, json=body, headers={"idempotency-key": key}
                            )
                    except (TimeoutError, httpx.TransportError) as away:
                        last = type(away).__name__
                    else:
                        if answer.is_success:
                            return self._read(shape, answer)
                        if answer.status_code < 500 and not _lost_race(answer):
                            raise self._refusal(answer)
                        last = f"status {answer.status_code}"
                    if attempt < TRIES_MAX:
                        await asyncio.sleep(BETWEEN_TRIES_S * attempt)
        except TimeoutError:
            pass
        raise self.unavailable(f"{self.unavailable.title} ({last})")

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
