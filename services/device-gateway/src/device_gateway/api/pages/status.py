"""How things stand at a till, for the bar below every page: text and sign, never colour alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    """One thing to know. `label`, `text` and `detail` are message ids."""

    name: str
    label: str
    level: Level
    text: str
    detail: str = ""
    """What to do about it; empty while all is well."""
    link: str = ""
    """A page of the till that shows more."""
    count: int | None = None


LINES: Mapping[str, tuple[str, str, str]] = {
    "voucher": (
        N_("Vouchers"),
        N_("not reachable"),
        N_("No vouchers until the line is back. Cash and card go on."),
    ),
    "costcenter": (
        N_("Cost centers"),
        N_("not reachable"),
        N_("No cost centers until the line is back. Cash and card go on."),
    ),
    "bus": (
        N_("Unsent"),
        N_("waiting for the line"),
        N_("Go on selling: everything is sent later, once and in order."),
    ),
    "signer": (
        N_("Signatures"),
        N_("late"),
        N_("Go on selling: receipts say so. Call your technician today."),
    ),
}
"""Line → label, what is wrong, what to do."""


async def status_of(gateway: Gateway, session: Session) -> Sequence[Item]:
    """What the cashier has to know, in the order of the bar."""
    return [*_lines(gateway), await _tse(gateway, session)]


def _lines(gateway: Gateway) -> Sequence[Item]:
    shown = gateway.lines.shown if gateway.lines is not None else {}
    down = [name for name in LINES if name in shown and shown[name].state == "offline"]
    if not down:
        return [Item("line", N_("Line"), "ok", N_("connected"))]
    return [
        Item(
            name,
            LINES[name][0],
            "warn" if name == "bus" else "bad",
            LINES[name][1],
            LINES[name][2],
            count=gateway.lines.unsent.count if name == "bus" and gateway.lines else None,
        )
        for name in down
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
