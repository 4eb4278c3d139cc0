"""Printers that fetch their jobs, played by HTTP requests: Epson Server Direct Print and Star
CloudPRNT, from the queued receipt to what is known of the paper."""

from __future__ import annotations

import asyncio
import hashlib
import xml.etree.ElementTree as Xml
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import httpx
import pytest
import pytest_asyncio
import zxingcpp
from fastapi import FastAPI
from PIL import Image

from device_gateway.adapters.print_queue import PostgresPrintQueue
from device_gateway.adapters.pull.door import Door
from device_gateway.adapters.virtual_printer import judge
from device_gateway.api import printers, pull_printing
from device_gateway.commands import DeclareStore
from device_gateway.decider.store import STORE
from device_gateway.events import StorePrinter, registry
from device_gateway.handlers.gateway import Gateway, store_stream
from device_gateway.ports import ReceiptOrder, SoldVoucher
from device_gateway.printing.job import JobState
from device_gateway.printing.office import PrintOffice
from device_gateway.printing.owner import Patience
from device_gateway.receipt import examples
from events import Ask, handle
from events.testing.memory import MemoryEventStore
from kassenverbund.kit.auth import Caller
from kassenverbund.kit.problems import install_problem_handlers
from kassenverbund.kit.secrets import Secrets
from money import euro

EPSON = StorePrinter(printer_id="epson", pull="epson_sdp", pull_id="tm-1", drawer_pin=2)
STAR = StorePrinter(printer_id="star", pull="star_cloudprnt", pull_id="mc-1", cut="partial")
NS = "{http://www.epson-pos.com/schemas/2011/03/epos-print}"
CODES = ("K7QM-4XTR-9WHC-2PLD", "B3RS-8WQK-2MND-7XYZ")


@dataclass
class Clock:
    now: datetime

    def __call__(self) -> datetime:
        return self.now


class People:
    def accept(self, prefix: str, check: Any) -> None:
        raise AssertionError

    async def caller(self, token: str) -> Caller:
        return Caller("person", "m.meier", frozenset({"manager"}), store_id="berlin")


@dataclass
class Shop:
    office: PrintOffice
    queue: PostgresPrintQueue
    clock: Clock
    client: httpx.AsyncClient

    def order(self, printer: StorePrinter) -> ReceiptOrder:
        return replace(examples.ORDER, master_data=examples.store(printers=(printer,)))

    async def state(self, job_id: str) -> tuple[JobState, str]:
        job = await self.queue.find(job_id)
        assert job is not None
        return job.state, job.reason

    async def login(self, printer: StorePrinter) -> tuple[str, str]:
        answer = await self.client.get(
            f"/stores/berlin/v1/printers/{printer.printer_id}/pull",
            headers={"authorization": "Bearer manager"},
        )
        return answer.json()["user"], answer.json()["password"]


@dataclass
class Epson:
    """A TM printer with Server Direct Print switched on, and its password as Digest."""

    shop: Shop
    auth: httpx.Auth

    async def post(self, **form: str) -> httpx.Response:
        return await self.shop.client.post(
            "/stores/berlin/pull/epson", data={"ID": "tm-1", **form}, auth=self.auth
        )

    async def fetch(self) -> tuple[str, bytes] | None:
        answer = await self.post(ConnectionType="GetRequest")
        assert answer.status_code == 200
        if not answer.content:
            return None
        root = Xml.fromstring(answer.text)
        job, command = root.findtext(".//printjobid"), root.findtext(f".//{NS}command")
        assert job is not None
        assert command is not None
        return job, bytes.fromhex(command)

    async def tell(self, job: str, *, success: str = "true", code: str = "", status: str = "2"
    ) -> None:  # fmt: skip
        said = (
            '<?xml version="1.0" encoding="utf-8"?><PrintResponseInfo Version="2.00"><ePOSPrint>'
            f"<Parameter><devid>local_printer</devid><printjobid>{job}</printjobid></Parameter>"
            f'<PrintResponse><response xmlns="{NS[1:-1]}" success="{success}" code="{code}" '
            f'status="{status}" battery="0"/></PrintResponse></ePOSPrint></PrintResponseInfo>'
        )
        answer = await self.post(ConnectionType="SetResponse", ResponseFile=said)
        assert (answer.status_code, answer.content) == (200, b"")


