"""V07: redeeming asks for the code; an unknown one leaves the open amount as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from voucher import codes
from voucher.testing.fakes import random_bytes_from

if TYPE_CHECKING:
    from services.voucher.tests.conftest import Shop


def told(answer: Any) -> dict[str, Any]:
    """What a till hears, apart from the name of its own request."""
    return {key: value for key, value in answer.json().items() if key != "instance"}


@pytest.fixture
async def unknown() -> str:
    return codes.generate(codes.Kind.VOUCHER, random_bytes_from(uuid4().hex))


async def test_v07_an_unknown_code_pays_nothing_and_says_nothing(shop: Shop, unknown: str) -> None:
    answer = await shop.hold(uuid4().hex, unknown, 500)
    assert (answer.status_code, answer.json()["code"]) == (409, "voucher.not_usable")


async def test_v07_every_reason_sounds_the_same(shop: Shop, unknown: str, recorded: Any) -> None:
    async def sold(**other: Any) -> dict[str, Any]:
        voucher_id = uuid4().hex
        answer: dict[str, Any] = (await shop.prepare(voucher_id, **other)).json()
        await shop.hear(recorded(f"sale-{voucher_id}", sells=[(voucher_id, "50.00")]))
        return answer

    blocked, spent, foods = (
        await sold(),
        await sold(),
        await sold(kind="single_purpose", vat="reduced"),
    )
    path = f"/voucher/v1/vouchers/{blocked['serial']}/block"
    assert (await shop.send("POST", path, {"reason": "stolen"}, by="manager")).status_code == 200
    await shop.redeem(uuid4().hex, spent["code"], 5000)
    pending = (await shop.prepare(uuid4().hex)).json()
    pens = [{"gross": {"amount": 900, "currency": "EUR"}, "vat": "standard", "dsfinvk_key": 1}]
    answers = [
        told(await shop.hold(uuid4().hex, code, 500, basket=pens))
        for code in (unknown, blocked["code"], spent["code"], pending["code"], foods["code"])
    ]
    foreign = await sold()
    answers.append(
        told(await shop.hold(uuid4().hex, foreign["code"], 500, store_id="hamburg", by="box"))
    )
    assert all(answer == answers[0] for answer in answers), answers
