"""V14, E.4 on each bus: the line is down, the store takes vouchers within its caps, forgets nothing
in a restart, and once the line is back every payment is booked once, the uncovered as overdraft."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from device_gateway.adapters.patience import CASHIER_WAIT_S
from device_gateway.adapters.virtual_printer import judge
from events.bus.local_kafka import LocalKafka
from kassenverbund.kit.signed_qr import looks_signed, verify
from kassenverbund.postgres import private_database
from tests.support.program import ROOT, Program
from tests.support.shop import (
    DemoTill,
    Refused,
    article,
    by_voucher,
    cash,
    cents,
    pair_tills,
    until_signed,
    voucher_sale,
)

DEADLINE_S = 60.0
ROUND_TRIP_S = 2.0
"""What a slow machine may add to the wait that is promised."""
BUSES = ("postgres", pytest.param("kafka", marks=pytest.mark.kafka))


@dataclass
class Shop:
    """A store's gateway and signer in one process, the voucher service in another."""

    store: Program
    center: Program

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}

    def __post_init__(self) -> None:
        self._token = ""

    def know(self, token: str) -> None:
        self._token = token

    async def line(self, client: httpx.AsyncClient) -> dict[str, Any]:
        answer = await client.get("/stores/berlin/v1/line", headers=self.headers)
        answer.raise_for_status()
        told: dict[str, Any] = answer.json()
        return told

    async def asked(self, path: str) -> Any:
        """What the voucher service tells back office."""
        async with self.center.client() as client:
            answer = await client.get(f"/voucher/v1{path}", headers=self.headers)
            answer.raise_for_status()
            return answer.json()

    async def scan(self, serial: str) -> str:
        """What a scanner reads from the slip of a voucher. Raises TimeoutError."""
        told = await self.asked("/offline?store_id=berlin")
        keys = {
            bytes.fromhex(key["key_id"]): Ed25519PublicKey.from_public_bytes(
                base64.b64decode(key["public_key"])
            )
            for key in told["keys"]
        }
        found: list[str] = []

        async def printed() -> bool:
            for path in sorted(self.store.var.rglob("*.bin")):
                for paper in judge(path.read_bytes()).papers:
                    codes = [code for code in paper.qr_codes if looks_signed(code)]
                    found.extend(code for code in codes if verify(code, keys).serial == serial)
            return bool(found)

        await until(printed)
        return found[0]


async def until(done: Callable[[], Awaitable[bool]]) -> None:
    """Raises TimeoutError."""
    async with asyncio.timeout(DEADLINE_S):
        while not await done():  # noqa: ASYNC110 (another process)
            await asyncio.sleep(0.1)


@pytest.fixture(params=BUSES)
async def shop(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Shop]:
    var = tmp_path / "var"
    chain = yaml.safe_load((ROOT / "chain.yaml").read_text(encoding="utf-8"))
    chain["vouchers"]["offline_cap"] = 2500
    chain["stores"][0]["vouchers_offline"] = {
        "policy": "cap", "cap": 2000, "per_day": 10_000, "per_till_day": 6_000,
    }  # fmt: skip
    chain_file = tmp_path / "chain.yaml"
    chain_file.write_text(yaml.safe_dump(chain, allow_unicode=True), encoding="utf-8")
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(private_database(tmp_path / "database"))
        environment = {"DATABASE_URL": database.url, "KASSENVERBUND_CHAIN": str(chain_file)}
        if request.param == "kafka":
            jars = request.getfixturevalue("kafka_jars")
            broker = stack.enter_context(LocalKafka(tmp_path / "kafka", jars=jars))
            environment["KAFKA_BOOTSTRAP"] = broker.bootstrap
        center = Program(var, arguments=("serve", "costcenter", "voucher"), environment=environment)
        store = Program(
            var,
            arguments=("serve", "device-gateway", "fiscal-signer"),
            environment={
                **environment,
                "KASSENVERBUND_URL_VOUCHER": center.base_url,
                "KASSENVERBUND_URL_COSTCENTER": center.base_url,
                "KASSENVERBUND_PEER_CA": str(var / "tls" / "ca.pem"),
            },
        )
        stack.callback(center.stop)
        stack.callback(store.stop)
        center.start()
        await center.ready()
        store.start()
        await store.ready()
        made = Shop(store, center)
        made.know(store.token("manager", "back_office"))
        yield made


