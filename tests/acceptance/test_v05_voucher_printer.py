"""V05: a printer named "Gutscheindruck", known by its address alone, prints what was sold as
vouchers; the receipt comes out of the receipt printer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest_asyncio

from device_gateway.adapters.virtual_printer import Mode, VirtualPrinter
from kassenverbund.chain_file import load_chain
from kassenverbund.kit.chain import Chain
from tests.support.counter import Counter, cash, open_counter, voucher_sale
from tests.support.printing import make_spool, print_office, running
from tests.support.program import ROOT

DEADLINE_S = 20.0


@dataclass
class Shop:
    """A till, its receipt printer and the printer for vouchers."""

    counter: Counter
    receipts: VirtualPrinter
    vouchers: VirtualPrinter

    async def sell_two(self) -> dict[str, Any]:
        sold = await self.counter.sell([voucher_sale(1000), voucher_sale(2500)], cash(3500))
        await self.counter.print(sold["booking_id"])
        return sold

    async def get(self, path: str) -> Any:
        answer = await self.counter.client.get(
            f"/stores/berlin/v1/{path}", headers={"authorization": f"Bearer {self.counter.token}"}
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def job(self, document: str) -> dict[str, Any]:
        jobs = (await self.get("print-jobs"))["jobs"]
        found: dict[str, Any] = next(job for job in jobs if job["document"] == document)
        return found


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not await condition():  # noqa: ASYNC110 (what is asked tells nobody)
            await asyncio.sleep(0.02)


def chain_with(*printers: dict[str, Any]) -> Chain:
    document = load_chain(ROOT / "chain.yaml").model_dump(mode="json")
    document["stores"][0]["printers"] = list(printers)
    return Chain.model_validate(document)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def spool(database_url: str) -> str:
    await make_spool(database_url)
    return database_url


@pytest_asyncio.fixture(loop_scope="session")
async def shop(spool: str, tmp_path: Path) -> AsyncIterator[Shop]:
    async with (
        VirtualPrinter(name="bon") as receipts,
        VirtualPrinter(name="gutschein") as vouchers,
        print_office(spool, tmp_path) as office,
    ):
        chain = chain_with(
            {"id": "bon-1", "host": "127.0.0.1", "port": receipts.port},
            {"id": "Gutscheindruck", "host": "127.0.0.1", "port": vouchers.port},
        )
        counter = await open_counter(chain, office=office)
        printers = (await counter.gateway.master_data("berlin")).printers
        async with running(office, *printers):
            yield Shop(counter, receipts, vouchers)
        await counter.client.aclose()


async def test_v05_two_vouchers_are_two_slips_there_and_one_receipt_here(shop: Shop) -> None:
    sold = await shop.sell_two()
    slips = await shop.vouchers.wait_for_papers(2)
    (receipt,) = await shop.receipts.wait_for_papers(1)
    codes = [voucher["code"] for voucher in sold["vouchers"]]
    assert [code in slip.text for code, slip in zip(codes, slips, strict=True)] == [True, True]
    assert not any(code in receipt.text for code in codes)
    assert "35,00 €" in receipt.text

    async def printed() -> bool:
        return bool((await shop.job("voucher_slips"))["state"] == "confirmed")

    await until(printed)
    assert len(shop.receipts.papers) == 1


async def test_v05_without_that_printer_the_sale_completes_and_the_slips_wait(shop: Shop) -> None:
    await shop.vouchers.switch(Mode.REFUSE)
    sold = await shop.sell_two()
    assert sold["state"] != "open"
    await shop.receipts.wait_for_papers(1)

    async def seen() -> bool:
        printers = (await shop.get("printers"))["printers"]
        states = {each["printer_id"]: (each["state"], each["waiting"]) for each in printers}
        return states.get("Gutscheindruck") == ("down", 1)

    await until(seen)
    waiting = await shop.job("voucher_slips")
    assert (waiting["state"], waiting["reason"]) == ("queued", "unreachable")
    await shop.vouchers.switch(Mode.OK)
    slips = await shop.vouchers.wait_for_papers(2)
    assert not any("KOPIE" in slip.text for slip in slips)
