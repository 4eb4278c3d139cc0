"""Small steps that the folds of an account share. All of them answer new values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from voucher.decider.account.state import Opened
from voucher.events import LotUse

V = TypeVar("V")


def taken(account: Opened, uses: tuple[LotUse, ...]) -> Opened:
    if not uses:
        return account
    credits = dict(account.credits)
    for use in uses:
        credit = credits[use.lot_id]
        lot = credit.lot.model_copy(update={"amount": credit.lot.amount - use.amount})
        assert lot.amount.amount >= 0
        credits[use.lot_id] = replace(credit, lot=lot)
    return replace(account, credits=credits)


def with_(entries: Mapping[str, V], key: str, value: V) -> Mapping[str, V]:
    return {**entries, key: value}


def without(entries: Mapping[str, V], key: str) -> Mapping[str, V]:
    return {name: value for name, value in entries.items() if name != key}
