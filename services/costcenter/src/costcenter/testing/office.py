"""Back office behind HTTP, as tests ask it. Every test has companies, groups, centers and cards of
its own: they share a database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx

from costcenter.projections.structure import StructureBook
from costcenter.service import SERVICE
from costcenter.testing.shop import Shop
from events.subscription import run_projection

WAIT_S = 120.0
POLL_S = 0.02

ADDRESS = {"name": "Firma A", "lines": ["Hauptstr. 1"], "postal_code": "10115", "city": "Berlin"}


@dataclass
class Office:
    """`number` makes numbers that no other test has."""

    shop: Shop
    prefix: int

    def number(self, text: str) -> str:
        """`4711` of this test."""
        return f"{self.prefix}{text}"

    def group(self, number: int) -> int:
        """Main group `number` (1 to 9) of this test."""
        return self.prefix % 900 * 10 + number + 9

    async def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        by: str = "office",
        key: str = "",
        content: bytes | None = None,
        params: Mapping[str, Any] | None = None,
        media_type: str = "text/csv",
    ) -> httpx.Response:
        headers = {"authorization": f"Bearer {by}", "idempotency-key": key or uuid4().hex}
        if content is not None:
            headers["content-type"] = media_type
        return await self.shop.client.request(
            method,
            f"/costcenter/v1{path}",
            json=body,
            content=content,
            params=params,
            headers=headers,
        )

    async def done(self, method: str, path: str, body: Any = None, **more: Any) -> dict[str, Any]:
        """A request that has to succeed."""
        answer = await self.send(method, path, body, **more)
        assert answer.status_code < 300, answer.text
        document: dict[str, Any] = answer.json()
        return document

    async def get(self, path: str, **params: Any) -> dict[str, Any]:
        """A read, after the lists have caught up."""
        position = await self.shop.world.store.head()
        return await self.done("GET", path, params={"position": position, **params})

    async def groups(self, number: int, groups: Mapping[int, tuple[str, str]]) -> int:
        """A main group with user groups (number → name, mode); answers its number."""
        main = self.group(number)
        await self.done("PUT", f"/main-groups/{main}", {"name": f"Gruppe {number}"})
        for place, (name, mode) in groups.items():
            path, body = f"/main-groups/{main}/user-groups/{place}", {"name": name, "mode": mode}
            await self.done("PUT", path, body)
        return main

    async def center(self, number: str, **more: Any) -> str:
        """A center; answers its id."""
        center_id = f"c{self.number(number)}"
        body = {"number": self.number(number), "name": "Empfang", **more}
        await self.done("PUT", f"/centers/{center_id}", body)
        return center_id

    async def card(self, number: str, center_id: str | None, *, code: str = "", **more: Any) -> str:
        """A card in user group 4 of main group 1; answers its id. With a code: an RFID one."""
        card_id = f"k{self.number(number)}"
        body = {
            "number": self.number(number),
            "kind": "physical" if code else "virtual",
            "main_group": self.group(1),
            "user_group": 4,
            "center_id": center_id,
            **({"medium": "rfid", "code": code} if code else {}),
            **more,
        }
        await self.done("PUT", f"/cards/{card_id}", body)
        return card_id

    async def take(self, kind: str, text: str, **params: Any) -> httpx.Response:
        """Send an import, and wait until it has ended."""
        answer = await self.send("POST", f"/imports/{kind}", content=text.encode(), params=params)
        if answer.status_code != 202:
            return answer
        path = f"/imports/{answer.json()['import_id']}"
        async with asyncio.timeout(WAIT_S):
            while True:
                found = await self.send("GET", path)
                if found.json()["state"] not in ("checking", "running"):
                    return found
                await asyncio.sleep(POLL_S)

    async def export(self, kind: str) -> str:
        """The file, as of now."""
        answer = await self.send("GET", f"/exports/{kind}")
        assert answer.status_code == 200, answer.text
        return answer.text


@asynccontextmanager
async def open_office(shop: Shop, prefix: int) -> AsyncIterator[Office]:
    """Back office with its background work and its lists, as the program runs them."""
    lists = run_projection(shop.world.store, shop.engine, StructureBook(), schema=SERVICE.schema)
    loops = [asyncio.ensure_future(task()) for task in shop.opened.tasks]
    loops.append(asyncio.ensure_future(lists))
    try:
        yield Office(shop, prefix)
    finally:
        for loop in loops:
            loop.cancel()
        ended = await asyncio.gather(*loops, return_exceptions=True)
    assert all(isinstance(end, asyncio.CancelledError) for end in ended), ended
