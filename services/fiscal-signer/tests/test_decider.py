"""What one segment of a signature log allows."""

from __future__ import annotations

from datetime import timedelta

import pytest

from events.testing.scenario import Scenario
from fiscal_signer.commands import (
    CloseSegment,
    Done,
    EndOutage,
    Identity,
    Job,
    NotDone,
    Outage,
    RecordAnswers,
    RequestSignatures,
    SegmentCommand,
    TakeOver,
)
from fiscal_signer.country import Process
from fiscal_signer.decider import (
    AnswersMissing,
    Overtaken,
    RequestOpen,
    Segment,
    SegmentIsClosed,
    claims_of,
    decider_from,
)
from fiscal_signer.events import (
    LeftUnsigned,
    OutageBegan,
    OutageEnded,
    SegmentClosed,
    SegmentOpened,
    SignatureMade,
    SignatureNotStarted,
    SignaturesRequested,
    SignatureStarted,
    SignatureSurplus,
    Step,
    TakenOver,
    TransactionAbandoned,
)
from fiscal_signer.ports import Signed
from fiscal_signer.testing import NOON

OPENED = SegmentOpened(
    tse_id="tse-berlin", store_id="berlin", segment=1, epoch=1, counter=2, transaction=0,
    clients=("KV-1",), opened_at=NOON,
)  # fmt: skip
segment: Scenario[SegmentCommand, Segment] = Scenario(decider_from(OPENED))

RECEIPT = Process("Kassenbeleg-V1", "Beleg^1.00_0.00_0.00_0.00_0.00^1.00:Bar")
ABORTED = Process("Kassenbeleg-V1", "AVBelegabbruch^0.00_0.00_0.00_0.00_0.00^")
IDENTITY = Identity("ab" * 32, False, "ecdsa-plain-SHA384", "unixTime", "BA==")
LATER = NOON + timedelta(minutes=1)
IDS = {"store_id": "berlin", "till_id": "t1", "tse_id": "tse-berlin", "client_id": "KV-1"}


def start(booking: str = "b1") -> Job:
    return Job(job_id=f"s-{booking}", kind="start", client_id="KV-1", booking_id=booking,
               till_id="t1")  # fmt: skip


def receipt(booking: str = "b1", *, refusal: str = "") -> Job:
    return Job(
        job_id=f"r-{booking}", kind="receipt", client_id="KV-1", booking_id=booking, till_id="t1",
        process=RECEIPT, sign_by=NOON + timedelta(seconds=30), refusal=refusal,
    )  # fmt: skip


def request(*jobs: Job, epoch: int = 1, late: bool = False) -> RequestSignatures:
    return RequestSignatures(epoch, "q1", jobs, ABORTED, LATER if late else NOON)


def start_step(booking: str = "b1", *, purpose: str = "start") -> Step:
    return Step.model_validate(
        {"step_id": f"{booking}/start", "operation": "start", "purpose": purpose,
         "client_id": "KV-1", "booking_id": booking, "till_id": "t1",
         "sign_by": None if purpose == "start" else NOON + timedelta(seconds=30)}
    )  # fmt: skip


def finish_step(booking: str = "b1", number: int | None = 1) -> Step:
    return Step(
        step_id=f"{booking}/finish", operation="finish", purpose="receipt", client_id="KV-1",
        booking_id=booking, till_id="t1", transaction_number=number,
        process_type=RECEIPT.type, process_data=RECEIPT.data,
        sign_by=NOON + timedelta(seconds=30),
    )  # fmt: skip


def requested(*steps: Step) -> SignaturesRequested:
    return SignaturesRequested(
        tse_id="tse-berlin", store_id="berlin", request_id="q1", steps=steps, requested_at=NOON
    )


def log(operation: str, counter: int, number: int = 1) -> Signed:
    return Signed(operation, counter, NOON, b"v", b"log", "KV-1", number)


def was_started(booking: str = "b1", counter: int = 3, number: int = 1) -> SignatureStarted:
    return SignatureStarted(
        **IDS, booking_id=booking, transaction_number=number, signature_counter=counter,
        start_time=NOON, value="dg==", log_message="bG9n",
    )  # fmt: skip


