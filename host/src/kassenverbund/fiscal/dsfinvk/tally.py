"""Keeps count of what was checked, and what was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from kassenverbund.fiscal.dsfinvk.rules import RULES
from kassenverbund.fiscal.verdicts import Finding

SHOWN_MAX: Final = 1000
"""Of one rule's breaches so many are told one by one; all are counted."""


class Tally:
    """Counts what was checked, and keeps what is to be told until somebody takes it."""

    def __init__(self) -> None:
        self._checked: Counter[str] = Counter()
        self._broken: Counter[str] = Counter()
        self._waiting: list[Finding] = []

    def held(self, rule: str, times: int = 1) -> None:
        self._checked[rule] += times

    def check(self, holds: bool, rule: str, item: str, detail: str = "") -> None:
        self._checked[rule] += 1
        if not holds:
            self._break(rule, item, detail)

    def broke(self, rule: str, item: str, detail: str = "") -> None:
        self.check(False, rule, item, detail)

    def _break(self, rule: str, item: str, detail: str) -> None:
        self._broken[rule] += 1
        if self._broken[rule] <= SHOWN_MAX:
            self._waiting.append(Finding(item, rule, detail))

    def told(self, item: str, code: str, detail: str = "") -> None:
        """A verdict that is no rule's."""
        self._waiting.append(Finding(item, code, detail))

    def is_broken(self, *rules: str) -> bool:
        return any(self._broken[rule] for rule in rules)

    def take(self) -> Iterator[Finding]:
        """What was found since the last time."""
        waiting, self._waiting = self._waiting, []
        yield from waiting

    def end(self, item: str) -> Iterator[Finding]:
        """The rules that held, with how often they were checked, and what was not told."""
        for rule in RULES:
            if broken := self._broken[rule]:
                if broken > SHOWN_MAX:
                    yield Finding(item, "more_of_this", f"{rule}: {broken - SHOWN_MAX}")
            elif checked := self._checked[rule]:
                yield Finding(item, f"{rule}.holds", f"{checked}×")
