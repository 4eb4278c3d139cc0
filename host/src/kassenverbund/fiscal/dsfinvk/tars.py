"""Compares an export with what the TSEs' own exports (TAR) hold: in both directions."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Final

from kassenverbund.fiscal.asn1 import Malformed
from kassenverbund.fiscal.dsfinvk.signed import Signed, digest
from kassenverbund.fiscal.dsfinvk.tally import Tally
from kassenverbund.fiscal.messages import Message, read_message
from kassenverbund.fiscal.tarfiles import read_tar

_ABORT: Final = b"AVBelegabbruch"


@dataclass(slots=True)
class _Device:
    """The finished transactions of one TSE, 50 bytes each."""

    numbers: array[int] = field(default_factory=lambda: array("q"))
    counters: array[int] = field(default_factory=lambda: array("q"))
    digests: array[int] = field(default_factory=lambda: array("q"))
    times: array[int] = field(default_factory=lambda: array("q"))
    clients: array[int] = field(default_factory=lambda: array("q"))
    aborted: bytearray = field(default_factory=bytearray)
    started: array[int] = field(default_factory=lambda: array("q"))
    """Numbers and times in turn."""
    order: list[int] = field(default_factory=list)
    seen: bytearray = field(default_factory=bytearray)

    def finished(self, number: int) -> int | None:
        """Where a transaction stands."""
        at = bisect_left(self.order, number, key=self.numbers.__getitem__)
        if at < len(self.order) and self.numbers[self.order[at]] == number:
            return self.order[at]
        return None


class Tars:
    """What the given TSE exports hold."""

    def __init__(self) -> None:
        self._devices: dict[str, _Device] = {}
        self._starts: dict[str, dict[int, int]] = {}
        self._names: list[str] = []
        self._spans: dict[tuple[str, str], tuple[int, int]] = {}
        self._missing: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._devices)

    def add(self, file: IO[bytes]) -> None:
        """An archive. What is wrong with it in itself is told elsewhere."""
        try:
            for entry in read_tar(file):
                if not entry.name.endswith(".log") or entry.content is None:
                    continue
                try:
                    self._message(read_message(entry.content))
                except Malformed:
                    continue
        except Malformed:
            pass
        for device in self._devices.values():
            device.order = sorted(range(len(device.numbers)), key=device.numbers.__getitem__)
            device.seen = bytearray(len(device.numbers))

    def _message(self, message: Message) -> None:
        if message.kind != "transaction" or message.number is None:
            return
        device = self._devices.setdefault(message.serial.hex(), _Device())
        time = round(message.time.timestamp() * 1000)
        if message.operation == "StartTransaction":
            device.started.extend((message.number, time))
        elif message.operation == "FinishTransaction":
            device.numbers.append(message.number)
            device.counters.append(message.counter)
            device.digests.append(digest(message.signature))
            device.times.append(time)
            device.clients.append(self._client(message.client))
            device.aborted.append(message.process_data.startswith(_ABORT))

    def _client(self, name: str) -> int:
        if name not in self._names:
            self._names.append(name)
        return self._names.index(name)

    def check(self, signed: Signed, item: str, tally: Tally) -> None:
        """A signed row of the export: does the TSE hold it?"""
        device = self._devices.get(signed.serial)
        if device is None:
            if signed.serial not in self._missing:
                self._missing.add(signed.serial)
                tally.told(signed.serial, "tar_missing")
            return
        at = device.finished(signed.number)
        held = at is not None and (device.counters[at], device.digests[at]) == (
            signed.counter, digest(signed.signature),
        )  # fmt: skip
        tally.check(held, "tar_holds", item, f"{signed.number}/{signed.counter}")
        if at is None:
            return
        device.seen[at] = 1
        span = self._spans.get((signed.serial, signed.client), (device.times[at],) * 2)
        time = device.times[at]
        self._spans[signed.serial, signed.client] = (min(span[0], time), max(span[1], time))
        self._check_start(device, signed, item, tally)

    def _check_start(self, device: _Device, signed: Signed, item: str, tally: Tally) -> None:
        starts = self._starts.get(signed.serial)
        if starts is None:
            pairs = zip(device.started[::2], device.started[1::2], strict=True)
            starts = self._starts[signed.serial] = dict(pairs)
        started = starts.get(signed.number)
        # A start may lie in an earlier archive. Log time has whole seconds, mostly.
        if started is not None:
            said = datetime.fromisoformat(signed.start).timestamp() * 1000
            tally.check(abs(said - started) < 1000, "tar_start", item, signed.start)

    def judge(self, explained: Set[tuple[str, int]], tally: Tally) -> None:
        """Transactions of the export's tills in its time that no BON has."""
        for (serial, client), (begin, end) in self._spans.items():
            device, number = self._devices[serial], self._names.index(client)
            for at in device.order:
                inside = begin <= device.times[at] <= end
                if device.seen[at] or device.clients[at] != number or not inside:
                    continue
                item = f"{serial} {device.numbers[at]}"
                if (serial, device.numbers[at]) in explained:
                    tally.told(item, "tar_explained", client)
                elif device.aborted[at]:
                    tally.told(item, "tar_aborted", client)
                else:
                    tally.broke("tar_complete", item, f"{client}, {device.counters[at]}")
            tally.held("tar_complete")