def was_made(booking: str = "b1", counter: int = 4, number: int = 1) -> SignatureMade:
    return SignatureMade(
        **IDS, booking_id=booking, tse_serial=IDENTITY.serial, certified=False,
        transaction_number=number, signature_counter=counter, start_time=NOON, log_time=NOON,
        process_type=RECEIPT.type, process_data=RECEIPT.data, algorithm=IDENTITY.algorithm,
        time_format="unixTime", value="dg==", public_key="BA==", qr="V0;…", log_message="bG9n",
    )  # fmt: skip


def left(booking: str = "b1", reason: str = "too_late", outage: str | None = None) -> LeftUnsigned:
    return LeftUnsigned(
        **IDS, booking_id=booking, reason=reason, outage_id=outage,
        detail="unreachable" if outage else "", process_type=RECEIPT.type,
        process_data=RECEIPT.data, decided_at=NOON if reason != "too_late" else LATER,
    )  # fmt: skip


OUTAGE = OutageBegan(
    outage_id="o1", tse_id="tse-berlin", store_id="berlin", reason="unreachable", began_at=NOON
)


def answers(late: bool = False, **known: Done | NotDone) -> RecordAnswers:
    named = {name.replace("_", "/"): answer for name, answer in known.items()}
    return RecordAnswers(1, IDENTITY, LATER if late else NOON, named)


FINISHED = Done(log("FinishTransaction", 4), qr="V0;…", start_time=NOON)
STARTED = Done(log("StartTransaction", 3))


def test_a_start_becomes_an_intent() -> None:
    segment.when(request(start())).then(requested(start_step()))


def test_a_receipt_ends_the_transaction_of_its_start() -> None:
    segment.given(was_started()).when(request(receipt())).then(requested(finish_step()))


def test_a_receipt_without_a_start_begins_and_ends_one() -> None:
    begin, end = start_step(purpose="receipt"), finish_step(number=None)
    segment.when(request(receipt())).then(requested(begin, end))


def test_start_and_receipt_in_one_request_are_one_transaction() -> None:
    begin, end = start_step(), finish_step(number=None)
    segment.when(request(start(), receipt())).then(requested(begin, end))


def test_a_start_that_was_made_is_not_made_again() -> None:
    segment.given(was_started()).when(request(start())).then_nothing()


def test_the_same_job_twice_in_one_request_counts_once() -> None:
    twice = request(start(), start(), receipt(), receipt())
    segment.when(twice).then(requested(start_step(), finish_step(number=None)))


def test_a_late_receipt_needs_no_device() -> None:
    segment.when(request(receipt(), late=True)).then(left())


def test_a_booking_that_begins_and_is_late_in_one_request_is_not_begun() -> None:
    not_started = SignatureNotStarted(**IDS, booking_id="b1", reason="too_late")
    segment.when(request(start(), receipt(), late=True)).then(not_started, left())


def test_while_a_request_is_open_there_is_no_other() -> None:
    segment.given(requested(start_step())).when(request(receipt("b2"))).then_refused(RequestOpen)


def test_an_answered_start_is_recorded() -> None:
    done = segment.given(requested(start_step())).when(answers(b1_start=STARTED))
    done.then(was_started())
    assert done.state.counter == 3
    assert not done.state.pending


def test_an_answered_receipt_is_the_verdict() -> None:
    asked = segment.given(was_started(), requested(finish_step()))
    done = asked.when(answers(b1_finish=FINISHED)).then(was_made())
    assert not done.state.open
    assert not done.state.orphans


def test_a_signature_after_sign_by_is_surplus_and_no_verdict() -> None:
    asked = segment.given(was_started(), requested(finish_step()))
    surplus = SignatureSurplus(
        tse_id="tse-berlin", store_id="berlin", booking_id="b1", reason="too_late",
        operation="FinishTransaction", client_id="KV-1", transaction_number=1,
        signature_counter=4, log_time=NOON, log_message="bG9n",
    )  # fmt: skip
    done = asked.when(answers(late=True, b1_finish=FINISHED)).then(left(), surplus)
    assert not done.state.open
    assert not done.state.orphans


def test_without_every_answer_nothing_is_recorded() -> None:
    asked = segment.given(requested(start_step(), start_step("b2")))
    asked.when(answers(b1_start=STARTED)).then_refused(AnswersMissing)