@dataclass
class Star:
    """An mC-Print with CloudPRNT switched on, and its password as Basic."""

    shop: Shop
    auth: httpx.Auth

    async def poll(self, status: str = "200%20OK", **more: Any) -> str | None:
        said = {"status": "23 6 0 0 0 0 0 0 0", "printerMAC": "00:11:62:00:00:01", **more}
        answer = await self.shop.client.post(
            "/stores/berlin/pull/star", json={**said, "statusCode": status}, auth=self.auth
        )
        told = answer.json()
        assert told["jobReady"] is ("jobToken" in told)
        token: str | None = told.get("jobToken")
        return token

    async def get(self, token: str, media: str = "image/png") -> httpx.Response:
        return await self.shop.client.get(
            "/stores/berlin/pull/star", params={"token": token, "type": media}, auth=self.auth
        )

    async def done(self, token: str, code: str = "200 OK") -> None:
        answer = await self.shop.client.delete(
            "/stores/berlin/pull/star", params={"token": token, "code": code}, auth=self.auth
        )
        assert answer.status_code == 200


@pytest_asyncio.fixture(loop_scope="session")
async def shop(queue: PostgresPrintQueue, secrets: Secrets) -> AsyncIterator[Shop]:
    clock = Clock(datetime.now(UTC))
    office = PrintOffice(
        queue, clock=clock, link=lambda _: pytest.fail("nobody sends to them"),
        patience=Patience(look_every_s=0.02, fetched_max_s=60.0),
    )  # fmt: skip
    log = MemoryEventStore("device-gateway", registry(), clock=clock)
    nobody: Any = None  # Nobody sells here.
    gateway = Gateway(
        store=log, vouchers=nobody, charges=nobody, desk=office.desk, secrets=secrets,
        clock=clock, sign_within_s=30.0, printers=office,
    )  # fmt: skip
    said = examples.store(printers=(EPSON, STAR))
    await handle(log, STORE, store_stream("berlin"), DeclareStore(said), ask=Ask.of("d", ""))
    app = FastAPI()
    app.state.authenticator = People()
    app.include_router(pull_printing.router(gateway), prefix="/stores")
    app.include_router(printers.router(gateway), prefix="/stores")
    install_problem_handlers(app)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://g") as client:
        yield Shop(office, queue, clock, client)


@pytest_asyncio.fixture(loop_scope="session")
async def epson(shop: Shop) -> Epson:
    return Epson(shop, httpx.DigestAuth(*await shop.login(EPSON)))


@pytest_asyncio.fixture(loop_scope="session")
async def star(shop: Shop) -> Star:
    return Star(shop, httpx.BasicAuth(*await shop.login(STAR)))


async def test_epson_fetches_a_receipt_and_confirms_it(shop: Shop, epson: Epson) -> None:
    assert await epson.fetch() is None
    await shop.office.desk.enqueue(shop.order(EPSON), job_id="j-1")
    fetched = await epson.fetch()
    assert fetched is not None
    token, command = fetched
    (paper,) = judge(command).papers
    assert paper.qr_codes == (examples.QR,)
    assert paper.unknown == ()
    assert await shop.state("j-1") == (JobState.SENDING, "")
    await epson.tell(token)
    assert await shop.state("j-1") == (JobState.CONFIRMED, "")


async def test_a_job_that_is_out_is_not_handed_out_twice(shop: Shop, epson: Epson) -> None:
    await shop.office.desk.enqueue(shop.order(EPSON), job_id="j-1")
    both = await asyncio.gather(epson.fetch(), epson.fetch())
    assert sorted(each is None for each in both) == [False, True]
    assert await epson.fetch() is None


@pytest.mark.parametrize(
    ("code", "state", "reason"),
    [
        ("EPTR_REC_EMPTY", JobState.UNKNOWN, "paper_out"),
        ("EPTR_COVER_OPEN", JobState.UNKNOWN, "cover_open"),
        ("EX_TIMEOUT", JobState.UNKNOWN, "stalled"),
        ("SchemaError", JobState.QUEUED, "schemaerror"),
    ],
)
async def test_what_epson_says_of_a_failure(
    shop: Shop, epson: Epson, code: str, state: JobState, reason: str
) -> None:
    await shop.office.desk.enqueue(shop.order(EPSON), job_id="j-1")
    fetched = await epson.fetch()
    assert fetched is not None
    await epson.tell(fetched[0], success="false", code=code)
    assert await shop.state("j-1") == (state, reason)
    assert await epson.fetch() is None
    if state is JobState.QUEUED:
        shop.clock.now += timedelta(seconds=6)
        again = await epson.fetch()
        assert again is not None
        assert "KOPIE" not in judge(again[1]).papers[0].text


