"""Transfers and merges, blocking, validity, expiry runs, new codes, claims."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

from events import handle
from money import Money, euro, total
from voucher.commands import ClaimVoucher, ExtendEntitlement, Goods
from voucher.decider import (
    VOUCHER,
    BalanceTooLarge,
    NoEffect,
    ShorterValidity,
    TransferReused,
    VoucherEnded,
    VoucherHeldNow,
    VoucherInsufficient,
    VoucherNotUsable,
    VouchersDiffer,
    WrongCurrency,
)
from voucher.events import VoucherClaimed, VoucherTransferredIn
from voucher.handlers import Named, RunPage, Wanted, stream_of

if TYPE_CHECKING:
    from services.voucher.tests.conftest import World


# Transfers and merges


async def test_a_transfer_moves_value_and_makes_none(either: World, unique: str) -> None:
    one, two = await either.sell(f"{unique}1", "50.00"), await either.sell(f"{unique}2", "10.00")
    await either.move(one.code, two.code, "20.00", f"{unique}-M")
    await either.move(one.code, two.code, "20.00", f"{unique}-M")
    balances = [(await either.issued(f"{unique}{n}")).balance for n in "12"]
    assert balances == [euro("30.00"), euro("30.00")]
    with pytest.raises(TransferReused):
        await either.move(one.code, two.code, "5.00", f"{unique}-M")


async def test_a_merge_ends_the_source_and_names_the_successor(world: World) -> None:
    one, two = await world.sell("v1", "50.00"), await world.sell("v2", "10.00")
    await world.move(one.code, two.code, None, "M1")
    voucher = await world.issued("v1")
    assert (voucher.status, voucher.past.successor_id) == ("replaced", "v2")
    with pytest.raises(VoucherNotUsable):
        await world.hold(one.code, "1.00", "H1")
    await world.pay(two.code, "60.00", "H2")


async def test_moves_in_a_circle_at_once_keep_the_sum(either: World, unique: str) -> None:
    sold = [await either.sell(f"{unique}{n}", "10.00") for n in range(3)]
    await asyncio.gather(
        *(
            either.move(sold[n % 3].code, sold[(n + 1) % 3].code, "3.00", f"{unique}-M{n}")
            for n in range(9)
        ),
        return_exceptions=True,
    )
    vouchers = [await either.issued(f"{unique}{n}") for n in range(3)]
    assert total((v.balance for v in vouchers), currency="EUR") == euro("30.00")


async def test_a_lot_that_moves_keeps_its_price_its_day_and_its_tax(world: World) -> None:
    one = await world.sell("v1", "50.00", kind="single_purpose", vat="standard")
    two = await world.sell("v2", "10.00", kind="single_purpose", vat="standard")
    pens = (Goods(gross=euro("99.00"), vat="standard", dsfinvk_key=1),)
    await world.pay(one.code, "5.00", "H1", basket=pens)
    await world.move(one.code, two.code, None, "M1")
    log = await world.store.read(after=0, records_max=100)
    (moved,) = [e.event for e in log if isinstance(e.event, VoucherTransferredIn)]
    (lot,) = moved.lots
    assert (lot.amount, lot.tax, lot.opened) == (euro("45.00"), euro("7.18"), date(2026, 11, 22))


@pytest.mark.parametrize(
    "other",
    [
        {"kind": "single_purpose", "vat": "standard"},
        {"template_id": "rest"},
        {"template_id": "buecher"},
    ],
)
async def test_value_moves_only_between_vouchers_alike(world: World, other: Any) -> None:
    one, two = await world.sell("v1", "50.00"), await world.sell("v2", "10.00", **other)
    with pytest.raises(VouchersDiffer):
        await world.move(one.code, two.code, None, "M1")


async def test_gifts_and_bought_vouchers_do_not_mix(world: World) -> None:
    one, two = await world.give_away("v1", "5.00"), await world.sell("v2", "10.00")
    with pytest.raises(VouchersDiffer):
        await world.move(one.code, two.code, None, "M1")


async def test_what_a_payment_holds_does_not_move(world: World) -> None:
    one, two = await world.sell("v1", "50.00"), await world.sell("v2", "10.00")
    await world.hold(one.code, "20.00", "H1")
    with pytest.raises(VoucherHeldNow):
        await world.move(one.code, two.code, None, "M1")
    with pytest.raises(VoucherInsufficient):
        await world.move(one.code, two.code, "30.01", "M2")
    await world.move(one.code, two.code, "30.00", "M3")


async def test_a_merge_does_not_make_a_voucher_too_large(world: World) -> None:
    one, two = await world.sell("v1", "600.00"), await world.sell("v2", "500.00")
    with pytest.raises(BalanceTooLarge):
        await world.move(one.code, two.code, None, "M1")


# Block, validity, expiry


def serial(sold: Any) -> str:
    found: str = sold.voucher.serial
    return found


async def test_a_blocked_voucher_pays_nothing_until_it_is_unblocked(world: World) -> None:
    sold = await world.sell("v1", "50.00")
    office = world.vouchers.office
    await office.block(world.ask(), serial=serial(sold), reason="lost", note=None)
    with pytest.raises(VoucherNotUsable):
        await world.hold(sold.code, "1.00", "H1")
    await office.unblock(world.ask(), serial=serial(sold), note="found again")
    await world.pay(sold.code, "1.00", "H2")


async def test_a_confirmed_hold_is_honoured_on_a_blocked_voucher(world: World) -> None:
    sold = await world.sell("v1", "50.00")
    await world.hold(sold.code, "5.00", "H1")
    await world.hold(sold.code, "5.00", "H2")
    await world.vouchers.confirm(world.ask(), hold_id="H1")
    await world.vouchers.office.block(world.ask(), serial=serial(sold), reason="stolen", note=None)
    with pytest.raises(VoucherNotUsable):
        await world.vouchers.confirm(world.ask(), hold_id="H2")
    await world.book("B2", paid=[("H1", "5.00", "v1")])
    assert (await world.issued("v1")).balance == euro("45.00")


async def expire(world: World, run_id: str, cursor: str = "", size: int = 100) -> RunPage:
    return await world.vouchers.office.expiry_page(
        world.ask(), run_id=run_id, legal_entity_id="kette", cursor=cursor, vouchers_max=size
    )


async def test_nothing_is_written_off_before_a_run_says_so(world: World) -> None:
    await world.sell("v1", "50.00")
    world.clock.advance(days=1500)
    voucher = await world.issued("v1")
    assert (voucher.balance, voucher.shown_state(world.clock.now)) == (euro("50.00"), "expired")
    page = await expire(world, "R1")
    assert (page.expired, page.amount) == (1, euro("50.00"))
    assert (await world.issued("v1")).status == "expired"


async def test_a_run_goes_through_in_pages_and_repeats_without_effect(world: World) -> None:
    for number in range(5):
        await world.sell(f"v{number}", "10.00")
    world.clock.advance(days=1500)
    written_off, cursor, pages = euro("0.00"), "", 0
    while True:
        page = await expire(world, "R1", cursor, 2)
        written_off, pages = written_off + page.amount, pages + 1
        if page.next_cursor is None:
            break
        cursor = page.next_cursor
    assert (written_off, pages) == (euro("50.00"), 3)
    assert (await expire(world, "R1")).expired == 0


async def test_a_run_leaves_what_a_payment_holds(world: World) -> None:
    sold = await world.sell("v1", "50.00")
    await world.hold(sold.code, "5.00", "H1")
    await world.vouchers.confirm(world.ask(), hold_id="H1")
    world.clock.advance(days=1500)
    assert (await expire(world, "R1")).expired == 0
    await world.book("B2", paid=[("H1", "5.00", "v1")])
    assert (await expire(world, "R2")).amount == euro("45.00")


async def test_only_the_lots_past_their_day_expire(world: World) -> None:
    sold = await world.sell("v1", "10.00", template_id="kurz")  # To 31 December 2027.
    world.clock.advance(days=60)
    await world.top_up(sold.code, "20.00", "T1")  # To the end of 2028 and later.
    world.clock.advance(days=360)
    voucher = await world.issued("v1")
    assert voucher.available(world.clock.now) == euro("20.00")
    assert (await expire(world, "R1")).amount == euro("10.00")
    assert (await world.issued("v1")).status == "active"


async def test_an_extension_gives_back_what_a_run_took(world: World) -> None:
    sold = await world.sell("v1", "50.00")
    world.clock.advance(days=1500)
    await expire(world, "R1")
    office = world.vouchers.office
    day = date(2032, 6, 30)
    await office.extend(world.ask(), serial=serial(sold), valid_until=day, reason="Kulanz")
    await world.pay(sold.code, "50.00", "H1")
    with pytest.raises(ShorterValidity):
        await office.extend(world.ask(), serial=serial(sold), valid_until=day, reason="Kulanz")


# A new code


async def test_a_lost_voucher_gets_a_new_code_and_the_finder_has_nothing(world: World) -> None:
    sold = await world.sell("v1", "50.00")
    new = await world.vouchers.office.replace_code(
        world.ask(), replacement_id="C1", named=Named(serial=serial(sold)), reason="lost",
        caller="person:m",
    )  # fmt: skip
    with pytest.raises(VoucherNotUsable):
        await world.hold(sold.code, "1.00", "H1")
    await world.pay(new.code, "50.00", "H2")
    assert "v1" not in world.deliveries.rows


# Claims and effects


def claim(world: World, sold: Any, claim_id: str = "K1") -> ClaimVoucher:
    return ClaimVoucher(
        claim_id=claim_id,
        account_id="a1",
        code_hash=sold.voucher.code_hash,
        legal_entity_id="kette",
        now=world.clock.now,
    )


async def test_a_voucher_is_claimed_once_and_whole(world: World) -> None:
    sold = await world.sell("v1", "50.00")
    await world.pay(sold.code, "8.00", "H1")
    stream = stream_of("v1")
    done = await handle(world.store, VOUCHER, stream, claim(world, sold), ask=world.ask())
    (fact,) = done.events
    assert isinstance(fact, VoucherClaimed)
    assert fact.amount == euro("42.00")
    again = await handle(world.store, VOUCHER, stream, claim(world, sold), ask=world.ask())
    assert again.events == ()
    with pytest.raises(VoucherNotUsable):
        await handle(world.store, VOUCHER, stream, claim(world, sold, "K2"), ask=world.ask())


async def test_a_voucher_that_ended_is_not_blocked(world: World) -> None:
    sold = await world.sell("v1", "50.00")
    await handle(world.store, VOUCHER, stream_of("v1"), claim(world, sold), ask=world.ask())
    with pytest.raises(VoucherEnded):
        await world.vouchers.office.block(
            world.ask(), serial=serial(sold), reason="lost", note=None
        )


async def test_an_effect_is_used_once(world: World) -> None:
    await world.sell("v1", "0.00", template_id="ausweis")

    def extend(extension_id: str) -> ExtendEntitlement:
        return ExtendEntitlement(
            extension_id=extension_id,
            subject_id="reader-4711",
            old_until=date(2026, 12, 31),
            new_until=date(2027, 12, 31),
            booking_id=None,
            store_id="koeln",
            recorded=False,
            now=world.clock.now,
        )

    stream = stream_of("v1")
    for _ in range(2):
        await handle(world.store, VOUCHER, stream, extend("E1"), ask=world.ask())
    with pytest.raises(NoEffect):
        await handle(world.store, VOUCHER, stream, extend("E2"), ask=world.ask())


async def test_no_voucher_is_sold_in_another_currency_than_the_chains(world: World) -> None:
    with pytest.raises(WrongCurrency):
        await world.vouchers.selling.give_away(
            world.ask(),
            voucher_id="v1",
            value=Money(amount=500, currency="CHF"),
            legal_entity_id="kette",
            store_id=None,
            wanted=Wanted(funding="donated", reason="Tombola"),
        )
