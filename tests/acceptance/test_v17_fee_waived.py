"""V17: an annual fee of 15.00 is waived at the till by a donated voucher, with "Gutschein 0042"."""

from __future__ import annotations

from tests.support.counter import Counter, eur
from tests.support.library import GIFT, fee, left, owes, settled, waiver

NOTE = "Gutschein 0042"


async def waived(counter: Counter) -> dict[str, object]:
    await owes(counter, F1="15.00")
    code = await counter.members.voucher("0042", "15.00", GIFT)
    return await counter.sell([fee()], waiver(code, reason=NOTE))


async def test_v17_nothing_is_owed_and_nothing_was_paid(counter: Counter) -> None:
    done = await waived(counter)
    assert (done["state"], done["total"]) == ("recorded", eur(0))
    assert await left(counter) == 0


async def test_v17_the_account_s_owner_has_amount_and_reason(counter: Counter) -> None:
    await waived(counter)
    assert await settled(counter) == [("waiver", 1500, NOTE)]


async def test_v17_the_closing_lists_the_waiver(counter: Counter) -> None:
    await waived(counter)
    entry = [each for each in counter.log.log if each.name == "till.number_given"][-1]
    (correction,) = entry.event.model_dump()["corrections"]
    assert (correction["kind"], correction["amount"]["amount"]) == ("waiver", -1500)
    assert correction["reason"] == NOTE


async def test_v17_fee_and_waiver_take_each_other_off_in_the_same_vat_slot(
    counter: Counter,
) -> None:
    await waived(counter)
    assert counter.process_data() == "Beleg^0.00_0.00_0.00_0.00_0.00^"
    kinds = [(line["kind"], line.get("case")) for line in counter.published()["lines"]]
    assert kinds == [("fee", None), ("fee_waiver", "Rabatt")]


async def test_v17_without_a_voucher_a_reason_is_needed(counter: Counter) -> None:
    await owes(counter, F1="15.00")
    problem = await counter.refused([fee()], waiver())
    assert problem["code"] == "fee.waiver_needs_reason"
    await counter.sell([fee()], waiver(reason="Kulanz"))
    assert await settled(counter) == [("waiver", 1500, "Kulanz")]


async def test_v17_a_purchased_voucher_waives_nothing(counter: Counter) -> None:
    await owes(counter, F1="15.00")
    code = await counter.bought(1500)
    problem = await counter.refused([fee()], waiver(code))
    assert problem["state"] == "open"
    assert await left(counter) == 1500
    assert await counter.balance(code) == 1500
