"""V15, at the till: the slip carries a signed QR code, and a scan of it is as good as the code."""

from __future__ import annotations

from kassenverbund.kit.signed_qr import looks_signed
from tests.support.counter import Counter, article, by_voucher, cash, eur, voucher_sale


async def scanned(counter: Counter) -> str:
    """What a scanner reads from the slip of a voucher of 50.00."""
    sold = await counter.sell([voucher_sale(5000)], cash(5000))
    await counter.print(sold["booking_id"])
    (read,) = counter.paper("voucher_slips").qr_codes
    return read


async def test_v15_the_slip_has_the_signed_code(counter: Counter) -> None:
    assert looks_signed(await scanned(counter))


async def test_v15_a_scan_pays_like_the_typed_code(counter: Counter) -> None:
    paid = await counter.sell([article(2000)], by_voucher(await scanned(counter)))
    assert paid["payments"][0]["voucher_remaining"] == eur(3000)


async def test_v15_scans_pay_together(counter: Counter) -> None:
    scans = [await scanned(counter), await scanned(counter)]
    paid = await counter.sell([article(6000)], by_voucher(*scans))
    assert paid["open_amount"] == eur(0)


async def test_v15_a_broken_signature_is_refused(counter: Counter) -> None:
    read = await scanned(counter)
    broken = read[:-1] + ("A" if read[-1] != "A" else "B")
    no = await counter.refused([article(2000)], by_voucher(broken))
    assert no["code"] == "code.forged"
