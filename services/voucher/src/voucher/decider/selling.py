"""From the blank card to the recorded sale; top-ups."""

from __future__ import annotations

import hmac
from collections.abc import Sequence

from money import Money, total
from voucher.commands import (
    ActivateVoucher,
    CancelTopUp,
    CancelVoucher,
    IssueVoucher,
    PrepareCard,
    PrepareTopUp,
    RecordTopUp,
    VoidCard,
)
from voucher.decider.lots import LOTS_MAX
from voucher.decider.refusals import (
    BalanceTooLarge,
    CardNotForSale,
    CodeGone,
    TooManyLots,
    TopUpCancelled,
    TopUpReused,
    VoucherCancelledBefore,
    VoucherEnded,
    VoucherNotUsable,
    VoucherReused,
    WrongCurrency,
)
from voucher.decider.rules import same_code
from voucher.decider.state import Issued, Status, TopUp, Unissued, Voucher
from voucher.events import (
    VoucherActivated,
    VoucherActivationFailed,
    VoucherCancelled,
    VoucherCardPrepared,
    VoucherEvent,
    VoucherIssued,
    VoucherToppedUp,
    VoucherTopUpCancelled,
    VoucherTopUpPrepared,
)

Events = Sequence[VoucherEvent]


def issue(command: IssueVoucher, voucher: Voucher) -> Events:
    if isinstance(voucher, Issued):
        return _issued_before(command, voucher)
    if voucher.cancelled:
        raise VoucherCancelledBefore
    consideration = command.value if command.consideration is None else command.consideration
    return (
        VoucherIssued(
            voucher_id=command.voucher_id,
            serial=command.serial,
            code_hash=command.code_hash,
            hash_key_id=command.hash_key_id,
            terms=command.terms,
            value=command.value,
            consideration=consideration,
            legal_entity_id=command.legal_entity_id,
            origin=command.origin,
            status="active" if command.sold_at is None else "pending",
            sold_at=command.sold_at,
            valid_until=command.valid_until,
            time_zone=command.time_zone,
            opened=command.opened,
            issued_at=command.now,
        ),
    )


def _issued_before(command: IssueVoucher, voucher: Issued) -> Events:
    """The same again, because an answer was lost."""
    booking_id = "" if command.sold_at is None else command.sold_at.booking_id
    asked = (command.value, command.legal_entity_id, command.terms, booking_id)
    if (voucher.value, voucher.legal_entity_id, voucher.terms, voucher.booking_id) != asked:
        raise VoucherReused
    issue_lot = voucher.past.issue
    if command.consideration is not None and (
        issue_lot is None or issue_lot.consideration != command.consideration
    ):
        raise VoucherReused
    if voucher.status is Status.CANCELLED:
        raise VoucherCancelledBefore
    if not hmac.compare_digest(voucher.code_hash, command.code_hash):
        raise CodeGone
    return ()


def prepare_card(command: PrepareCard, voucher: Voucher) -> Events:
    same_code(voucher, command.code_hash)
    assert isinstance(voucher, Issued)
    if voucher.past.preparation_id == command.preparation_id:
        if voucher.status is Status.INACTIVE:
            raise VoucherCancelledBefore
        if (voucher.value, voucher.booking_id) != (command.value, command.sold_at.booking_id):
            raise VoucherReused
        return ()
    # What is wrong with a card is not said: the code of a card that was sold is money.
    if voucher.status is not Status.INACTIVE or voucher.blocked:
        raise VoucherNotUsable
    if voucher.legal_entity_id != command.legal_entity_id:
        raise VoucherNotUsable
    if voucher.value.currency != command.value.currency:
        raise WrongCurrency
    fixed = voucher.value if voucher.past.preparation_id is None else voucher.value.zero
    if fixed and fixed != command.value:
        raise CardNotForSale(value=fixed.model_dump())
    return (
        VoucherCardPrepared(
            voucher_id=voucher.voucher_id,
            serial=voucher.serial,
            preparation_id=command.preparation_id,
            value=command.value,
            consideration=command.value if command.consideration is None else command.consideration,
            sold_at=command.sold_at,
            valid_until=command.valid_until,
            time_zone=command.time_zone,
            opened=command.opened,
            prepared_at=command.now,
        ),
    )


def activate(command: ActivateVoucher, voucher: Voucher) -> Events:
    if isinstance(voucher, Unissued):
        return _never_issued(command, None, voucher.failed)
    cancelled = voucher.status in (Status.CANCELLED, Status.INACTIVE)
    if cancelled and voucher.past.reversed_sale is not None:
        return ()
    if cancelled and voucher.past.issue is None:
        return _never_issued(command, voucher.serial, voucher.past.failed)
    if voucher.status is not Status.PENDING and not cancelled:
        return ()
    return (
        VoucherActivated(
            voucher_id=voucher.voucher_id,
            serial=voucher.serial,
            booking_id=command.booking_id,
            value=voucher.value,
            activated_at=command.now,
            reinstated=cancelled,
        ),
    )


def _never_issued(
    command: ActivateVoucher | RecordTopUp, serial: str | None, failed: frozenset[str]
) -> Events:
    if command.booking_id in failed:
        return ()
    return (
        VoucherActivationFailed(
            voucher_id=command.voucher_id,
            serial=serial,
            booking_id=command.booking_id,
            value=command.value,
            store_id=command.store_id,
            till_id=command.till_id,
            reason="never_issued",
            failed_at=command.now,
        ),
    )


