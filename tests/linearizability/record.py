"""What the clients asked and heard, and what of it is a history for the checker."""

from __future__ import annotations

import math
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.linearizability.checker import Linearizable, Refused, check, readable
from tests.linearizability.clerk import Answer, LookUp, No, Request
from tests.linearizability.model import Call, VoucherModel, of

_STARTED = time.monotonic()
_ZERO = time.time()


def now() -> float:
    """Seconds since this module was loaded. Never goes back."""
    return time.monotonic() - _STARTED


def since_zero(timestamp: float) -> float:
    """An instant of the service's clock (seconds since 1970) on the scale of `now`."""
    return timestamp - _ZERO


@dataclass(slots=True)
class Asking:
    """One call, with all tries to get it answered under one idempotency key."""

    client: str
    request: Request
    tries: list[float] = field(default_factory=list)
    """When each try was sent; those that surely never arrived are left out."""
    answer: Answer | None = None
    answered: float = math.inf
    repeats: list[Answer] = field(default_factory=list)

    def answered_with(self, answer: Answer) -> None:
        """The first answer counts; later ones are repeats."""
        if self.answer is None:
            self.answer, self.answered = answer, now()
        else:
            self.repeats.append(answer)

    def operations(self) -> list[Call]:
        """All tries of an accepted call are one operation. A refusal is not remembered by the
        service: it belongs to the last try, and the lost ones before it stay unknown."""
        if not self.tries:
            return []
        first, last = self.tries[0], self.tries[-1]
        if self.answer is None:
            return [] if isinstance(self.request, LookUp) else [self._unknown(first)]
        if isinstance(self.answer, No) and len(self.tries) > 1:
            refused = of(self.request, last, self.answer, self.answered, client=self.client)
            return [self._unknown(first), refused]
        return [
            of(
                self.request,
                first,
                self.answer,
                self.answered,
                client=self.client,
                repeats=self.repeats,
            )
        ]

    def _unknown(self, invoked: float) -> Call:
        return of(self.request, invoked, client=self.client)


@dataclass(frozen=True, slots=True)
class Sold:
    """A voucher as its buyer knows it."""

    voucher_id: str
    serial: str
    code: str
    value: int


@dataclass(slots=True)
class Records:
    """All calls, by voucher."""

    askings: dict[Sold, list[Asking]] = field(default_factory=lambda: defaultdict(list))

    def begin(self, voucher: Sold, client: str, request: Request) -> Asking:
        asking = Asking(client, request)
        self.askings[voucher].append(asking)
        return asking

    def history(self, voucher: Sold) -> list[Call]:
        return [call for asking in self.askings[voucher] for call in asking.operations()]

    def answers(self) -> int:
        return sum(asking.answer is not None for each in self.askings.values() for asking in each)

    def unknown(self) -> int:
        return sum(
            call.answer is None for voucher in self.askings for call in self.history(voucher)
        )

    def lost_tries(self) -> int:
        """Tries whose answer never came, though most of their calls were answered in the end."""
        return sum(
            len(asking.tries) - (asking.answer is not None)
            for each in self.askings.values()
            for asking in each
        )

    def kinds(self) -> str:
        """How often what was asked and answered how: `Redeem 120 (31 refused)`."""
        asked, refused = Counter[str](), Counter[str]()
        for asking in (asking for each in self.askings.values() for asking in each):
            name = type(asking.request).__name__
            asked[name] += 1
            refused[name] += isinstance(asking.answer, No)
        return ", ".join(f"{name} {asked[name]} ({refused[name]} refused)" for name in asked)

    def repeats(self) -> int:
        return sum(len(asking.repeats) for each in self.askings.values() for asking in each)


def faults(records: Records, folder: Path) -> list[str]:
    """One sentence for each voucher whose history cannot be explained; the history goes into
    `folder`, to be read."""
    found = []
    for voucher, history in ((voucher, records.history(voucher)) for voucher in records.askings):
        verdict = check(VoucherModel(voucher.value), history)
        if isinstance(verdict, Linearizable):
            continue
        reason = verdict.reason if isinstance(verdict, Refused) else f"undecided: {verdict}"
        path = folder / f"{voucher.voucher_id}.txt"
        path.write_text(_report(voucher, history, reason), encoding="utf-8")
        found.append(f"{voucher.voucher_id}: {reason}\nThe whole history: {path}")
    return found


def _report(voucher: Sold, history: Sequence[Call], reason: str) -> str:
    head = f"{voucher.voucher_id} ({voucher.serial}), {voucher.value} minor units\n\n{reason}\n\n"
    return head + "asked at   answered   client, request, answer\n" + readable(history, say=_say)


def _say(call: Call) -> str:
    repeats = f" repeated: {list(call.repeats)}" if call.repeats else ""
    return f"{call.client}: {call.request} → {call.answer or ''}{repeats}"
