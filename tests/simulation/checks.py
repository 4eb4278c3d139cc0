"""What always holds, and what holds once the world has come to rest. All read from the logs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import TypeVar, get_args

from device_gateway.decider.booking_state import Booking, papers_of
from device_gateway.events import (
    BookingAborted,
    BookingOrdered,
    BookingRecorded,
    CashMoved,
    NumberGiven,
    ShiftClosed,
    TillClosed,
    TillOpened,
    TrainingRecorded,
    VerdictReceived,
)
from events.store.chain import GENESIS, content_hash, entry_hash
from events.store.prepare import encode_metadata
from events.testing.memory import MemoryEventStore
from fiscal_signer.country.de import log_message
from fiscal_signer.events import (
    ClientRegistered,
    ClosingSigned,
    LeftUnsigned,
    SignatureMade,
    SignatureStarted,
    SignatureSurplus,
    TransactionAbandoned,
)
from money import Money, total
from tests.simulation.chain import STORES, tse_of
from tests.simulation.world import World
from voucher.decider import HoldState, Issued, Status
from voucher.events import VoucherActivationFailed, VoucherCaptureFailed, VoucherRedeemed

E = TypeVar("E")

NUMBERED = (
    ClientRegistered, SignatureStarted, SignatureMade, TransactionAbandoned, SignatureSurplus,
)  # fmt: skip


Final = (
    BookingRecorded | TrainingRecorded | BookingOrdered | CashMoved | TillClosed | BookingAborted
)
FINALS = get_args(Final)
"""What ends a process of a till: each has a number, and gets a verdict."""


class Broken(AssertionError):
    """An invariant does not hold. The message says which, and for what."""


def require(holds: bool, what: str, *about: object) -> None:
    if not holds:
        raise Broken(f"{what}: {', '.join(map(str, about))}")


def events(log: MemoryEventStore, kind: type[E]) -> list[E]:
    return [entry.event for entry in log.log if isinstance(entry.event, kind)]


def finals(log: MemoryEventStore) -> list[Final]:
    return [entry.event for entry in log.log if isinstance(entry.event, FINALS)]


# -- always ----------------------------------------------------------------------------------


def always(world: World) -> None:
    """After every step, whatever has gone wrong so far. Raises `Broken`."""
    logs = world.ground.logs
    for log in logs.values():
        whole_log(log)
    till_numbers(logs["device-gateway"])
    one_verdict(world)
    vouchers_add_up(world)
    counters(world, rest=False)
    no_letters(world)


def whole_log(log: MemoryEventStore) -> None:
    """Positions and versions without a gap, and every hash over what stands there."""
    previous = GENESIS
    versions: Counter[str] = Counter()
    for position, entry in enumerate(log.log, start=1):
        versions[entry.stream] += 1
        require(entry.position == position, "a gap in a log", log.service, position)
        require(
            entry.version == versions[entry.stream], "a gap in a stream", log.service, entry.stream
        )
        require(entry.previous_hash == previous, "a broken chain", log.service, position)
        previous = entry.hash
    if log.log:
        newest_hash(log)


def newest_hash(log: MemoryEventStore) -> None:
    """The newest entry's hash, computed anew. The older ones were the newest before."""
    entry = log.log[-1]
    content = content_hash(
        stream=entry.stream,
        event_id=entry.event_id,
        name=entry.name,
        schema_version=entry.schema_version,
        data=entry.data,
        metadata=encode_metadata(entry.metadata),
        idempotency_key=entry.idempotency_key,
        recorded_at=entry.recorded_at,
    )
    expected = entry_hash(
        previous=entry.previous_hash, position=entry.position, version=entry.version,
        content=content,
    )  # fmt: skip
    require(entry.hash == expected, "a wrong hash", log.service, entry.position)


def till_numbers(log: MemoryEventStore) -> None:
    """Numbers are gapless per till over all shifts, and each belongs to exactly one process of
    that shift."""
    given: dict[str, list[int]] = defaultdict(list)
    for event in events(log, NumberGiven):
        given[event.till_id].append(event.number)
    for till_id, numbers in given.items():
        require(numbers == list(range(1, len(numbers) + 1)), "till numbers", till_id, numbers)
    ended = Counter(f"{one.booking_id} {one.number} {one.shift}" for one in finals(log))
    numbered = Counter(
        f"{one.booking_id} {one.number} {one.shift}" for one in events(log, NumberGiven)
    )
    require(ended == numbered, "a number without its process", ended - numbered, numbered - ended)
    once((event.booking_id for event in finals(log)), "a process that ended twice")


