"""A voucher extends what somebody may: the cashier sees the new day, and confirms that no fee is
booked (V18)."""

from __future__ import annotations

from device_gateway.api.pages.days import day_of
from device_gateway.api.pages.sale.deed import Deed, Outcome
from device_gateway.api.pages.sale.lines import add
from device_gateway.api.pages.sale.tenders import CodeMissing
from device_gateway.codes.scanned import Classified
from device_gateway.handlers.gateway import business_date
from device_gateway.handlers.library import ExtensionWanted, extension_of
from device_gateway.ports import Place

DIALOG = "extend"
PREVIEW = "00000000-0000-0000-0000-000000000000"
"""The booking and the extension of which only is asked what they would do."""
LABEL_CHARACTERS = 4


async def extend(deed: Deed) -> Outcome:
    """First the dialog with the new day; with `confirmed` the line.

    Raises `CodeMissing`, `DayUnclear`, `LibraryAway`, `VoucherRefused`, `VoucherUnavailable`.
    """
    subject = deed.form.identifier("subject") or ""
    today = business_date(deed.master_data, deed.gateway.clock())
    old_until = day_of(deed.form.raw("old_until"), today, field="old_until")
    if deed.form.yes("confirmed"):
        wanted = ExtensionWanted(deed.code, subject, old_until, confirmed=True)
        return Outcome(sale=await add(deed, [wanted]))
    scan_id = deed.form.raw("scan") or _kept(deed)
    code = deed.scanned(scan_id, use=False).value
    place = Place(deed.store_id, deed.till_id, PREVIEW, "")
    wanted = ExtensionWanted(code, subject, old_until)
    found = await extension_of(deed.gateway, place, wanted, PREVIEW)
    return Outcome(
        sale=deed.sale, dialog=DIALOG, about={"extension": found, "scan": scan_id, "label": ""}
    )


def _kept(deed: Deed) -> str:
    """A code that was typed stays here, too, while the cashier looks at the day."""
    code = deed.code
    if not code:
        raise CodeMissing
    label = f"…{code[-LABEL_CHARACTERS:]}"
    found = Classified("own_voucher", code, "sure", "typed", "show", label=label)
    return deed.gateway.scans.keep(deed.till_id, found, now=deed.gateway.clock())
