"""V14: the voucher service is away, and the cost centers with it. Tills say so within the cashier's
patience, cash goes on, no voucher is taken and nothing is charged, and all is well once they are
back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from device_gateway.adapters.patience import CASHIER_WAIT_S
from kassenverbund.postgres import private_database
from tests.support.office import on_center
from tests.support.program import Program
from tests.support.shop import (
    DemoTill,
    Refused,
    article,
    by_voucher,
    cash,
    pair_tills,
    until_signed,
    voucher_sale,
)

ROUND_TRIP_S = 2.0
"""What a slow machine may add to the wait that is promised."""
NOTICED_WAIT_S = 30.0


@pytest.fixture
async def split(tmp_path: Path) -> AsyncIterator[tuple[Program, Program]]:
    """(store, center): gateway and signer in one process, vouchers and cost centers in another,
    each speaking TLS, with one database between them."""
    var = tmp_path / "var"
    async with private_database(tmp_path / "database") as database:
        environment = {"DATABASE_URL": database.url}
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
        try:
            center.start()
            await center.ready()
            store.start()
            await store.ready()
            yield store, center
        finally:
            store.stop()
            center.stop()


async def _until_up(client: httpx.AsyncClient, till: DemoTill) -> None:
    """The gateway has noticed that the voucher service answers again. Raises TimeoutError."""
    path, headers = f"/stores/{till.store}/v1/line", {"Authorization": f"Bearer {till.token}"}
    async with asyncio.timeout(NOTICED_WAIT_S):
        while True:
            line = (await client.get(path, headers=headers)).json()
            if line["voucher"]["state"] == "up":
                return
            await asyncio.sleep(0.1)


async def test_v14_without_the_voucher_service_cash_goes_on_and_no_voucher_is_taken(
    split: tuple[Program, Program],
) -> None:
    store, center = split
    async with store.client(timeout_s=CASHIER_WAIT_S + ROUND_TRIP_S) as client:
        tills = await pair_tills(client, manager=store.token("manager"), stores=("berlin",), each=1)
        till = tills[0]
        sold = await till.sell([voucher_sale(5000)], [cash(5000)], key="sale")
        code = sold["vouchers"][0]["code"]
        book = [article("Buch", 2000)]

        center.stop()
        # The client's own time-out is the deadline: a longer silence fails here.
        with pytest.raises(Refused) as away:
            await till.sell(book, [by_voucher(code)], key="by-voucher")
        assert (away.value.status, away.value.code) == (503, "voucher.unavailable")
        with pytest.raises(Refused) as uncharged:
            await till.sell(book, [on_center(number="4711")], key="by-center")
        assert (uncharged.value.status, uncharged.value.code) == (503, "costcenter.unavailable")
        with pytest.raises(Refused) as unsold:
            await till.sell([voucher_sale(1000)], [cash(1000)], key="no-voucher-to-sell")
        assert (unsold.value.status, unsold.value.code) == (503, "voucher.unavailable")

        paid = await till.sell(book, [cash(2000)], key="by-cash")
        assert (await until_signed(client, till, paid["booking_id"]))["state"] == "signed"

        center.start()
        await center.ready()
        await _until_up(client, till)
        redeemed = await till.sell(book, [by_voucher(code)], key="by-voucher-again")
        remaining = redeemed["payments"][0]["voucher_remaining"]
        assert remaining == {"amount": 3000, "currency": "EUR"}
