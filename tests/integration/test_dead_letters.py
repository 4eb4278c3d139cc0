"""One malformed booking freezes nothing: it is parked, seen, given up, and all the rest goes on."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from uuid import uuid4

from events.bus.contract import Record
from events.bus.postgres import PostgresBus
from kassenverbund.postgres import private_database
from tests.support.program import Program
from tests.support.shop import by_voucher, cash, pair_tills, voucher_sale

DEADLINE_S = 60.0


def malformed(booking_id: str) -> Record:
    """A `booking.recorded` that lacks nearly everything."""
    return Record(
        key="berlin",
        headers={
            "ce_specversion": "1.0",
            "ce_id": str(uuid4()),
            "ce_source": "/device-gateway",
            "ce_type": "booking.recorded.v1",
            "ce_subject": f"booking-{booking_id}",
            "ce_time": "2026-11-22T12:00:00.000000Z",
            "ce_sequence": "1",
            "ce_position": "1",
            "ce_partitionkey": "berlin",
            "content-type": "application/json",
        },
        value=json.dumps({"booking_id": booking_id, "store_id": "berlin"}).encode(),
    )


def letters(program: Program) -> list[dict[str, Any]]:
    done = program.cli("dead-letters", "list", "voucher", "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


async def test_a_malformed_booking_is_parked_and_discarded_and_sales_go_on(
    alone: Program,
) -> None:
    alone.start()
    await alone.ready()
    async with (
        private_database(alone.var) as database,
        PostgresBus.open(database.url) as bus,
        alone.client() as client,
    ):
        tills = await pair_tills(
            client, manager=alone.token("manager"), stores=("berlin", "koeln"), each=1
        )
        await bus.publish("device-gateway", [malformed("b-broken")])
        async with asyncio.timeout(DEADLINE_S):
            while not (parked := await asyncio.to_thread(letters, alone)):  # noqa: ASYNC110 (another process)
                await asyncio.sleep(0.1)
        assert [letter["lane"] for letter in parked] == ["booking-b-broken"]

        sold = await tills[0].sell([voucher_sale(1000)], [cash(1000)], key="v1")
        done = alone.cli(
            "dead-letters", "discard", "voucher", str(parked[0]["id"]), "--why", "a test", "--json"
        )
        assert done.returncode == 0, done.stderr

        paid = await tills[1].sell(
            [{**voucher_sale(0), "kind": "article", "name": "Heft", "vat": "reduced",
              "unit_price": {"amount": 1000, "currency": "EUR"}}],
            [by_voucher(sold["vouchers"][0]["code"])], key="v2",
        )  # fmt: skip
        assert paid["state"] == "signed"
    assert letters(alone) == []
    shown = alone.cli("events", "tail", "voucher", "--json").stdout
    assert '"dead_letter.discarded"' in shown
    assert alone.cli("verify").returncode == 0
    assert alone.terminate() == 0
