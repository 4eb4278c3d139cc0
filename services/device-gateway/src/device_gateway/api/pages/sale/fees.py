"""Fees of a library: an account's open fees come into the sale, and are paid or waived there."""

from __future__ import annotations

from device_gateway.api.pages.sale.deed import Deed, Outcome
from device_gateway.api.pages.sale.lines import add
from device_gateway.handlers.library import FeeWanted
from events import DomainError


class NoFeeChosen(DomainError):
    code = "page.no_fee"
    status = 422
    title = "Choose what is settled"


async def take(deed: Deed) -> Outcome:
    """The fees that are ticked, each with what is to be settled of it (empty: all)."""
    account = deed.form.text("account", max_length=64)
    wanted = [
        FeeWanted(account, fee_id, deed.amount(f"amount-{fee_id}"))
        for fee_id in deed.form.fields.get("fee", ())
    ]
    if not wanted:
        raise NoFeeChosen
    return Outcome(sale=await add(deed, wanted))
