"""Asks an outside service for VAT rates. What it answers is read strictly, or not at all."""

from __future__ import annotations

import asyncio
import ssl
from datetime import date
from typing import Annotated, Protocol

import httpx
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from kassenverbund.kit.text import Identifier, SafeName
from money import Rate

ANSWER_BYTES_MAX = 256 * 1024
"""A country's rates of a century take a tenth of it."""

ANSWER_WAIT_S = 10.0
"""From the first byte sent to the last one received."""

ROWS_MAX = 500


class RateSourceFailed(Exception):
    """There are no rates to compare with; the message says why."""

    code = "vat.source_failed"


class RateSourceSilent(RateSourceFailed):
    """Nobody answered, or not in time."""

    code = "vat.source_silent"


class RateSourceUnusable(RateSourceFailed):
    """Something answered, and not with the rates of a country."""

    code = "vat.source_unusable"


class Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class ProposedRate(Strict):
    """One rate from one day on, in the words of `chain.yaml`."""

    vat: Identifier
    rate: Rate
    """Basis points: 1900 is 19 %."""
    valid_from: date
    dsfinvk_key: Annotated[int, Field(ge=1, le=9999)] | None = None
    """None: as our table has it."""
    label: SafeName | None = None
    """None: as our table has it."""


class Proposal(Strict):
    """What the service says about one country."""

    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")]
    rates: Annotated[list[ProposedRate], Field(min_length=1, max_length=ROWS_MAX)]

    @model_validator(mode="after")
    def _one_rate_a_day(self) -> Proposal:
        days = {(rate.vat, rate.valid_from) for rate in self.rates}
        if len(days) != len(self.rates):
            raise ValueError("two rates of one key begin on one day")
        return self


class RateSource(Protocol):
    """Who can be asked."""

    async def proposal(self) -> Proposal:
        """The rates as they are told now. Raises `RateSourceFailed`, nothing else."""
        ...


class HttpRateSource:
    """`GET url` → `{"country": "DE", "rates": [{"vat", "rate", "valid_from", …}]}`."""

    def __init__(self, url: str, *, wait_s: float = ANSWER_WAIT_S) -> None:
        self._url = url
        self._wait_s = wait_s

    async def proposal(self) -> Proposal:
        """Raises `RateSourceSilent`, `RateSourceUnusable`."""
        try:
            async with asyncio.timeout(self._wait_s):
                body = await self._fetch()
        except TimeoutError:
            raise RateSourceSilent(f"no answer within {self._wait_s:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as fault:
            reason = str(fault) or type(fault).__name__
            raise RateSourceSilent(f"nobody answers: {reason}") from fault
        return read(body)

    async def _fetch(self) -> bytes:
        # Not compressed: a few bytes could otherwise become gigabytes before they are counted.
        headers = {"accept": "application/json", "accept-encoding": "identity"}
        async with (
            httpx.AsyncClient(
                verify=ssl.create_default_context(), timeout=self._wait_s, follow_redirects=False
            ) as client,
            client.stream("GET", self._url, headers=headers) as answer,
        ):
            if answer.status_code != 200:
                raise RateSourceUnusable(f"it answers {answer.status_code}")
            if answer.headers.get("content-encoding", "identity") != "identity":
                raise RateSourceUnusable("it answers compressed, which was not asked for")
            body = b""
            async for piece in answer.aiter_raw():
                body += piece
                if len(body) > ANSWER_BYTES_MAX:
                    raise RateSourceUnusable(f"its answer is larger than {ANSWER_BYTES_MAX} bytes")
            return body


def read(body: bytes) -> Proposal:
    """The proposal that `body` (JSON) holds. Raises `RateSourceUnusable`."""
    try:
        return Proposal.model_validate_json(body)
    except ValidationError as broken:
        first = broken.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        what = first["msg"].removeprefix("Value error, ")
        raise RateSourceUnusable(f"its answer: {where + ': ' if where else ''}{what}") from None
