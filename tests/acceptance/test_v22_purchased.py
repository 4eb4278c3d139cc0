"""V22: a voucher that is bought is income: ten in cash, ten owed. And more value on it later."""

from __future__ import annotations

from money import euro
from tests.support.counter import (
    Counter,
    article,
    by_voucher,
    cash,
    eur,
    single_purpose,
    top_up,
    voucher_sale,
)


async def balance(counter: Counter, code: str) -> str:
    found, _ = await counter.vouchers.vouchers.look_up(code, source="test")
    return str(found.balance.as_decimal())


async def test_v22_ten_in_cash_are_ten_of_open_vouchers(counter: Counter) -> None:
    sold = await counter.sell([voucher_sale(1000)], cash(1000))
    assert counter.process_data() == "Beleg^0.00_0.00_0.00_0.00_10.00^10.00:Bar"
    assert await balance(counter, sold["vouchers"][0]["code"]) == "10.00"


async def test_v22_below_its_value_it_costs_what_is_paid(counter: Counter) -> None:
    sold = await counter.sell([voucher_sale(4500, value=eur(5000))], cash(4500))
    assert (sold["total"], sold["vouchers"][0]["value"]) == (eur(4500), eur(5000))
    assert await balance(counter, sold["vouchers"][0]["code"]) == "50.00"


async def test_a_top_up_counts_once_it_is_recorded(counter: Counter) -> None:
    code = await counter.bought(1000)
    begun = await counter.sell([top_up(code, 2000)], finish=False)
    assert await balance(counter, code) == "10.00"
    booking = f"/{begun['booking_id']}"
    await counter.ask(f"{booking}/payments", {"payments": [cash(2000)]})
    assert (await counter.ask(f"{booking}/finish")).status_code == 200
    await counter.spread()
    assert await balance(counter, code) == "30.00"
    line = counter.published()["lines"][0]
    assert (line["kind"], line["case"]) == ("voucher_top_up", "MehrzweckgutscheinKauf")
    assert counter.process_data() == "Beleg^0.00_0.00_0.00_0.00_20.00^20.00:Bar"


async def test_a_top_up_in_one_request(counter: Counter) -> None:
    code = await counter.bought(1000)
    await counter.sell([top_up(code, 2000)], cash(2000), key="whole")
    await counter.sell([top_up(code, 2000)], cash(2000), key="whole")
    assert await balance(counter, code) == "30.00"


async def test_an_aborted_top_up_counts_never(counter: Counter) -> None:
    code = await counter.bought(1000)
    begun = await counter.sell([top_up(code, 2000)], finish=False)
    await counter.ask(f"/{begun['booking_id']}/abort")
    await counter.spread()
    assert await balance(counter, code) == "10.00"
    found, _ = await counter.vouchers.vouchers.look_up(code, source="test")
    assert [each.state for each in found.past.top_ups.values()] == ["cancelled"]


async def test_a_voucher_never_pays_for_a_top_up(counter: Counter) -> None:
    code, other = await counter.bought(1000), await counter.bought(5000)
    no = await counter.refused([top_up(code, 2000)], by_voucher(other))
    assert no["code"] == "payment.voucher_buys_voucher"


async def test_a_top_up_of_an_unknown_voucher_leaves_no_line(counter: Counter) -> None:
    code = await counter.bought(1000)
    wrong = code[:-1] + ("0" if code[-1] != "0" else "1")
    no = await counter.refused([article(500), top_up(wrong, 2000)], cash(2500))
    assert no["open_amount"] == eur(500)
    assert [line.kind for line in (await counter.booking(no["booking_id"])).lines] == ["article"]


async def test_a_top_up_whose_answer_was_lost_waits_for_the_same_request(
    counter: Counter,
) -> None:
    code = await counter.bought(1000)
    counter.line.loses = 3
    no = await counter.refused([top_up(code, 2000)], cash(2000), key="lost")
    assert no["code"] == "voucher.unavailable"
    early = await counter.ask(f"/{no['booking_id']}/finish")
    assert early.json()["code"] == "line.not_prepared"
    await counter.sell([top_up(code, 2000)], cash(2000), key="lost")
    assert await balance(counter, code) == "30.00"


async def test_a_single_purpose_voucher_is_topped_up_with_its_vat(counter: Counter) -> None:
    sold = await counter.sell([single_purpose(1000, "reduced")], cash(1000))
    code = sold["vouchers"][0]["code"]
    no = await counter.refused([top_up(code, 2000)], cash(2000))
    assert (no["code"], no["vat"]) == ("voucher.differs", "reduced")
    await counter.sell([top_up(code, 2000, "reduced")], cash(2000))
    assert counter.vat() == {"reduced": (2000, 131)}
    assert counter.published()["lines"][0]["case"] == "EinzweckgutscheinKauf"
    found, _ = await counter.vouchers.vouchers.look_up(code, source="test")
    assert found.balance == euro("30.00")


async def test_no_code_is_in_any_event(counter: Counter) -> None:
    code = await counter.bought(1000)
    await counter.sell([top_up(code, 2000)], cash(2000))
    await counter.sell([article(500)], by_voucher(code))
    plain = code.replace("-", "")
    for entry in counter.log.log:
        assert code not in entry.data.decode()
        assert plain not in entry.data.decode()


async def test_a_printed_card_is_sold_by_its_own_code(counter: Counter) -> None:
    card_code = await counter.printed_card()
    sold = await counter.sell(
        [voucher_sale(2500, value=eur(2500), card_code=card_code)], cash(2500)
    )
    assert sold["vouchers"][0]["code"] is None
    assert await balance(counter, card_code) == "25.00"
    await counter.sell([article(500)], by_voucher(card_code))
    assert await balance(counter, card_code) == "20.00"


async def test_a_card_that_is_sold_already_leaves_no_line(counter: Counter) -> None:
    card_code = await counter.printed_card()
    line = voucher_sale(2500, value=eur(2500), card_code=card_code)
    await counter.sell([line], cash(2500))
    no = await counter.refused([line, article(100)], cash(2600))
    assert (no["code"], no["open_amount"]) == ("voucher.not_usable", eur(100))


async def test_a_card_whose_sale_is_aborted_can_be_sold_again(counter: Counter) -> None:
    card_code = await counter.printed_card()
    line = voucher_sale(2500, value=eur(2500), card_code=card_code)
    begun = await counter.sell([line], finish=False)
    await counter.ask(f"/{begun['booking_id']}/abort")
    await counter.spread()
    await counter.sell([line], cash(2500))
    assert await balance(counter, card_code) == "25.00"
