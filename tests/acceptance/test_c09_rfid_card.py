"""C09 and C21: a card is laid on the reader, or its foreign code scanned, and its center pays."""

from __future__ import annotations

from typing import Any

from device_gateway.codes.scanned import Scanned
from device_gateway.devices.ports import KnownDevice
from device_gateway.handlers.devices import DevicesTold
from kassenverbund.kit.chain_codes import CodePattern
from tests.support.counter import Counter, article

UID = "04A1B2C3D4E580"
MEAL = [article(980, vat="reduced")]
READER = KnownDevice("reader-1", "berlin", "card_reader", "Kartenleser", "till-1", "*")


async def laid_on(counter: Counter, text: str, source: Any = "card") -> Any:
    """What the till's screen hears of a scan."""
    screen = counter.gateway.live.listen("berlin", "till-1")
    await DevicesTold(counter.gateway).scanned(READER, Scanned(text, source))
    heard = await screen.next(5)
    screen.close()
    assert heard is not None
    return heard[1].data


async def prepared(counter: Counter, **card: Any) -> None:
    await counter.centers.group(1, 4)
    await counter.centers.center("4700", "Empfang")
    await counter.centers.card(card.pop("number", "4711"), "4700", **card)


async def test_c09_a_uid_resolves_to_its_card_and_pays_like_any_customer_card(
    counter: Counter,
) -> None:
    await prepared(counter, code=UID)
    heard = await laid_on(counter, "04:a1:b2:c3:d4:e5:80")
    done = await counter.sell(MEAL, {"kind": "customer_card", "scan": heard["scan"]})
    paid = done["payments"][0]
    assert (paid["kind"], paid["center_number"], paid["card_number"]) == (
        "cost_center", "4700", "4711",
    )  # fmt: skip


async def test_c09_the_uid_is_on_no_screen_and_in_no_log(counter: Counter) -> None:
    await prepared(counter, code=UID)
    heard = await laid_on(counter, UID)
    await counter.sell(MEAL, {"kind": "customer_card", "scan": heard["scan"]})
    logs = b"".join(entry.data for entry in (*counter.log.log, *counter.centers.log.log))
    assert UID not in str(heard).upper()
    assert UID.encode() not in logs.upper()


async def test_c09_a_voucher_on_a_card_of_plastic_is_scanned_and_pays(counter: Counter) -> None:
    code = await counter.bought(980)
    heard = await laid_on(counter, code, "serial")
    done = await counter.sell(MEAL, {"kind": "voucher", "scan": heard["scan"]})
    assert done["payments"][0]["kind"] == "voucher"
    assert code.encode() not in b"".join(entry.data for entry in counter.log.log)


async def test_c21_a_staff_card_of_another_system_is_mapped_to_its_card(counter: Counter) -> None:
    counter.gateway.scans.patterns = (
        CodePattern(name="staff", pattern=r"^EMP:(\d{5})$", target="card", examples=("EMP:00815",)),
    )
    await prepared(counter, number="00815")
    heard = await laid_on(counter, "EMP:00815", "serial")
    assert (heard["kind"], heard["target"]) == ("external", "card")
    done = await counter.sell(MEAL, {"kind": "customer_card", "scan": heard["scan"]})
    assert done["payments"][0]["card_number"] == "00815"
