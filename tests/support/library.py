"""A library's till: an account with its fees, and what is settled of them."""

from __future__ import annotations

from typing import Any

from money import euro
from tests.support.counter import Answer, Counter, eur
from voucher.events import FeeSettled, Terms

GIFT = Terms(funding="donated", reason="Spende des Fördervereins")


async def owes(counter: Counter, **fees: str) -> None:
    """The account A1 with open fees."""
    await counter.members.open()
    for fee_id, amount in fees.items():
        await counter.members.fee(fee_id, amount, text="Jahresgebühr")


def fee(fee_id: str = "F1", **more: Any) -> Answer:
    return {"kind": "fee", "account_id": "A1", "fee_id": fee_id, **more}


def waiver(code: str | None = None, **more: Any) -> Answer:
    return {"kind": "waiver", **({} if code is None else {"code": code}), **more}


def credit(minor: int | None = None) -> Answer:
    return {"kind": "account_credit", **({} if minor is None else {"amount": eur(minor)})}


async def left(counter: Counter, fee_id: str = "F1") -> int:
    """What is open of a fee, in minor units, by its owner's books."""
    account = await counter.members.account()
    amount: int = account.fees[fee_id].open.amount
    return amount


async def settled(counter: Counter) -> list[tuple[str, int, str | None]]:
    """(how, minor units, reason) of all that was settled."""
    entries = await counter.vouchers.store.load("account-A1")
    facts = [entry.event for entry in entries if isinstance(entry.event, FeeSettled)]
    return [(fact.how, fact.amount.amount, fact.reason) for fact in facts]


async def open_part(counter: Counter, fee_id: str = "F1") -> int:
    """What another till may still settle of a fee now."""
    account = await counter.members.account()
    amount: int = account.open_of(account.fees[fee_id], counter.clock.now).amount
    return amount


ZERO = euro("0.00")
