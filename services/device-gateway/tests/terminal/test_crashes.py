"""The gateway ends between any two steps of a card payment: no second debit, and its state is
found."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from device_gateway.handlers.recovery import sweep
from events.testing.memory import MemoryEventStore


class Ended(BaseException):
    """kill -9: no handler sees it."""


class EndingStore(MemoryEventStore):
    """Ends the process at an append: before it, or right after it."""

    at: str | None = None
    after = False

    async def append(self, request: Any) -> Any:
        names = {new.event_name for part in request.streams for new in part.events}
        mine = self.at is not None and self.at in names
        if mine and not self.after:
            self.at = None
            raise Ended
        done = await super().append(request)
        if mine:
            self.at = None
            raise Ended
        return done


STEPS = ["payment.requested", "terminal.asked", "terminal.told", "payment.accepted"]


async def settled(counter: Any) -> None:
    """What the recovery of a new process does, until it rests."""
    for _ in range(3):
        await sweep(counter.rig.gateway, counter.rig.unfinished)
        await counter.rig.gateway.terminals.idle()


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", STEPS)
async def test_no_step_at_which_the_gateway_ends_leads_to_a_second_debit(
    lone: Any, step: str, after: bool
) -> None:
    lone.rig.store.__class__ = EndingStore
    lone.rig.store.at, lone.rig.store.after = step, after
    with pytest.raises(Ended):
        await lone.sell(key="K")
    lone.leases.held.clear()  # Its lease runs out.
    lone.rig.restart()
    lone.rig.clock.advance(40)
    await settled(lone)
    answer = await lone.sell(key="K")
    assert lone.terminal.debits in ([], [2889])
    assert lone.terminal.heard.count(0x0601) <= 1
    asked = lone.terminal.heard.count(0x0601)
    if answer.status_code == 200:
        assert lone.terminal.debits == [2889]
        assert answer.json()["state"] == "recorded"
    elif asked:
        assert answer.json()["code"] == "payment.unknown"
    else:
        assert answer.json()["code"] in ("terminal.not_asked", "payment.unknown")


async def test_a_payment_that_was_made_while_the_gateway_was_down_is_found(lone: Any) -> None:
    lone.rig.store.__class__ = EndingStore
    lone.rig.store.at, lone.rig.store.after = "terminal.told", False
    with pytest.raises(Ended):
        await lone.sell(key="K")
    lone.leases.held.clear()
    lone.rig.restart()
    await settled(lone)
    assert "payment.accepted" in lone.rig.names()
    assert (await lone.sell(key="K")).json()["state"] == "recorded"
    assert lone.terminal.debits == [2889]


async def test_the_recovery_never_aborts_a_sale_whose_card_may_have_paid(lone: Any) -> None:
    lone.acts("drop_unbooked")
    booking = (await lone.sell()).json()["booking_id"]
    lone.rig.clock.advance(7_200)
    await settled(lone)
    assert (await lone.told(booking))["state"] == "open"


async def test_the_recovery_never_aborts_a_sale_that_a_card_has_paid(lone: Any) -> None:
    booking = (await lone.sell(finish=False)).json()["booking_id"]
    lone.rig.clock.advance(7_200)
    await settled(lone)
    assert (await lone.told(booking))["state"] == "open"


async def test_while_another_process_works_with_the_terminal_nobody_meddles(lone: Any) -> None:
    lone.acts("slow")
    lone.terminal.steps_s = 0.1
    selling = asyncio.create_task(lone.sell(key="K"))
    await lone.terminal.began.wait()
    first = lone.rig.gateway
    lone.rig.restart()
    lone.rig.clock.advance(5)
    await settled(lone)
    assert lone.terminal.heard.count(0x0620) == 0
    assert (await selling).json()["state"] == "recorded"
    assert first is not lone.rig.gateway
    assert lone.terminal.debits == [2889]


async def test_what_a_process_left_behind_is_settled_before_the_terminal_is_asked_again(
    lone: Any,
) -> None:
    lone.rig.store.__class__ = EndingStore
    lone.rig.store.at, lone.rig.store.after = "payment.accepted", False
    with pytest.raises(Ended):
        await lone.sell(key="K")
    lone.leases.held.clear()
    lone.rig.restart()
    assert (await lone.sell(500)).json()["state"] == "recorded"
    assert lone.terminal.debits == [2889, 500]
    assert [event.payment.amount.amount for event in lone.rig.events("payment.accepted")] == [
        2889, 500,
    ]  # fmt: skip
