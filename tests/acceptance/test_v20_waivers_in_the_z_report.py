"""V20: the closing lists what was waived, given off, voided and cancelled, each with its reason and
person, and the sum is that of the ledger."""

from __future__ import annotations

from typing import Any

from tests.support.counter import Answer, Counter, article, by_voucher, cash, eur

SALE = "/stores/berlin/v1/tills/till-1/bookings"


async def act(counter: Counter, booking: Answer, path: str, **body: Any) -> Answer:
    return await counter.book(path=f"/{booking['booking_id']}{path}", **body)


async def day(counter: Counter) -> Answer:
    """A gift that waives 10.00, a discount of 2.00, a voided line of 5.00, a price 1.00 lower, and
    a sale that is cancelled. Answers the closing."""
    code = await counter.donated("10.00", "Lesewoche")
    await counter.sell([article(1200)], by_voucher(code), cash(200))
    going = await counter.book(
        lines=[article(1000), article(2000, "reduced"), article(500)], cashier="anna"
    )
    await act(counter, going, "/lines/3/void", reason="Vertippt")
    await act(counter, going, "/lines/1/price", unit_price=eur(900), reason="Beschädigt")
    await act(counter, going, "/lines/2/discount", percent=1000, reason="Stammkundin")
    await act(counter, going, "/payments", payments=[cash(2700)])
    await act(counter, going, "/finish")
    sold = await counter.sell([article(300)], cash(300))
    await act(counter, sold, "/cancellation", reason="Falscher Artikel", cashier="chef")
    closed = await counter.at_till("/shift/close", {})
    assert closed.status_code == 200, closed.text
    told: Answer = closed.json()
    return told


async def paper(counter: Counter, z_number: int) -> str:
    answer = await counter.client.get(
        f"/stores/berlin/v1/tills/till-1/closings/{z_number}/paper.txt",
        headers={"authorization": f"Bearer {counter.token}"},
    )
    return answer.text


async def test_v20_each_has_its_reason_and_the_sum_is_that_of_the_ledger(counter: Counter) -> None:
    closed = await day(counter)
    rows = closed["corrections"]
    assert [(row["kind"], row["amount"]["amount"], row["reason"]) for row in rows] == [
        ("waiver", -1000, "Lesewoche"),
        ("line_void", -500, "Vertippt"),
        ("price_change", -100, "Beschädigt"),
        ("discount", -200, "Stammkundin"),
        ("cancellation", -300, "Falscher Artikel"),
    ]
    assert [row.get("person") for row in rows[1:]] == ["anna", "anna", "anna", "chef"]
    assert closed["corrections_sum"] == eur(-2100)
    ledger = [entry.event for entry in counter.log.log if entry.name == "till.number_given"]
    given: list[Any] = [each for event in ledger for each in event.corrections]  # type: ignore[attr-defined]  # NumberGiven
    assert sum(each.amount.amount for each in given) == -2100


async def test_v20_what_was_given_off_is_the_case_rabatt_of_the_closing(counter: Counter) -> None:
    closed = await day(counter)
    rebates = {
        row["dsfinvk_key"]: row["gross"]["amount"]
        for row in closed["cases"]
        if row["case"] == "Rabatt"
    }
    assert rebates == {1: -1000, 2: -200}
    assert sum(row["gross"]["amount"] for row in closed["cases"]) == 2900
    assert closed["payments"][0]["amount"] == eur(2900)


async def test_v20_the_paper_has_the_section_with_all_of_them(counter: Counter) -> None:
    closed = await day(counter)
    text = await paper(counter, closed["z_number"])
    section = text[text.index("Erlasse/Stornos: 5") : text.index("Vorgänge\n")]
    for words in (
        "Verschenkter Gutschein", "Zeilenstorno (Vorgang 2): Ware", "Preisänderung (Vorgang 2)",
        "Rabatt (Vorgang 2): Rabatt 10 %: Ware", "Storno", "durch anna", "Grund: Stammkundin",
        "Grund: Falscher Artikel",
    ):  # fmt: skip
        assert words in " ".join(section.split())
    assert section.split("Summe")[1].split()[0] == "-21,00"
    assert section.count("Grund: ") == 5
