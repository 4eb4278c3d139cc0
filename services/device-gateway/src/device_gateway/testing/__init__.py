"""Facts to begin a test with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from device_gateway.devices.ports import KnownDevice
from device_gateway.events import (
    ArticleDelisted,
    ArticleListed,
    DeviceChanged,
    DevicePaired,
    DeviceRemoved,
    TillOpened,
)
from device_gateway.folding import code_of, folded, words_of
from device_gateway.ports import PinHash
from device_gateway.ports.assortment import ARTICLES_PAGE, FoundArticles
from events.testing.memory import MemoryEventStore
from money import euro


def opened(**other: Any) -> TillOpened:
    """The opening of a till's first shift, with an empty drawer."""
    said: dict[str, Any] = {
        "store_id": "berlin",
        "till_id": "t1",
        "till_name": "Kasse 1",
        "shift": 1,
        "opened_at": datetime(2026, 11, 20, 10, 0, tzinfo=UTC),
        "opened_by": "automatic",
        "float": euro("0.00"),
        "numbers": 0,
        "tse_id": "a",
        "client_id": "KV-berlin-1",
        "master_data": 1,
        "grand_total": euro("0.00"),
    }
    return TillOpened.model_validate({**said, **other})


class MemoryAssortment:
    """`ports.assortment.Assortment` over a log in memory: every search folds it anew."""

    def __init__(self, log: MemoryEventStore) -> None:
        self._log = log

    def _all(self) -> list[ArticleListed]:
        found: dict[str, ArticleListed] = {}
        for entry in self._log.log:
            if isinstance(entry.event, ArticleListed):
                found[entry.event.sku] = entry.event
            elif isinstance(entry.event, ArticleDelisted):
                found.pop(entry.event.sku, None)
        return sorted(found.values(), key=lambda each: (folded(each.name), each.sku))

    async def search(
        self, q: str, *, group: str | None = None, page: str | None = None
    ) -> FoundArticles:
        words = folded(q).split()

        def fits(each: ArticleListed) -> bool:
            if group is not None and each.article_group != group:
                return False
            if not words or q.strip() == each.sku:
                return True
            if code_of(q.strip()) in {code_of(gtin) for gtin in each.gtins}:
                return True
            own = words_of(f"{each.name} {each.sku}")
            return all(any(word.startswith(begun) for word in own) for begun in words)

        fitting = [each for each in self._all() if fits(each)]
        start = int(page or 0)
        end = start + ARTICLES_PAGE
        return FoundArticles(fitting[start:end], str(end) if end < len(fitting) else None)

    async def groups(self) -> list[str]:
        return sorted({each.article_group for each in self._all() if each.article_group})


class MemoryDeviceShelf:
    """`devices.ports.DeviceShelf` over a log in memory. `taken`: devices of another process."""

    def __init__(self, log: MemoryEventStore) -> None:
        self._log = log
        self.taken: set[str] = set()

    async def of(self, stores: Sequence[str]) -> Sequence[KnownDevice]:
        found: dict[str, KnownDevice] = {}
        for entry in self._log.log:
            match entry.event:
                case DevicePaired() | DeviceChanged() as said:
                    found[said.device_id] = KnownDevice(
                        said.device_id, said.store_id, said.kind, said.name, said.till_id,
                        said.address, said.settings,
                    )  # fmt: skip
                case DeviceRemoved() as gone:
                    found.pop(gone.device_id, None)
                case _:
                    continue
        return [one for _, one in sorted(found.items()) if one.store_id in stores]

    async def lease(
        self, devices: Sequence[str], *, owner: str, now: datetime, until: datetime
    ) -> frozenset[str]:
        return frozenset(devices) - self.taken

    async def give_back(self, device_id: str, *, owner: str) -> None:
        return None


@dataclass
class MemoryCashiers:
    """`ports.cashiers.CashierDesk` in memory."""

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)
    tries: dict[str, int] = field(default_factory=dict)
    locked: dict[str, datetime] = field(default_factory=dict)

    async def keep(
        self, cashier_id: str, *, name: str, store_ids: Sequence[str], pin: PinHash | None,
        version: int,
    ) -> None:  # fmt: skip
        row = self.rows.setdefault(cashier_id, {"version": 0, "pin": None})
        if row["version"] <= version:
            row.update(name=name, stores=store_ids, version=version, pin=pin or row["pin"])

    async def forget(self, cashier_id: str, *, version: int) -> None:
        self.rows[cashier_id] = {"version": version, "pin": None}

    async def pin_of(self, cashier_id: str) -> PinHash | None:
        found: PinHash | None = self.rows.get(cashier_id, {}).get("pin")
        return found

    async def names_of(self, cashier_ids: Sequence[str]) -> Mapping[str, str]:
        return {each: row["name"] for each, row in self.rows.items() if row.get("name")}

    async def in_store(self, store_id: str) -> Sequence[str]:
        return [
            each
            for each, row in self.rows.items()
            if row.get("name") and (not row["stores"] or store_id in row["stores"])
        ]

    async def admit(self, *, till_id: str, now: datetime) -> float | None:
        until = self.locked.get(till_id)
        if until is not None and until > now:
            return (until - now).total_seconds()
        if until is not None:
            self.locked.pop(till_id)
            self.tries[till_id] = 0
        self.tries[till_id] = self.tries.get(till_id, 0) + 1
        if self.tries[till_id] > 5:
            self.locked[till_id] = now + timedelta(seconds=300)
            return 300.0
        return None

    async def succeeded(self, *, till_id: str) -> None:
        self.tries.pop(till_id, None)