def test_a_step_that_the_device_refuses_is_said_with_its_code() -> None:
    asked = segment.given(was_started(), requested(finish_step()))
    done = asked.when(answers(b1_finish=NotDone("parameter_mismatch")))
    done.then(left(reason="parameter_mismatch"))
    assert list(done.state.orphans) == [1]


def test_an_outage_ends_the_request_with_verdicts() -> None:
    asked = segment.given(was_started(), requested(finish_step(), start_step("b2")))
    out = RecordAnswers(1, None, NOON, {}, (), Outage("o1", "unreachable"))
    not_started = SignatureNotStarted(**IDS, booking_id="b2", reason="outage")
    done = asked.when(out).then(OUTAGE, left(reason="outage", outage="o1"), not_started)
    assert list(done.state.orphans) == [1]
    assert not done.state.pending


def test_during_an_outage_verdicts_name_it() -> None:
    during = segment.given(OUTAGE).when(request(receipt()))
    during.then(left(reason="outage", outage="o1"))


def test_the_end_of_an_outage_is_recorded_once() -> None:
    ended = OutageEnded(outage_id="o1", tse_id="tse-berlin", store_id="berlin", ended_at=NOON)
    segment.given(OUTAGE).when(EndOutage(1, NOON)).then(ended)
    segment.given(OUTAGE, ended).when(EndOutage(1, NOON)).then_nothing()


def test_what_lost_its_booking_is_ended_with_the_next_request() -> None:
    asked = segment.given(was_started(), left()).when(request(start("b2")))
    abandon = Step(
        step_id="1/abandon", operation="finish", purpose="abandon", client_id="KV-1",
        booking_id="b1", transaction_number=1, process_type=ABORTED.type,
        process_data=ABORTED.data,
    )  # fmt: skip
    asked.then(requested(abandon, start_step("b2")))


def test_an_abandoned_transaction_is_gone() -> None:
    gone = TransactionAbandoned(
        tse_id="tse-berlin", store_id="berlin", booking_id="b1", client_id="KV-1",
        transaction_number=1, signature_counter=4,
    )  # fmt: skip
    segment.given(was_started(), left(), gone).when(request()).then_nothing()


@pytest.mark.parametrize(
    "command",
    [request(start()), RecordAnswers(1, None, NOON), EndOutage(1, NOON), CloseSegment(1)],
)
def test_whoever_has_an_older_epoch_writes_nothing(command: SegmentCommand) -> None:
    taken = TakenOver(tse_id="tse-berlin", store_id="berlin", epoch=2, taken_at=NOON)
    segment.given(taken).when(command).then_refused(Overtaken)
    segment.given(taken).when(TakeOver(1, NOON)).then_refused(Overtaken)


def test_a_take_over_moves_the_fence_once() -> None:
    taken = TakenOver(tse_id="tse-berlin", store_id="berlin", epoch=2, taken_at=NOON)
    segment.when(TakeOver(2, NOON)).then(taken)
    segment.given(taken).when(TakeOver(2, NOON)).then_nothing()


@pytest.mark.parametrize(
    "command",
    [request(start()), TakeOver(2, NOON), RecordAnswers(1, None, NOON), CloseSegment(1)],
)
def test_in_a_closed_segment_nothing_happens(command: SegmentCommand) -> None:
    closed = SegmentClosed(tse_id="tse-berlin", segment=1)
    segment.given(closed).when(command).then_refused(SegmentIsClosed)


def test_a_segment_with_an_open_request_is_not_closed() -> None:
    segment.given(requested(start_step())).when(CloseSegment(1)).then_refused(RequestOpen)


def test_a_booking_claims_its_start_and_its_verdict() -> None:
    events = segment.when(request(start(), receipt(), receipt("b2"), receipt("b3"))).events
    claims = {(claim.key, claim.owner) for claim in claims_of(events, "q1")}
    assert claims == {
        ("start:b1", "q1"), ("verdict:b1", "q1"), ("verdict:b2", "q1"), ("verdict:b3", "q1"),
    }  # fmt: skip


def test_a_verdict_without_a_device_claims_the_booking_too() -> None:
    events = segment.when(request(receipt(refusal="malformed"))).events
    assert [claim.key for claim in claims_of(events, "q1")] == ["verdict:b1"]
