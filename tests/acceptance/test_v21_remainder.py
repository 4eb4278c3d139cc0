"""V21: after 12.00 of 20.00 the paper says that 8.00 are left; nobody writes it by hand."""

from __future__ import annotations

import pytest_asyncio

from kassenverbund.chain_file import load_chain
from kassenverbund.kit.chain import Chain
from tests.support.counter import Counter, article, by_voucher, cash, open_counter
from tests.support.library import GIFT, fee, owes, waiver
from tests.support.program import ROOT


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def slips() -> Counter:
    """A till of a chain that wants what is left on a slip of its own."""
    said = load_chain(ROOT / "chain.yaml").model_dump(mode="json", by_alias=True)
    said["vouchers"]["remainder_slip"] = True
    return await open_counter(Chain.model_validate(said))


async def test_v21_a_voucher_that_pays_goods_has_its_rest_on_the_receipt(counter: Counter) -> None:
    code = await counter.bought(2000)
    done = await counter.sell([article(1200)], by_voucher(code))
    await counter.print(done["booking_id"])
    assert "8,00 €" in rest_of(counter)
    assert await counter.balance(code) == 800
    assert "rest_slip" not in documents(counter)


async def test_v21_a_voucher_that_waives_a_fee_too(counter: Counter) -> None:
    await owes(counter, F1="12.00")
    code = await counter.members.voucher("V21", "20.00", GIFT)
    done = await counter.sell([fee()], waiver(code))
    await counter.print(done["booking_id"])
    assert "8,00 €" in rest_of(counter)
    assert await counter.balance(code) == 800


async def test_v21_a_voucher_that_was_given_away_too(counter: Counter) -> None:
    code = await counter.donated("20.00")
    done = await counter.sell([article(700), article(500, "reduced")], by_voucher(code))
    await counter.print(done["booking_id"])
    assert "8,00 €" in rest_of(counter)
    assert counter.paper("receipt").text.count("Restguthaben") == 1


async def test_v21_where_the_chain_wants_it_the_rest_is_a_slip_of_its_own(slips: Counter) -> None:
    code = await slips.bought(2000)
    done = await slips.sell([article(1200)], by_voucher(code))
    await slips.print(done["booking_id"])
    paper = slips.paper("rest_slip")
    serial = slips.published()["payments"][0]["voucher_serial"]
    assert "8,00 € übrig" in spaced(paper.text)
    assert f"****{serial[-4:]}" in paper.text
    assert "Kastanienallee 12" in paper.text
    assert (await slips.booking(done["booking_id"])).print_due == ()


async def test_v21_the_slip_shows_no_code_and_the_voucher_stays_valid(slips: Counter) -> None:
    code = await slips.bought(2000)
    done = await slips.sell([article(1200)], by_voucher(code))
    await slips.print(done["booking_id"])
    paper = slips.paper("rest_slip")
    assert not paper.qr_codes
    assert code not in paper.text
    await slips.sell([article(800)], by_voucher(code))
    assert await slips.balance(code) == 0


async def test_v21_what_was_given_away_has_its_slip_too(slips: Counter) -> None:
    code = await slips.donated("20.00")
    done = await slips.sell([article(1200)], by_voucher(code))
    await slips.print(done["booking_id"])
    assert "8,00 € übrig" in spaced(slips.paper("rest_slip").text)


async def test_v21_a_voucher_that_is_used_up_and_cash_alone_have_none(slips: Counter) -> None:
    before = documents(slips).count("rest_slip")
    code = await slips.bought(1200)
    for paid in (by_voucher(code), cash(1200)):
        done = await slips.sell([article(1200)], paid)
        await slips.print(done["booking_id"])
    assert documents(slips).count("rest_slip") == before


def documents(counter: Counter) -> list[str]:
    return [job.document for job, _ in counter.queue.jobs.values()]


def spaced(text: str) -> str:
    """Wide letters stand apart on the paper."""
    return text if "übrig" in text else text.replace("  ", "\0").replace(" ", "").replace("\0", " ")


def rest_of(counter: Counter) -> str:
    text = counter.paper("receipt").text
    return next(line for line in text.splitlines() if "Restguthaben" in line)
