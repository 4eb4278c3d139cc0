"""How things stand at a till, for the bar below every page: text and sign, never colour alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from device_gateway.api.pages.devices import KINDS as DEVICE_KINDS
from device_gateway.api.pages.devices import REASONS, Overview, late, overview_of
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
    overview = await overview_of(gateway, session)
    return [
        *_lines(gateway),
        await _tse(gateway, session),
        *_printers(overview, gateway.clock()),
        *_devices(overview),
    ]


def _printers(overview: Overview, now: datetime) -> Sequence[Item]:
    """One item for all printers of the till: what is wrong with the first that is not ready."""
    items = list[Item]()
    ill = [one for one in overview.printers if one.state and one.state.state != "ready"]
    if ill:
        state = ill[0].state
        assert state is not None
        level: Level = "bad" if state.state == "down" else "warn"
        todo = REASONS.get(state.reason, N_("Look after the printer."))
        items.append(Item("printer", N_("Printer"), level, N_("not ready"), todo, "devices"))
    elif overview.printers:
        items.append(Item("printer", N_("Printer"), "ok", N_("ready"), link="devices"))
    unprinted = [*overview.attention, *(job for job in overview.waiting if late(job, now))]
    if unprinted:
        todo = N_("See what to do.") if overview.attention else ""
        level = "bad" if overview.attention else "warn"
        items.append(
            Item("unprinted", N_("Papers"), level, N_("not printed"), todo, "devices",
                 len(unprinted))
        )  # fmt: skip
    return items


def _devices(overview: Overview) -> Sequence[Item]:
    """The devices that are away, each by its kind; one item while all are there."""
    if not overview.devices:
        return []
    away = [one for one in overview.devices if one.now is not None and one.now.state == "away"]
    if not away:
        return [Item("device", N_("Devices"), "ok", N_("connected"), link="devices")]
    return [
        Item(
            "device",
            DEVICE_KINDS.get(one.device.kind, N_("Devices")),
            "bad",
            N_("away"),
            REASONS.get(one.now.reason if one.now else "", ""),
            "devices",
        )
        for one in away
    ]


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
