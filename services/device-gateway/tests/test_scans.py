"""Scans at a till: what a screen is told, and what happens with a secret."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from device_gateway.codes.scanned import Scanned
from device_gateway.handlers.scans import tell_scan
from kassenverbund.kit.chain_codes import CodePattern
from kassenverbund.kit.code_format import center_label, check_symbol

EAN = "4006381333931"
BODY = "7F3K0Q2M9X4B6D"
CARD = "C" + BODY + check_symbol("C" + BODY)


async def scanned(till: Any, **body: Any) -> Any:
    answer: httpx.Response = await till.rig.http.post(
        f"/stores/{till.store_id}/v1/tills/{till.till_id}/scans",
        json=body,
        headers={"authorization": f"Bearer {till.token}"},
    )
    return answer.json() if answer.status_code == 200 else answer


async def wait_for(till: Any, mode: str) -> None:
    answer = await till.rig.http.put(
        f"/stores/{till.store_id}/v1/tills/{till.till_id}/scan-mode",
        json={"mode": mode},
        headers={"authorization": f"Bearer {till.token}"},
    )
    assert answer.status_code == 200, answer.text


async def test_an_article_is_told_in_clear(till: Any) -> None:
    told = await scanned(till, text=EAN, mode="item")
    assert (told["kind"], told["value"], told["action"], told["scan"]) == (
        "article", EAN, "add_line", None,
    )  # fmt: skip


async def test_a_code_is_never_told_back(till: Any) -> None:
    told = await scanned(till, text=CARD, mode="item", source="camera")
    assert (told["kind"], told["value"], told["label"]) == ("own_card", None, f"…{CARD[-4:]}")
    assert CARD not in str(told)


async def test_a_hardware_scan_reaches_the_screen_of_its_till_without_its_secret(
    rig: Any, till: Any
) -> None:
    listener = rig.gateway.live.listen("berlin", "till-1")
    await wait_for(till, "tender_voucher")
    await tell_scan(rig.gateway, "berlin", "till-1", "scanner-1", Scanned(CARD, "serial"))
    _, event = await listener.next(1)
    listener.close()
    assert (event.kind, event.data["kind"], event.data["action"]) == ("scan", "own_card", "pay")
    assert event.data["value"] is None
    assert CARD not in str(event)


async def test_thirteen_digits_in_tender_mode_are_not_sold_as_an_item(rig: Any, till: Any) -> None:
    listener = rig.gateway.live.listen("berlin", "till-1")
    await wait_for(till, "tender_voucher")
    await tell_scan(rig.gateway, "berlin", "till-1", "scanner-1", Scanned(EAN, "serial"))
    _, event = await listener.next(1)
    listener.close()
    assert (event.data["kind"], event.data["target"]) == ("external", "voucher")
    assert event.data["action"] != "add_line"


async def paid_with(till: Any, words: Any, scan: str, key: str, **paid: Any) -> Any:
    sale = words.sale([words.article(1000)], {"kind": "voucher", "scan": scan, **paid})
    return await till.post(body=sale, key=key)


@pytest.fixture
def voucher(rig: Any) -> str:
    """A code that the voucher service knows, as if it had been sold elsewhere."""
    code = "V" + BODY + check_symbol("V" + BODY)
    rig.vouchers.sell(code, 2500)
    return code


async def test_a_scan_pays(till: Any, words: Any, voucher: str) -> None:
    told = await scanned(till, text=voucher, mode="tender_voucher")
    done = await paid_with(till, words, told["scan"], "k")
    assert done.json()["state"] == "recorded", done.text


async def test_a_scan_is_used_once_and_its_request_repeated_as_often_as_needed(
    rig: Any, till: Any, words: Any, voucher: str
) -> None:
    told = await scanned(till, text=voucher, mode="tender_voucher")
    first = await paid_with(till, words, told["scan"], "k")
    again = await paid_with(till, words, told["scan"], "k")
    other = await paid_with(till, words, told["scan"], "k2")
    assert first.json()["booking_id"] == again.json()["booking_id"]
    assert (other.status_code, other.json()["code"]) == (410, "scan.unknown")


async def test_a_scan_is_forgotten_after_a_minute(
    rig: Any, till: Any, words: Any, voucher: str
) -> None:
    told = await scanned(till, text=voucher, mode="tender_voucher")
    rig.clock.advance(61)
    late = await paid_with(till, words, told["scan"], "k")
    assert late.json()["code"] == "scan.unknown"


async def test_a_scan_belongs_to_its_till(rig: Any, till: Any, words: Any, voucher: str) -> None:
    other = await rig.paired("berlin", "till-2")
    told = await scanned(till, text=voucher, mode="tender_voucher")
    assert (await paid_with(other, words, told["scan"], "k")).json()["code"] == "scan.unknown"


async def test_what_nobody_has_recognized_does_not_pay(till: Any, words: Any) -> None:
    center = await scanned(till, text="123456", mode="idle")
    refused = await paid_with(till, words, center["scan"], "k")
    assert (refused.status_code, refused.json()["code"]) == (409, "scan.other_kind")


async def test_open_digits_are_what_a_person_says(till: Any) -> None:
    asked = await scanned(till, text="123456", mode="idle")
    assert (asked["kind"], asked["value"], asked["choices"]) == (
        "ask", None, ["article", "center", "voucher"],
    )  # fmt: skip
    told = await scanned(till, scan=asked["scan"], is_a="center", mode="tender_center")
    assert (told["kind"], told["value"], told["action"]) == ("own_center", "123456", "pay")


async def test_c21_a_foreign_card_pays_by_the_number_that_its_pattern_caught(
    rig: Any, till: Any, words: Any
) -> None:
    staff = CodePattern(
        name="staff", pattern=r"^EMP:(\d{5})$", target="card", examples=("EMP:00815",)
    )
    rig.gateway.scans.patterns = (staff,)
    rig.centers.cards["00815"] = "4711"
    rig.centers.limits["4711"] = 10_000
    told = await scanned(till, text="EMP:00815", mode="tender_center")
    paid = {"kind": "cost_center", "card": {"scan": told["scan"]}}
    done = await till.post(body=words.sale([words.article(500)], paid))
    assert done.json()["state"] == "recorded", done.text
    assert rig.centers.bodies[-1]["card"] == {"number": "00815"}


async def test_a_center_s_label_pays_as_its_number(rig: Any, till: Any, words: Any) -> None:
    told = await scanned(till, text=center_label("4711"), mode="tender_center")
    assert (told["kind"], told["value"], told["scan"]) == ("own_center", "4711", None)


async def test_a_text_that_is_too_long_is_not_repeated_in_the_refusal(till: Any) -> None:
    answer = await scanned(till, text="S" * 601)
    assert answer.status_code == 422
    assert "SSSS" not in answer.text


async def test_a_till_scans_for_itself_only(rig: Any, till: Any) -> None:
    other = await rig.paired("berlin", "till-2")
    other.till_id = "till-1"
    assert (await scanned(other, text=EAN)).status_code == 403