def shifts(log: MemoryEventStore) -> None:
    """Z numbers are gapless per till; a closing is the sum of its shift, by what its bookings say
    themselves; after it nothing is numbered in the shift any more."""
    closed: dict[str, int] = defaultdict(int)
    for closing in events(log, TillClosed):
        closed[closing.till_id] += 1
        require(closing.z_number == closed[closing.till_id], "Z numbers", closing.till_id)
        place = (closing.till_id, closing.z_number)
        sold = sum(
            line.amount.amount
            for booking in events(log, BookingRecorded)
            if (booking.till_id, booking.shift) == place
            for line in booking.lines
        )
        beside = sum(
            paid.amount.amount
            for booking in events(log, BookingRecorded)
            if (booking.till_id, booking.shift) == place
            for paid in booking.payments
            if paid.fiscal == "Keine"
        )
        moved = sum(
            move.amount.amount
            for move in events(log, CashMoved)
            if (move.till_id, move.shift) == place
        )
        cases = sum(case.gross.amount for case in closing.cases)
        require(cases == sold - beside + moved, "a closing is not its shift's sum", place)
        paid = sum(payment.amount.amount for payment in closing.payments)
        require(paid == sold - beside + moved, "a closing's payments", place, paid)
    over: set[str] = set()
    for entry in log.log:
        require(entry.stream not in over, "something after a closing", entry.stream)
        if isinstance(entry.event, ShiftClosed):
            over.add(entry.stream)
    ends = {(each.till_id, each.shift): each for each in events(log, TillClosed)}
    for opened in events(log, TillOpened):
        before = ends.get((opened.till_id, opened.shift - 1))
        if before is not None:
            left = (before.number, before.cash.left, before.grand_total)
            goes_on = (opened.numbers, opened.float_, opened.grand_total)
            require(left == goes_on, "a shift that does not go on", left, goes_on)


def one_verdict(world: World) -> None:
    """No booking has two verdicts, neither at the signer nor at the gateway."""
    signer = world.ground.logs["fiscal-signer"]
    verdicts = [event.booking_id for event in events(signer, SignatureMade)]
    verdicts += [event.booking_id for event in events(signer, LeftUnsigned)]
    once(verdicts, "two verdicts")
    gateway = world.ground.logs["device-gateway"]
    once([event.booking_id for event in events(gateway, VerdictReceived)], "two verdicts kept")


def vouchers_add_up(world: World) -> None:
    """0 ≤ available ≤ balance, issued = redeemed + cancelled + balance, no hold counted twice."""
    log = world.ground.logs["voucher"]
    redeemed: dict[str, list[Money]] = defaultdict(list)
    for event in events(log, VoucherRedeemed):
        redeemed[event.voucher_id].append(event.amount)
    now = world.clock()
    for voucher in world.ground.issued.issued().values():
        zero = voucher.value.zero
        available = voucher.available(now)
        require(
            zero <= available <= voucher.balance <= voucher.value,
            "available", voucher.serial, available, voucher.balance,
        )  # fmt: skip
        gone = total(redeemed[voucher.voucher_id], currency=zero.currency)
        cancelled = voucher.value if voucher.status is Status.CANCELLED else zero
        require(
            voucher.value == gone + cancelled + voucher.balance,
            "issued is not redeemed + cancelled + balance", voucher.serial,
        )  # fmt: skip
        held(voucher)
    once([event.hold_id for event in events(log, VoucherRedeemed)], "a hold captured twice")


def held(voucher: Issued) -> None:
    """One hold per payment: a payment that was asked for again is counted once."""
    once([hold.payment_id for hold in voucher.open.values()], "a payment holds twice")
    both = voucher.open.keys() & voucher.closed.keys()
    require(not both, "a hold both open and closed", voucher.serial, both)


