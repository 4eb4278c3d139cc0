"""Between a request and a device: what is still to be done, what was done, and what nobody
asked for.

A TSE knows no idempotency key. What it does have is a counter and its own log: the logs above the
last counter that we recorded are, in order, what it did of the request. Whatever they do not
match is kept as surplus.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime

from fiscal_signer.commands import Done, Identity, NotDone
from fiscal_signer.country import Country, Finished, Process
from fiscal_signer.decider import Segment
from fiscal_signer.events import Step
from fiscal_signer.ports import (
    AlreadyDone,
    DeviceStep,
    FinishTransaction,
    Refused,
    RegisterClient,
    Signed,
    StartTransaction,
    Tse,
    TseError,
    TseFault,
)

REGISTER_OPERATION = "registerClient"
_OPERATIONS = {
    "register": REGISTER_OPERATION,
    "start": "StartTransaction",
    "finish": "FinishTransaction",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """Limits of a driver. Seconds of wall clock, counts of tries."""

    call_s: float = 5.0
    """How long one call of a device may take, apart from its steps."""
    step_s: float = 0.25
    """What each step may add: slow devices take 50 to 250 ms for a signature."""
    tries_max: int = 3
    """How often a request is brought to a device before it counts as out."""
    pause_s: float = 0.05
    """Before the second try; doubled before each further one."""
    lease_s: float = 4.0
    """How long a device stays ours without a renewal; also how long a kill -9 keeps it."""
    probe_s: float = 5.0
    """When a device that is out is tried for the first time, away from any sale; doubled after
    each try that failed."""
    probe_max_s: float = 60.0
    """The longest pause between two tries: an outage is told to be over so much too late."""
    steady_s: float = 300.0
    """A device that is out again so soon after its return flaps: it has to answer more probes,
    with longer pauses, before it gets bookings again."""
    idle_s: float = 90.0
    """A device is not taken for a probe or a chore from a process that drove it a moment ago."""
    patience_s: float = 6.0
    """After so long no further try of a request begins: people wait."""
    segment_events_max: int = 4_000
    """When the books of a segment are closed."""


class Answers:
    """What is known of the steps of one request."""

    def __init__(self, segment: Segment) -> None:
        self.segment = segment
        self.known: dict[str, Signed | Refused | AlreadyDone] = {}
        self.surplus: list[Signed] = []

    def left(self) -> list[Step]:
        """The steps whose outcome is not known, in order."""
        return [step for name, step in self.segment.pending.items() if name not in self.known]

    def number_of(self, step: Step) -> int | None:
        """The transaction that a finish ends, where it is known already."""
        if step.transaction_number is not None:
            return step.transaction_number
        start = self.known.get(f"{step.booking_id}/start")
        return start.transaction_number if isinstance(start, Signed) else None

    def found(self, logs: list[Signed]) -> None:
        """Match the device's logs with the steps. Both are in order, so one pass does it."""
        self.known = {
            name: answer for name, answer in self.known.items() if not isinstance(answer, Signed)
        }
        self.surplus = []
        steps = self.left()
        at = 0
        for log in logs:
            match = next(
                (index for index in range(at, len(steps)) if self._fits(steps[index], log)), None
            )
            if match is None:
                self.surplus.append(log)
                continue
            self.known[steps[match].step_id] = log
            at = match + 1

    def gapless(self) -> bool:
        """Whether the counters go on without a gap where the log stands. Devices use counters
        for themselves in between (audits, an administrator's log-in)."""
        made = [one for one in self.known.values() if isinstance(one, Signed)]
        counters = sorted(log.signature_counter for log in [*made, *self.surplus])
        first = self.segment.counter + 1
        return counters == list(range(first, first + len(counters)))

    def cut_at_a_gap(self) -> None:
        """Forget what the device did behind a counter that it can't be asked about now. It says
        all of it when it is back; a counter that was passed over would stay unexplained."""
        counters = {one.signature_counter for one in (*self.known.values(), *self.surplus)
                    if isinstance(one, Signed)}  # fmt: skip
        end = self.segment.counter + 1
        while end in counters:
            end += 1
        self.known = {
            name: answer
            for name, answer in self.known.items()
            if not isinstance(answer, Signed) or answer.signature_counter < end
        }
        self.surplus = [log for log in self.surplus if log.signature_counter < end]

    def explain(self, logs: list[Signed]) -> None:
        """What the device did beside the answers that it gave."""
        own = {one.signature_counter for one in self.known.values() if isinstance(one, Signed)}
        self.surplus = [log for log in logs if log.signature_counter not in own]

    def _fits(self, step: Step, log: Signed) -> bool:
        if log.operation != _OPERATIONS[step.operation] or log.client_id != step.client_id:
            return False
        if step.operation != "finish":
            return True
        return (
            log.transaction_number == self.number_of(step)
            and log.process_type == step.process_type
            and log.process_data == step.process_data
        )

    def done(self, country: Country, identity: Identity) -> dict[str, Done | NotDone]:
        """For the decider, with the marks that receipts would carry."""
        outcome: dict[str, Done | NotDone] = {}
        public_key = base64.b64decode(identity.public_key)
        for name, step in self.segment.pending.items():
            match self.known.get(name):
                case Signed() as signed:
                    outcome[name] = self._done(step, signed, country, identity, public_key)
                case Refused(code):
                    outcome[name] = NotDone(code.value)
                case AlreadyDone():
                    outcome[name] = NotDone()
                case None:
                    continue
        return outcome

    def _done(
        self, step: Step, signed: Signed, country: Country, identity: Identity, public_key: bytes
    ) -> Done:
        if step.operation != "finish" or step.purpose == "abandon":
            return Done(signed)
        assert signed.transaction_number is not None  # A transaction log always has one.
        start_time = self._start_time(step)
        finished = Finished(
            client_id=step.client_id,
            process=Process(step.process_type, step.process_data),
            transaction_number=signed.transaction_number,
            signature_counter=signed.signature_counter,
            start_time=start_time,
            log_time=signed.log_time,
            algorithm=identity.algorithm,
            time_format=identity.time_format,
            value=signed.value,
            public_key=public_key,
        )
        return Done(signed, qr=country.mark(finished), start_time=start_time)

    def _start_time(self, step: Step) -> datetime:
        start = self.known.get(f"{step.booking_id}/start")
        if isinstance(start, Signed):
            return start.log_time
        return self.segment.open[step.booking_id].start_time


