"""What the tills do in a run, drawn from a seed: every kind of process, shift after shift.

The process data that a TSE has to sign is written down here once more, by hand, and is unlike that
of every other process, so a device's own log says which booking a signature was meant for.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from tests.endurance.ground import STORES, TILLS_PER_STORE, TSES

SHIFT = range(15, 40)
"""Processes between an opening and its closing."""

DAY = "2026-11-22"
RECEIPT, ORDER, OTHER = "Kassenbeleg-V1", "Bestellung-V1", "SonstigerVorgang"
ABORTED = "AVBelegabbruch^0.00_0.00_0.00_0.00_0.00^"

KINDS = {
    "begun sale": 42, "sale": 20, "abort": 8, "training": 8, "order": 8, "cash": 8, "return": 6,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Told:
    """One event of the gateway. `data` lacks `sign_by`, which is set when it is published."""

    name: str
    tse_id: str
    data: dict[str, Any]
    process: tuple[str, str] | None = None
    """Type and data that have to be signed; None: no verdict is due to this event."""

    @property
    def booking_id(self) -> str:
        return str(self.data.get("booking_id", ""))


@dataclass(slots=True)
class _Till:
    store_id: str
    number: int
    tse_id: str = ""
    shift: int = 0
    left: int = 0
    """Processes until the closing."""
    begun: list[Told] = field(default_factory=list)
    """How bookings end that were begun."""

    @property
    def client_id(self) -> str:
        return f"KV-{self.store_id}-{self.number}"

    @property
    def ids(self) -> dict[str, Any]:
        return {
            "store_id": self.store_id,
            "till_id": f"{self.store_id}-{self.number}",
            "tse_id": self.tse_id,
            "client_id": self.client_id,
        }


class Script:
    """The events of one store, in order: `processes` that get a verdict, and the closings after
    them."""

    def __init__(self, seed: int, store_id: str, processes: int) -> None:
        self._chance = random.Random(f"{seed}/{store_id}")
        self._seed = seed
        self._store = store_id
        self._tses = [tse.tse_id for tse in TSES if tse.store_id == store_id]
        self._tills = [_Till(store_id, number) for number in range(1, TILLS_PER_STORE + 1)]
        self._count = 0
        self._finals = 0
        self.events: list[Told] = []
        while self._finals < processes:
            self._step(self._chance.choice(self._tills))
        for till in self._tills:
            self._end_all(till)
            if till.shift:
                self._close(till)

    def last_sales(self) -> list[Told]:
        """One more sale at each TSE: whatever was left there is found and explained by it."""
        return [self._process(_Till(self._store, 1, tse_id), "sale")[1] for tse_id in self._tses]

    def _step(self, till: _Till) -> None:
        if till.left == 0:
            if till.shift:
                self._end_of_shift(till)
            self._open(till)
        if till.begun and self._chance.random() < 0.5:
            self._tell(till.begun.pop(self._chance.randrange(len(till.begun))))
            return
        till.left -= 1
        kind = self._chance.choices(list(KINDS), list(KINDS.values()))[0]
        booking_id, end = self._process(till, kind)
        if kind in ("begun sale", "abort"):
            self._tell(Told("booking.started", till.tse_id, {"booking_id": booking_id, **till.ids}))
            till.begun.append(end)
        else:
            self._tell(end)

    def _open(self, till: _Till) -> None:
        till.shift += 1
        till.left = self._chance.choice(SHIFT)
        till.tse_id = self._tses[(till.shift + till.number) % len(self._tses)]
        self._tell(Told("till.opened", till.tse_id, {"shift": till.shift, **till.ids}))

    def _end_of_shift(self, till: _Till) -> None:
        """Mostly nothing is left open. Sometimes something is, and its end comes afterwards."""
        forgotten: Told | None = None
        if self._chance.random() < 0.3:
            booking_id, forgotten = self._process(till, "abort")
            self._tell(Told("booking.started", till.tse_id, {"booking_id": booking_id, **till.ids}))
        self._end_all(till)
        self._close(till)
        if forgotten is not None:
            self._tell(forgotten)

    def _end_all(self, till: _Till) -> None:
        while till.begun:
            self._tell(till.begun.pop(0))

    def _close(self, till: _Till) -> None:
        turnover, cash = self._chance.randrange(100_000), self._chance.randrange(50_000)
        data = {
            "booking_id": self._id(),
            "z_number": till.shift,
            "business_date": DAY,
            "currency": "EUR",
            "cases": [
                {"case": "Umsatz", "gross": _money(turnover)},
                {"case": "Geldtransit", "gross": _money(-5_000)},
            ],
            "cash": {"expected": _money(cash)},
        }
        text = (
            f"Kassenabschluss;{till.client_id};Z={till.shift};{DAY};{_euros(turnover)};"
            f"{_euros(cash)}"
        )
        self._tell(Told("till.closed", till.tse_id, {**data, **till.ids}, (OTHER, text)))

    def _process(self, till: _Till, kind: str) -> tuple[str, Told]:
        """A new process of a till, and the event that ends it."""
        booking_id = self._id()
        cents = 100 + self._count
        text = _euros(cents)
        data: dict[str, Any] = {"booking_id": booking_id, "currency": "EUR", **till.ids}
        match kind:
            case "abort":
                return booking_id, Told("booking.aborted", till.tse_id, data, (RECEIPT, ABORTED))
            case "order":
                line = {"quantity": "2.000", "name": f'Menü "{cents}"', "unit_price": _money(980)}
                process = (ORDER, f'2;"Menü ""{cents}""";9.80')
                return booking_id, Told(
                    "booking.ordered", till.tse_id, {**data, "lines": [line]}, process
                )
            case "cash":
                moved = {**data, "case": "Geldtransit", "amount": _money(-cents)}
                process = (RECEIPT, f"Beleg^0.00_0.00_0.00_0.00_-{text}^-{text}:Bar")
                return booking_id, Told("cash.moved", till.tse_id, moved, process)
        sign = -1 if kind == "return" else 1
        sold = {
            **data,
            "lines": [{
                "kind": "article", "amount": _money(sign * cents), "rate": 1900, "dsfinvk_key": 1,
            }],
            "payments": [{
                "payment_id": "1", "kind": "cash", "fiscal": "Bar", "amount": _money(sign * cents),
            }],
        }  # fmt: skip
        name = "training.recorded" if kind == "training" else "booking.recorded"
        word = "AVTraining" if kind == "training" else "Beleg"
        text = _euros(sign * cents)
        process = (RECEIPT, f"{word}^{text}_0.00_0.00_0.00_0.00^{text}:Bar")
        return booking_id, Told(name, till.tse_id, sold, process)

    def _id(self) -> str:
        self._count += 1
        return str(uuid5(NAMESPACE_URL, f"{self._seed}/{self._store}/{self._count}"))

    def _tell(self, told: Told) -> None:
        self._finals += told.process is not None
        self.events.append(told)


def scripts(seed: int, processes: int) -> dict[str, Script]:
    """Store → what happens there; `processes` over all."""
    each = -(-processes // len(STORES))
    return {store_id: Script(seed, store_id, each) for store_id in STORES}


def _money(cents: int) -> dict[str, Any]:
    return {"amount": cents, "currency": "EUR"}


def _euros(cents: int) -> str:
    return f"{'-' if cents < 0 else ''}{abs(cents) // 100}.{abs(cents) % 100:02d}"
