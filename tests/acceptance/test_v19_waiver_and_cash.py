"""V19: fees of 12.00, a donated voucher of 10.00: 2.00 in cash and a waiver of 10.00, at once."""

from __future__ import annotations

from tests.support.counter import Counter, cash, eur
from tests.support.library import GIFT, fee, left, open_part, owes, settled, waiver


async def test_v19_cash_and_waiver_settle_the_fees_in_one_booking(counter: Counter) -> None:
    await owes(counter, F1="12.00")
    code = await counter.members.voucher("V19", "10.00", GIFT)
    done = await counter.sell([fee()], waiver(code), cash(200))
    assert (done["state"], done["total"]) == ("recorded", eur(200))
    assert sorted(await settled(counter)) == [("payment", 200, None), ("waiver", 1000, GIFT.reason)]
    assert await counter.balance(code) == 0


async def test_v19_one_voucher_waives_several_fees_one_after_the_other(counter: Counter) -> None:
    await owes(counter, F1="7.00", F2="5.00")
    code = await counter.members.voucher("V19", "10.00", GIFT)
    done = await counter.sell([fee("F1"), fee("F2")], waiver(code), cash(200))
    assert done["total"] == eur(200)
    assert [await left(counter, "F1"), await left(counter, "F2")] == [0, 0]
    assert await counter.balance(code) == 0


async def test_v19_the_receipt_shows_both(counter: Counter) -> None:
    await owes(counter, F1="12.00")
    code = await counter.members.voucher("V19", "10.00", GIFT)
    done = await counter.sell([fee()], waiver(code), cash(200))
    await counter.print(done["booking_id"])
    text = counter.paper("receipt").text
    assert "Erlass" in text
    assert "-10,00" in text
    assert "Spende des Fördervereins" in text
    assert counter.process_data() == "Beleg^0.00_0.00_0.00_0.00_2.00^2.00:Bar"


async def test_v19_an_aborted_booking_leaves_fees_and_voucher_as_they_were(
    counter: Counter,
) -> None:
    await owes(counter, F1="12.00")
    code = await counter.members.voucher("V19", "10.00", GIFT)
    begun = await counter.sell([fee()], waiver(code), finish=False)
    assert await open_part(counter) == 200
    await counter.book(200, f"/{begun['booking_id']}/abort", reason="Kunde geht")
    assert await open_part(counter) == 1200
    assert await counter.balance(code) == 1000


async def test_v19_a_repeat_of_the_request_settles_once(counter: Counter) -> None:
    await owes(counter, F1="12.00")
    code = await counter.members.voucher("V19", "20.00", GIFT)
    first = await counter.sell([fee()], waiver(code, amount=eur(1000)), cash(200), key="k")
    again = await counter.sell([fee()], waiver(code, amount=eur(1000)), cash(200), key="k")
    assert first["booking_id"] == again["booking_id"]
    assert len(await settled(counter)) == 2
    assert await counter.balance(code) == 1000


async def test_v19_a_waiver_after_a_failed_finish_divides_the_fee_anew(counter: Counter) -> None:
    await owes(counter, F1="12.00")
    code = await counter.members.voucher("V19", "10.00", GIFT)
    begun = await counter.sell([fee()], cash(200), finish=False)
    path = f"/{begun['booking_id']}"
    assert (await counter.ask(f"{path}/finish")).status_code == 409
    await counter.book(200, f"{path}/payments", payments=[waiver(code)])
    done = await counter.book(200, f"{path}/finish")
    assert done["state"] == "recorded"
    assert await left(counter) == 0


async def test_v19_two_tills_cannot_settle_the_same_fee(counter: Counter) -> None:
    await owes(counter, F1="12.00")
    begun = await counter.sell([fee()], cash(1200), finish=False)
    await counter.sell([fee()], cash(1200))
    problem = (await counter.ask(f"/{begun['booking_id']}/finish")).json()
    assert problem["status"] == 409
    assert await settled(counter) == [("payment", 1200, None)]
