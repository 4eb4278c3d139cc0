"""What people do about printers: copies, repeats, tests, the drawer, the kitchen. Over the till
API, with a spool on PostgreSQL and printers on TCP ports."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from device_gateway.adapters.virtual_printer import Mode, VirtualPrinter
from device_gateway.printing.news import PrintNews
from kassenverbund.chain_file import load_chain
from kassenverbund.kit.chain import Chain
from tests.support.counter import Counter, article, by_voucher, cash, open_counter, voucher_sale
from tests.support.printing import QUICK, make_spool, print_office, running
from tests.support.program import ROOT

DEADLINE_S = 20.0
Answer = dict[str, Any]


@dataclass
class Shop:
    counter: Counter
    printers: dict[str, VirtualPrinter]
    news: list[PrintNews] = field(default_factory=list)

    @property
    def bon(self) -> VirtualPrinter:
        return self.printers["bon"]

    async def sold(self, *lines: Answer) -> str:
        """A booking whose papers are on their way."""
        minor = sum(line["unit_price"]["amount"] for line in lines)
        booking_id: str = (await self.counter.sell(lines, cash(minor)))["booking_id"]
        await self.counter.print(booking_id)
        return booking_id

    async def ask(
        self, path: str, body: Answer | None = None, *, status: int = 200, key: str = ""
    ) -> Any:
        answer = await self.counter.client.post(
            f"/stores/berlin/v1/{path}",
            json=body or {},
            headers={
                "authorization": f"Bearer {self.counter.token}",
                "idempotency-key": key or uuid4().hex,
            },
        )
        assert answer.status_code == status, answer.text
        return answer.json()

    async def get(self, path: str) -> Any:
        answer = await self.counter.client.get(
            f"/stores/berlin/v1/{path}", headers={"authorization": f"Bearer {self.counter.token}"}
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def job(self, state: str, document: str = "receipt") -> Answer:
        """The newest job of a kind, once it is in `state`."""
        found: list[Answer] = []

        async def there() -> bool:
            jobs = (await self.get("print-jobs"))["jobs"]
            found[:] = [job for job in jobs if job["document"] == document][:1]
            return bool(found) and found[0]["state"] == state

        await until(there)
        return found[0]


Open = Callable[..., AbstractAsyncContextManager[Shop]]


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not await condition():  # noqa: ASYNC110 (what is asked tells nobody)
            await asyncio.sleep(0.02)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def spool(database_url: str) -> str:
    await make_spool(database_url)
    return database_url


@pytest.fixture
def opened(spool: str, tmp_path: Path) -> Open:
    """`opened({"id": …}, …)`: a shop with these printers; ids start anew with each test."""

    @asynccontextmanager
    async def shop(
        *declared: Answer, mode: Mode = Mode.OK, keep_trying_s: float = 900.0,
        vouchers: Answer | None = None,
    ) -> AsyncIterator[Shop]:  # fmt: skip
        asked = declared or ({"id": "bon"},)
        played = {each["id"]: VirtualPrinter(mode=mode) for each in asked}
        for printer in played.values():
            await printer.open()
        tag, news = uuid4().hex[:6], list[PrintNews]()
        document = load_chain(ROOT / "chain.yaml").model_dump(mode="json")
        document["stores"][0]["printers"] = [
            {**each, "id": f"{each['id']}-{tag}", "host": "127.0.0.1",
             "port": played[each["id"]].port or 1}
            for each in asked
        ]  # fmt: skip
        document["vouchers"] |= vouchers or {}
        patience = replace(QUICK, keep_trying_s=keep_trying_s, look_when_down_s=0.2)
        async with print_office(spool, tmp_path, patience=patience, news=news.append) as office:
            counter = await open_counter(Chain.model_validate(document), office=office)
            store = await counter.gateway.master_data("berlin")
            async with running(office, *store.printers):
                yield Shop(counter, played, news)
            await counter.client.aclose()
        for printer in played.values():
            await printer.close()

    return shop


async def test_a_copy_says_so_and_a_repeated_request_prints_it_once(opened: Open) -> None:
    async with opened() as shop:
        booking_id = await shop.sold(article(1999))
        await shop.bon.wait_for_papers(1)
        path = f"tills/till-1/bookings/{booking_id}/print"
        first = await shop.ask(path, key="copy-1")
        again = await shop.ask(path, key="copy-1")
        original, copy = await shop.bon.wait_for_papers(2)

        async def told() -> bool:
            booking = await shop.counter.booking(booking_id)
            return [printed.copy_ for printed in booking.printed] == [False, True]

        await until(told)
    assert first["job_id"] == again["job_id"]
    assert first["copy"] is True
    assert ("KOPIE" in original.text, "KOPIE" in copy.text) == (False, True)
    assert len(shop.bon.papers) == 2


async def test_an_x_report_comes_out_where_the_receipts_do_and_is_no_copy(opened: Open) -> None:
    async with opened() as shop:
        await shop.sold(article(1999))
        await shop.bon.wait_for_papers(1)
        first = await shop.ask("tills/till-1/shift/report/print", key="x-1")
        again = await shop.ask("tills/till-1/shift/report/print", key="x-1")
        await shop.ask("tills/till-1/shift/report/print", key="x-2")
        _, one, other = await shop.bon.wait_for_papers(3)
        numbered = [e.name for e in shop.counter.log.log if e.name == "till.number_given"]
        no = await shop.ask(f"print-jobs/{first['job_id']}/repeat", status=409)
    assert (first["job_id"], first["document"]) == (again["job_id"], "x_report")
    for paper in (one, other):
        assert "kein Kassenabschluss" in paper.text
        assert "19,99" in paper.text
        assert "KOPIE" not in paper.text
    assert len(shop.bon.papers) == 3
    assert len(numbered) <= 1  # The sale alone: a report is no process.
    assert no["code"] in ("print_job.not_repeatable", "print_job.waits")


async def test_what_is_left_on_a_voucher_reaches_its_printer(opened: Open) -> None:
    async with opened({"id": "bon"}, vouchers={"remainder_slip": True}) as shop:
        code = await shop.counter.donated("20.00")
        sold = await shop.counter.sell([article(1200)], by_voucher(code))
        await shop.counter.print(sold["booking_id"])
        papers = await shop.bon.wait_for_papers(2)
        await shop.job("confirmed", "rest_slip")
    assert sum("Der Gutschein selbst gilt weiter" in paper.text for paper in papers) == 1


async def test_an_unknown_paper_is_repeated_as_a_copy_and_only_when_asked(opened: Open) -> None:
    async with opened(mode=Mode.RESET_MID_JOB) as shop:
        await shop.sold(article(1999))
        lost = await shop.job("unknown")
        await shop.bon.switch(Mode.OK)
        again = await shop.ask(f"print-jobs/{lost['job_id']}/repeat")
        (paper,) = await shop.bon.wait_for_papers(1)
        await shop.job("confirmed")
        seen = (await shop.get("print-jobs?state=unknown"))["jobs"]
    assert again["copy"] is True
    assert "KOPIE" in paper.text
    assert next(job for job in seen if job["job_id"] == lost["job_id"])["seen"] == "repeated"


async def test_slips_that_surely_failed_are_repeated_with_their_codes_and_as_originals(
    opened: Open,
) -> None:
    async with opened(mode=Mode.PAPER_OUT, keep_trying_s=0.2) as shop:
        await shop.sold(voucher_sale(2500))
        failed = await shop.job("failed", "voucher_slips")
        await shop.bon.switch(Mode.OK)
        again = await shop.ask(f"print-jobs/{failed['job_id']}/repeat")
        await shop.job("confirmed", "voucher_slips")
        (slip,) = [paper for paper in shop.bon.papers if "GUTSCHEIN" in paper.text]
    assert again["copy"] is False
    assert "KOPIE" not in slip.text
    assert len(slip.qr_codes) == 1


async def test_a_repeat_of_what_still_waits_is_refused_and_dismissing_ends_it(
    opened: Open,
) -> None:
    async with opened(mode=Mode.COVER_OPEN) as shop:
        await shop.sold(article(1999))

        async def tried() -> bool:
            return bool((await shop.job("queued"))["reason"] == "cover_open")

        await until(tried)
        job_id = (await shop.job("queued"))["job_id"]
        assert (await shop.ask(f"print-jobs/{job_id}/repeat", status=409))["code"] == (
            "print_job.waits"
        )

        async def dismissed() -> bool:
            answer = await shop.counter.client.post(
                f"/stores/berlin/v1/print-jobs/{job_id}/dismiss",
                json={"reason": "per Mail geschickt"},
                headers={"authorization": f"Bearer {shop.counter.token}",
                         "idempotency-key": uuid4().hex},
            )  # fmt: skip
            return answer.status_code == 200

        await until(dismissed)  # Between two tries: while it is being sent nobody takes it back.
        told = await shop.job("failed")
        no = await shop.ask(f"print-jobs/{job_id}/dismiss", {"reason": "anders"}, status=409)
        await shop.bon.switch(Mode.OK)
        await shop.ask(f"printers/{(await shop.get('printers'))['printers'][0]['printer_id']}/test")
        (paper,) = await shop.bon.wait_for_papers(1)
    assert (told["reason"], told["seen"]) == ("dismissed", "per Mail geschickt")
    assert no["code"] == "print_job.settled"
    assert "SELBSTTEST" in paper.text


async def test_a_self_test_shows_ruler_letters_and_a_code_that_reads(opened: Open) -> None:
    printer = {"id": "bon", "codepage": "ISO-8859-15", "columns": 32, "drawer_pin": 2}
    async with opened(printer) as shop:
        shown = (await shop.get("printers"))["printers"][0]
        await shop.ask(f"printers/{shown['printer_id']}/test")
        (paper,) = await shop.bon.wait_for_papers(1)
        await shop.job("confirmed", "self_test")
        assert (await shop.ask("printers/nobody/test", status=404))["code"] == "printer.unknown"
    assert "12345678901234567890123456789012" in paper.lines
    assert "äöüÄÖÜß é à € £ § °" in paper.lines
    assert paper.unknown == ()
    assert len(paper.qr_codes) == 1
    assert shop.bon.drawer_pulses == 0


async def test_the_drawer_opens_with_a_reason_that_stands_in_the_log(opened: Open) -> None:
    async with opened({"id": "bon", "drawer_pin": 2}) as shop:
        said = {"reason": "Wechselgeld"}
        await shop.ask("tills/till-1/drawer", said, key="drawer-1")
        await shop.ask("tills/till-1/drawer", said, key="drawer-1")
        await shop.job("confirmed", "drawer")
        logged = [entry for entry in shop.counter.log.log if entry.name == "drawer.opened"]
        printers = (await shop.get("printers"))["printers"]
    assert shop.bon.drawer_pulses == 1
    assert [json.loads(entry.data)["reason"] for entry in logged] == ["Wechselgeld"]
    assert shop.bon.paper.lines == ()
    assert printers[0]["state"] == "ready"


async def test_a_till_without_a_drawer_says_so(opened: Open) -> None:
    async with opened() as shop:
        no = await shop.ask("tills/till-1/drawer", {"reason": "Wechselgeld"}, status=409)
    assert no["code"] == "drawer.none"
    assert not any(entry.name == "drawer.opened" for entry in shop.counter.log.log)


def ordered(name: str, group: str | None, quantity: str = "1") -> Answer:
    line: Answer = {
        "name": name, "quantity": quantity, "vat": "standard",
        "unit_price": {"amount": 1200, "currency": "EUR"},
    }  # fmt: skip
    return line if group is None else {**line, "article_group": group}


async def test_an_order_is_printed_at_once_where_each_part_is_made(opened: Open) -> None:
    kitchens = (
        {"id": "bon"},
        {"id": "kueche", "purposes": ["orders"], "article_groups": ["speisen"]},
        {"id": "bar", "purposes": ["orders"], "article_groups": ["getraenke"], "columns": 32},
    )
    async with opened(*kitchens) as shop:
        lines = [
            ordered("Jägerschnitzel", "speisen", "2"),
            ordered("Weißwein", "getraenke"),
            ordered("Suppe", "speisen", "-1"),
            ordered("Tüte", "sonstiges"),
        ]
        await shop.ask("tills/till-1/orders", {"lines": lines, "group": "Tisch 7"}, key="o-1")
        await shop.ask("tills/till-1/orders", {"lines": lines, "group": "Tisch 7"}, key="o-1")
        (food,) = await shop.printers["kueche"].wait_for_papers(1)
        (drink,) = await shop.printers["bar"].wait_for_papers(1)
    assert [line for line in food.lines if " x " in line] == ["2 x Jägerschnitzel", "1 x Suppe"]
    assert "*** STORNO ***" in food.lines
    assert "Tisch 7" in food.text.replace("  ", " ") or "T i s c h" in food.text
    assert [line for line in drink.lines if " x " in line] == ["1 x Weißwein"]
    assert len(shop.printers["kueche"].papers) == 1
    assert not shop.bon.papers


async def test_a_printer_that_is_out_of_paper_is_seen_with_its_time_and_comes_back(
    opened: Open,
) -> None:
    async with opened(mode=Mode.PAPER_OUT, keep_trying_s=0.1) as shop:
        await shop.sold(article(1999))
        await shop.job("failed")
        down = (await shop.get("printers"))["printers"][0]
        await shop.bon.switch(Mode.PAPER_NEAR_END)

        async def warned() -> bool:
            return bool((await shop.get("printers"))["printers"][0]["state"] == "warning")

        await until(warned)  # Nothing waits: the printer is looked at because it was down.
        back = (await shop.get("printers"))["printers"][0]
    assert (down["state"], down["reason"]) == ("down", "paper_out")
    assert down["since"] < back["since"]
    told = [(each.data["state"], each.data["reason"]) for each in shop.news
            if each.kind == "printer"]  # fmt: skip
    assert told == [("down", "paper_out"), ("warning", "paper_near_end")]
    assert [each.data["state"] for each in shop.news if each.kind == "print_job"] == ["failed"]
