"""An order of the web shop is picked up: looked at by its code or number, then taken over."""

from __future__ import annotations

from device_gateway.api.pages.sale.deed import Deed, Outcome
from device_gateway.api.pages.sale.ends import must_be_none_or_repeat
from device_gateway.api.pages.sale.lines import must_be_none
from device_gateway.api.pages.sale.tenders import CodeMissing
from device_gateway.handlers import pickups
from device_gateway.handlers.pickups import find

DIALOG = "pickup"


async def look_up(deed: Deed) -> Outcome:
    """What waits for a pick-up code, or a number. Nothing is taken over."""
    must_be_none(deed)
    scan_id = deed.form.raw("scan")
    code = deed.scanned(scan_id, use=False).value if scan_id else deed.code
    return await shown(deed, code, deed.form.text("number", required=False, max_length=40))


async def shown(deed: Deed, code: str, number: str) -> Outcome:
    """The dialog with the order. From here on its number names it: the code is not sent back.

    Raises `CodeMissing`, `OrderUnavailable`, `OrderNotUsable`.
    """
    if not code and not number:
        raise CodeMissing
    order = await find(
        deed.gateway, deed.store_id, code=code or None, number=None if code else number,
        till_id=deed.till_id,
    )  # fmt: skip
    return Outcome(sale=deed.sale, dialog=DIALOG, about={"order": order})


async def take(deed: Deed) -> Outcome:
    """Its lines are a sale. One that is paid is recorded at once; another one waits for payment."""
    must_be_none_or_repeat(deed)
    progress = await pickups.pick_up(
        deed.gateway, deed.store_id, deed.till_id, code=None,
        number=deed.form.text("number", max_length=40), cashier_id=deed.cashier_id, ask=deed.ask,
    )  # fmt: skip
    booking = progress.booking
    return Outcome(sale=booking) if booking.open else Outcome(ended=booking)
