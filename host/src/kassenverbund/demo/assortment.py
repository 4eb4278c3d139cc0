"""What the example chain sells: books, stationery, a café with deposits, vouchers; and the keys on
its tills. Titles are real, numbers are made up."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from importlib.resources import files
from typing import Any

import httpx

from kassenverbund.demo.till import Refused, cents

ARTICLES = "assortment.csv"
KEYS = "touch_keys.json"
PRESETS = (1000, 2500, 5000)
"""Values of vouchers on the keys, in cents."""


async def stock_up(client: httpx.AsyncClient, token: Callable[[str], str], *, store: str) -> int:
    """List the example assortment and set the keys; how many articles were new or changed. May be
    repeated. Raises `Refused`."""
    office = token("back_office")
    articles = (files("kassenverbund.demo") / ARTICLES).read_bytes()
    keys = json.loads((files("kassenverbund.demo") / KEYS).read_text("utf-8"))
    listed = await _send(
        client, "POST", f"/stores/{store}/v1/articles/imports", office,
        content=articles, headers={"content-type": "text/csv"},
    )  # fmt: skip
    await _send(client, "PUT", f"/stores/{store}/v1/touch-keys/chain", office, json=keys)
    values = {"values": [cents(value) for value in PRESETS]}
    await _send(client, "PUT", "/voucher/v1/presets/chain", office, json=values)
    changed: int = listed["changed"]
    return changed


async def _send(
    client: httpx.AsyncClient, method: str, path: str, office: str, **sent: Any
) -> dict[str, Any]:
    body = sent.get("content") or json.dumps(sent["json"]).encode()
    headers = {
        "authorization": f"Bearer {office}",
        "idempotency-key": f"stock-up-{sha256(path.encode() + body).hexdigest()[:32]}",
        **sent.pop("headers", {}),
    }
    answer = await client.request(method, path, headers=headers, **sent)
    if not answer.is_success:
        raise Refused(answer)
    told: dict[str, Any] = answer.json()
    return told
