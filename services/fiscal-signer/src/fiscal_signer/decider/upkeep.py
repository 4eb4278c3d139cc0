"""Stream `tse-{id}/upkeep`: how a device is, and what somebody has to look after. Pure.

About one event a day, and one per warning: a device's whole life is a few thousand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import assert_never

from events import Decider, Event
from fiscal_signer.events import TseChecked, TseWarned, TseWarningEnded, WarningName

CERTIFICATE_STAGES = (timedelta(days=90), timedelta(days=30), timedelta(days=7))
"""So long before its end a certificate is warned of. A new device takes weeks to get."""
SIGNATURES_STAGES = (80, 90, 97)
"""Per cent of the signatures that a device makes in its life."""
STORAGE_STAGES = (70, 85, 95)
"""Per cent of a device's storage."""
DRIFT_STAGES = (timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10))
"""A receipt shows the device's time: more than half a minute off is seen."""
EXPORT_STAGES = (timedelta(days=14), timedelta(days=30), timedelta(days=90))
"""So long a log message may stand in the device alone."""
OUTAGE_STAGES = (timedelta(minutes=2), timedelta(hours=2), timedelta(hours=24))
"""A remedy is due without delay (AEAO to § 146a, 1.14.4)."""


def upkeep_stream(tse_id: str) -> str:
    return f"tse-{tse_id}/upkeep"


def read_stream(tse_id: str) -> str:
    """Where `signature.surplus_read` stands. Facts that depend on nothing: no state."""
    return f"tse-{tse_id}/read"


@dataclass(frozen=True, slots=True)
class Notice:
    """What was seen of one warning. `stage` 0: all is well."""

    stage: int
    detail: str = ""
    until: datetime | None = None


WELL = Notice(0)


@dataclass(frozen=True, slots=True)
class Active:
    """A warning that has not ended."""

    stage: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Upkeep:
    self_tested_at: datetime | None = None
    time_set_at: datetime | None = None
    exported_at: datetime | None = None
    checked_at: datetime | None = None
    warnings: Mapping[WarningName, Active] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RecordCheck:
    """What a look at the device came to. `checked` None: only warnings are looked at; a warning
    that is not in `noticed` was not looked at."""

    tse_id: str
    store_id: str
    now: datetime
    noticed: Mapping[WarningName, Notice]
    checked: TseChecked | None = None


def decide(command: RecordCheck, upkeep: Upkeep) -> Sequence[Event]:
    """A warning is said when it begins and with each higher stage, and once when it is over."""
    facts: list[Event] = [] if command.checked is None else [command.checked]
    for warning, notice in command.noticed.items():
        active = upkeep.warnings.get(warning)
        if notice.stage > (active.stage if active else 0):
            facts.append(
                TseWarned(
                    tse_id=command.tse_id,
                    store_id=command.store_id,
                    warning=warning,
                    stage=notice.stage,
                    detail=notice.detail,
                    since=active.since if active else command.now,
                    until=notice.until,
                )
            )
        elif active and not notice.stage:
            facts.append(
                TseWarningEnded(
                    tse_id=command.tse_id,
                    store_id=command.store_id,
                    warning=warning,
                    ended_at=command.now,
                )
            )
    return facts


def evolve(upkeep: Upkeep, event: TseChecked | TseWarned | TseWarningEnded) -> Upkeep:
    match event:
        case TseChecked():
            at = event.checked_at
            return replace(
                upkeep,
                checked_at=at,
                self_tested_at=at if "self_test" in event.done else upkeep.self_tested_at,
                time_set_at=at if "time" in event.done else upkeep.time_set_at,
                exported_at=at if "export" in event.done else upkeep.exported_at,
            )
        case TseWarned():
            active = Active(event.stage, event.since)
            return replace(upkeep, warnings={**upkeep.warnings, event.warning: active})
        case TseWarningEnded():
            left = {name: one for name, one in upkeep.warnings.items() if name != event.warning}
            return replace(upkeep, warnings=left)
        case _:
            assert_never(event)


UPKEEP: Decider[RecordCheck, Upkeep] = Decider(initial=Upkeep(), decide=decide, evolve=evolve)


# -- from figures to notices -------------------------------------------------------------------


def of_certificate(until: datetime, now: datetime) -> Notice:
    """How near a certificate's end is."""
    left = until - now
    stage = sum(left <= limit for limit in CERTIFICATE_STAGES)
    return Notice(stage, f"{max(left.days, 0)} days left", until) if stage else WELL


def of_signatures(made: int, most: int) -> Notice:
    """How much of its life a device has signed away."""
    return _of_share("signatures", made, most, SIGNATURES_STAGES)


def of_storage(used: int, most: int) -> Notice:
    """How full a device is."""
    return _of_share("bytes", used, most, STORAGE_STAGES)


def of_drift(drift: timedelta) -> Notice:
    """How far a device's clock is off."""
    stage = sum(abs(drift) >= limit for limit in DRIFT_STAGES)
    seconds = round(drift.total_seconds())
    return (
        Notice(stage, f"{abs(seconds)} s {'ahead' if seconds > 0 else 'behind'}")
        if stage
        else (WELL)
    )


def of_unread(oldest: datetime | None, now: datetime) -> Notice:
    """How long a log message stands in the device alone; None: none does."""
    waits = timedelta() if oldest is None else now - oldest
    stage = sum(waits >= limit for limit in EXPORT_STAGES)
    return Notice(stage, f"not exported for {waits.days} days") if stage else WELL


def of_outage(began_at: datetime | None, reason: str, now: datetime) -> Notice:
    """How long a device has been out; None: it is not."""
    lasts = timedelta() if began_at is None else now - began_at
    stage = sum(lasts >= limit for limit in OUTAGE_STAGES)
    return Notice(stage, reason) if stage else WELL


def _of_share(what: str, used: int, most: int, stages: Sequence[int]) -> Notice:
    stage = sum(used * 100 >= limit * most for limit in stages)
    return Notice(stage, f"{used} of {most} {what}") if stage else WELL
