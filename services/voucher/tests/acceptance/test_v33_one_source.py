"""V33: a changed template "Winter 50" shows on web, kiosk and till; issued vouchers keep theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from voucher.testing.desk import Desk

CHANNELS = ("gateway", "cashier", "office")
"""The till's gateway, the kiosk, the shop's back office: all ask the same service."""


def eur(amount: int) -> dict[str, Any]:
    return {"amount": amount, "currency": "EUR"}


async def test_a_changed_template_shows_in_every_channel(desk: Desk) -> None:
    winter = {"name": "Winter 50", "value": eur(5000), "price": eur(5000)}
    await desk.send("PUT", "/v1/templates/winter-50", winter)
    changed = await desk.send("PUT", "/v1/templates/winter-50", {**winter, "price": eur(4500)})
    await desk.catch_up()
    for channel in CHANNELS:
        listed = (await desk.get("/v1/templates", by=channel)).json()["templates"]
        (found,) = [one for one in listed if one["template_id"] == "winter-50"]
        assert (found["name"], found["price"]) == ("Winter 50", eur(4500))
        assert found == {
            name: value
            for name, value in changed.json().items()
            if name not in ("warnings", "position")
        }


async def test_cards_that_were_printed_before_keep_their_terms(desk: Desk) -> None:
    terms = {"payout": "goodwill"}
    template = {"name": "Winter 50", "value": eur(5000), "terms": terms}
    await desk.send("PUT", "/v1/templates/v33-cards", template)
    await desk.printed("V33", 1, template_id="v33-cards")
    await desk.send("PUT", "/v1/templates/v33-cards", {"name": "Winter 50", "value": eur(5000)})

    issued = [
        entry
        for entry in await desk.store.read(after=0, records_max=10_000)
        if entry.name == "voucher.issued" and getattr(entry.event, "batch_id", None) == "V33"
    ]
    assert [entry.event.terms.payout for entry in issued] == ["goodwill"]  # type: ignore[attr-defined]  # voucher.issued has terms
