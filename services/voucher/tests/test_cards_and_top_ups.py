"""Printed cards and top-ups, from the counter to the recorded booking."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from events import Ask, Take
from events.handle import input_hash
from events.reaction import Incoming
from events.store.contract import AppendRequest, NewEvents
from events.version import Exact
from money import euro
from voucher import codes
from voucher.commands import CancelTopUp
from voucher.decider import (
    BalanceTooLarge,
    CardNotForSale,
    TopUpCancelled,
    TopUpReused,
    VoucherCancelledBefore,
    VoucherNotUsable,
)
from voucher.events import SoldAt, Terms, VoucherIssued
from voucher.handlers import serial_of, stream_of
from voucher.testing.fakes import SECRETS

if TYPE_CHECKING:
    from services.voucher.tests.conftest import World

Make = Callable[..., Incoming]


async def printed(world: World, card_id: str, value: str = "0.00") -> str:
    """A card of a print run; answers its code."""
    code = codes.generate(codes.Kind.VOUCHER, world.vouchers.desk.random_bytes)
    hashed = codes.hashed(code, SECRETS)
    card = VoucherIssued(
        voucher_id=card_id,
        serial=serial_of(card_id),
        code_hash=hashed.value,
        hash_key_id=hashed.key_id,
        terms=Terms(),
        value=euro(value),
        consideration=euro(value),
        legal_entity_id="kette",
        origin="batch",
        status="inactive",
        batch_id="L1",
        time_zone="Europe/Berlin",
        opened=date(2026, 11, 1),
        issued_at=world.clock.now,
    )
    stream = stream_of(card_id)
    await world.store.append(
        AppendRequest(
            key=uuid4().hex,
            input_hash=input_hash(card_id),
            streams=(NewEvents(stream, Exact(0), (card,)),),
            claims=(Take(f"code:{hashed.value}", stream), Take(f"serial:{card.serial}", stream)),
        )
    )
    return code


async def prepare_card(
    world: World, code: str, preparation_id: str, value: str | None = "25.00", booking: str = "B1"
) -> Any:
    return await world.vouchers.selling.prepare_card(
        world.ask(),
        preparation_id=preparation_id,
        typed=code,
        value=None if value is None else euro(value),
        consideration=None,
        legal_entity_id="kette",
        sold_at=SoldAt(store_id="koeln", till_id="t2", booking_id=booking, line_id="L1"),
        source="till:koeln/t2",
    )


async def test_a_card_is_sold_with_its_own_code(world: World, recorded: Make) -> None:
    code = await printed(world, "card")
    prepared = await prepare_card(world, code, "P1")
    assert (prepared.voucher.voucher_id, prepared.code) == ("card", "")
    await world.book("B1", sells=[("card", "25.00")])
    await world.pay(code, "5.00", "H1")
    voucher = await world.issued("card")
    assert (voucher.balance, voucher.valid_until) == (euro("20.00"), date(2029, 12, 31))


async def test_a_card_is_activated_by_the_id_of_its_preparation_too(world: World) -> None:
    code = await printed(world, "card")
    await prepare_card(world, code, "P1")
    await world.book("B1", sells=[("P1", "25.00")])
    assert (await world.issued("card")).status == "active"


async def test_a_card_that_nobody_bought_pays_nothing(world: World) -> None:
    code = await printed(world, "card")
    with pytest.raises(VoucherNotUsable):
        await world.hold(code, "1.00", "H1")


async def test_a_card_whose_sale_was_aborted_can_be_sold_to_somebody_else(
    world: World, aborted: Make
) -> None:
    code = await printed(world, "card")
    await prepare_card(world, code, "P1", booking="B1")
    await world.hear(aborted("B1", vouchers=["P1"]))
    card = await world.issued("card")
    assert (card.status, card.balance) == ("inactive", euro("0.00"))
    await prepare_card(world, code, "P2", value="10.00", booking="B2")
    await world.hear(aborted("B1", vouchers=["card"], delivery="late"))
    await world.book("B2", sells=[("card", "10.00")])
    assert (await world.issued("card")).balance == euro("10.00")


async def test_an_abort_before_the_preparation_forbids_the_sale_of_the_card(
    world: World, aborted: Make
) -> None:
    code = await printed(world, "card")
    await world.hear(aborted("B1", vouchers=["P1"]))
    with pytest.raises(VoucherCancelledBefore):
        await prepare_card(world, code, "P1")


async def test_a_recorded_sale_of_a_card_wins_over_an_abort(world: World, aborted: Make) -> None:
    code = await printed(world, "card")
    await prepare_card(world, code, "P1")
    await world.hear(aborted("B1", vouchers=["card"]))
    await world.book("B1", sells=[("card", "25.00")])
    voucher = await world.issued("card")
    assert (voucher.status, voucher.balance) == ("active", euro("25.00"))


async def test_a_card_with_a_printed_value_is_sold_for_no_other(world: World) -> None:
    code = await printed(world, "card", value="50.00")
    with pytest.raises(CardNotForSale):
        await prepare_card(world, code, "P1", value="25.00")
    assert (await prepare_card(world, code, "P2", value=None)).voucher.value == euro("50.00")


async def test_a_card_is_sold_once(world: World) -> None:
    code = await printed(world, "card")
    await prepare_card(world, code, "P1")
    again = await prepare_card(world, code, "P1")
    assert again.voucher.status == "pending"
    with pytest.raises(VoucherNotUsable):
        await prepare_card(world, code, "P2", booking="B2")


# Top-ups


async def test_a_top_up_counts_once_its_booking_is_recorded(world: World) -> None:
    sold = await world.sell("v1", "10.00")
    await world.prepare_top_up(sold.code, "100.00", "T1")
    assert (await world.issued("v1")).balance == euro("10.00")
    await world.top_up(sold.code, "100.00", "T1")
    voucher = await world.issued("v1")
    assert voucher.balance == euro("110.00")
    assert {part.lot_id: part.left for part in voucher.lots} == {
        "issue": euro("10.00"),
        "T1": euro("100.00"),
    }


async def test_the_same_top_up_booked_twice_counts_once(world: World, recorded: Make) -> None:
    """Lago #5870: two identical top-ups of 100 made 210 of 10."""
    sold = await world.sell("v1", "10.00")
    await world.prepare_top_up(sold.code, "100.00", "T1")
    line = {"kind": "voucher_top_up", "voucher_id": "v1", "top_up_id": "T1", "amount": "100.00"}
    for delivery in ("1", "2", "2"):
        await world.hear(recorded("B-T1", lines=[line], delivery=delivery))
    assert (await world.issued("v1")).balance == euro("110.00")


