"""C22: VAT rates by country are compared with an outside service. Where it can't be reached the
last known rates stay in force and an alarm is raised; nothing changes inside an open business day.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint
from structlog.testing import capture_logs

from device_gateway.handlers.stores import declare_stores
from kassenverbund.chain_file import load_chain
from kassenverbund.http import publish_health
from kassenverbund.vat.comparison import (
    RatesRefused,
    accepted_rows,
    compare,
    differences,
    latest_open_day,
)
from kassenverbund.vat.rows import add_rows
from kassenverbund.vat.source import ANSWER_BYTES_MAX, HttpRateSource, RateSourceSilent
from kassenverbund.vat.watch import VatWatch
from tests.support.counter import Counter, article, cash, open_counter
from tests.support.program import ROOT, Program
from tests.support.rates import REDUCED, STANDARD, RateService, rate_service
from tests.support.shop import DemoTill
from tests.support.shop import article as shop_article
from tests.support.shop import cash as shop_cash

GROSS = 11_900

OLD_TAX = 1_900

NEW_TAX = 1_983
"""20 % within 119.00: 119.00 - 119.00 / 1.2, half up."""


@pytest.fixture
def service() -> Iterator[RateService]:
    with rate_service() as running:
        yield running


@pytest.fixture
def chain_file(tmp_path: Path, service: RateService) -> Path:
    """The example chain, which asks the service."""
    file = tmp_path / "chain.yaml"
    asks = f"\nvat_source: {{url: {service.url}, every_hours: 24}}\n"
    file.write_text((ROOT / "chain.yaml").read_text() + asks)
    return file


@pytest.fixture
async def till(chain_file: Path) -> Counter:
    return await open_counter(load_chain(chain_file))


class Watched:
    """A watch with a metric reader of its own, and the health page that shows what it says."""

    def __init__(self, chain_file: Path, url: str, now: datetime) -> None:
        self._reader = InMemoryMetricReader()
        self.watch = VatWatch(
            load_chain(chain_file),
            HttpRateSource(url, wait_s=5),
            every=timedelta(hours=24),
            clock=lambda: now,
            meter=MeterProvider([self._reader]).get_meter("test"),
        )

    async def ready(self) -> httpx.Response:
        async def nothing() -> list[str]:
            return []

        app = FastAPI()
        publish_health(app, nothing, self.watch.alerts)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://health"
        ) as client:
            return await client.get("/health/ready")

    def metric(self, name: str) -> int | float:
        data = self._reader.get_metrics_data()
        assert data is not None
        points = [
            point
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == f"kassenverbund.{name}"
            for point in metric.data.data_points
        ]
        assert isinstance(points[-1], NumberDataPoint)
        return points[-1].value


def content(file: Path) -> bytes:
    return file.read_bytes()


def ask(chain_file: Path, url: str, *, instead_of: str) -> None:
    """The chain asks another service."""
    chain_file.write_text(chain_file.read_text().replace(instead_of, url))


def day_of(till: Counter, days: int = 0) -> str:
    return (till.clock.now.date() + timedelta(days=days)).isoformat()


async def sold_tax(till: Counter) -> int:
    """What a sale of 119.00 at the standard rate is taxed with now."""
    await till.sell([article(GROSS)], cash(GROSS))
    gross, tax = till.vat()["standard"]
    assert gross == GROSS
    return tax


async def accept(chain_file: Path, service: RateService, now: datetime) -> None:
    """As `kassenverbund vat accept` does, at another time."""
    chain = load_chain(chain_file)
    proposal = await HttpRateSource(service.url).proposal()
    add_rows(chain_file, accepted_rows(chain, proposal, now=now))


async def test_c22_a_source_that_agrees_raises_no_alarm(
    chain_file: Path, service: RateService, till: Counter
) -> None:
    watched = Watched(chain_file, service.url, till.clock.now)
    assert await watched.watch.compare_once()
    assert (await watched.ready()).json() == {"status": "ready"}
    assert (watched.metric("vat_differences"), watched.metric("vat_source_silent")) == (0, 0)


async def test_c22_a_change_from_tomorrow_shows_as_a_difference(
    chain_file: Path, service: RateService, till: Counter
) -> None:
    service.tells(
        STANDARD, REDUCED, {"vat": "standard", "rate": 2000, "valid_from": day_of(till, 1)}
    )
    watched = Watched(chain_file, service.url, till.clock.now)
    with capture_logs() as logs:
        await watched.watch.compare_once()
    ready = await watched.ready()
    assert [(entry["log_level"], entry["event"]) for entry in logs] == [("error", "vat.differs")]
    assert ready.status_code == 200
    [alert] = ready.json()["alerts"]
    assert alert["code"] == "vat.differs"
    assert f"standard from {day_of(till, 1)}: ours 1900" in alert["detail"]
    assert watched.metric("vat_differences") == 1


async def test_c22_a_proposed_change_alone_changes_no_booking(
    chain_file: Path, service: RateService, till: Counter
) -> None:
    service.tells(REDUCED, {"vat": "standard", "rate": 2000, "valid_from": day_of(till, 1)})
    watched = Watched(chain_file, service.url, till.clock.now)
    before = content(chain_file)
    await watched.watch.compare_once()
    taxes = [await sold_tax(till)]
    till.clock.advance(days=1)
    taxes.append(await sold_tax(till))
    assert taxes == [OLD_TAX, OLD_TAX]
    assert content(chain_file) == before


async def test_c22_accepted_it_counts_from_tomorrow_and_not_today(
    chain_file: Path, service: RateService, till: Counter
) -> None:
    service.tells(
        STANDARD, REDUCED, {"vat": "standard", "rate": 2000, "valid_from": day_of(till, 1)}
    )
    await accept(chain_file, service, till.clock.now)
    await declare_stores(till.gateway, load_chain(chain_file))  # the start after it
    today = await sold_tax(till)
    till.clock.advance(days=1)
    assert (today, await sold_tax(till)) == (OLD_TAX, NEW_TAX)


async def test_c22_the_new_rate_begins_at_midnight_of_the_store(
    chain_file: Path, service: RateService, till: Counter
) -> None:
    service.tells(
        STANDARD, REDUCED, {"vat": "standard", "rate": 2000, "valid_from": day_of(till, 1)}
    )
    await accept(chain_file, service, till.clock.now)
    await declare_stores(till.gateway, load_chain(chain_file))
    till.clock.now = datetime(2026, 11, 22, 22, 59, 59, tzinfo=UTC)  # Berlin is at 23:59:59
    before = await sold_tax(till)
    till.clock.advance(seconds=1)
    assert (before, await sold_tax(till)) == (OLD_TAX, NEW_TAX)


async def test_c22_after_accepting_there_is_no_difference_any_more(
    chain_file: Path, service: RateService, till: Counter
) -> None:
    service.tells(
        STANDARD, REDUCED, {"vat": "standard", "rate": 2000, "valid_from": day_of(till, 1)}
    )
    await accept(chain_file, service, till.clock.now)
    proposal = await HttpRateSource(service.url).proposal()
    assert not differences(compare(load_chain(chain_file), proposal, now=till.clock.now))


async def test_c22_where_the_source_is_down_the_last_known_rates_stay_and_an_alarm_is_raised(
    chain_file: Path, service: RateService, till: Counter
) -> None:
    with rate_service() as gone:
        url = gone.url
    watched = Watched(chain_file, url, till.clock.now)
    with capture_logs() as logs:
        assert not await watched.watch.compare_once()
    ready = await watched.ready()
    assert [(entry["log_level"], entry["event"]) for entry in logs] == [
        ("error", "vat.source_silent")
    ]
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    assert [alert["code"] for alert in ready.json()["alerts"]] == ["vat.source_silent"]
    assert watched.metric("vat_source_silent") == 1
    assert await sold_tax(till) == OLD_TAX


async def test_c22_the_alarm_ends_when_the_source_is_back(
    chain_file: Path, service: RateService, till: Counter
) -> None:
    watched = Watched(chain_file, service.url, till.clock.now)
    service.status = 503
    await watched.watch.compare_once()
    alarmed = watched.watch.alerts()
    service.status = 200
    await watched.watch.compare_once()
    assert [alert["code"] for alert in alarmed] == ["vat.source_unusable"]
    assert watched.watch.alerts() == []
    assert watched.metric("vat_source_silent") == 0


def answer(rates: str, country: str = "DE") -> bytes:
    return f'{{"country": "{country}", "rates": [{rates}]}}'.encode()


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<html>", id="no JSON"),
        pytest.param(b"\xff\xfe{}", id="not UTF-8"),
        pytest.param(b"[" * 100_000, id="deep"),
        pytest.param(answer(""), id="no rates"),
        pytest.param(
            answer('{"vat": "standard", "rate": 19.0, "valid_from": "2007-01-01"}'), id="a float"
        ),
        pytest.param(
            answer('{"vat": "standard", "rate": "1900", "valid_from": "2007-01-01"}'), id="a text"
        ),
        pytest.param(
            answer('{"vat": "standard", "rate": 190000, "valid_from": "2007-01-01"}'), id="too much"
        ),
        pytest.param(
            answer('{"vat": "standard", "rate": 1900, "valid_from": "2007-02-30"}'), id="no day"
        ),
        pytest.param(
            answer('{"vat": "standard", "rate": 1900, "valid_from": "2007-01-01", "x": 1}'),
            id="an unknown field",
        ),
        pytest.param(
            answer(
                '{"vat": "standard", "rate": 1900, "valid_from": "2007-01-01"},'
                '{"vat": "standard", "rate": 2000, "valid_from": "2007-01-01"}'
            ),
            id="two rates on one day",
        ),
        pytest.param(
            answer('{"vat": "standard", "rate": 1900, "valid_from": "2007-01-01"}', "FR"),
            id="a country without a store",
        ),
        pytest.param(b" " * (ANSWER_BYTES_MAX + 1), id="too large"),
    ],
)
async def test_c22_a_bad_answer_is_an_alarm_like_silence(
    chain_file: Path, service: RateService, till: Counter, body: bytes
) -> None:
    service.body = body
    watched = Watched(chain_file, service.url, till.clock.now)
    assert not await watched.watch.compare_once()
    assert [alert["code"] for alert in watched.watch.alerts()] == ["vat.source_unusable"]
    assert await sold_tax(till) == OLD_TAX


async def test_c22_a_redirect_is_not_followed(
    chain_file: Path, service: RateService, till: Counter
) -> None:
    with rate_service() as other:
        service.status, service.headers = 302, {"location": other.url}
        watched = Watched(chain_file, service.url, till.clock.now)
        assert not await watched.watch.compare_once()
        assert other.asked == 0


@pytest.mark.parametrize("status", [200, 500])
async def test_c22_it_is_asked_at_the_start_and_once_per_period(
    chain_file: Path, service: RateService, status: int
) -> None:
    service.status = status
    watch = VatWatch(
        load_chain(chain_file),
        HttpRateSource(service.url),
        every=timedelta(milliseconds=1),
        clock=lambda: datetime.now(UTC),
    )
    running = asyncio.create_task(watch.run())
    try:
        async with asyncio.timeout(30):
            while service.asked < 3:
                assert not running.done()
                await asyncio.sleep(0.01)
    finally:
        running.cancel()


async def test_c22_a_source_that_takes_the_question_and_never_answers_is_silent() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        source = HttpRateSource(f"http://127.0.0.1:{deaf.getsockname()[1]}/", wait_s=0.2)
        with pytest.raises(RateSourceSilent):
            await source.proposal()


async def test_c22_a_change_inside_today_is_refused(
    chain_file: Path, service: RateService, till: Counter
) -> None:
    service.tells(STANDARD, REDUCED, {"vat": "standard", "rate": 2000, "valid_from": day_of(till)})
    before = content(chain_file)
    with pytest.raises(RatesRefused, match="open or past"):
        await accept(chain_file, service, till.clock.now)
    assert content(chain_file) == before


def test_c22_the_commands_compare_accept_and_tell_by_exit_code(
    chain_file: Path, service: RateService, tmp_path: Path
) -> None:
    program = Program(tmp_path / "var", environment={"KASSENVERBUND_CHAIN": str(chain_file)})
    agreed = program.cli("vat", "check")
    # Two days off: the test may run across midnight.
    day = latest_open_day(load_chain(chain_file), datetime.now(UTC)) + timedelta(days=2)
    new = {"vat": "standard", "rate": 2000, "valid_from": day.isoformat()}
    service.tells(STANDARD, REDUCED, new)
    differing = program.cli("--lang", "de", "vat", "check")
    accepted = program.cli("vat", "accept")
    after = program.cli("vat", "check", "--json")

    assert [done.returncode for done in (agreed, differing, accepted, after)] == [0, 1, 0, 0]
    assert "kommt erst" in differing.stdout
    assert f"rate: 2000, valid_from: {day}, label: Regelsteuersatz" in chain_file.read_text()
    assert "nicht steuerbar" in chain_file.read_text()


def test_c22_the_commands_refuse_today_and_tell_silence(
    chain_file: Path, service: RateService, tmp_path: Path
) -> None:
    program = Program(tmp_path / "var", environment={"KASSENVERBUND_CHAIN": str(chain_file)})
    before = content(chain_file)
    today = datetime.now(UTC).date().isoformat()
    service.tells({"vat": "standard", "rate": 2000, "valid_from": today}, REDUCED)
    refused = program.cli("vat", "accept")
    service.status = 500
    silent = [program.cli("vat", command) for command in ("check", "accept")]

    assert refused.returncode == 1
    assert "open or past" in refused.stderr
    assert [done.returncode for done in silent] == [2, 2]
    assert "it answers 500" in silent[0].stderr
    assert content(chain_file) == before


async def test_c22_the_whole_program_sells_on_without_the_source(
    chain_file: Path, service: RateService, tmp_path: Path
) -> None:
    with rate_service() as gone:
        ask(chain_file, gone.url, instead_of=service.url)
    program = Program(tmp_path / "var", environment={"KASSENVERBUND_CHAIN": str(chain_file)})
    program.start()
    try:
        await program.ready()
        async with program.client() as client:
            till = await DemoTill.pair(
                client, store="berlin", name="Kasse 1", manager=program.token("manager"), key="pair"
            )
            sold = await till.sell(
                [shop_article("Ware", GROSS, vat="standard")], [shop_cash(GROSS)], key="sale"
            )
            ready = await client.get("/health/ready")
    finally:
        program.stop()
    assert sold["state"] in ("recorded", "signed")
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")
    assert [alert["code"] for alert in ready.json()["alerts"]] == ["vat.source_silent"]
    assert '"vat.source_silent"' in program.log_file.read_text()
