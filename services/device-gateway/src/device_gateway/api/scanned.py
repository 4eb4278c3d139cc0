"""Requests that name a scan instead of a code: the code is put in its place, in memory.

What was scanned says how it pays: a foreign card's pattern caught a number, a label says a center.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from device_gateway.api.bodies import (
    BookingBody,
    LineBody,
    LinesBody,
    PaymentBody,
    PaymentsBody,
    PayoutBody,
)
from device_gateway.api.charges import CardBody
from device_gateway.api.library_bodies import (
    EntitlementLineBody,
    FeeLineBody,
    FeePaymentBody,
    LoadLineBody,
)
from device_gateway.codes.scanned import Classified
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.scans import ScanOther, code_of
from events import Ask

_Named = TypeVar("_Named", BookingBody, LinesBody, PaymentsBody)
_Coded = TypeVar("_Coded", LineBody, PayoutBody)
_OfAccount = TypeVar("_OfAccount", FeeLineBody | LoadLineBody | EntitlementLineBody, FeePaymentBody)
_Find = Callable[[str], Classified]

_VOUCHERS = frozenset({"own_voucher", "own_card"})


def with_codes(gateway: Gateway, till_id: str, body: _Named, ask: Ask) -> _Named:
    """The same body with the codes that its scans stand for. Raises `ScanUnknown`, `ScanOther`."""

    def find(scan_id: str) -> Classified:
        return code_of(gateway, till_id, scan_id, by=ask.key)

    changed: dict[str, object] = {}
    if isinstance(body, BookingBody | PaymentsBody):
        changed["payments"] = [
            _payment(paid, find) if isinstance(paid, PaymentBody) else _coded(paid, find)
            for paid in body.payments
        ]
    if isinstance(body, BookingBody | LinesBody):
        changed["lines"] = [
            _voucher_named(line, find) if isinstance(line, LineBody) else _coded(line, find)
            for line in body.lines
        ]
    if isinstance(body, BookingBody):
        changed["payouts"] = [_voucher_named(payout, find) for payout in body.payouts]
    return body.model_copy(update=changed)


def _payment(paid: PaymentBody, find: _Find) -> PaymentBody:
    if paid.scans is not None:
        codes = [_voucher_code(find(scan_id)) for scan_id in paid.scans]
        return paid.model_copy(update={"scans": None, "codes": codes})
    if paid.card is not None and paid.card.scan is not None:
        return paid.model_copy(update={"card": _card(find(paid.card.scan))})
    if paid.scan is None:
        return paid
    found = find(paid.scan)
    if paid.kind == "voucher":
        return paid.model_copy(update={"scan": None, "code": _voucher_code(found)})
    card = _card(found)
    if card.code is not None:
        return paid.model_copy(update={"scan": None, "code": card.code})
    # Its pattern, or its label, says that a cost center pays: nobody has to be asked.
    return paid.model_copy(update={"scan": None, "kind": "cost_center", "card": card})


def _voucher_named(body: _Coded, find: _Find) -> _Coded:
    """A line that tops a voucher up, or sells a printed one; a voucher that is paid out."""
    if body.scan is None:
        return body
    code = _voucher_code(find(body.scan))
    if isinstance(body, LineBody) and body.voucher is not None:
        sold = body.voucher.model_copy(update={"card_code": code})
        return body.model_copy(update={"scan": None, "voucher": sold})
    return body.model_copy(update={"scan": None, "code": code})


def _coded(body: _OfAccount, find: _Find) -> _OfAccount:
    """A line or a payment of an account, which a voucher or a prepaid card may be named for."""
    if isinstance(body, FeeLineBody) or body.scan is None:
        return body
    return body.model_copy(update={"scan": None, "code": _voucher_code(find(body.scan))})


def _voucher_code(found: Classified) -> str:
    if found.kind in _VOUCHERS or (found.kind == "external" and found.target == "voucher"):
        return found.value
    raise ScanOther(kind=found.kind)


def _card(found: Classified) -> CardBody:
    """How a scan names who pays."""
    if found.kind == "own_center" or found.target == "center":
        return CardBody(center_number=found.value)
    if found.kind == "external" and found.target == "card" and not found.rule.startswith("mode:"):
        # A pattern of the chain caught the card's number.
        return CardBody(number=found.value)
    if found.kind in _VOUCHERS or found.kind == "external":
        return CardBody(code=found.value)
    raise ScanOther(kind=found.kind)