async def refused(till: DemoTill, code: str, key: str) -> str:
    with pytest.raises(Refused) as no:
        await till.sell([article("Buch", 2000)], [by_voucher(code)], key=key)
    return no.value.code


async def paid_without_a_line(till: DemoTill, scan: str, key: str) -> dict[str, Any]:
    sold = await till.sell([article("Buch", 2000)], [by_voucher(scan)], key=key)
    (payment,) = sold["payments"]
    assert (payment["amount"], payment["offline"]) == (cents(2000), True)
    return sold


async def test_vouchers_are_taken_within_caps_and_booked_once(shop: Shop) -> None:
    store, center = shop.store, shop.center
    async with store.client(timeout_s=15.0) as client:
        one, two = await pair_tills(client, manager=store.token("manager"), stores=("berlin",))
        full, rest = [
            (await one.sell([voucher_sale(minor)], [cash(minor)], key=f"sale-{minor}"))["vouchers"]
            for minor in (5000, 3000)
        ]
        serials = [vouchers[0]["serial"] for vouchers in (full, rest)]
        full_scan, rest_scan = [await shop.scan(serial) for serial in serials]
        await two.sell([article("Karte", 1500)], [by_voucher(rest_scan)], key="before")

        async def heard() -> bool:
            return bool((await shop.line(client))["vouchers_offline"]["takes"])

        await until(heard)
        center.stop()
        first = await paid_without_a_line(one, full_scan, "without-1")
        # From now on nobody waits for the service that is away.
        began = time.monotonic()
        forged = full_scan[:-1] + ("A" if full_scan[-1] != "A" else "B")
        assert await refused(two, full_scan, "over") == "voucher.offline_cap"
        assert await refused(two, full[0]["code"], "typed") == "voucher.offline_unsigned"
        assert await refused(two, forged, "forged") == "code.forged"
        assert time.monotonic() - began < CASHIER_WAIT_S + ROUND_TRIP_S

        store.stop()
        store.start()
        await store.ready()
    async with store.client(timeout_s=CASHIER_WAIT_S + ROUND_TRIP_S) as client:
        one, two = [DemoTill(client, till.store, till.till_id, till.token) for till in (one, two)]
        second = await paid_without_a_line(two, rest_scan, "without-2")
        assert await refused(one, full_scan, "over-again") == "voucher.offline_cap"
        assert (await shop.line(client))["voucher"]["state"] == "down"
        for booking in (first, second):
            assert (await until_signed(client, one if booking is first else two,
                                       booking["booking_id"]))["state"] == "signed"  # fmt: skip

        center.start()
        await center.ready()

        async def booked() -> bool:
            balances = [
                (await shop.asked(f"/vouchers/{serial}"))["balance"]["amount"] for serial in serials
            ]
            return balances == [3000, 0]

        await until(booked)

        async def back() -> bool:
            return bool((await shop.line(client))["voucher"]["state"] == "up")

        await until(back)
        left = await one.sell([article("Bildband", 3000)], [by_voucher(full_scan)], key="after")
        assert left["payments"][0]["voucher_remaining"] == cents(0)
        await _sums_agree(shop)
    done = await asyncio.to_thread(store.cli, "verify")
    assert done.returncode == 0, done.stdout + done.stderr


async def _sums_agree(shop: Shop) -> None:
    """80.00 were sold, 85.00 were paid with: 5.00 are the store's overdraft, nothing is left."""

    async def spent() -> bool:
        return bool((await _rows(shop, "/reports/overdraft-totals?store=berlin")) != [])

    await until(spent)
    (total,) = await _rows(shop, "/reports/overdraft-totals?store=berlin")
    assert (total["overdrafts"], total["open"]) == (1, cents(500))
    (overdraft,) = await _rows(shop, "/reports/overdrafts?store=berlin")
    assert (overdraft["amount"], overdraft["offline"]) == (cents(500), True)

    async def spent_all() -> bool:
        owed = (await shop.asked("/liability"))["entries"]
        return [(each["issued"], each["redeemed"], each["balance"]) for each in owed] == [
            (cents(8000), cents(8000), cents(0))
        ]

    await until(spent_all)


async def _rows(shop: Shop, path: str) -> list[dict[str, Any]]:
    told = await shop.asked(path)
    rows: list[dict[str, Any]] = told["rows"]
    return rows
