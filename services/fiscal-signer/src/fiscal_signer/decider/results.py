"""From a device's answers to facts."""

from __future__ import annotations

import base64
from collections.abc import Sequence

from events import Event
from fiscal_signer.commands import Done, EndOutage, NotDone, RecordAnswers
from fiscal_signer.decider.closings import closing_of
from fiscal_signer.decider.refusals import AnswersMissing
from fiscal_signer.decider.state import Segment
from fiscal_signer.events import (
    ClientRefused,
    ClientRegistered,
    LeftUnsigned,
    OutageBegan,
    OutageEnded,
    SignatureMade,
    SignatureNotStarted,
    SignatureStarted,
    SignatureSurplus,
    Step,
    TransactionAbandoned,
)
from fiscal_signer.ports import Signed


class Results:
    """Answers → facts, in counter order."""

    def __init__(self, command: RecordAnswers, segment: Segment) -> None:
        self._command = command
        self._segment = segment
        self._facts: list[tuple[int, Event]] = []
        self._counter = segment.counter

    def events(self) -> Sequence[Event]:
        segment, command = self._segment, self._command
        began = command.outage if segment.outage is None else None
        for step in segment.pending.values():
            answer = command.answers.get(step.step_id)
            if answer is None and command.outage is None:
                raise AnswersMissing(step.step_id)
            self._one(step, answer)
        for log in command.surplus:
            surplus = _surplus(segment, log, reason=_reason(log))
            self._facts.append((log.signature_counter, surplus))
        # Sorting is stable: what has no counter of its own stays behind what it followed.
        ordered = [event for _, event in sorted(self._facts, key=lambda fact: fact[0])]
        if began is None:
            return ordered
        outage = OutageBegan(
            outage_id=began.outage_id,
            tse_id=segment.tse_id,
            store_id=segment.store_id,
            reason=began.reason,
            began_at=command.now,
        )
        return [outage, *ordered]

    def _one(self, step: Step, answer: Done | NotDone | None) -> None:
        if isinstance(answer, Done):
            self._counter = answer.signed.signature_counter
            for event in self._done(step, answer):
                self._facts.append((self._counter, event))
            return
        reason = "outage" if answer is None else answer.code
        fact = self._not_done(step, reason)
        if fact is not None:
            self._facts += [(self._counter, each) for each in self._told(step, fact)]

    def _told(self, step: Step, fact: Event) -> Sequence[Event]:
        """A verdict on a closing is told once more, as such."""
        if step.purpose == "closing" and isinstance(fact, SignatureMade | LeftUnsigned):
            return (fact, closing_of(fact, step.z_number, now=self._command.now))
        return (fact,)

    def _done(self, step: Step, answer: Done) -> Sequence[Event]:
        segment, signed = self._segment, answer.signed
        log = base64.b64encode(signed.log_message).decode()
        if step.operation == "register":
            return (
                ClientRegistered(
                    tse_id=segment.tse_id,
                    store_id=segment.store_id,
                    client_id=step.client_id,
                    signature_counter=signed.signature_counter,
                    log_message=log,
                    registered_at=signed.log_time,
                ),
            )
        assert signed.transaction_number is not None  # A transaction log always has one.
        if step.operation == "start":
            return (
                SignatureStarted(
                    booking_id=step.booking_id,
                    store_id=segment.store_id,
                    till_id=step.till_id,
                    tse_id=segment.tse_id,
                    client_id=step.client_id,
                    transaction_number=signed.transaction_number,
                    signature_counter=signed.signature_counter,
                    start_time=signed.log_time,
                    value=base64.b64encode(signed.value).decode(),
                    log_message=log,
                ),
            )
        if step.purpose == "abandon":
            return (
                TransactionAbandoned(
                    tse_id=segment.tse_id,
                    store_id=segment.store_id,
                    booking_id=step.booking_id,
                    client_id=step.client_id,
                    transaction_number=signed.transaction_number,
                    signature_counter=signed.signature_counter,
                    log_message=log,
                ),
            )
        if step.sign_by is not None and self._command.now > step.sign_by:
            late = _surplus(segment, signed, reason="too_late", booking_id=step.booking_id)
            return (*self._told(step, self._left_unsigned(step, "too_late")), late)
        return self._told(step, self._made(step, answer, signed.transaction_number, log))

    def _made(self, step: Step, answer: Done, number: int, log: str) -> SignatureMade:
        segment, identity, signed = self._segment, self._command.identity, answer.signed
        assert identity is not None  # Whoever has an answer has asked the device.
        assert answer.start_time is not None  # handlers.py knows the start of what it finished.
        return SignatureMade(
            booking_id=step.booking_id,
            store_id=segment.store_id,
            till_id=step.till_id,
            tse_id=segment.tse_id,
            tse_serial=identity.serial,
            certified=identity.certified,
            client_id=step.client_id,
            transaction_number=number,
            signature_counter=signed.signature_counter,
            start_time=answer.start_time,
            log_time=signed.log_time,
            process_type=step.process_type,
            process_data=step.process_data,
            algorithm=identity.algorithm,
            time_format=identity.time_format,
            value=base64.b64encode(signed.value).decode(),
            public_key=identity.public_key,
            qr=answer.qr,
            log_message=log,
            aborted=step.purpose == "abort",
        )

    def _not_done(self, step: Step, reason: str) -> Event | None:
        segment = self._segment
        ids = {"tse_id": segment.tse_id, "store_id": segment.store_id, "client_id": step.client_id}
        if step.operation == "register":
            if not reason:
                return ClientRegistered(**ids, registered_at=self._command.now)
            return None if reason == "outage" else ClientRefused(**ids, reason=reason)
        if step.operation == "start":
            if step.purpose != "start":
                return None  # The finish behind it carries the verdict.
            return SignatureNotStarted(
                **ids, booking_id=step.booking_id, till_id=step.till_id, reason=reason
            )
        if step.purpose == "abandon":
            if reason == "outage":
                return None  # It stays an orphan and is tried again when the device is back.
            assert step.transaction_number is not None
            return TransactionAbandoned(
                **ids,
                booking_id=step.booking_id,
                transaction_number=step.transaction_number,
                reason=reason,
            )
        return self._left_unsigned(step, reason)

    def _left_unsigned(self, step: Step, reason: str) -> LeftUnsigned:
        outage = self._command.outage if reason == "outage" else None
        return LeftUnsigned(
            booking_id=step.booking_id,
            store_id=self._segment.store_id,
            till_id=step.till_id,
            tse_id=self._segment.tse_id,
            client_id=step.client_id,
            reason=reason,
            detail=outage.reason if outage else "",
            outage_id=outage.outage_id if outage else None,
            process_type=step.process_type,
            process_data=step.process_data,
            aborted=step.purpose == "abort",
            decided_at=self._command.now,
        )


