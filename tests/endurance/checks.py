"""Whether what a run left behind is whole. Each check is a rule; it yields what breaks it.

Log messages are read by `kassenverbund.fiscal`, which shares no code with the signer.
"""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from kassenverbund.fiscal.keys import TseKey
from kassenverbund.fiscal.messages import Message, read_message
from tests.endurance.facts import Fact, Facts
from tests.endurance.script import ABORTED

Check = Callable[[Facts], Iterator[str]]

START, FINISH = "StartTransaction", "FinishTransaction"
COUNTED = (
    "tse.client_registered", "signature.started", "signature.made", "signature.abandoned",
    "signature.surplus",
)  # fmt: skip
DOCUMENTED = ("outage", "too_late")
LOG_TIME = timedelta(seconds=1)
"""Devices count whole seconds."""


def faults(facts: Facts) -> list[str]:
    """Everything that is wrong; empty: nothing."""
    return [f"{check.__name__}: {fault}" for check in CHECKS for fault in check(facts)]


def one_verdict_each(facts: Facts) -> Iterator[str]:
    """Whatever was told has exactly one verdict, at the TSE that it named."""
    verdicts = Counter((one.data["tse_id"], one.data["booking_id"]) for one in facts.verdicts)
    told = Counter((tse, one.booking_id) for tse, all_ in facts.told.items() for one in all_)
    for what, count in (verdicts - told).items():
        yield f"{what}: {count} verdicts too many"
    for what, count in (told - verdicts).items():
        yield f"{what}: {count} verdicts missing"


def unsigned_is_documented(facts: Facts) -> Iterator[str]:
    """Unsigned is only what fell into a recorded outage of its TSE or came after its time."""
    outages = {one.data["outage_id"]: one for one in facts.of("outage.began")}
    for left in facts.of("signature.left_unsigned"):
        data = left.data
        if data["reason"] not in DOCUMENTED:
            yield f"{data['booking_id']}: {data['reason']} {data['detail']}"
        elif data["reason"] == "too_late":
            if _time(data["decided_at"]) <= facts.sign_by[data["booking_id"]]:
                yield f"{data['booking_id']}: too late before its time"
        elif (began := outages.get(data["outage_id"])) is None:
            yield f"{data['booking_id']}: an outage that never began"
        elif began.data["tse_id"] != data["tse_id"] or began.position > left.position:
            yield f"{data['booking_id']}: another outage"


def outages_ended(facts: Facts) -> Iterator[str]:
    """Every outage has its end, and none begins in another one."""
    open_: dict[str, str] = {}
    for one in facts.of("outage.began", "outage.ended"):
        tse_id, outage_id = one.data["tse_id"], one.data["outage_id"]
        if one.name == "outage.began":
            if tse_id in open_:
                yield f"{tse_id}: an outage within an outage"
            open_[tse_id] = outage_id
        elif open_.pop(tse_id, None) != outage_id:
            yield f"{tse_id}: an end without its beginning"
    for tse_id in open_:
        yield f"{tse_id}: still out"


def counters_are_gapless(facts: Facts) -> Iterator[str]:
    """The device's counters run from 1 without a gap, and the log explains each exactly once, in
    counter order."""
    for tse_id, device in facts.devices.items():
        given = sorted(device.logs)
        if given != list(range(1, len(given) + 1)):
            yield f"{tse_id}: a gap at the device"
        explained = [
            one.data["signature_counter"]
            for one in facts.of(*COUNTED, tse_id=tse_id)
            if one.data["signature_counter"] is not None
        ]
        if explained != sorted(explained):
            yield f"{tse_id}: counters out of order in the log"
        missing = set(given) - set(explained)
        if missing or len(explained) != len(given):
            twice = [counter for counter, count in Counter(explained).items() if count > 1]
            yield f"{tse_id}: counters without an event {sorted(missing)[:5]}, twice {twice[:5]}"


def logs_are_the_devices(facts: Facts) -> Iterator[str]:
    """What the log keeps of a signature are the device's own bytes, and its key made them."""
    for tse_id, device in facts.devices.items():
        key = TseKey(device.public_key)
        for raw in filter(None, device.logs.values()):
            message = read_message(raw)
            if not key.fits(message.algorithm, message.signature, message.signed):
                yield f"{tse_id}: counter {message.counter} does not verify"
        for one in facts.of(*COUNTED, tse_id=tse_id):
            counter = one.data["signature_counter"]
            if counter is None:
                continue
            own = device.logs.get(counter)
            if own is not None and base64.b64decode(one.data["log_message"]) != own:
                yield f"{tse_id}: counter {counter} is another one at the device"


