"""What a dialog needs to be shown, beyond the screen."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from device_gateway.api.pages.sale.finding import booking_by, by_receipt
from device_gateway.api.pages.shell import Session
from device_gateway.handlers import assortment
from device_gateway.handlers.assortment import AssortmentAway
from device_gateway.handlers.editing import open_sales
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.library import account_of
from device_gateway.handlers.limits import limited
from events import DomainError

About = Mapping[str, Any]
Prepare = Callable[[Gateway, Session, Mapping[str, str]], Awaitable[About]]


class DialogUnknown(DomainError):
    code = "page.dialog_unknown"
    status = 404
    title = "There is no such dialog"


async def _plain(gateway: Gateway, session: Session, said: Mapping[str, str]) -> About:
    return said


async def _line(gateway: Gateway, session: Session, said: Mapping[str, str]) -> About:
    """One line of the open sale. Raises `LineGone`."""
    current, _ = await open_sales(gateway, store_id=session.store_id, till_id=session.till_id)
    for line in () if current is None else current.lines:
        if line.line_id == said.get("line"):
            return {**said, "one": line}
    raise LineGone


class LineGone(DomainError):
    code = "line.unknown"
    status = 404
    title = "This sale has no such line"


async def _give_back(gateway: Gateway, session: Session, said: Mapping[str, str]) -> About:
    """With a receipt's number or code: its lines, and how many of each may still come back."""
    receipt = said.get("receipt", "").strip()
    if said.get("original"):
        original = await booking_by(gateway, session.store_id, said["original"])
    elif receipt:
        original = await by_receipt(gateway, session.store_id, session.till_id, receipt)
    else:
        return said
    gone: dict[str, Any] = {}
    for event in original.taken_back:
        for line in event.lines:
            gone[line.line_id] = gone.get(line.line_id, 0) + line.quantity
    return {**said, "found": original, "gone": gone}


async def _fees(gateway: Gateway, session: Session, said: Mapping[str, str]) -> About:
    """With an account: its open fees."""
    account = said.get("account", "").strip()
    if not account:
        return said
    await limited(gateway, "lookup", store_id=session.store_id, till_id=session.till_id)
    found, _ = await account_of(gateway, session.store_id, account)
    return {**said, "found": found}


async def _deposits(gateway: Gateway, session: Session, said: Mapping[str, str]) -> About:
    """The deposit articles of the assortment."""
    try:
        found = await assortment.search(gateway, said.get("q", "") or "Pfand")
    except AssortmentAway:
        return {**said, "deposits": ()}
    return {**said, "deposits": [each for each in found.articles if each.kind == "deposit"]}


DIALOGS: Mapping[str, Prepare] = {
    "abort": _plain,
    "cancel": _give_back,
    "card": _plain,
    "center": _plain,
    "deposit": _deposits,
    "discount": _plain,
    "line": _line,
    "extend": _plain,
    "fees": _fees,
    "more": _plain,
    "on-account": _plain,
    "online": _plain,
    "park": _plain,
    "parked": _plain,
    "payout": _plain,
    "pickup": _plain,
    "price": _plain,
    "resolve": _plain,
    "return": _give_back,
    "tip": _plain,
    "training": _plain,
    "top-up": _plain,
    "voucher": _plain,
    "voucher-sale": _plain,
    "waive": _plain,
}


async def prepared(gateway: Gateway, session: Session, name: str, said: Mapping[str, str]) -> About:
    """Raises `DialogUnknown`, and what the dialog's own question is refused with."""
    prepare = DIALOGS.get(name)
    if prepare is None:
        raise DialogUnknown
    return await prepare(gateway, session, said)
