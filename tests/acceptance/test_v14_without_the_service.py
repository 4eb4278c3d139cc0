"""V14, E.4: the voucher service is away, and the store's policy lets it take vouchers within caps.

What was taken is booked once when the line is back, and what a voucher did not cover is the store's
overdraft.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest_asyncio

from device_gateway.handlers.ending import note_aborted
from device_gateway.handlers.offline import RULES_AGE_MAX
from device_gateway.handlers.offline_watch import ASK_AGAIN_FIRST, OfflineWatch
from events import Ask
from kassenverbund.chain_file import load_chain
from kassenverbund.kit.chain import Chain
from money import euro
from tests.support.counter import (
    Counter,
    article,
    by_voucher,
    cash,
    eur,
    open_counter,
    voucher_sale,
)
from tests.support.program import ROOT
from voucher.events import SoldAt
from voucher.qr import QrCodes

CAP, PER_DAY, PER_TILL_DAY = 2000, 9000, 7000


def capped(**more: Any) -> Chain:
    """The example chain; its store in Berlin takes vouchers without a line."""
    whole = load_chain(ROOT / "chain.yaml").model_dump(mode="json")
    whole["vouchers"]["offline_cap"] = 2500
    for store in whole["stores"]:
        if store["id"] == "berlin":
            store["vouchers_offline"] = {
                "policy": "cap", "cap": CAP, "per_day": PER_DAY, "per_till_day": PER_TILL_DAY,
                **more,
            }  # fmt: skip
    return Chain.model_validate(whole)


def watch_of(counter: Counter) -> OfflineWatch:
    return OfflineWatch(counter.gateway, counter.desk, ("berlin",), "berlin")


async def opened(chain: Chain) -> Counter:
    counter = await open_counter(chain)
    await watch_of(counter).look()
    return counter


@pytest_asyncio.fixture(loop_scope="session")
async def counter() -> AsyncIterator[Counter]:
    made = await opened(capped())
    yield made
    await made.client.aclose()


async def scanned(counter: Counter, minor: int = 5000) -> str:
    """What a scanner reads from the slip of a voucher that this till has sold."""
    sold = await counter.sell([voucher_sale(minor)], cash(minor))
    await counter.print(sold["booking_id"])
    (read,) = counter.paper("voucher_slips").qr_codes
    return read


def signer(counter: Counter) -> QrCodes:
    return QrCodes(counter.vouchers.vouchers.desk.secrets)


async def scanned_from_koeln(counter: Counter) -> str:
    done = await counter.vouchers.vouchers.prepare(
        Ask.of("koeln", "koeln"),
        voucher_id="v-koeln",
        value=euro("50.00"),
        legal_entity_id="kette",
        sold_at=SoldAt(store_id="koeln", till_id="t9", booking_id="B9", line_id="1"),
    )
    return signer(counter).of(done.voucher, done.code)


def names(counter: Counter) -> list[str]:
    return [entry.name for entry in counter.log.log]


def facts(counter: Counter, name: str) -> list[Any]:
    log: Any = counter.vouchers.store
    return [entry.event for entry in log.log if entry.name == name]


async def test_v14_a_scanned_voucher_pays_up_to_the_cap(counter: Counter) -> None:
    scan = await scanned(counter)
    counter.line.down = True
    paid = await counter.sell([article(4500)], by_voucher(scan), cash(2500))
    voucher = paid["payments"][0]
    assert (voucher["amount"], voucher["offline"]) == (eur(2000), True)
    assert voucher["voucher_remaining"] is None


async def test_v14_what_was_taken_is_redeemed_once_when_it_is_heard_of(counter: Counter) -> None:
    scan = await scanned(counter)
    counter.line.down = True
    await counter.sell([article(2000)], by_voucher(scan))
    counter.heard = 0  # The bus delivers everything again.
    await counter.spread()
    (redeemed,) = facts(counter, "voucher.redeemed")
    assert (redeemed.amount.amount, redeemed.remaining.amount) == (2000, 3000)
    assert redeemed.offline


async def test_v14_the_same_voucher_pays_nothing_beyond_the_cap(counter: Counter) -> None:
    scan = await scanned(counter)
    counter.line.down = True
    await counter.sell([article(2000)], by_voucher(scan))
    no = await counter.refused([article(1000)], by_voucher(scan))
    assert (no["status"], no["code"]) == (409, "voucher.offline_cap")
    assert no["open_amount"] == eur(1000)


async def test_v14_a_restart_forgets_no_cap(counter: Counter) -> None:
    scan = await scanned(counter)
    counter.line.down = True
    await counter.sell([article(2000)], by_voucher(scan))
    counter.log.streams = type(counter.log.streams)()
    no = await counter.refused([article(1000)], by_voucher(scan))
    assert no["code"] == "voucher.offline_cap"


async def test_v14_a_till_takes_no_more_than_its_limit_of_the_day(counter: Counter) -> None:
    scans = [await scanned(counter) for _ in range(5)]
    counter.line.down = True
    taken = [await counter.sell([article(2000)], by_voucher(scan)) for scan in scans[:3]]
    assert [each["payments"][0]["amount"]["amount"] for each in taken] == [2000] * 3
    last = await counter.sell([article(2000)], by_voucher(scans[3]), finish=False)
    assert last["payments"][0]["amount"] == eur(1000)
    no = await counter.refused([article(2000)], by_voucher(scans[4]))
    assert no["code"] == "voucher.offline_day_full"


async def test_v14_a_typed_code_is_refused(counter: Counter) -> None:
    code = await counter.bought(5000)
    counter.line.down = True
    no = await counter.refused([article(2000)], by_voucher(code))
    assert no["code"] == "voucher.offline_unsigned"


async def test_v15_a_broken_signature_is_refused_without_a_line(counter: Counter) -> None:
    scan = await scanned(counter)
    counter.line.down = True
    broken = scan[:-1] + ("A" if scan[-1] != "A" else "B")
    no = await counter.refused([article(2000)], by_voucher(broken))
    assert (no["status"], no["code"]) == (422, "code.forged")
    assert "offline.accepted" not in names(counter)


async def test_v14_several_vouchers_at_once_are_refused(counter: Counter) -> None:
    scans = [await scanned(counter), await scanned(counter)]
    counter.line.down = True
    no = await counter.refused([article(6000)], by_voucher(*scans))
    assert no["code"] == "voucher.offline_one_by_one"


async def test_v14_a_voucher_that_was_given_away_is_refused(counter: Counter) -> None:
    code = await counter.donated("10.00")
    voucher = next(
        event for event in facts(counter, "voucher.issued") if event.terms.funding == "donated"
    )
    issued = await counter.vouchers.issued(voucher.voucher_id)
    scan = signer(counter).of(issued, code.replace("-", ""))
    counter.line.down = True
    no = await counter.refused([article(2000)], by_voucher(scan))
    assert no["code"] == "voucher.offline_not_taken"


async def test_v14_a_refusal_of_the_service_that_answers_is_never_overruled(
    counter: Counter,
) -> None:
    scan = await scanned(counter, 1000)
    await counter.sell([article(1000)], by_voucher(scan))
    no = await counter.refused([article(1000)], by_voucher(scan))
    assert no["code"] == "voucher.not_usable"
    assert "offline.accepted" not in names(counter)


async def test_v14_where_the_policy_refuses_nothing_is_taken() -> None:
    counter = await open_counter()
    await watch_of(counter).look()
    scan = await scanned(counter)
    counter.line.down = True
    no = await counter.refused([article(2000)], by_voucher(scan))
    assert (no["status"], no["code"]) == (503, "voucher.unavailable")


async def test_v14_rules_that_are_too_old_allow_nothing(counter: Counter) -> None:
    scan = await scanned(counter)
    counter.line.down = True
    counter.clock.advance(seconds=RULES_AGE_MAX.total_seconds() + 1)
    no = await counter.refused([article(2000)], by_voucher(scan))
    assert no["code"] == "voucher.unavailable"


async def test_v14_a_clock_that_is_set_back_allows_nothing(counter: Counter) -> None:
    scan = await scanned(counter)
    counter.line.down = True
    counter.clock.advance(seconds=-timedelta(days=1).total_seconds())
    no = await counter.refused([article(2000)], by_voucher(scan))
    assert no["code"] == "clock.behind"


async def test_v14_only_vouchers_of_this_store_are_taken_where_the_policy_says_so() -> None:
    for sold_here, expected in ((True, "voucher.offline_not_taken"), (False, None)):
        counter = await opened(capped(sold_here=sold_here))
        scan = await scanned_from_koeln(counter)
        counter.line.down = True
        if expected is None:
            paid = await counter.sell([article(2000)], by_voucher(scan))
            assert paid["payments"][0]["offline"]
        else:
            no = await counter.refused([article(2000)], by_voucher(scan))
            assert no["code"] == expected


async def test_v14_an_aborted_booking_gives_its_part_of_the_cap_back(counter: Counter) -> None:
    scan = await scanned(counter)
    counter.line.down = True
    open_ = await counter.sell([article(4000)], by_voucher(scan), finish=False)
    assert open_["payments"][0]["state"] == "held"
    answer = await counter.ask(f"/{open_['booking_id']}/abort")
    assert answer.status_code == 200
    again = await counter.sell([article(2000)], by_voucher(scan))
    assert again["payments"][0]["amount"] == eur(2000)


async def test_v14_what_a_crash_left_counted_of_an_aborted_booking_is_given_back(
    counter: Counter,
) -> None:
    scan = await scanned(counter)
    counter.line.down = True
    open_ = await counter.sell([article(2000)], by_voucher(scan), finish=False)
    booking_id = open_["booking_id"]
    # The process dies between the abort and what follows from it.
    booking = await counter.gateway.booking(booking_id)
    await note_aborted(counter.gateway, booking, reason="cashier", ask=Ask.of("abort", ""))
    counter.line.down = False
    await watch_of(counter).look()
    assert names(counter).count("offline.given_back") == 1


async def test_v14_the_same_request_again_takes_nothing_more(counter: Counter) -> None:
    scan = await scanned(counter)
    counter.line.down = True
    sale = ([article(2000)], by_voucher(scan))
    first = await counter.sell(*sale, key="again")
    second = await counter.sell(*sale, key="again")
    assert second["booking_id"] == first["booking_id"]
    assert names(counter).count("offline.accepted") == 1


async def test_v14_tills_side_by_side_take_no_more_than_the_cap_of_one_voucher(
    counter: Counter,
) -> None:
    scan = await scanned(counter)
    counter.line.down = True
    body = {"lines": [article(700)], "payments": [by_voucher(scan)], "finish": True}
    answers = await asyncio.gather(*(counter.ask("", body, key=f"side-{n}") for n in range(6)))
    log: Any = counter.log.log
    taken = [each.event.amount.amount for each in log if each.name == "offline.accepted"]
    assert sum(taken) == CAP
    assert sorted({answer.status_code for answer in answers}) == [200, 409]


async def test_v14_chains_sell_no_voucher_that_is_taken_offline_unless_they_say_so() -> None:
    whole = capped().model_dump(mode="json")
    whole["vouchers"]["offline_cap"] = None
    counter = await opened(Chain.model_validate(whole))
    scan = await scanned(counter)
    counter.line.down = True
    no = await counter.refused([article(2000)], by_voucher(scan))
    assert no["code"] == "voucher.offline_not_taken"


async def test_v14_a_hold_whose_answer_was_lost_is_captured_and_not_left_behind(
    counter: Counter,
) -> None:
    scan = await scanned(counter)
    # The service holds 45.00, but every answer is lost: to the till it is away.
    counter.line.loses = 3
    paid = await counter.sell([article(4500)], by_voucher(scan), cash(2500))
    assert paid["payments"][0]["amount"] == eur(2000)
    (redeemed,) = facts(counter, "voucher.redeemed")
    issued = await counter.vouchers.issued(redeemed.voucher_id)
    assert (issued.balance.amount, dict(issued.open)) == (3000, {})


async def test_v14_what_the_voucher_no_longer_had_is_the_stores_overdraft(
    counter: Counter,
) -> None:
    scan = await scanned(counter, 2000)
    counter.line.down = True
    taken = await counter.sell([article(2000)], by_voucher(scan), finish=False)
    counter.line.down = False
    await counter.sell([article(1500)], by_voucher(scan))  # At another till, with a line.
    counter.line.down = True
    finished = await counter.ask(f"/{taken['booking_id']}/finish")
    assert finished.status_code == 200, finished.text
    await counter.spread()

    redeemed = [event.amount.amount for event in facts(counter, "voucher.redeemed")]
    (overdraft,) = facts(counter, "overdraft.booked")
    assert redeemed == [1500, 500]
    assert (overdraft.amount.amount, overdraft.store_id, overdraft.offline) == (
        1500, "berlin", True,
    )  # fmt: skip


async def test_v14_once_it_is_booked_the_voucher_may_be_taken_without_a_line_again(
    counter: Counter,
) -> None:
    scan = await scanned(counter)
    counter.line.down = True
    await counter.sell([article(2000)], by_voucher(scan))
    watch = watch_of(counter)
    await watch.look()
    assert "offline.settled" not in names(counter)
    counter.line.down = False
    counter.clock.advance(seconds=ASK_AGAIN_FIRST.total_seconds())
    await watch.look()
    assert names(counter).count("offline.settled") == 1
    counter.line.down = True
    again = await counter.sell([article(2000)], by_voucher(scan))
    assert again["payments"][0]["offline"]


async def test_v14_a_booking_that_nobody_has_heard_of_keeps_its_part_of_the_cap(
    counter: Counter,
) -> None:
    scan = await scanned(counter)
    counter.line.down = True
    open_ = await counter.sell([article(2000)], by_voucher(scan), finish=False)
    counter.line.down = False
    await watch_of(counter).look()
    assert open_["state"] == "open"
    assert "offline.settled" not in names(counter)


async def test_v14_the_receipt_says_that_nobody_could_be_asked(counter: Counter) -> None:
    scan = await scanned(counter)
    counter.line.down = True
    paid = await counter.sell([article(2000)], by_voucher(scan))
    await counter.print(paid["booking_id"])
    text = " ".join(counter.paper("receipt").text.split())
    assert "Ohne Verbindung angenommen" in text
    assert "Restguthaben" not in text


async def test_v14_a_voucher_without_a_line_is_signed_like_any(counter: Counter) -> None:
    scan = await scanned(counter)
    await counter.sell([article(2000)], by_voucher(scan))
    with_line = counter.process_data()
    counter.line.down = True
    await counter.sell([article(2000)], by_voucher(scan))
    assert counter.published()["payments"][0]["offline"]
    assert counter.process_data() == with_line