async def test_an_answer_to_another_job_changes_nothing(shop: Shop, epson: Epson) -> None:
    await shop.office.desk.enqueue(shop.order(EPSON), job_id="j-1")
    await epson.fetch()
    await epson.tell("0" * 30)
    assert await shop.state("j-1") == (JobState.SENDING, "")


async def test_a_job_that_nobody_answers_for_is_unknown_and_its_repeat_says_copy(
    shop: Shop, epson: Epson
) -> None:
    await shop.office.desk.enqueue(shop.order(EPSON), job_id="j-1")
    await epson.fetch()
    shop.clock.now += timedelta(seconds=61)
    running = asyncio.create_task(shop.office.run())
    async with asyncio.timeout(10):
        while (await shop.state("j-1"))[0] is JobState.SENDING:  # noqa: ASYNC110 (nobody is told)
            await asyncio.sleep(0.02)
    running.cancel()
    await asyncio.wait({running})
    assert await shop.state("j-1") == (JobState.UNKNOWN, "no_answer")
    await shop.office.desk.enqueue(shop.order(EPSON), job_id="j-2")
    again = await epson.fetch()
    assert again is not None
    assert "KOPIE" in judge(again[1]).papers[0].text


async def test_epson_tells_that_the_paper_is_out_and_when_it_is_back(
    shop: Shop, epson: Epson
) -> None:
    for bits, expected in (("0x00080000", ("down", "paper_out")), ("0x00000004", ("ready", ""))):
        status = (
            f'<statusmonitor Version="1.00"><printerstatus devicename="local_printer" '
            f'asbstatus="{bits}"/></statusmonitor>'
        )
        await epson.post(ConnectionType="SetStatus", Status=status)
        known = (await shop.queue.states("berlin"))["epson"]
        assert (known.state, known.reason) == expected


async def test_star_fetches_a_picture_that_reads_back_and_confirms_it(
    shop: Shop, star: Star
) -> None:
    assert await star.poll() is None
    await shop.office.desk.enqueue(shop.order(STAR), job_id="j-1")
    token = await star.poll()
    assert token is not None
    answer = await star.get(token)
    assert answer.headers["x-star-cut"] == "partial; feed=true"
    with Image.open(BytesIO(answer.content)) as picture:
        assert (picture.mode, picture.width) == ("1", 576)
        read = zxingcpp.read_barcodes(picture.convert("L"))
    assert [code.text for code in read] == [examples.QR]
    await star.done(token)
    assert await shop.state("j-1") == (JobState.CONFIRMED, "")
    await star.done(token)
    assert await star.poll() is None


async def test_star_gets_the_slips_of_one_job_one_by_one(shop: Shop, star: Star) -> None:
    vouchers = [
        SoldVoucher(voucher_id=code, serial=f"GS-{at}", value=euro("10.00"), code=code)
        for at, code in enumerate(CODES)
    ]
    await shop.office.desk.enqueue_voucher_slips(shop.order(STAR), job_id="s", vouchers=vouchers)
    read = []
    for _ in CODES:
        token = await star.poll()
        assert token is not None
        with Image.open(BytesIO((await star.get(token)).content)) as picture:
            read += [code.text for code in zxingcpp.read_barcodes(picture.convert("L"))]
        assert (await shop.state("s"))[0] is JobState.SENDING
        await star.done(token)
    assert read == list(CODES)
    assert (await shop.state("s"))[0] is JobState.CONFIRMED


async def test_a_picture_that_star_fetched_is_not_offered_again(shop: Shop, star: Star) -> None:
    await shop.office.desk.enqueue(shop.order(STAR), job_id="j-1")
    offered = await star.poll()
    assert offered is not None
    # The answer to the poll was lost: nothing was fetched, so the same paper is offered again.
    assert await star.poll() == offered
    assert (await star.get(offered)).status_code == 200
    # Switched off while it printed: nobody knows.
    assert await star.poll() is None


