"""The card terminal as the sale's page shows it: stopped by the cashier, resolved by a person."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from device_gateway.testing.window import Window


async def opened(counter: Any) -> Window:
    """The page of a till with a sale of 28,89 €."""
    begun = {**counter.sale(finish=False), "payments": []}
    answer = await counter.till.post("", begun)
    assert answer.status_code == 200, answer.text
    return await Window(counter.rig.http, counter.till.token).load()


async def test_a_card_pays_and_ends_the_sale(counter: Any) -> None:
    window = await opened(counter)
    await window.act("terminal")
    assert (window.status, counter.terminal.debits) == (200, [2889])
    assert 'data-ended="' in window.text


async def test_a_terminal_is_stopped_and_the_amount_stays_open(counter: Any) -> None:
    counter.acts("wait")
    window = await opened(counter)
    paying = asyncio.create_task(window.act("terminal"))
    await counter.terminal.began.wait()
    beside = await Window(counter.rig.http, counter.till.token).load()
    assert beside.shows("Terminal anhalten")
    await beside.act("terminal-abort")
    assert beside.shows("Das Terminal wurde angehalten")
    await paying
    assert (window.status, window.refused) == (409, "card.aborted")
    assert window.shows("28,89 €")
    assert counter.terminal.debits == []


@pytest.mark.parametrize(
    ("outcome", "open_left"), [("approved", "0,00 €"), ("not_taken", "28,89 €")]
)
async def test_what_nobody_knows_is_resolved_in_its_dialog(
    counter: Any, outcome: str, open_left: str
) -> None:
    counter.acts("drop_unbooked")
    window = await opened(counter)
    await window.act("terminal")
    assert (window.status, window.refused) == (409, "payment.unknown")
    assert 'data-dialog="resolve"' in window.text
    payment = window.text.split('data-arg-payment="')[1].split('"')[0]
    await window.load(f"/dialog/resolve?payment={payment}")
    assert window.dialog == "resolve"
    said = {"payment": window.hidden("payment"), "outcome": outcome, "receipt_number": "0043"}
    await window.act("resolve", **said, dialog="resolve")
    assert (window.refused, window.dialog) == ("field.invalid", "resolve")
    await window.act("resolve", **said, reason="Journal geprüft", dialog="resolve")
    assert window.status == 200
    assert f'<dd id="open">{open_left}' in window.text.replace("\u00a0", " ")