async def test_a_top_up_asked_for_twice_at_once_is_prepared_once(
    either: World, unique: str
) -> None:
    sold = await either.sell(unique, "10.00")
    await asyncio.gather(
        *(either.prepare_top_up(sold.code, "5.00", f"{unique}-T") for _ in range(6))
    )
    assert len((await either.issued(unique)).past.top_ups) == 1
    with pytest.raises(TopUpReused):
        await either.prepare_top_up(sold.code, "6.00", f"{unique}-T")


async def test_an_aborted_top_up_is_not_sold_and_a_recorded_one_wins(
    world: World, aborted: Make
) -> None:
    sold = await world.sell("v1", "10.00")
    await world.prepare_top_up(sold.code, "5.00", "T1")
    await world.hear(aborted("B-T1", top_ups=["T1"]))
    with pytest.raises(TopUpCancelled):
        await world.prepare_top_up(sold.code, "5.00", "T1")
    line = {"kind": "voucher_top_up", "voucher_id": "v1", "top_up_id": "T1", "amount": "5.00"}
    await world.book("B-T1", lines=[line])
    await world.hear(aborted("B-T1", top_ups=["T1"], delivery="late"))
    assert (await world.issued("v1")).balance == euro("15.00")


async def test_an_abort_before_the_top_up_forbids_it(world: World, aborted: Make) -> None:
    sold = await world.sell("v1", "10.00")
    await world.hear(aborted("B-T1", top_ups=["T1"]))
    with pytest.raises(TopUpCancelled):
        await world.prepare_top_up(sold.code, "5.00", "T1")
    command = CancelTopUp(top_up_id="T1", reason="x", now=world.clock.now)
    await world.vouchers.selling.cancel_top_up(command, Ask.of("again", ""))


async def test_a_top_up_that_was_never_prepared_counts_as_booked(world: World) -> None:
    await world.sell("v1", "10.00")
    line = {"kind": "voucher_top_up", "voucher_id": "v1", "top_up_id": "T9", "amount": "5.00"}
    await world.book("B-T9", lines=[line])
    assert (await world.issued("v1")).balance == euro("15.00")


async def test_top_ups_do_not_make_a_voucher_larger_than_the_chain_allows(world: World) -> None:
    sold = await world.sell("v1", "900.00")
    await world.prepare_top_up(sold.code, "60.00", "T1")
    with pytest.raises(BalanceTooLarge) as refusal:
        await world.prepare_top_up(sold.code, "50.00", "T2")
    assert refusal.value.extra["room"] == {"amount": 4000, "currency": "EUR"}


async def test_a_gift_is_not_topped_up(world: World) -> None:
    given = await world.give_away("v1", "5.00")
    with pytest.raises(VoucherNotUsable):
        await world.prepare_top_up(given.code, "5.00", "T1")


async def test_a_top_up_below_its_face_value_brings_its_price_along(world: World) -> None:
    sold = await world.sell("v1", "10.00")
    world.clock.advance(days=60)  # Another year: the new lot lasts longer, so it is used last.
    await world.top_up(sold.code, "20.00", "T1", price="15.00")
    await world.pay(sold.code, "20.00", "H1")
    uses = (await world.issued("v1")).closed["H1"].uses
    assert [(use.lot_id, use.amount, use.consideration) for use in uses] == [
        ("issue", euro("10.00"), euro("10.00")), ("T1", euro("10.00"), euro("7.50")),
    ]  # fmt: skip
