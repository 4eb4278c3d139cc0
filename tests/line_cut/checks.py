"""What has to hold after a run. Each rule answers with sentences; none: it holds."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.line_cut.run import Ran

REFUSED_WITHIN_S = 3.0
"""A cashier hears within this time that the center is away."""

OVERLOADED_SLACK_S = 2.5
"""What a machine without a processor to spare may add."""

_NUMBER = re.compile(r"^Beleg (\d+)\b", re.MULTILINE)
_SERIAL = re.compile(r"Kassen-SN\s+(\S+)")
_TILL = re.compile(r"(KV-berlin-\d+)")
_SLIP = re.compile(r"Gutschein-Nr\.\s+(\S+)")

Rule = Callable[[Ran], list[str]]


def acknowledged_is_recorded_once(ran: Ran) -> list[str]:
    """What a till was told is in the store's log: once, with that number."""
    recorded = Counter(each["booking_id"] for each in ran.named("booking.recorded"))
    numbers = {each["booking_id"]: each["number"] for each in ran.named("booking.recorded")}
    faults = [f"{one} is recorded {count} times" for one, count in recorded.items() if count > 1]
    for asked in ran.asked:
        answer = asked.answer
        if asked.status != 200 or not answer.get("recorded_at"):
            continue
        booking_id = answer["booking_id"]
        if numbers.get(booking_id) != answer["number"]:
            faults.append(f"{booking_id} was told as number {answer['number']} and is not there")
    return faults


def numbers_have_no_gap(ran: Ran) -> list[str]:
    """Per till, over all that has a number."""
    given: dict[str, list[int]] = defaultdict(list)
    for each in ran.store_log:
        number = each["data"].get("number")
        if each["name"] == "till.number_given" and number is not None:
            given[each["stream"].partition("/")[0]].append(number)
    return [
        f"{till}: {numbers}"
        for till, numbers in given.items()
        if numbers != list(range(1, len(numbers) + 1))
    ]


def the_center_has_all_once_and_in_order(ran: Ran) -> list[str]:
    """One verdict for each numbered booking, per TSE in the order of the store's log."""
    sent: dict[str, list[str]] = defaultdict(list)
    for each in ran.store_log:
        if each["name"] in ("booking.recorded", "booking.aborted"):
            sent[each["data"]["tse_id"]].append(each["data"]["booking_id"])
    heard: dict[str, list[str]] = defaultdict(list)
    for verdict in ran.at_center("fiscal_signer", "signature.made", "signature.left_unsigned"):
        heard[verdict["tse_id"]].append(verdict["booking_id"])
    faults = list[str]()
    for tse_id, bookings in sent.items():
        arrived = heard[tse_id]
        twice = [one for one, count in Counter(arrived).items() if count > 1]
        faults += [f"{one} has two verdicts" for one in twice]
        lost = set(bookings) - set(arrived)
        faults += [f"{one} never arrived at the signer" for one in sorted(lost)]
        if not twice and not lost and [one for one in arrived if one in set(bookings)] != bookings:
            faults.append(f"{tse_id}: verdicts are not in the order of the store's log")
    return faults


def vouchers_are_sold_and_captured_once(ran: Ran) -> list[str]:
    """Each voucher of a recorded sale is active, each payment by voucher captured."""
    sold, paid = list[str](), list[str]()
    for booking in ran.named("booking.recorded"):
        sold += [line["voucher_id"] for line in booking["lines"] if line["kind"] == "voucher_sale"]
        paid += [pay["hold_id"] for pay in booking["payments"] if pay["kind"] == "voucher"]
    active = [each["voucher_id"] for each in ran.at_center("voucher", "voucher.activated")]
    redeemed = [each["hold_id"] for each in ran.at_center("voucher", "voucher.redeemed")]
    return _differ("voucher", sold, active) + _differ("voucher payment", paid, redeemed)


def charges_are_booked_once(ran: Ran) -> list[str]:
    """Each payment by cost center."""
    paid = [
        pay["hold_id"]
        for booking in ran.named("booking.recorded")
        for pay in booking["payments"]
        if pay["kind"] == "cost_center"
    ]
    booked = [each["charge_id"] for each in ran.at_center("costcenter", "charge.booked")]
    return _differ("charge", paid, booked)