def cancel(command: CancelVoucher, voucher: Voucher) -> Events:
    if isinstance(voucher, Unissued):
        if voucher.cancelled:
            return ()
        return (
            VoucherCancelled(
                voucher_id=command.voucher_id, reason=command.reason, cancelled_at=command.now
            ),
        )
    # A recorded sale wins: the customer has paid and holds the paper.
    if voucher.status is not Status.PENDING:
        return ()
    if command.booking_id is not None and command.booking_id != voucher.booking_id:
        return ()
    return (_cancelled(voucher, command.reason, command),)


def void(command: VoidCard, voucher: Voucher) -> Events:
    if isinstance(voucher, Unissued) or voucher.status is not Status.INACTIVE:
        return ()
    return (_cancelled(voucher, command.reason, command),)


def _cancelled(voucher: Issued, reason: str, command: CancelVoucher | VoidCard) -> VoucherCancelled:
    return VoucherCancelled(
        voucher_id=voucher.voucher_id,
        serial=voucher.serial,
        value=voucher.balance if voucher.status is Status.INACTIVE else voucher.value,
        reason=reason,
        cancelled_at=command.now,
    )


def prepare_top_up(command: PrepareTopUp, voucher: Voucher) -> Events:
    same_code(voucher, command.code_hash)
    assert isinstance(voucher, Issued)
    known = voucher.past.top_ups.get(command.top_up_id)
    if known is not None:
        return _topped_up_before(command, known)
    if voucher.status is not Status.ACTIVE or voucher.blocked or not voucher.lasts(command.now):
        raise VoucherNotUsable
    if command.accepted_by != voucher.legal_entity_id or voucher.waiver is not None:
        raise VoucherNotUsable
    if command.value.currency != voucher.balance.currency:
        raise WrongCurrency
    coming = [top_up.value for top_up in voucher.past.top_ups.values() if _open(top_up)]
    room = command.balance_max - voucher.balance - total(coming, currency=voucher.balance.currency)
    if command.value > room:
        raise BalanceTooLarge(room=max(room, room.zero).model_dump())
    if len(voucher.lots) + len(coming) >= LOTS_MAX:
        raise TooManyLots
    return (
        VoucherTopUpPrepared(
            voucher_id=voucher.voucher_id,
            serial=voucher.serial,
            top_up_id=command.top_up_id,
            value=command.value,
            consideration=command.value if command.consideration is None else command.consideration,
            rate=command.rate,
            sold_at=command.sold_at,
            valid_until=command.valid_until,
            opened=command.opened,
            prepared_at=command.now,
        ),
    )


def _open(top_up: TopUp) -> bool:
    return top_up.state == "prepared"


def _topped_up_before(command: PrepareTopUp, known: TopUp) -> Events:
    if known.state == "cancelled":
        raise TopUpCancelled
    consideration = command.value if command.consideration is None else command.consideration
    asked = (command.value, consideration, command.sold_at.booking_id)
    if (known.value, known.consideration, known.booking_id) != asked:
        raise TopUpReused
    return ()


def record_top_up(command: RecordTopUp, voucher: Voucher) -> Events:
    """The customer has paid: it counts, whether it was prepared, cancelled or never heard of. A
    voucher that had ended lives again, as with a refund; only a merged one does not."""
    if isinstance(voucher, Unissued):
        return _never_issued(command, None, voucher.failed)
    known = voucher.past.top_ups.get(command.top_up_id)
    if known is not None and known.state == "recorded":
        return ()
    if voucher.status is Status.REPLACED:
        # It goes on to the successor: `moving.forward`.
        raise VoucherEnded(state=voucher.status.value)
    if known is None:
        known = _as_booked(command, voucher)
    return (
        VoucherToppedUp(
            voucher_id=voucher.voucher_id,
            serial=voucher.serial,
            top_up_id=command.top_up_id,
            value=known.value,
            consideration=known.consideration,
            rate=known.rate,
            valid_until=known.valid_until,
            opened=known.opened,
            balance=voucher.balance + known.value,
            booking_id=command.booking_id,
            store_id=command.store_id,
            topped_up_at=command.now,
        ),
    )


def _as_booked(command: RecordTopUp, voucher: Issued) -> TopUp:
    rate = None
    if voucher.terms.vat is not None:
        rate = dict(command.rates).get(voucher.terms.vat, voucher.terms.rate)
    value: Money = command.value
    return TopUp(
        value=value,
        consideration=value,
        rate=rate,
        valid_until=command.valid_until,
        opened=command.opened,
        booking_id=command.booking_id,
    )


def cancel_top_up(command: CancelTopUp, voucher: Voucher) -> Events:
    known = voucher.past.top_ups.get(command.top_up_id) if isinstance(voucher, Issued) else None
    # A recorded sale wins: the customer has paid.
    if known is None or isinstance(voucher, Unissued) or not _open(known):
        return ()
    return (
        VoucherTopUpCancelled(
            voucher_id=voucher.voucher_id,
            serial=voucher.serial,
            top_up_id=command.top_up_id,
            reason=command.reason,
            cancelled_at=command.now,
        ),
    )
