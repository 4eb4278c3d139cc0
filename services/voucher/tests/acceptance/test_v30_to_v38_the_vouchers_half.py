"""V30 to V38 end at the order connector and at billing. This is the vouchers' half of them: what
must hold here whatever those services do, twice or late. (V29 is in `tests/test_mailing.py`.)"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest

from money import euro
from voucher import codes
from voucher.decider import VoucherReused
from voucher.decider.state import Status
from voucher.events import SoldAt


def of_order(order_id: str, line: int) -> str:
    """The connector names the voucher of an order line always alike."""
    return str(uuid5(NAMESPACE_URL, f"order/{order_id}/{line}"))


async def test_v30_a_till_that_was_down_and_repeats_itself_activates_the_voucher_once(
    world: Any, recorded: Callable[..., Any]
) -> None:
    """V30: POS down 14:00-14:40; at 14:41 the voucher is signed exactly once."""
    await world.prepare("v1", "30.00", booking_id="B1")
    fetched = [("v1", "30.00")]
    await world.hear(recorded("B1", sells=fetched))
    await world.hear(recorded("B1", sells=fetched, delivery="2"))
    names = await world.names()
    assert names.count("voucher.activated") == 1
    assert (await world.issued("v1")).balance == euro("30.00")


async def test_v31_entered_by_hand_and_transferred_all_the_same_is_one_voucher(
    world: Any, recorded: Callable[..., Any]
) -> None:
    """V31: a web voucher of 30.00 entered by hand, and the same order fetched after reconnect."""
    voucher_id = of_order("1001", 1)
    await world.prepare(voucher_id, "30.00", booking_id="by-hand")
    await world.hear(recorded("by-hand", sells=[(voucher_id, "30.00")]))
    with pytest.raises(VoucherReused):
        await world.prepare(voucher_id, "30.00", booking_id="by-the-connector")
    assert (await world.names()).count("voucher.issued") == 1
    assert (await world.issued(voucher_id)).balance == euro("30.00")


async def test_v32_an_order_whose_payment_was_aborted_leaves_a_voucher_with_its_reason(
    world: Any, aborted: Callable[..., Any]
) -> None:
    """V32: the gap of order 1002 is explained."""
    await world.prepare("v1002", "25.00", booking_id="B1002")
    await world.hear(aborted("B1002", vouchers=["v1002"]))
    entries = await world.store.read(after=0, records_max=100)
    (cancelled,) = (entry.event for entry in entries if entry.name == "voucher.cancelled")
    assert (cancelled.reason, cancelled.serial is not None) == ("booking_aborted", True)
    voucher = await world.issued("v1002")
    assert (voucher.status, voucher.balance) == (Status.CANCELLED, euro("0.00"))


async def test_v34_the_law_of_the_receiving_store_decides_wherever_the_shop_is(world: Any) -> None:
    """V34: issuer and time zone are the store's, not the shop's."""
    world.clock.now = world.clock.now.replace(month=12, day=31, hour=23, minute=30)
    sold_at = SoldAt(store_id="berlin", till_id="connector", booking_id="B1", line_id="1")
    prepared = await world.vouchers.prepare(
        world.ask(), voucher_id="v1", value=euro("30.00"), legal_entity_id="kette",
        sold_at=sold_at,
    )  # fmt: skip
    voucher = prepared.voucher
    assert (voucher.legal_entity_id, voucher.time_zone) == ("kette", "Europe/Berlin")
    # 23:30 UTC on New Year's Eve is next year in Berlin: valid to the end of the year after three.
    assert voucher.valid_until.isoformat() == "2030-12-31"


@pytest.mark.parametrize("scanned", ["KP-48213-XZ", "9783161484100", "P" + "0" * 14 + "Z"])
async def test_v35_v36_a_code_of_another_scheme_is_no_voucher_and_no_guess(
    world: Any, scanned: str
) -> None:
    """V35, V36: a scheme's code is taken at the till as another means of payment; asked here by
    mistake it costs nobody an attempt."""
    with pytest.raises(codes.CodeMistyped):
        await world.hold(scanned, "18.00", "H1")
    assert world.attempts.wrongs == []


async def test_v37_what_pays_for_a_reserved_title_is_captured_once(
    world: Any, recorded: Callable[..., Any]
) -> None:
    """V37: the stock falls at tendering; the voucher's half is one capture per booking."""
    sold = await world.sell("v1", "20.00")
    await world.hold(sold.code, "18.00", "H1")
    paid = [("H1", "18.00", "v1")]
    await world.hear(recorded("B2", paid=paid))
    await world.hear(recorded("B2", paid=paid, delivery="2"))
    assert (await world.issued("v1")).balance == euro("2.00")


async def test_v38_a_sale_on_account_of_a_payer_touches_no_voucher(
    world: Any, recorded: Callable[..., Any]
) -> None:
    """V38: billing hears of it; the voucher service books nothing."""
    before = await world.names()
    await world.hear(recorded("B3"))
    assert await world.names() == before