def _differ(what: str, sent: Sequence[str], arrived: Sequence[str]) -> list[str]:
    there = Counter(arrived)
    faults = [f"{what} {one} arrived {there[one]} times" for one in sent if there[one] != 1]
    return faults + [f"{what} {one} was never sold" for one in sorted(set(arrived) - set(sent))]


def nothing_is_printed_twice(ran: Ran) -> list[str]:
    """A second paper of anything says KOPIE; a paper that is missing is known to be in doubt."""
    printed = Counter[str]()
    for paper in ran.papers:
        if "KOPIE" not in paper and (what := paper_of(paper)) is not None:
            printed[what] += 1
    faults = [f"{what} was printed {count} times" for what, count in printed.items() if count > 1]
    doubtful = {
        job["booking_id"] for job in ran.jobs if job["state"] in ("unknown", "failed")
    }  # fmt: skip
    for booking in ran.named("booking.recorded"):
        what = f"{booking['client_id']} {booking['number']}"
        if not printed[what] and booking["booking_id"] not in doubtful:
            faults.append(f"{what} has no paper, and nobody is told")
    return faults


def paper_of(text: str) -> str | None:
    """`KV-berlin-1 17`, or the serial of the voucher; None: another paper."""
    number, till = _NUMBER.search(text), _SERIAL.search(text) or _TILL.search(text)
    if number is not None and till is not None:
        return f"{till.group(1)} {number.group(1)}"
    slip = _SLIP.search(text)
    return None if slip is None else f"slip {slip.group(1)}"


def cash_and_cards_go_on(ran: Ran) -> list[str]:
    """No line is needed for them, and a gateway that comes back finishes what it began."""
    return [
        f"{done.kind} {done.act.number}: {done.code or done.error}"
        for done in ran.tally.done
        if done.error or (done.act.kind in ("cash", "card", "abort") and done.code)
    ]


def the_center_is_refused_at_once(ran: Ran) -> list[str]:
    """Within 3 s, and there was something to refuse."""
    refusals = [each for each in ran.asked if _away(each.answer)]
    late = list[str]()
    for each in refusals:
        slack_s = OVERLOADED_SLACK_S if ran.load.overloaded(each.key) else 0.0
        if each.repeats == 0 and each.took_s > REFUSED_WITHIN_S + slack_s:
            late.append(
                f"{each.act.kind} {each.act.number} waited {each.took_s:.2f} s,"
                f" the processors {ran.load.busy.get(each.key, 0.0):.0%} busy"
            )
    return late if refusals else ["nothing was refused: was the line cut?"]


def _away(answer: Mapping[str, Any]) -> bool:
    code = str(answer.get("code", ""))
    return code in ("voucher.unavailable", "costcenter.unavailable", "charge.unavailable") or (
        code == "line.not_prepared"
    )


def no_sale_is_left_open(ran: Ran) -> list[str]:
    """Each refusal names the booking that stays open, so its till has paid or aborted it."""
    started = {each["booking_id"] for each in ran.named("booking.started")}
    ended = {
        each["booking_id"]
        for name in ("booking.recorded", "booking.aborted")
        for each in ran.named(name)
    }
    return [f"{one}: {', '.join(ran.history(one))}" for one in sorted(started - ended)]


def nothing_was_parked(ran: Ran) -> list[str]:
    """A cut line is no poison."""
    return list(ran.parked)


RULES: Mapping[str, Rule] = {
    rule.__name__: rule
    for rule in (
        acknowledged_is_recorded_once,
        numbers_have_no_gap,
        the_center_has_all_once_and_in_order,
        vouchers_are_sold_and_captured_once,
        charges_are_booked_once,
        nothing_is_printed_twice,
        cash_and_cards_go_on,
        the_center_is_refused_at_once,
        no_sale_is_left_open,
        nothing_was_parked,
    )
}


def faults(ran: Ran) -> dict[str, list[str]]:
    """Every rule that is broken, with its sentences."""
    return {name: found for name, rule in RULES.items() if (found := rule(ran))}
