"""V11: several vouchers on one payment; never more is taken than is to be paid."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from money import euro
from voucher.decider import HoldCaptured, HoldReleased, VoucherNotUsable
from voucher.handlers.names import CodesRepeated, GroupReused

if TYPE_CHECKING:
    from services.voucher.tests.conftest import World


def legs_of(group: Any) -> dict[str, str]:
    return {leg.voucher.voucher_id[-1]: str(leg.hold.amount.as_decimal()) for leg in group.legs}


async def two(world: World, unique: str, one: str = "10.00", other: str = "10.00") -> list[str]:
    return [
        (await world.sell(f"{unique}-A", one)).code,
        (await world.sell(f"{unique}-B", other)).code,
    ]


async def test_v11_sixteen_with_ten_and_ten_leaves_four_on_one_of_them(
    either: World, unique: str
) -> None:
    """Saleor #13640 and Medusa #4892 emptied both."""
    group = await either.group(await two(either, unique), "16.00", f"{unique}-G")
    assert group.remaining_due == euro("0.00")
    paid = [(leg.hold.hold_id, str(leg.hold.amount.as_decimal()), leg.voucher.voucher_id)
            for leg in group.legs]  # fmt: skip
    for hold_id, _, _ in paid:
        await either.vouchers.confirm(either.ask(), hold_id=hold_id)
    await either.book(f"{unique}-b", paid=paid)
    balances = [(await either.issued(f"{unique}-{name}")).balance for name in "AB"]
    assert sorted(balance.amount for balance in balances) == [0, 400]


async def test_v11_a_first_voucher_that_covers_it_all_leaves_the_others_alone(
    either: World, unique: str
) -> None:
    group = await either.group(await two(either, unique, "20.00", "30.00"), "16.00", f"{unique}-G")
    assert legs_of(group) == {"A": "16.00"}
    assert (await either.issued(f"{unique}-B")).open == {}


async def test_v11_the_one_that_ends_soonest_pays_first(either: World, unique: str) -> None:
    late = (await either.sell(f"{unique}-A", "5.00")).code
    soon = (await either.sell(f"{unique}-B", "10.00", template_id="kurz")).code
    group = await either.group([late, soon], "12.00", f"{unique}-G")
    assert legs_of(group) == {"B": "10.00", "A": "2.00"}


async def test_v11_of_those_that_end_alike_the_smallest_pays_first(
    either: World, unique: str
) -> None:
    group = await either.group(await two(either, unique, "10.00", "3.00"), "5.00", f"{unique}-G")
    assert legs_of(group) == {"B": "3.00", "A": "2.00"}


async def test_v11_what_they_cannot_pay_is_left_to_pay(either: World, unique: str) -> None:
    group = await either.group(await two(either, unique), "25.00", f"{unique}-G")
    assert (group.total, group.remaining_due) == (euro("20.00"), euro("5.00"))


async def test_v11_the_same_group_again_is_the_same_answer(either: World, unique: str) -> None:
    typed = await two(either, unique)
    first = await either.group(typed, "16.00", f"{unique}-G")
    again = await either.group(typed, "16.00", f"{unique}-G")
    assert legs_of(again) == legs_of(first)
    held = [len((await either.issued(f"{unique}-{name}")).open) for name in "AB"]
    assert held == [1, 1]


async def test_v11_one_that_is_not_usable_refuses_them_all(either: World, unique: str) -> None:
    typed = await two(either, unique)
    pending = (await either.prepare(f"{unique}-C", "10.00")).code
    with pytest.raises(VoucherNotUsable) as refusal:
        await either.group([*typed, pending], "16.00", f"{unique}-G")
    assert refusal.value.extra == {"voucher": 2}
    assert (await either.issued(f"{unique}-A")).open == {}


async def test_v11_one_voucher_cannot_pay_twice_in_a_group(either: World, unique: str) -> None:
    code = (await either.sell(f"{unique}-A", "10.00")).code
    with pytest.raises(CodesRepeated):
        await either.group([code, code], "16.00", f"{unique}-G")


async def test_v11_a_group_id_belongs_to_one_payment(either: World, unique: str) -> None:
    await either.group(await two(either, unique), "16.00", f"{unique}-G")
    others = await two(either, f"{unique}x")
    with pytest.raises(GroupReused):
        await either.group(others, "16.00", f"{unique}-G")


async def test_v11_a_group_is_released_at_once(either: World, unique: str) -> None:
    await either.group(await two(either, unique), "16.00", f"{unique}-G")
    await either.vouchers.groups.release(either.ask(), group_id=f"{unique}-G")
    for name in "AB":
        voucher = await either.issued(f"{unique}-{name}")
        assert voucher.available(either.clock.now) == euro("10.00")


async def test_v11_a_release_that_overtakes_its_group_forbids_it(
    either: World, unique: str
) -> None:
    await either.vouchers.groups.release(either.ask(), group_id=f"{unique}-G")
    with pytest.raises(HoldReleased):
        await either.group(await two(either, unique), "16.00", f"{unique}-G")


async def test_v11_a_group_that_was_booked_is_not_released(either: World, unique: str) -> None:
    group = await either.group(await two(either, unique), "16.00", f"{unique}-G")
    leg = group.legs[0]
    await either.book(
        f"{unique}-b",
        paid=[(leg.hold.hold_id, str(leg.hold.amount.as_decimal()), leg.voucher.voucher_id)],
    )
    with pytest.raises(HoldCaptured):
        await either.vouchers.groups.release(either.ask(), group_id=f"{unique}-G")


async def test_v11_two_groups_over_the_same_vouchers_at_once_share_what_there_is(
    either: World, unique: str
) -> None:
    codes = [(await either.sell(f"{unique}-{name}", "10.00")).code for name in "ABC"]
    wanted = [codes[:2], codes[1:], [codes[2], codes[0]], list(reversed(codes))]
    outcomes = await asyncio.gather(
        *(either.group(typed, "9.00", f"{unique}-G{n}") for n, typed in enumerate(wanted)),
        return_exceptions=True,
    )
    held = euro("0.00")
    for name in "ABC":
        voucher = await either.issued(f"{unique}-{name}")
        left = voucher.available(either.clock.now)
        assert left.zero <= left <= voucher.balance
        held = held + voucher.held(either.clock.now)
    totals = [outcome.total for outcome in outcomes if not isinstance(outcome, BaseException)]
    assert sum(total.amount for total in totals) == held.amount
    assert held >= euro("27.00")
