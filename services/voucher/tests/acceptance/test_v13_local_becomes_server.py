"""V13: a local store with 120 vouchers, together 3,480.50, becomes part of a chain."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from events import EventStore
from events.testing.memory import MemoryEventStore
from kassenverbund.kit.chain import Chain
from kassenverbund.kit.secrets import Secrets
from money import euro
from voucher.handlers import Rules
from voucher.handlers.exports import Sums
from voucher.service import REGISTRY
from voucher.testing.office import Office, build_office

if TYPE_CHECKING:
    from services.voucher.tests.conftest import Clock, World

    NewWorld = Callable[[EventStore, Clock, Chain, Rules], World]


async def a_local_store(world: World) -> dict[str, tuple[str, str]]:
    """120 vouchers: 119 of 29.00, and one of 50.00 of which 20.50 are spent. Code → balance."""
    codes = {}
    for number in range(119):
        made = await world.sell(f"local-{number}", "29.00")
        codes[made.voucher.serial] = (made.code, "29.00")
    made = await world.sell("local-119", "50.00")
    await world.redeem(made.code, "20.50", "R1")
    codes[made.voucher.serial] = (made.code, "29.50")
    # What is spent, or was never sold, is worth nothing and stays behind.
    spent = await world.sell("spent", "5.00")
    await world.redeem(spent.code, "5.00", "R2")
    await world.prepare("never-sold", "10.00", booking_id="B9")
    return codes


async def moved(
    local: World, server: EventStore, chain: Chain, secrets: Secrets, clock: Clock
) -> tuple[list[dict[str, str]], Sums, Office]:
    def office(store: EventStore) -> Office:
        return build_office(
            store, chain=chain, secrets=secrets, clock=clock, random_bytes=os.urandom
        )

    content, sums = await office(local.store).export()
    target = office(server)
    total = euro("0.00").model_copy(update={"amount": sums.total})
    await target.take(content, count=sums.count, total=total)
    await target.batches.work()
    rows = list(csv.DictReader(io.StringIO(content.decode(), newline="")))
    return rows, sums, target


async def test_an_exported_store_is_imported_with_its_sums_and_serials(
    world: World, new_world: NewWorld, chain: Chain, secrets: Secrets, clock: Clock
) -> None:
    sold = await a_local_store(world)
    server = MemoryEventStore("voucher", REGISTRY, clock=clock)
    rows, sums, target = await moved(world, server, chain, secrets, clock)

    assert (sums.count, sums.total, sums.pending) == (120, 348_050, 1)
    assert {row["serial"]: row["balance"] for row in rows} == {
        serial: balance for serial, (_, balance) in sold.items()
    }
    again, sums_again = await target.export()
    assert (sums_again.count, sums_again.total) == (120, 348_050)
    wanted = sorted(rows, key=lambda row: row["serial"])
    found = csv.DictReader(io.StringIO(again.decode(), newline=""))
    assert sorted(found, key=lambda row: row["serial"]) == wanted


async def test_the_codes_on_paper_go_on_as_they_were(
    world: World, new_world: NewWorld, chain: Chain, secrets: Secrets, clock: Clock
) -> None:
    sold = await a_local_store(world)
    server = MemoryEventStore("voucher", REGISTRY, clock=clock)
    await moved(world, server, chain, secrets, clock)

    tills = new_world(server, clock, chain, Rules(foreign_codes=True))
    for number, (code, balance) in enumerate(list(sold.values())[-3:]):
        done: Any = await tills.redeem(code, balance, f"R{number}")
        assert done.state.balance == euro("0.00")


async def test_no_code_leaves_the_store(
    world: World, chain: Chain, secrets: Secrets, clock: Clock
) -> None:
    sold = await a_local_store(world)
    server = MemoryEventStore("voucher", REGISTRY, clock=clock)
    rows, _, _ = await moved(world, server, chain, secrets, clock)
    text = repr(rows)
    assert not [code for code, _ in sold.values() if code in text]