async def ask_device(device: Tse, answers: Answers) -> None:
    """Let the device say what it has done of the request. Raises `TseFault`, also for a device
    that knows less than it once told us."""
    answers.found(await _logs_of(device, answers.segment.counter))


async def ask_about_gaps(device: Tse, answers: Answers) -> None:
    """Let the device say what it used its other counters for. Raises `TseFault`."""
    answers.explain(await _logs_of(device, answers.segment.counter))


async def _logs_of(device: Tse, counter: int) -> list[Signed]:
    info = await device.info()
    if info.signature_counter < counter:
        raise TseFault(
            TseError.MEMORY_LOST, f"it counts {info.signature_counter}, we have seen {counter}"
        )
    logs: list[Signed] = []
    while counter < info.signature_counter:
        page = await device.logs_after(counter)
        if not page:
            raise TseFault(TseError.MEMORY_LOST, f"no log message above counter {counter}")
        logs.extend(page)
        counter = page[-1].signature_counter
    return logs


async def call_device(device: Tse, answers: Answers, *, now: datetime) -> None:
    """Have the device do what is left of the request. What can't be in time any more is not
    asked for. Raises `TseFault`."""
    steps, calls = _calls(answers, now)
    if not steps:
        return
    results = await device.execute(calls)
    if len(results) != len(steps):
        raise TseFault(TseError.UNREACHABLE, "not one answer per step")
    for step, result in zip(steps, results, strict=True):
        answers.known[step.step_id] = result


def _calls(answers: Answers, now: datetime) -> tuple[list[Step], list[DeviceStep]]:
    steps: list[Step] = []
    calls: list[DeviceStep] = []
    starts: dict[str, int] = {}
    for step in answers.left():
        if step.sign_by is not None and now > step.sign_by:
            answers.known[step.step_id] = Refused(TseError.TOO_LATE)
            continue
        match step.operation:
            case "register":
                calls.append(RegisterClient(step.client_id))
            case "start":
                starts[step.booking_id] = len(calls)
                name = f"{answers.segment.request_id}/{step.step_id}"
                calls.append(StartTransaction(step.client_id, name))
            case "finish":
                start = answers.known.get(f"{step.booking_id}/start")
                if step.transaction_number is None and isinstance(start, Refused):
                    answers.known[step.step_id] = start
                    continue
                number = answers.number_of(step)
                calls.append(
                    FinishTransaction(
                        client_id=step.client_id,
                        process_type=step.process_type,
                        process_data=step.process_data,
                        transaction_number=number,
                        of_step=None if number is not None else starts.get(step.booking_id),
                    )
                )
        steps.append(step)
    return steps, calls
