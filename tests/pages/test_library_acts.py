"""A library's till: fees are paid or waived, a voucher extends, and days are typed with a key."""

from __future__ import annotations

import re

from device_gateway.testing.window import Window
from tests.support.counter import Counter
from tests.support.library import GIFT, left, owes, settled
from voucher.events import Effect, Terms, VoucherEntitlementExtended

CARD_YEAR = Terms(
    funding="donated", reason="geschenkt", effect=Effect(entitlement="library_card", months=12)
)


async def with_fee(window: Window, counter: Counter) -> None:
    """The open fee of an account is in the sale."""
    await owes(counter, F1="15.00")
    await window.load("/dialog/fees?account=A1")
    assert window.shows("Jahresgebühr")
    await window.act("fee", account="A1", fee="F1", dialog="fees")
    assert window.shows("15,00 €")


async def test_a_fee_is_paid_in_cash(window: Window, counter: Counter) -> None:
    await with_fee(window, counter)
    await window.act("cash", entry="20")
    await counter.spread()
    assert window.shows("5,00 €")
    assert await left(counter) == 0


async def test_a_fee_is_waived_for_a_reason(window: Window, counter: Counter) -> None:
    await with_fee(window, counter)
    await window.act("waive", dialog="waive")
    assert window.refused == "field.invalid"
    await window.act("waive", reason="Kulanz", dialog="waive")
    await counter.spread()
    assert await settled(counter) == [("waiver", 1500, "Kulanz")]


async def test_a_fee_is_waived_by_a_voucher(window: Window, counter: Counter) -> None:
    code = await counter.members.voucher("0042", "15.00", GIFT)
    await with_fee(window, counter)
    await window.act("waive", code=code, reason="Gutschein 0042", dialog="waive")
    await counter.spread()
    assert await left(counter) == 0


async def test_v18_the_new_day_is_shown_before_it_is_confirmed_that_no_fee_is_booked(
    window: Window, counter: Counter
) -> None:
    code = await counter.members.voucher("V18", "0.00", CARD_YEAR)
    await window.act(
        "extend", code=code, subject="reader-7", old_until="31.12.2026", dialog="extend"
    )
    assert window.shows("31.12.2027")
    assert window.shows("Keine Gebühr wird gebucht.")
    assert code not in window.text
    assert not [entry for entry in counter.log.log if entry.name == "booking.started"]
    fields = ("scan", "subject", "old_until", "confirmed")
    shown = {name: window.hidden(name) for name in fields}
    await window.act("extend", dialog="extend", **shown)
    assert window.shows("Verlängert bis 31.12.2027")
    await window.act("finish")
    await counter.spread()
    fact = (await counter.vouchers.store.load("voucher-V18"))[-1].event
    assert isinstance(fact, VoucherEntitlementExtended)
    assert fact.new_until.isoformat() == "2027-12-31"


async def test_v28_a_key_stands_for_the_day_that_is_extended(
    window: Window, counter: Counter
) -> None:
    code = await counter.members.voucher("V18", "0.00", CARD_YEAR)
    await window.act("extend", code=code, subject="reader-7", old_until="j", dialog="extend")
    today = counter.clock.now.date()
    year = today.year + 1
    assert window.hidden("old_until") == today.replace(year=year).isoformat()
    assert re.search(rf"data-new-until>[0-9.]+{year + 1}<", window.text)


async def test_v28_what_is_no_day_is_said_at_its_field(window: Window, counter: Counter) -> None:
    await window.act("extend", code="X", subject="reader-7", old_until="32.13.", dialog="extend")
    assert window.refused == "page.day"
    assert 'aria-describedby="wrong-old_until"' in window.text


async def test_v28_the_receipts_of_a_day_are_found_by_a_key(window: Window) -> None:
    for typed, shown in (("-", "vom 21.11.2026"), ("211126", "vom 21.11.2026"), ("h", "von heute")):
        await window.load(f"?day={typed}", page="receipts")
        assert window.shows(f"Bons {shown}"), typed


async def test_v26_the_keys_show_the_values_as_they_are_now(
    window: Window, counter: Counter
) -> None:
    keys = [
        {"label": label, "position": at, "preset": at}
        for at, label in enumerate(("Klein", "Mittel", "Groß"))
    ]
    body = {"pages": [{"label": "Gutscheine", "keys": keys}]}
    assert (await counter.office("PUT", "touch-keys/chain", body)).status_code == 200
    for values in ((1000, 2500, 5000), (1500, 3000)):
        answer = await counter.behind.put(
            "/voucher/v1/presets/chain",
            json={"values": [{"amount": value, "currency": "EUR"} for value in values]},
            headers={"authorization": "Bearer office", "idempotency-key": f"presets-{values[0]}"},
        )
        assert answer.status_code == 200, answer.text
        await window.load("/keys")
        shown = re.findall(r'name="value" value="([0-9,]+)"', window.text)
        assert shown == [f"{value // 100},00" for value in values]