def end_outage(command: EndOutage, segment: Segment) -> Sequence[Event]:
    outage = segment.outage
    if outage is None:
        return ()
    surplus = [_surplus(segment, log, reason=_reason(log)) for log in command.surplus]
    ended = OutageEnded(
        outage_id=outage.outage_id,
        tse_id=segment.tse_id,
        store_id=segment.store_id,
        ended_at=command.now,
    )
    return [*surplus, ended]


def _reason(log: Signed) -> str:
    return "unexplained" if log.transaction_number is not None else "system"


def _surplus(
    segment: Segment, log: Signed, *, reason: str, booking_id: str = ""
) -> SignatureSurplus:
    return SignatureSurplus.model_validate(
        {
            "tse_id": segment.tse_id,
            "store_id": segment.store_id,
            "booking_id": booking_id or _booking_of(segment, log.transaction_number),
            "reason": reason,
            "operation": log.operation,
            "client_id": log.client_id,
            "transaction_number": log.transaction_number,
            "signature_counter": log.signature_counter,
            "log_time": log.log_time,
            "log_message": base64.b64encode(log.log_message).decode(),
        }
    )


def _booking_of(segment: Segment, number: int | None) -> str:
    if number is None:
        return ""
    if number in segment.orphans:
        return segment.orphans[number].booking_id
    found = (entry for entry in segment.open.values() if entry.transaction_number == number)
    return next((entry.booking_id for entry in found), "")
