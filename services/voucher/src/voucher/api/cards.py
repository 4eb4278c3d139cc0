"""What a till hears about a prepaid card: the same answers, in the same words, as of a voucher."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from fastapi.responses import Response

from events import Handled
from kassenverbund.kit.routes import as_json
from money import Money
from voucher.api.bodies import HoldAnswer, LookupAnswer, held
from voucher.api.bodies import HoldState as HoldShown
from voucher.commands import Goods
from voucher.decider import HoldState, Issued, VoucherNotUsable
from voucher.decider.account.spend import available
from voucher.decider.account.state import AccountHold, Opened


def shown(
    done: Handled[Any],
    hold_id: str,
    comes: Callable[[Issued], bool],
    basket: tuple[Goods, ...] | None = None,
) -> Response:
    """The hold on a card or on a voucher."""
    account = done.state
    if not isinstance(account, Opened):
        return held(done, hold_id, basket, comes)
    hold = account.hold(hold_id)
    assert hold is not None  # The decision was accepted or is a repeat of one that was.
    return as_json(
        HoldAnswer(
            hold_id=hold_id,
            voucher_id=account.account_id,
            serial=hold.card_serial or account.account_id,
            amount=hold.amount,
            voucher_remaining=hold.left,
            expires_at=hold.expires_at,
            state=hold.state.value,
            purpose=hold.purpose,
            position=done.position,
        )
    )


def hold_shown(account: Opened, hold: AccountHold) -> Response:
    """What became of a hold on a card."""
    over = hold.state is HoldState.CAPTURED
    captured = hold.amount if over else hold.amount.zero
    paid = over and hold.purpose == "payment"
    return as_json(
        HoldShown(
            hold_id=hold.hold_id,
            voucher_id=account.account_id,
            serial=hold.card_serial or account.account_id,
            state=hold.state.value,
            purpose=hold.purpose,
            amount=hold.amount,
            captured=captured,
            reversible=captured - account.money(hold.given_back) if paid else captured.zero,
            balance=account.balance,
        )
    )


def usable(account: Opened, now: datetime) -> Money:
    """What a payment can use now; nothing of a blocked account."""
    return account.money(0 if account.blocked is not None else available(account, now))


def looked_up(account: Opened, serial: str, now: datetime) -> Response:
    """What a card is worth. Raises `VoucherNotUsable` for a blocked one: whoever shows it hears no
    more than of an unknown code."""
    if account.blocked is not None:
        raise VoucherNotUsable
    lots = [credit.lot for credit in account.credits.values() if credit.lot.amount]
    return as_json(
        LookupAnswer(
            serial=serial,
            value=account.balance,
            balance=account.balance,
            available=usable(account, now),
            valid_until=max((lot.valid_until for lot in lots), default=account.day(now)),
            state="active" if account.balance else "spent",
        )
    )
