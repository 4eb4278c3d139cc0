"""What always holds, and what holds once the world has come to rest. All read from the logs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import TypeVar

from device_gateway.decider.booking_state import Booking
from device_gateway.decider.shift import SHIFT
from device_gateway.decider.shift_state import Shift
from device_gateway.events import (
    BookingAborted,
    BookingBegun,
    BookingRecorded,
    NumberGiven,
    Process,
    ShiftClosed,
    TillClosed,
    TillOpened,
    VerdictReceived,
)
from events.store.chain import GENESIS, content_hash, entry_hash
from events.store.prepare import encode_metadata
from events.testing.memory import MemoryEventStore
from fiscal_signer.events import (
    ClientRegistered,
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


class Broken(AssertionError):
    """An invariant does not hold. The message says which, and for what."""


def require(holds: bool, what: str, *about: object) -> None:
    if not holds:
        raise Broken(f"{what}: {', '.join(map(str, about))}")


def events(log: MemoryEventStore, kind: type[E]) -> list[E]:
    return [entry.event for entry in log.log if isinstance(entry.event, kind)]


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
    """Numbers are gapless per till, over all its processes and shifts, each belongs to exactly one
    process, and each process to exactly one shift, which nothing follows once it is closed."""
    given: dict[str, list[int]] = defaultdict(list)
    ended: list[tuple[str, int | None, int | None]] = []
    for entry in log.log:
        event = entry.event
        if isinstance(event, Process | BookingAborted):
            ended.append((event.booking_id, event.number, event.shift))
        if isinstance(event, NumberGiven):
            given[event.till_id].append(event.number)
    for till_id, numbers in given.items():
        require(numbers == list(range(1, len(numbers) + 1)), "till numbers", till_id, numbers)
    numbered = [(event.booking_id, event.number, event.shift) for event in events(log, NumberGiven)]
    require(sorted(ended) == sorted(numbered), "a number without its process", ended, numbered)
    once([booking_id for booking_id, _, _ in ended], "a booking that ended twice")
    closed_books(log)


def closed_books(log: MemoryEventStore) -> None:
    """A closing is the last of its shift, holds what was numbered before it, and the next shift
    begins where it ended."""
    shifts: dict[str, Shift] = {}
    for entry in log.log:
        event = entry.event
        if isinstance(event, TillOpened | BookingBegun | NumberGiven | ShiftClosed):
            before = shifts.get(entry.stream, SHIFT.initial)
            require(before.closed is None, "a closed shift goes on", entry.stream, event)
            shifts[entry.stream] = SHIFT.evolve(before, event)
    for closed in events(log, TillClosed):
        shift = shifts[f"till-{closed.till_id}/{closed.shift}"]
        require(not shift.begun, "an open booking in a closed shift", shift.begun)
        require(closed.cases == shift.case_totals, "the cases of a closing", closed)
        require(closed.payments == shift.payment_totals, "the payments of a closing", closed)
        paid = sum(each.amount.amount for each in closed.payments if each.fiscal == "Bar")
        require(
            closed.float_.amount + paid == closed.cash.left.amount, "the cash of a closing", closed
        )
        following = shifts.get(f"till-{closed.till_id}/{closed.shift + 1}")
        if following is not None and following.opened is not None:
            opened = following.opened
            require(opened.float_ == closed.cash.left, "the next float", opened)
            require(opened.numbers == closed.number, "the next numbers", opened)


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
    found = world.ground.bookings.all()
    every_booking_ended(found)
    verdicts_fit(world, found)
    order_of_signatures(world)
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
        end = booking.recorded or booking.aborted
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
    """Each TSE signed its bookings in the order in which the gateway recorded them."""
    ends = [
        entry.event.booking_id
        for entry in world.ground.logs["device-gateway"].log
        if isinstance(entry.event, BookingRecorded | BookingAborted)
    ]
    signed: dict[str, list[str]] = defaultdict(list)
    for event in events(world.ground.logs["fiscal-signer"], SignatureMade):
        signed[event.tse_id].append(event.booking_id)
    place = {booking_id: number for number, booking_id in enumerate(ends)}
    for tse_id, ids in signed.items():
        order = [place[booking_id] for booking_id in ids]
        require(order == sorted(order), "signed in another order", tse_id, order)


def papers(world: World, found: dict[str, Booking]) -> None:
    """One receipt and, where vouchers were sold, one paper with their codes; nothing else."""
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
    require(receipts == Counter(recorded.keys()), "receipts", receipts)
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
