"""Whether the log messages of one TSE hang together: counters, times, transaction numbers.

An archive may hold its files in any order, so what is needed of each message is kept until the
end: 24 bytes.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise

from kassenverbund.fiscal.messages import Message
from kassenverbund.fiscal.verdicts import Finding

_OTHER, _START, _UPDATE, _FINISH = range(4)

_OPERATIONS = {
    "StartTransaction": _START, "UpdateTransaction": _UPDATE, "FinishTransaction": _FINISH,
}  # fmt: skip

OPEN_SHOWN_MAX = 20


class Sequenced:
    """The messages of one device, as they are added."""

    def __init__(self) -> None:
        self._counters = array("q")
        self._times = array("q")
        self._operations = array("q")

    def __len__(self) -> int:
        return len(self._counters)

    def add(self, message: Message) -> None:
        self._counters.append(message.counter)
        self._times.append(int(message.time.timestamp()))
        operation = _OPERATIONS.get(message.operation, _OTHER)
        known = message.kind == "transaction" and message.number is not None
        number = (message.number or 0) & (2**60 - 1)
        self._operations.append(number * 4 + operation if known else _OTHER)

    @property
    def range(self) -> tuple[int, int]:
        return min(self._counters), max(self._counters)

    @property
    def times(self) -> tuple[datetime, datetime]:
        """Of the earliest and the latest message."""
        first, last = min(self._times), max(self._times)
        return datetime.fromtimestamp(first, UTC), datetime.fromtimestamp(last, UTC)

    def findings(self, item: str, *, filtered: bool = False) -> Iterator[Finding]:
        """What is wrong with the order. `filtered`: gaps are what was asked for."""
        order = self._order()
        yield from self._counter_findings(item, order, filtered=filtered)
        yield from self._transaction_findings(item, order, filtered=filtered)

    def _order(self) -> Sequence[int]:
        counters = self._counters
        indices = range(len(counters))
        if all(counters[at] < counters[at + 1] for at in indices[:-1]):
            return indices
        return sorted(indices, key=counters.__getitem__)

    def _counter_findings(
        self, item: str, order: Sequence[int], *, filtered: bool
    ) -> Iterator[Finding]:
        for before, after in pairwise(order):
            low, high = self._counters[before], self._counters[after]
            if high == low:
                yield Finding(item, "counter_twice", str(low))
            elif high > low + 1:
                missing = str(low + 1) if high == low + 2 else f"{low + 1}-{high - 1}"
                yield Finding(item, "gaps_by_filter" if filtered else "counter_gap", missing)
            if self._times[after] < self._times[before]:
                yield Finding(item, "time_backwards", f"{low} -> {high}")

    def _transaction_findings(
        self, item: str, order: Sequence[int], *, filtered: bool
    ) -> Iterator[Finding]:
        begun: set[int] = set()
        first = last = 0
        for at in order:
            number, operation = divmod(self._operations[at], 4)
            if operation == _START:
                if last and number <= last:
                    yield Finding(item, "transaction_twice", str(number))
                elif last and number > last + 1 and not filtered:
                    yield Finding(item, "transaction_gap", f"{last + 1}-{number - 1}")
                first, last = first or number, max(last, number)
                begun.add(number)
            elif operation == _FINISH:
                # What was begun before the archive begins may end in it.
                if number not in begun and first and number >= first and not filtered:
                    yield Finding(item, "transaction_twice", str(number))
                begun.discard(number)
        if begun:
            shown = ", ".join(str(number) for number in sorted(begun)[:OPEN_SHOWN_MAX])
            more = ", ..." if len(begun) > OPEN_SHOWN_MAX else ""
            yield Finding(item, "transactions_open", shown + more)
