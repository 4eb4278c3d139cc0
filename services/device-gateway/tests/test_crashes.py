"""docs/flows.md, proven: the same requests with a crash, a lost answer or a race between any two
steps. Numbers stay gapless, no sale is recorded twice, no hold outlives its booking unexplained."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device_gateway.handlers.paper import note_printed
from device_gateway.handlers.recovery import ANSWER_WAIT_MAX_S, OPEN_IDLE_MAX_S, sweep
from events import Transient
from events.testing.memory import MemoryEventStore
from money import split_by_rate

pytestmark = pytest.mark.proof

from_minor = {"currency": "EUR"}


class Crash(BaseException):
    """kill -9: no handler, no `except Exception`, sees it."""


class CrashingStore(MemoryEventStore):
    """Dies before or after the n-th append from now."""

    crash_in: int | None = None
    crash_after = False

    async def append(self, request: Any) -> Any:
        if self.crash_in is not None:
            if self.crash_in == 0:
                self.crash_in = None
                if self.crash_after:
                    await super().append(request)
                raise Crash
            self.crash_in -= 1
        return await super().append(request)


def check_log(rig: Any) -> None:
    """What always holds, whatever happened."""
    numbers: dict[str, list[int]] = {}
    for event in rig.events("booking.recorded"):
        numbers.setdefault(event.till_id, []).append(event.number)
        lines = sum(line.amount.amount for line in event.lines)
        paid = sum(payment.amount.amount for payment in event.payments)
        assert event.total.amount == lines == paid
        shares = split_by_rate((line.vat, line.rate, line.amount) for line in event.lines)
        assert [(row.gross, row.net, row.tax) for row in event.vat] == [
            (share.gross, share.net, share.tax) for share in shares
        ]
        for payment in event.payments:
            if payment.kind == "voucher":
                assert rig.vouchers.holds[payment.hold_id]["state"] == "confirmed"
                assert rig.vouchers.holds[payment.hold_id]["amount"] == payment.amount.amount
            if payment.kind == "cost_center":
                hold = rig.centers.holds[payment.hold_id]
                assert (hold["state"], hold["amount"]) == (
                    "confirmed", {"amount": payment.amount.amount, "currency": "EUR"},
                )  # fmt: skip
                assert sum(part.gross.amount for part in payment.parts) == payment.amount.amount
    for given_numbers in numbers.values():
        assert given_numbers == list(range(1, len(given_numbers) + 1))
    ids = [event.booking_id for event in rig.events("booking.recorded")]
    assert len(ids) == len(set(ids))


def check_holds(rig: Any) -> None:
    """Every hold is in a recorded booking, named by an abort, released, or of an open booking."""
    ended = {
        hold
        for event in rig.events("booking.aborted")
        for hold in (*event.hold_ids, *event.charge_ids)
    }
    paid = {
        payment.hold_id for event in rig.events("booking.recorded") for payment in event.payments
    }
    for hold_id, hold in (*rig.vouchers.holds.items(), *rig.centers.holds.items()):
        assert hold["state"] == "released" or hold_id in ended | paid


def fresh(make_rig: Any) -> Any:
    from device_gateway.events import registry

    rig = make_rig()
    rig.store = CrashingStore("device-gateway", registry(), clock=rig.clock)
    rig.restart()
    return rig


payments = st.lists(
    st.one_of(
        st.builds(lambda minor: ("cash", minor), st.integers(1, 4000)),
        st.builds(lambda minor: ("card", minor), st.integers(1, 2000)),
        st.sampled_from([("voucher", "CODE-A"), ("voucher", "CODE-B"), ("voucher", "NOBODY")]),
        st.sampled_from([("cost_center", "4711"), ("cost_center", "4712")]),
    ),
    min_size=1,
    max_size=4,
)
lines = st.lists(
    st.tuples(
        st.sampled_from(["article", "article", "voucher_sale"]),
        st.integers(1, 3000),
        st.sampled_from(["1", "0.333", "2.5"]),
        st.sampled_from(["standard", "reduced", "zero"]),
    ),
    min_size=1,
    max_size=5,
)


def line_body(line: tuple[str, int, str, str]) -> dict[str, Any]:
    kind, minor, quantity, vat = line
    sells = kind == "voucher_sale"
    return {
        "kind": kind,
        "name": "Ware",
        "quantity": "1" if sells else quantity,
        "unit_price": {"amount": minor, **from_minor},
        "vat": "zero" if sells else vat,
    }


def payment_body(payment: tuple[str, Any]) -> dict[str, Any]:
    kind, value = payment
    if kind == "voucher":
        return {"kind": kind, "code": value}
    if kind == "cost_center":
        return {"kind": kind, "card": {"number": value}, "mode": "up_to"}
    return {"kind": kind, "amount": {"amount": value, **from_minor}}


@settings(max_examples=25, deadline=None)
@given(
    lines=lines,
    payments=payments,
    crash_in=st.integers(0, 9),
    crash_after=st.booleans(),
    faults=st.lists(st.sampled_from(["", "lost", "away"]), max_size=8),
    repeats=st.integers(0, 2),
)
def test_a_sale_survives_a_crash_and_lost_answers_between_any_two_steps(
    make_rig: Any, lines: Any, payments: Any, crash_in: int, crash_after: bool, faults: Any,
    repeats: int,
) -> None:  # fmt: skip
    async def run() -> None:
        rig = fresh(make_rig)
        await rig.declare()
        till = await rig.paired("berlin", "till-1")
        rig.vouchers.sell("CODE-A", 1000)
        rig.vouchers.sell("CODE-B", 250)
        rig.centers.cards |= {"4711": "4711", "4712": "4712"}
        rig.centers.limits["4711"] = 700
        rig.centers.subsidies["4712"] = {
            "rule_id": "R1", "name": "Essen", "case": "ZuschussEcht", "minor": 310,
        }  # fmt: skip
        sale = {
            "lines": [line_body(line) for line in lines],
            "payments": [payment_body(paid) for paid in payments],
            "finish": True,
        }
        rig.store.crash_in, rig.store.crash_after = crash_in, crash_after
        rig.vouchers.failing, rig.centers.failing = list(faults), list(faults[::-1])
        try:
            await till.post("", sale, key="K")
        except Crash:
            rig.restart()
        rig.store.crash_in = None
        answers = [await till.post("", sale, key="K") for _ in range(repeats)]
        if len(answers) == 2 and not rig.vouchers.failing and not rig.centers.failing:
            told = [answer.json() for answer in answers]
            for answer in told:
                answer.pop("vouchers", None)
            if answers[0].status_code == answers[1].status_code == 200:
                assert told[0] == told[1]
        rig.vouchers.failing, rig.centers.failing = [], []
        rig.clock.advance(ANSWER_WAIT_MAX_S + OPEN_IDLE_MAX_S + 1)
        await sweep(rig.gateway, rig.unfinished)
        # A payment that was just given up is a touch, too: the sale is idle only after it.
        rig.clock.advance(OPEN_IDLE_MAX_S + 1)
        await sweep(rig.gateway, rig.unfinished)
        await sweep(rig.gateway, rig.unfinished)
        check_log(rig)
        check_holds(rig)
        ends = len(rig.events("booking.recorded")) + len(rig.events("booking.aborted"))
        assert ends == len(rig.events("booking.started"))

    asyncio.run(run())


async def test_slips_that_were_printed_before_a_crash_could_be_noted_are_not_due_for_ever(
    rig: Any, till: Any, words: Any
) -> None:
    sale = words.sale([words.voucher_sale(1000)], words.cash(1000))
    told = (await till.post("", sale)).json()
    queue = rig.desk.enqueue_voucher_slips

    async def crash_after(*order: Any, **rest: Any) -> None:
        await queue(*order, **rest)
        raise Crash

    rig.desk.enqueue_voucher_slips = crash_after
    with pytest.raises(Crash):
        await rig.sign(told["booking_id"])
    rig.desk.enqueue_voucher_slips = queue
    rig.restart()
    (job_id,) = rig.desk.slips
    await note_printed(
        rig.gateway, booking_id=told["booking_id"], printer_id="bon", job_id=job_id, is_copy=False
    )
    booking = await rig.gateway.booking(told["booking_id"])
    assert booking.print_due == ()


async def test_a_lost_commit_answer_is_no_second_booking(rig: Any, till: Any, words: Any) -> None:
    rig.store.lose_answer = True
    told = (await till.post("", words.sale([words.article(500)], words.cash(500)))).json()
    assert (told["state"], told["number"]) == ("recorded", 1)
    assert len(rig.events("booking.recorded")) == 1


async def test_many_sales_at_once_on_one_till_have_gapless_numbers(
    rig: Any, till: Any, words: Any, both: Any
) -> None:
    sale = words.sale([words.article(500)], words.cash(500))
    answers = await both(*(till.post("", sale) for _ in range(40)))
    assert sorted(answer.json()["number"] for answer in answers) == list(range(1, 41))
    check_log(rig)


async def test_two_processes_that_race_give_gapless_numbers(
    rig: Any, till: Any, words: Any, both: Any, make_rig: Any
) -> None:
    other = make_rig(store=OtherProcess(rig.store), clock=rig.clock)
    other.tokens = rig.tokens
    twin = type(till)(other, "berlin", "till-1", till.token)
    sale = words.sale([words.article(500)], words.cash(500))
    answers = await both(*(each.post("", sale) for _ in range(15) for each in (till, twin)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    numbers = sorted(answer.json()["number"] for answer in answers if answer.status_code == 200)
    assert numbers == list(range(1, len(numbers) + 1))
    assert len(numbers) >= 15


class OtherProcess:
    """The same log through another process: queues and cached states are its own."""

    def __init__(self, store: MemoryEventStore) -> None:
        self._store = store
        self.streams = type(store.streams)()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


async def test_the_same_key_sent_twice_at_once_is_one_booking(
    rig: Any, till: Any, words: Any, both: Any
) -> None:
    rig.vouchers.sell("CODE-A", 1000)
    sale = words.sale([words.article(700)], words.voucher("CODE-A"))
    answers = await both(*(till.post("", sale, key="K") for _ in range(4)))
    assert {answer.json()["booking_id"] for answer in answers if answer.status_code == 200}
    assert len(rig.events("booking.recorded")) == 1
    assert rig.vouchers.available("CODE-A") == 300


async def test_two_tills_and_one_voucher_pay_once(
    rig: Any, till: Any, words: Any, both: Any
) -> None:
    other = await rig.paired("koeln", "till-9")
    rig.vouchers.sell("CODE-A", 1000)
    sale = words.sale([words.article(1000)], words.voucher("CODE-A"))
    answers = await both(till.post("", sale), other.post("", sale))
    assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_a_sale_that_nobody_touches_is_aborted(rig: Any, till: Any, words: Any) -> None:
    rig.vouchers.sell("CODE-A", 1000)
    sale = {"lines": [words.article(500)], "payments": [words.voucher("CODE-A")]}
    opened = (await till.post("", sale)).json()
    rig.clock.advance(OPEN_IDLE_MAX_S - 1)
    await sweep(rig.gateway, rig.unfinished)
    assert rig.events("booking.aborted") == []
    rig.clock.advance(2)
    await sweep(rig.gateway, rig.unfinished)
    aborted = rig.events("booking.aborted")[0]
    assert (aborted.booking_id, aborted.reason) == (opened["booking_id"], "idle")


async def test_an_abort_and_a_finish_at_once_have_one_winner(
    rig: Any, till: Any, words: Any, both: Any
) -> None:
    for _ in range(10):
        opened = (
            await till.post("", {"lines": [words.article(500)], "payments": [words.cash(500)]})
        ).json()
        path = f"/{opened['booking_id']}"
        answers = await both(till.post(f"{path}/finish"), till.post(f"{path}/abort"))
        assert sorted(answer.status_code for answer in answers) == [200, 409]
    ends = len(rig.events("booking.recorded")) + len(rig.events("booking.aborted"))
    assert ends == 10
    check_log(rig)


async def test_a_store_that_is_away_is_a_passing_fault(rig: Any, till: Any, words: Any) -> None:
    append = rig.store.append

    async def away(request: Any) -> Any:
        raise Transient("the store is away")

    rig.store.append = away
    sale = words.sale([words.article(500)], words.cash(500))
    key = uuid4().hex
    answer = await till.post("", sale, key=key)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    rig.store.append = append
    assert (await till.post("", sale, key=key)).json()["number"] == 1
