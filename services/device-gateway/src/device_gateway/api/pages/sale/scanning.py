"""What a scan does to the sale. It never redeems anything: outside of a dialog for a means of
payment a voucher or a card only opens that dialog."""

from __future__ import annotations

from collections.abc import Mapping

from device_gateway.api.pages.locales import N_
from device_gateway.api.pages.sale import lines, pickups
from device_gateway.api.pages.sale.deed import Deed, Outcome, money_left
from device_gateway.api.pages.sale.lines import ArticleNotFound, must_be_none
from device_gateway.api.pages.sale.typed import entry_of, quantity_of
from device_gateway.codes.classify import classify
from device_gateway.codes.scanned import Classified, Scanned
from events import DomainError

RECEIPT = "V0;"
"""With this the QR code of a receipt begins (DSFinV-K, annex I)."""


class ScanDamaged(DomainError):
    code = "page.scan_damaged"
    status = 422
    title = "This code could not be read whole; scan it again"


class ScanIsAddress(DomainError):
    code = "page.scan_address"
    status = 422
    title = "This is a web address and nothing that is sold or paid with"


_OPENS: Mapping[str, str] = {
    "own_voucher": "voucher",
    "voucher": "voucher",
    "own_card": "center",
    "card": "center",
    "own_center": "center",
    "center": "center",
    "own_pickup": "pickup",
    "pickup": "pickup",
}
"""Kind, or target of a foreign code → the dialog that takes it."""

_ASKS_FOR: Mapping[str, str] = {"own_center": "number", "center": "number"}
"""The field of that dialog; otherwise `code`."""


async def scan(deed: Deed) -> Outcome:
    """A scanner at the till, or one that is a keyboard."""
    scan_id = deed.form.raw("scan")
    if scan_id:
        found = deed.scanned(scan_id, use=False)
        return await _took(deed, found, scan_id)
    typed = entry_of(deed.form.text("entry", required=False, max_length=500))
    if typed.rest.startswith(RECEIPT):
        return Outcome(dialog="return", about={"receipt": typed.rest})
    kind = deed.form.raw("kind")
    found = classify(Scanned(typed.rest, "wedge"), "item", deed.gateway.scans.patterns)
    if found.kind == "unknown" and kind in ("article", "gs1"):
        return await lines.sold(deed, typed.rest, typed.quantity)
    return await _took(deed, found, "")


async def _took(deed: Deed, found: Classified, scan_id: str) -> Outcome:
    typed = entry_of(deed.form.text("entry", required=False, max_length=500))
    quantity = typed.quantity
    if deed.form.raw("quantity"):
        quantity = quantity_of(deed.form.raw("quantity"))
    if found.kind in ("article", "gs1") or found.target == "article":
        return await lines.sold(deed, found.value, quantity)
    if found.kind == "own_damaged":
        raise ScanDamaged
    if found.kind == "url":
        raise ScanIsAddress
    dialog = _OPENS.get(found.target or found.kind)
    if dialog is None:
        # Digits, or a text of nobody's form: at most the number of an article.
        if found.value or typed.rest:
            return await lines.sold(deed, found.value or typed.rest, quantity)
        raise ArticleNotFound
    if dialog == pickups.DIALOG:
        must_be_none(deed)
        return await pickups.shown(deed, found.value, "")
    about = {"scan": scan_id, "label": found.label} if scan_id else {}
    field = _ASKS_FOR.get(found.target or found.kind, "code")
    if field == "number":
        about["number"] = found.value
    if dialog in ("voucher", "center") and (deed.sale is None or not money_left(deed.sale)):
        return Outcome(sale=deed.sale, note=N_("Scan the articles first, and this when it is paid"))
    return Outcome(
        sale=deed.sale,
        dialog=dialog,
        about=about,
        prefill="" if scan_id or field == "number" else field,
    )
