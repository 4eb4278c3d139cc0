"""What people decide about a voucher: block, extend, write off, a new code, a claim."""

from __future__ import annotations

from collections.abc import Sequence

from money import total
from voucher.commands import (
    BlockVoucher,
    ClaimVoucher,
    ExtendEntitlement,
    ExtendValidity,
    RenewCode,
    ReplaceCode,
    UnblockVoucher,
    WriteOff,
)
from voucher.decider.refusals import (
    HoldOpen,
    HoldUnknown,
    NoEffect,
    ShorterValidity,
    VoucherEnded,
    VoucherHeldNow,
    VoucherNotUsable,
)
from voucher.decider.rules import expiries, same_code
from voucher.decider.state import ENDED, HoldState, Issued, Status, Unissued, Voucher
from voucher.events import (
    CodeReason,
    VoucherBlocked,
    VoucherClaimed,
    VoucherCodeReplaced,
    VoucherEntitlementExtended,
    VoucherEvent,
    VoucherExpired,
    VoucherUnblocked,
    VoucherValidityExtended,
)

Events = Sequence[VoucherEvent]


def known(voucher: Voucher) -> Issued:
    """Raises `VoucherNotUsable` for one that does not exist."""
    if isinstance(voucher, Unissued):
        raise VoucherNotUsable
    return voucher


def living(voucher: Voucher) -> Issued:
    """Raises `VoucherEnded`."""
    issued = known(voucher)
    if issued.status in ENDED:
        successor = issued.past.successor_id
        extra = {"successor": successor} if successor else {}
        raise VoucherEnded(state=issued.status.value, **extra)
    return issued


def block(command: BlockVoucher, voucher: Voucher) -> Events:
    issued = living(voucher)
    if issued.blocked:
        return ()
    return (
        VoucherBlocked(
            voucher_id=issued.voucher_id,
            serial=issued.serial,
            reason=command.reason,
            note=command.note,
            blocked_at=command.now,
        ),
    )


def unblock(command: UnblockVoucher, voucher: Voucher) -> Events:
    issued = known(voucher)
    if not issued.blocked:
        return ()
    return (
        VoucherUnblocked(
            voucher_id=issued.voucher_id,
            serial=issued.serial,
            note=command.note,
            unblocked_at=command.now,
        ),
    )


def extend(command: ExtendValidity, voucher: Voucher) -> Events:
    issued = known(voucher)
    if issued.status not in (Status.ACTIVE, Status.EXPIRED):
        raise VoucherEnded(state=issued.status.value)
    if issued.valid_until is not None and command.valid_until <= issued.valid_until:
        raise ShorterValidity(valid_until=issued.valid_until.isoformat())
    gone = (part.expired for part in issued.lots if part.expired is not None)
    restored = total(gone, currency=issued.balance.currency)
    return (
        VoucherValidityExtended(
            voucher_id=issued.voucher_id,
            serial=issued.serial,
            valid_until=command.valid_until,
            restored=restored,
            balance=issued.balance + restored,
            reason=command.reason,
            extended_at=command.now,
        ),
    )


def write_off(command: WriteOff, voucher: Voucher) -> Events:
    """Nothing where somebody holds a part of it: the next run sees what is left then."""
    issued = known(voucher)
    mine = issued.legal_entity_id == command.legal_entity_id
    if not mine or issued.status is not Status.ACTIVE:
        return ()
    past = [part.left for part in issued.lots if part.usable_before <= command.now]
    amount = total(past, currency=issued.balance.currency)
    if not amount or issued.held(command.now):
        return ()
    return (
        *expiries(issued, command.now),
        VoucherExpired(
            voucher_id=issued.voucher_id,
            serial=issued.serial,
            run_id=command.run_id,
            amount=amount,
            expired_at=command.now,
        ),
    )


def replace_code(command: ReplaceCode, voucher: Voucher) -> Events:
    issued = living(voucher)
    if issued.status is not Status.ACTIVE:
        raise VoucherNotUsable
    if issued.code_hash == command.code_hash:
        return ()
    return (_replaced(issued, command, command.reason),)


def _replaced(
    voucher: Issued, command: ReplaceCode | RenewCode, reason: CodeReason
) -> VoucherCodeReplaced:
    return VoucherCodeReplaced(
        voucher_id=voucher.voucher_id,
        serial=voucher.serial,
        old_code_hash=voucher.code_hash,
        code_hash=command.code_hash,
        hash_key_id=command.hash_key_id,
        reason=reason,
        replaced_at=command.now,
    )


def renew_code(command: RenewCode, voucher: Voucher) -> Events:
    """Nothing where the code is one of ours, or no rest is left to be used. Raises `HoldUnknown`,
    `HoldOpen` where the payment is not captured (yet): until then the old code has to open it."""
    hold = voucher.hold(command.hold_id) if isinstance(voucher, Issued) else None
    if hold is None or isinstance(voucher, Unissued):
        raise HoldUnknown
    if hold.state not in (HoldState.CAPTURED, HoldState.FAILED):
        raise HoldOpen
    if not voucher.past.weak or not voucher.usable(command.now):
        return ()
    return (_replaced(voucher, command, "weak_code"),)


def claim(command: ClaimVoucher, voucher: Voucher) -> Events:
    """All of it, once. The caller appends the account's credit in the same request."""
    same_code(voucher, command.code_hash)
    issued = known(voucher)
    if command.claim_id in issued.past.moves:
        return ()
    if not issued.usable(command.now) or issued.legal_entity_id != command.legal_entity_id:
        raise VoucherNotUsable
    if issued.held(command.now):
        raise VoucherHeldNow
    return (
        *expiries(issued, command.now),
        VoucherClaimed(
            voucher_id=issued.voucher_id,
            serial=issued.serial,
            claim_id=command.claim_id,
            account_id=command.account_id,
            amount=issued.balance,
            uses=tuple(part.use(part.left) for part in issued.lots if part.left),
            claimed_at=command.now,
        ),
    )


def extend_entitlement(command: ExtendEntitlement, voucher: Voucher) -> Events:
    issued = known(voucher)
    if command.extension_id in issued.past.extensions:
        return ()
    effect = issued.terms.effect
    if effect is None or issued.past.extensions:
        raise NoEffect
    if not command.recorded:
        active = issued.status is Status.ACTIVE and not issued.blocked
        if not active or not issued.lasts(command.now):
            raise VoucherNotUsable
    return (
        VoucherEntitlementExtended(
            voucher_id=issued.voucher_id,
            serial=issued.serial,
            extension_id=command.extension_id,
            entitlement=effect.entitlement,
            subject_id=command.subject_id,
            old_until=command.old_until,
            new_until=command.new_until,
            booking_id=command.booking_id,
            store_id=command.store_id,
            confirmed_at=command.now,
        ),
    )