def counters(world: World, *, rest: bool) -> None:
    """Each counter that a TSE gave is explained by at most one event, in order; at rest by
    exactly one, and without a gap."""
    signer = world.ground.logs["fiscal-signer"]
    for store in STORES:
        tse_id = tse_of(store)
        explained: list[int] = [
            event.signature_counter
            for entry in signer.log
            if isinstance(event := entry.event, NUMBERED)
            and event.tse_id == tse_id
            and event.signature_counter is not None
        ]
        require(explained == sorted(set(explained)), "counters out of order", tse_id, explained)
        device = sorted(world.storage.logs.get(tse_id, {}))
        require(device == list(range(1, len(device) + 1)), "a gap at the device", tse_id, device)
        require(set(explained) <= set(device), "a counter from nowhere", tse_id)
        if rest:
            require(explained == device, "a counter without an event", tse_id, explained, device)


def nothing_open_across_a_closing(world: World) -> None:
    """By each device's own log: when it signs a closing, nothing else of that till is open."""
    for tse_id, logs in world.storage.logs.items():
        open_: dict[int, str] = {}
        for _, raw in sorted(logs.items()):
            log = log_message.parse(raw)
            if log.transaction_number is None:
                continue
            if log.operation == log_message.START:
                open_[log.transaction_number] = log.client_id or ""
                continue
            open_.pop(log.transaction_number, None)
            closing = log.process_type == "SonstigerVorgang"
            require(
                not closing or log.client_id not in open_.values(),
                "something open across a closing", tse_id, log.process_data,
            )  # fmt: skip


def closings_told(world: World) -> None:
    """Each closing is told once under its Z number, with the verdict that it has."""
    signer = world.ground.logs["fiscal-signer"]
    made = {event.booking_id for event in events(signer, SignatureMade)}
    told = Counter(
        (event.closing_id, event.z_number, event.verdict) for event in events(signer, ClosingSigned)
    )
    due = Counter(
        (event.booking_id, event.z_number, "signed" if event.booking_id in made else "unsigned")
        for event in events(world.ground.logs["device-gateway"], TillClosed)
    )
    require(told == due, "closings told", told, due)


def no_letters(world: World) -> None:
    for name, letters in world.ground.letters.items():
        reasons = [letter.reason for letter in letters.letters]
        require(not reasons, "a dead letter", name, reasons)


def once(names: Iterable[str], what: str) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    require(not twice, what, twice)


# -- at rest ---------------------------------------------------------------------------------


def at_rest(world: World) -> None:
    """After `World.heal`: everything that was begun has ended, once. Raises `Broken`."""
    always(world)
    counters(world, rest=True)
    shifts(world.ground.logs["device-gateway"])
    nothing_open_across_a_closing(world)
    found = world.ground.bookings.all()
    every_booking_ended(found)
    verdicts_fit(world, found)
    order_of_signatures(world)
    closings_told(world)
    papers(world, found)
    sales_and_payments(world, found)
    every_hold_ended(world, found)


def every_booking_ended(found: dict[str, Booking]) -> None:
    for booking_id, booking in found.items():
        require(not booking.open, "a booking that never ended", booking_id)
        require(booking.verdict is not None, "a booking without a verdict", booking_id)
        require(not booking.print_due, "paper that is due", booking_id, booking.print_due)
        require(not booking.releases_due, "a release that is due", booking_id)


def verdicts_fit(world: World, found: dict[str, Booking]) -> None:
    """The gateway keeps what the signer decided; unsigned stays only what had no time, or whose
    TSE was out."""
    signer = world.ground.logs["fiscal-signer"]
    made = {event.booking_id: event for event in events(signer, SignatureMade)}
    left = {event.booking_id: event for event in events(signer, LeftUnsigned)}
    require(made.keys() | left.keys() == found.keys(), "verdicts and bookings differ")
    for booking_id, booking in found.items():
        assert booking.verdict is not None
        end = booking.final or booking.aborted
        assert end is not None
        if booking_id in made:
            signature = made[booking_id]
            require(booking.verdict.verdict == "signed", "a signature not kept", booking_id)
            require(booking.verdict.value == signature.value, "another signature", booking_id)
            require(signature.log_time <= end.sign_by, "signed too late", booking_id)
            require(
                signature.aborted == (booking.aborted is not None), "signed as another", booking_id
            )
            continue
        verdict = left[booking_id]
        require(booking.verdict.verdict == "unsigned", "an outage not kept", booking_id)
        late = verdict.decided_at > end.sign_by
        out = verdict.tse_id in world.ground.devices.ever_out
        require(late or out, "unsigned without need", booking_id, verdict.reason)
        require(
            late or verdict.outage_id is not None or verdict.reason == "too_late",
            "unsigned without a reason", booking_id, verdict.reason,
        )  # fmt: skip