@pytest.mark.parametrize(
    ("code", "state", "reason"),
    [
        ("410 Out of paper", JobState.UNKNOWN, "paper_out"),
        ("520 Download", JobState.QUEUED, "not_understood"),
    ],
)
async def test_what_star_says_of_a_failure(
    shop: Shop, star: Star, code: str, state: JobState, reason: str
) -> None:
    await shop.office.desk.enqueue(shop.order(STAR), job_id="j-1")
    token = await star.poll()
    assert token is not None
    await star.get(token)
    await star.done(token, code)
    assert await shop.state("j-1") == (state, reason)


async def test_star_without_paper_is_offered_nothing(shop: Shop, star: Star) -> None:
    await shop.office.desk.enqueue(shop.order(STAR), job_id="j-1")
    assert await star.poll("410%20Out%20of%20paper") is None
    assert (await shop.queue.states("berlin"))["star"].reason == "paper_out"
    assert await star.poll(printingInProgress=True) is None
    assert await star.poll() is not None


async def test_a_stranger_gets_nothing_and_learns_nothing(shop: Shop) -> None:
    await shop.office.desk.enqueue(shop.order(EPSON), job_id="j-1")
    user, password = await shop.login(EPSON)
    strangers: tuple[httpx.Auth, ...] = (
        httpx.Auth(), httpx.BasicAuth(user, password[:-1] + "x"), httpx.DigestAuth(user, "guess"),
        httpx.DigestAuth("tm-2", password),
    )  # fmt: skip
    for auth in strangers:
        for printer in ("epson", "unknown"):
            answer = await shop.client.post(
                f"/stores/berlin/pull/{printer}", data={"ConnectionType": "GetRequest"}, auth=auth
            )
            assert (answer.status_code, answer.content) == (401, b"")
    assert (await shop.state("j-1"))[0] is JobState.QUEUED


async def test_a_nonce_is_good_for_five_minutes(shop: Shop) -> None:
    user, password = await shop.login(EPSON)
    path = "/stores/berlin/pull/epson"
    offered = (await shop.client.post(path)).headers.get_list("www-authenticate")
    nonce = next(each for each in offered if "MD5" in each).split('nonce="')[1].split('"')[0]

    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    secret = md5(f"{user}:printing:{password}")
    response = md5(f"{secret}:{nonce}:00000001:abc:auth:{md5(f'POST:{path}')}")
    header = (
        f'Digest username="{user}", realm="printing", nonce="{nonce}", uri="{path}", qop=auth, '
        f'nc=00000001, cnonce="abc", response="{response}"'
    )

    async def status() -> int:
        answer = await shop.client.post(
            path, data={"ConnectionType": "GetRequest"}, headers={"authorization": header}
        )
        return answer.status_code

    assert await status() == 200
    shop.clock.now += timedelta(minutes=6)
    assert await status() == 401


@pytest.mark.parametrize(
    "body",
    [
        b"", b"ConnectionType=", b"ConnectionType=SetResponse&ResponseFile=%3Cx",
        b"ConnectionType=SetResponse&ResponseFile=%3C!DOCTYPE+x%3E%3Cx%2F%3E", b"\xff\xfe=1",
        b"&".join(b"a=1" for _ in range(50)), b"ConnectionType=SetStatus&Status=%00",
    ],
)  # fmt: skip
async def test_nonsense_from_a_printer_changes_nothing(
    shop: Shop, epson: Epson, body: bytes
) -> None:
    await shop.office.desk.enqueue(shop.order(EPSON), job_id="j-1")
    assert await epson.fetch() is not None
    answer = await shop.client.post(
        "/stores/berlin/pull/epson", content=body, auth=epson.auth,
        headers={"content-type": "application/x-www-form-urlencoded"},
    )  # fmt: skip
    assert answer.status_code in (200, 400)
    assert (await shop.state("j-1"))[0] is JobState.SENDING


def test_a_new_pull_id_makes_the_old_password_worthless(secrets: Secrets) -> None:
    door = Door(secrets)
    assert door.password("berlin", "epson", "tm-1") != door.password("berlin", "epson", "tm-2")
    assert door.password("berlin", "epson", "tm-1") != door.password("koeln", "epson", "tm-1")
