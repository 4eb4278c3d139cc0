"""A voucher of another system, with a short code, is used for the first time: the till prints a new
one for the rest, and the old paper is worthless."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.counter import Answer, Counter, article, by_voucher, eur, open_counter
from voucher.handlers import Rules

SHORT = "4711AB"


@pytest_asyncio.fixture(loop_scope="session")
async def counter() -> AsyncIterator[Counter]:
    opened = await open_counter(rules=Rules(foreign_codes=True))
    await opened.vouchers.taken_over("old", SHORT, "50.00")
    yield opened
    await opened.client.aclose()


@pytest.fixture
async def paid(counter: Counter) -> Answer:
    told = await counter.sell([article(2000)], by_voucher(SHORT))
    await counter.print(told["booking_id"])
    return told


async def test_the_slip_of_the_rest_carries_a_new_code_that_pays(
    counter: Counter, paid: Answer
) -> None:
    assert paid["payments"][0]["new_code"]
    slip = counter.paper("remainder_slips")
    assert "30,00" in slip.text.replace(" ", "")
    (scanned,) = slip.qr_codes
    again = await counter.sell([article(3000)], by_voucher(scanned))
    assert again["payments"][0]["voucher_remaining"] == eur(0)


async def test_the_old_paper_is_worthless(counter: Counter, paid: Answer) -> None:
    problem = await counter.refused([article(100)], by_voucher(SHORT))
    assert problem["code"] == "voucher.not_usable"


async def test_a_lost_answer_leads_to_the_same_new_code(counter: Counter) -> None:
    told = await counter.sell([article(2000)], by_voucher(SHORT))
    counter.line.loses = 1
    await counter.print(told["booking_id"])
    assert len(counter.paper("remainder_slips").qr_codes) == 1
    names = await counter.vouchers.names()
    assert names.count("voucher.code_replaced") == 1


async def test_a_voucher_that_is_used_up_is_followed_by_no_slip(counter: Counter) -> None:
    told = await counter.sell([article(5000)], by_voucher(SHORT))
    await counter.print(told["booking_id"])
    assert {job.document for job, _ in counter.queue.jobs.values()} == {"receipt"}