def order_of_signatures(world: World) -> None:
    """Each TSE signed its processes in the order in which the gateway recorded them."""
    ends = [event.booking_id for event in finals(world.ground.logs["device-gateway"])]
    signed: dict[str, list[str]] = defaultdict(list)
    for event in events(world.ground.logs["fiscal-signer"], SignatureMade):
        signed[event.tse_id].append(event.booking_id)
    place = {booking_id: number for number, booking_id in enumerate(ends)}
    for tse_id, ids in signed.items():
        order = [place[booking_id] for booking_id in ids]
        require(order == sorted(order), "signed in another order", tse_id, order)


def papers(world: World, found: dict[str, Booking]) -> None:
    """One receipt of whatever has one (a slip of cash that was moved, a Z report) and, where
    vouchers were sold, one paper with their codes; nothing else."""
    receipts, slips = Counter[str](), Counter[str]()
    for paper in world.ground.printers.papers:
        assert not paper.order.is_copy
        if paper.codes:
            slips[paper.booking_id] += 1
            require(all(paper.codes), "a slip without its code", paper.booking_id)
        else:
            receipts[paper.booking_id] += 1
            verdict = paper.order.verdict
            require(verdict is not None or paper.order.outage, "a receipt without a verdict")
            kept = found[paper.booking_id].verdict
            require(verdict is None or verdict == kept, "a receipt with another verdict")
    recorded = {name: each for name, each in found.items() if each.recorded is not None}
    due = Counter(
        name for name, each in found.items() if each.final and "receipt" in papers_of(each.final)
    )
    require(receipts == due, "receipts", receipts, due)
    sold = Counter(name for name, each in recorded.items() if each.sells_vouchers)
    require(slips == sold, "slips", slips, sold)


def sales_and_payments(world: World, found: dict[str, Booking]) -> None:
    """What was sold is active, what was paid with is spent to the cent, and what was only
    prepared is cancelled."""
    log = world.ground.logs["voucher"]
    failed = [*events(log, VoucherActivationFailed), *events(log, VoucherCaptureFailed)]
    require(not failed, "an effect that a recorded booking did not get", *failed)
    known = world.ground.issued.issued()
    redeemed = {event.hold_id: event for event in events(log, VoucherRedeemed)}
    paid: dict[str, Money] = {}
    for booking_id, booking in found.items():
        for line in booking.lines:
            if line.voucher_id is None:
                continue
            voucher = known.get(line.voucher_id)
            if booking.recorded is not None:
                active = voucher is not None and voucher.status is Status.ACTIVE
                require(active, "a sold voucher that is not active", booking_id)
            else:
                gone = voucher is None or voucher.status is Status.CANCELLED
                require(gone, "a voucher that was never sold", booking_id)
        if booking.recorded is not None:
            for payment in booking.recorded.payments:
                if payment.hold_id is not None:
                    paid[payment.hold_id] = payment.amount
    captured = {hold_id: event.amount for hold_id, event in redeemed.items()}
    require(captured == paid, "captured is not what was paid", captured, paid)


def every_hold_ended(world: World, found: dict[str, Booking]) -> None:
    """No hold is left; one that did not pay ended without effect."""
    for voucher in world.ground.issued.issued().values():
        require(not voucher.open, "a hold that never ended", voucher.serial, *voucher.open)
        require(voucher.available(world.clock()) == voucher.balance, "held by nobody")
        for hold in voucher.closed.values():
            booking = found[hold.booking_id]
            paid = booking.recorded is not None and any(
                payment.hold_id == hold.hold_id for payment in booking.recorded.payments
            )
            require((hold.state is HoldState.CAPTURED) == paid, "a hold that ended wrongly", hold)
