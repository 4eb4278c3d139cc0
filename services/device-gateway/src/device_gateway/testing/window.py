"""A browser window without a browser: it sends the forms of the page that it shows."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import httpx

HOME = "/stores/berlin/till"


@dataclass
class Window:
    """The sale's page of a till in Berlin. `text` and `status` are of the newest answer."""

    http: httpx.AsyncClient
    token: str
    text: str = ""
    status: int = 200
    sent: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    @property
    def headers(self) -> dict[str, str]:
        return {
            "cookie": f"kv_till={self.token}", "sec-fetch-site": "same-origin", "x-pieces": "1",
        }  # fmt: skip

    async def load(self, path: str = "", page: str = "sale") -> Window:
        return self._shows(await self.http.get(f"{HOME}/{page}{path}", headers=self.headers))

    def hidden(self, name: str) -> str:
        """The first field of this name."""
        found = re.search(rf'name="{name}" value="([^"]*)"', self.text)
        assert found, f"{name} is not there: {self.text[:300]}"
        return found.group(1)

    async def act(self, name: str, **fields: str) -> Window:
        """A form of the sale, with what every form carries."""
        own = {each: self.hidden(each) for each in ("key", "booking", "seen")}
        return await self.post(name, {**own, **fields})

    async def post(self, name: str, fields: dict[str, str]) -> Window:
        self.sent.append((name, fields))
        url = f"{HOME}/sale/{name}"
        return self._shows(await self.http.post(url, data=fields, headers=self.headers))

    async def again(self) -> Window:
        """The same request once more: its answer was lost, or Enter was pressed twice."""
        return await self.post(*self.sent[-1])

    def _shows(self, answer: httpx.Response) -> Window:
        self.text, self.status = answer.text, answer.status_code
        return self

    def shows(self, text: str) -> bool:
        return text in self.text.replace("\u00a0", " ")

    @property
    def refused(self) -> str:
        """The code of the refusal that is shown; empty: none is."""
        found = re.search(r'data-code="([^"]*)"', self.text)
        return found.group(1) if found else ""

    @property
    def dialog(self) -> str:
        """The dialog that is open."""
        found = re.search(r'id="dialog-body" data-name="([^"]*)"', self.text)
        return found.group(1) if found else ""

    @property
    def lines(self) -> int:
        return self.text.count("data-line=")
