"""How things stand at a till, for the bar below every page: text and sign, never colour alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from device_gateway.api.pages.locales import N_
from device_gateway.api.pages.shell import Session
from device_gateway.decider.store import STORE
from device_gateway.handlers.gateway import Gateway, store_stream
from events import state_of

Level = Literal["ok", "warn", "bad"]


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to know. `label` and `text` are message ids."""

    name: str
    label: str
    level: Level
    text: str
    detail: str = ""
    """What to do about it; empty while all is well."""
    link: str = ""
    """A page of the till that shows more."""
    count: int | None = None


async def status_of(gateway: Gateway, session: Session) -> Sequence[Item]:
    """What the cashier has to know, in the order of the bar."""
    items = list[Item]()
    items.extend(_lines(gateway))
    items.append(await _tse(gateway, session))
    return items


def _lines(gateway: Gateway) -> Sequence[Item]:
    line = gateway.voucher_line
    if line is None or line.state.up:
        return [Item("line", N_("Line"), "ok", N_("connected"))]
    return [
        Item(
            "line",
            N_("Line"),
            "bad",
            N_("interrupted"),
            N_("No vouchers and no cost centers until it is back. Cash and card go on."),
        )
    ]


async def _tse(gateway: Gateway, session: Session) -> Item:
    _, store = await state_of(gateway.store, STORE, store_stream(session.store_id))
    if session.till.tse_id not in store.outages:
        return Item("tse", N_("TSE"), "ok", N_("signs"))
    return Item(
        "tse",
        N_("TSE"),
        "bad",
        N_("out of order"),
        N_("Go on selling: receipts say so. Call your technician today."),
    )
