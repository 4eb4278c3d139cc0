"""What happens after a booking is recorded: verdict, paper, and what a dead signer leaves."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from device_gateway.handlers.paper import note_printed
from device_gateway.handlers.recovery import sweep


async def sold(till: Any, words: Any, *lines: Any) -> dict[str, Any]:
    taken = lines or (words.article(500),)
    amount = sum(line["unit_price"]["amount"] for line in taken)
    answer = await till.post("", words.sale(list(taken), words.cash(amount)))
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def test_a_signed_booking_is_printed_once(rig: Any, till: Any, words: Any) -> None:
    told = await sold(till, words)
    await rig.sign(told["booking_id"])
    await rig.sign(told["booking_id"])
    assert len(rig.desk.receipts) == 1
    order = next(iter(rig.desk.receipts.values()))
    assert (order.verdict.verdict, order.outage) == ("signed", False)
    assert rig.names().count("receipt.queued") == 1


async def test_a_paper_that_comes_out_is_noted_as_queued_and_printed_in_one_append(
    rig: Any, till: Any, words: Any
) -> None:
    rig.desk.prints = True
    told = await sold(till, words)
    await rig.sign(told["booking_id"])
    assert "receipt.queued" not in rig.names()
    (job_id,) = rig.desk.receipts
    await note_printed(
        rig.gateway, booking_id=told["booking_id"], printer_id="bon", job_id=job_id, is_copy=False
    )
    noted = rig.store.log[-2:]
    assert [entry.name for entry in noted] == ["receipt.queued", "receipt.printed"]
    assert len({entry.idempotency_key for entry in noted}) == 1


async def test_a_paper_that_does_not_come_out_is_noted_as_queued_by_the_recovery(
    rig: Any, till: Any, words: Any
) -> None:
    rig.desk.prints = True
    told = await sold(till, words)
    await rig.sign(told["booking_id"])
    await sweep(rig.gateway, rig.unfinished)
    assert rig.names().count("receipt.queued") == 1
    assert (await rig.gateway.booking(told["booking_id"])).print_due == ()
    assert len(rig.desk.receipts) == 1


async def test_a_redelivered_verdict_changes_nothing(rig: Any, till: Any, words: Any) -> None:
    told = await sold(till, words)
    same = uuid4()
    await rig.sign(told["booking_id"], event_id=same)
    before = len(rig.store.log)
    await rig.sign(told["booking_id"], event_id=same)
    assert len(rig.store.log) == before


async def test_a_booking_left_unsigned_says_so_and_is_printed(
    rig: Any, till: Any, words: Any
) -> None:
    told = await sold(till, words)
    await rig.deliver(
        "signature.left_unsigned",
        {
            "booking_id": told["booking_id"], "store_id": "berlin", "till_id": "till-1",
            "tse_id": "tse-berlin-1", "client_id": "KV-berlin-1", "reason": "outage",
            "outage_id": "o1", "process_type": "Kassenbeleg-V1", "process_data": "Beleg^",
            "decided_at": rig.clock.now.isoformat(),
        },
    )  # fmt: skip
    now = (await till.get(f"/{told['booking_id']}")).json()
    assert (now["state"], now["unsigned_reason"]) == ("unsigned", "outage")
    assert next(iter(rig.desk.receipts.values())).verdict.outage_id == "o1"


async def test_a_verdict_for_a_booking_that_is_not_ours_is_harmless(rig: Any) -> None:
    before = len(rig.store.log)
    document = {
        "booking_id": str(uuid4()), "store_id": "berlin", "till_id": "t", "client_id": "c",
        "reason": "outage", "decided_at": rig.clock.now.isoformat(),
    }  # fmt: skip
    await rig.deliver("signature.left_unsigned", document)
    assert len(rig.store.log) == before


async def test_a_verdict_that_lacks_a_value_is_refused_and_parks(rig: Any) -> None:
    with pytest.raises(ValueError, match="tse_serial"):
        await rig.deliver("signature.made", {"booking_id": "b"})


async def test_paper_comes_out_with_the_outage_mark_when_the_signer_is_dead(
    rig: Any, till: Any, words: Any
) -> None:
    told = await sold(till, words)
    rig.clock.advance(34)
    await sweep(rig.gateway, rig.unfinished)
    assert rig.desk.receipts == {}
    rig.clock.advance(2)
    await sweep(rig.gateway, rig.unfinished)
    order = next(iter(rig.desk.receipts.values()))
    assert (order.verdict, order.outage) == (None, True)
    now = (await till.get(f"/{told['booking_id']}")).json()
    assert (now["state"], now["unsigned_reason"]) == ("unsigned", "signer.silent")


async def test_a_late_verdict_is_kept_and_prints_nothing_more(
    rig: Any, till: Any, words: Any
) -> None:
    told = await sold(till, words)
    rig.clock.advance(60)
    await sweep(rig.gateway, rig.unfinished)
    await rig.sign(told["booking_id"])
    assert len(rig.desk.receipts) == 1
    assert rig.names().count("booking.verdict_received") == 1


async def test_a_print_desk_that_fell_over_is_asked_again(rig: Any, till: Any, words: Any) -> None:
    told = await sold(till, words)
    rig.desk.crash_next = True
    with pytest.raises(ConnectionError):
        await rig.sign(told["booking_id"])
    rig.restart()
    await sweep(rig.gateway, rig.unfinished)
    assert len(rig.desk.receipts) == 1


async def test_the_slips_of_sold_vouchers_are_printed_with_their_codes(
    rig: Any, till: Any, words: Any
) -> None:
    told = await sold(till, words, words.voucher_sale(5000))
    await rig.sign(told["booking_id"])
    slips = next(iter(rig.desk.slips.values()))
    assert [slip.code for slip in slips] == [told["vouchers"][0]["code"]]


async def test_the_receipt_does_not_wait_for_slips_that_cannot_be_made_now(
    rig: Any, till: Any, words: Any
) -> None:
    told = await sold(till, words, words.voucher_sale(5000))
    rig.vouchers.failing = ["away"] * 3
    await rig.sign(told["booking_id"])
    assert (len(rig.desk.receipts), len(rig.desk.slips)) == (1, 0)
    await sweep(rig.gateway, rig.unfinished)
    assert len(rig.desk.slips) == 1


async def test_a_printed_slip_lets_the_voucher_service_forget_the_code(
    rig: Any, till: Any, words: Any
) -> None:
    told = await sold(till, words, words.voucher_sale(5000))
    await rig.sign(told["booking_id"])
    for _ in range(2):
        await note_printed(
            rig.gateway, booking_id=told["booking_id"], printer_id="bon-berlin",
            job_id=next(iter(rig.desk.slips)), is_copy=False,
        )  # fmt: skip
    assert rig.names().count("receipt.printed") == 1
    assert next(iter(rig.vouchers.prepared.values()))["code"] is None


async def test_a_receipt_is_shown_in_three_forms(rig: Any, till: Any, words: Any) -> None:
    told = await sold(till, words)
    await rig.sign(told["booking_id"])
    kinds = {}
    for form in ("html", "txt", "escpos"):
        answer = await till.get(f"/{told['booking_id']}/receipt.{form}")
        assert answer.status_code == 200
        kinds[form] = answer.headers["content-type"].split(";")[0]
    assert kinds == {
        "html": "text/html",
        "txt": "text/plain",
        "escpos": "application/octet-stream",
    }


async def test_an_open_booking_has_no_receipt(till: Any, words: Any) -> None:
    opened = (await till.post("", {"lines": [words.article(500)]})).json()
    answer = await till.get(f"/{opened['booking_id']}/receipt.html")
    assert (answer.status_code, answer.json()["code"]) == (409, "receipt.not_yet")
