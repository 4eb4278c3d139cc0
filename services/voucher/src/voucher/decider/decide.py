"""What each command leads to. Pure: `now` and all ids come in with the command.

A hold that has lapsed no longer counts, whether its expiry is written down or not. Whatever takes
money from the balance first writes down what has lapsed (`expiries`), so the plain fold of the
events never shows more held than there is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from voucher.commands import (
    ActivateVoucher,
    BlockVoucher,
    CancelTopUp,
    CancelVoucher,
    CaptureHold,
    CapturePart,
    ClaimVoucher,
    ConfirmHold,
    ExpireHolds,
    ExtendEntitlement,
    ExtendValidity,
    IssueVoucher,
    PlaceHold,
    PrepareCard,
    PrepareTopUp,
    RecordTopUp,
    RedeemVoucher,
    ReleaseHold,
    RenewCode,
    ReplaceCode,
    ReverseRedemption,
    UnblockVoucher,
    VoidCard,
    VoucherCommand,
    WriteOff,
)
from voucher.decider import holding, office, selling, spend
from voucher.decider.rules import expiries
from voucher.decider.state import Issued, Voucher
from voucher.events import VoucherEvent

Events = Sequence[VoucherEvent]


def decide(command: VoucherCommand, voucher: Voucher) -> Events:
    match command:
        case PlaceHold():
            return holding.place(command, voucher)
        case ConfirmHold():
            return holding.confirm(command, voucher)
        case ReleaseHold():
            return holding.release(command, voucher)
        case CaptureHold():
            return spend.capture(command, voucher)
        case RedeemVoucher():
            return spend.redeem(command, voucher)
        case CapturePart():
            return spend.capture_part(command, voucher)
        case ReverseRedemption():
            return spend.reverse(command, voucher)
        case ExpireHolds():
            return expiries(voucher, command.now) if isinstance(voucher, Issued) else ()
        case _:
            return _life(command, voucher)


def _life(
    command: IssueVoucher
    | PrepareCard
    | ActivateVoucher
    | CancelVoucher
    | VoidCard
    | PrepareTopUp
    | RecordTopUp
    | CancelTopUp
    | BlockVoucher
    | UnblockVoucher
    | ExtendValidity
    | WriteOff
    | ReplaceCode
    | RenewCode
    | ClaimVoucher
    | ExtendEntitlement,
    voucher: Voucher,
) -> Events:
    match command:
        case IssueVoucher():
            return selling.issue(command, voucher)
        case PrepareCard():
            return selling.prepare_card(command, voucher)
        case ActivateVoucher():
            return selling.activate(command, voucher)
        case CancelVoucher():
            return selling.cancel(command, voucher)
        case VoidCard():
            return selling.void(command, voucher)
        case PrepareTopUp():
            return selling.prepare_top_up(command, voucher)
        case RecordTopUp():
            return selling.record_top_up(command, voucher)
        case CancelTopUp():
            return selling.cancel_top_up(command, voucher)
        case BlockVoucher():
            return office.block(command, voucher)
        case UnblockVoucher():
            return office.unblock(command, voucher)
        case ExtendValidity():
            return office.extend(command, voucher)
        case WriteOff():
            return office.write_off(command, voucher)
        case ReplaceCode():
            return office.replace_code(command, voucher)
        case RenewCode():
            return office.renew_code(command, voucher)
        case ClaimVoucher():
            return office.claim(command, voucher)
        case ExtendEntitlement():
            return office.extend_entitlement(command, voucher)
        case _:
            assert_never(command)