def signed_as_told(facts: Facts) -> Iterator[str]:
    """A verdict's signature is over what had to be signed, under the counter that it names, in
    time; no process was signed twice, with a verdict or without."""
    for tse_id, told in facts.told.items():
        due = {one.booking_id: one for one in told}
        finishes = [one for one in _messages(facts, tse_id) if one.operation == FINISH]
        by_counter = {one.counter: one for one in finishes}
        for made in facts.of("signature.made", tse_id=tse_id):
            booking_id = made.data["booking_id"]
            signed = by_counter.get(made.data["signature_counter"])
            if booking_id not in due or signed is None:
                yield f"{booking_id}: a verdict on a signature that the device never made"
                continue
            told_data = due[booking_id].process
            if (signed.process_type, signed.process_data.decode()) != told_data:
                yield f"{booking_id}: something else was signed"
            if signed.time > facts.sign_by[booking_id] + LOG_TIME:
                yield f"{booking_id}: signed too late"
        signed_data = Counter(
            text for one in finishes if (text := one.process_data.decode()) != ABORTED
        )
        for text, count in signed_data.items():
            if count > 1:
                yield f"{tse_id}: signed {count} times: {text}"


def order_is_kept(facts: Facts) -> Iterator[str]:
    """Each TSE signed its processes in the order in which the till's events came: in the log, and
    by the counters of the device itself."""
    for tse_id, told in facts.told.items():
        place = {one.booking_id: number for number, one in enumerate(told)}
        made = facts.of("signature.made", tse_id=tse_id)
        order = [place.get(one.data["booking_id"], -1) for one in made]
        if order != sorted(order):
            yield f"{tse_id}: verdicts out of order"
        text_place = {one.process[1]: number for number, one in enumerate(told) if one.process}
        device = [
            text_place[text]
            for one in _messages(facts, tse_id)
            if one.operation == FINISH
            and (text := one.process_data.decode()) in text_place
            and text != ABORTED
        ]
        if device != sorted(device):
            yield f"{tse_id}: the device signed out of order"


def nothing_open_across_a_closing(facts: Facts) -> Iterator[str]:
    """When a device signs a closing, nothing else of that till is open on it; at the end of the
    run nothing is open at all."""
    for tse_id in facts.devices:
        open_: dict[int, str] = {}
        for message in _messages(facts, tse_id):
            assert message.number is not None
            if message.operation == START:
                open_[message.number] = message.client
            elif message.operation == FINISH:
                open_.pop(message.number, None)
                closing = message.process_type == "SonstigerVorgang"
                if closing and message.client in open_.values():
                    yield f"{tse_id}: {message.process_data.decode()} with something open"
        if open_:
            yield f"{tse_id}: open at the end: {open_}"


def closings_are_told(facts: Facts) -> Iterator[str]:
    """Each closing is told once under its Z number, with its verdict and in the same append."""
    verdicts = {one.data["booking_id"]: one for one in facts.verdicts}
    due = {
        one.booking_id: one
        for told in facts.told.values()
        for one in told
        if one.name == "till.closed"
    }
    closings = facts.of("closing.signed")
    if Counter(one.data["closing_id"] for one in closings) != Counter(due.keys()):
        yield "not each closing exactly once"
    for one in closings:
        data = one.data
        verdict = verdicts.get(data["closing_id"])
        told = due.get(data["closing_id"])
        if verdict is None or told is None:
            continue
        if verdict.key != one.key or verdict.position != one.position - 1:
            yield f"{data['closing_id']}: apart from its verdict"
        if data["z_number"] != told.data["z_number"]:
            yield f"{data['closing_id']}: another Z number"
        signed = verdict.name == "signature.made"
        same = data["verdict"] == ("signed" if signed else "unsigned")
        if not same or data["signature_counter"] != verdict.data.get("signature_counter"):
            yield f"{data['closing_id']}: another verdict"


CHECKS: tuple[Check, ...] = (
    one_verdict_each, unsigned_is_documented, outages_ended, counters_are_gapless,
    logs_are_the_devices, signed_as_told, order_is_kept, nothing_open_across_a_closing,
    closings_are_told,
)  # fmt: skip


def _messages(facts: Facts, tse_id: str) -> list[Message]:
    """The device's own transaction logs, in counter order."""
    logs = facts.devices[tse_id].logs
    found = [read_message(raw) for _, raw in sorted(logs.items()) if raw is not None]
    return [one for one in found if one.number is not None]


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def explained(facts: Facts) -> Counter[str]:
    """What the counters were used for."""
    return Counter(_use(one) for one in facts.of(*COUNTED) if one.data["signature_counter"])


def _use(one: Fact) -> str:
    match one.name:
        case "signature.made":
            return "aborted bookings" if one.data["aborted"] else "processes"
        case "signature.surplus":
            return f"surplus: {one.data['reason']}"
        case "signature.started":
            return "starts"
        case "signature.abandoned":
            return "ended without a booking"
    return "tills registered"
