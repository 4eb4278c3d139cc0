"""The cost center step of a booking: ask for the charge, and note what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID, uuid5

from device_gateway.commands import NoteHeld
from device_gateway.decider.booking import BOOKING
from device_gateway.decider.booking_state import Booking, Tender
from device_gateway.decider.charging import keyed
from device_gateway.decider.refusals import BookingChanged, MeansUnknown
from device_gateway.events import (
    ChargeProblem,
    CostCenterTerms,
    MasterDataChanged,
    Payment,
    VatPart,
)
from device_gateway.handlers.gateway import Gateway, booking_stream
from device_gateway.handlers.vouchers import Refused, place_of, present
from device_gateway.ports import (
    ChargeAsked,
    ChargeHold,
    ChargeRefused,
    ChargeUnavailable,
    HeldSubsidy,
)
from events import Ask, handle
from money import Money, total

CASE = "Forderungsentstehung"
"""GV_TYP: the goods are handed over and paid later."""


def terms_of(master_data: MasterDataChanged) -> CostCenterTerms:
    """How the store takes cost centers. Raises `MeansUnknown` where it does not."""
    if master_data.cost_centers is None:
        raise MeansUnknown("this store does not take cost_center")
    return master_data.cost_centers


def pays_at_once() -> ChargeRefused:
    """A card whose group pays in cash: it is no means of payment."""
    return ChargeRefused(
        "charge.group_mode",
        409,
        "the cards of this group pay at once",
        problem=ChargeProblem(mode="cash"),
    )


async def charge(
    gateway: Gateway, booking: Booking, tender: Tender, asked: ChargeAsked, *, ask: Ask
) -> Booking:
    """Ask the cost center service, and note what it said."""
    assert booking.started is not None
    assert tender.request is not None
    started, request = booking.started, tender.request
    terms = terms_of(await gateway.terms_of(booking))
    refused = Refused(gateway, started.booking_id, tender.payment_id, ask)
    try:
        held = await gateway.charges.charge(
            request.hold_id,
            asked,
            up_to=request.amount,
            basket=request.basket,
            place=place_of(booking, tender.payment_id),
        )
    except ChargeUnavailable as away:
        # The hold may exist all the same: it has to be released by its id.
        await refused.note(away, release_due=True)
        raise
    except ChargeRefused as no:
        await refused.note(no, release_due=False)
        no.extra.setdefault("payment_id", tender.payment_id)
        raise
    if not _makes_sense(held, request.amount):
        return await refused.note(ChargeUnavailable("an answer without sense"), release_due=True)
    now = gateway.clock()
    command = NoteHeld(
        started.booking_id,
        _payment(held, tender, terms),
        held.expires_at or now,
        now,
        subsidies=tuple(_subsidy(held, each, terms, started.booking_id) for each in held.subsidies),
        warnings=held.warnings,
    )
    stream = booking_stream(started.booking_id)
    try:
        done = await handle(gateway.store, BOOKING, stream, command, ask=ask)
    except BookingChanged as changed:
        return await refused.note(changed, release_due=True)
    return await present(gateway, started.booking_id, done.state, done.repeated)


def _makes_sense(held: ChargeHold, wanted: Money) -> bool:
    """It settles something, not more than was asked for, and its parts are its amounts."""
    amounts = [(held.amount, held.parts), *((each.amount, each.parts) for each in held.subsidies)]
    paid = sum(amount.amount for amount, _ in amounts)
    return (
        0 < paid <= wanted.amount
        and all(amount.currency == wanted.currency for amount, _ in amounts)
        and held.amount.amount >= 0
        and all(each.amount.amount > 0 for each in held.subsidies)
        and all(_sum(parts, wanted.currency) == amount for amount, parts in amounts)
    )


def _sum(parts: Iterable[VatPart], currency: str) -> Money | None:
    """None: the parts are in several currencies, or one is below zero."""
    grosses = [part.gross for part in parts]
    if any(gross.currency != currency or gross.amount < 0 for gross in grosses):
        return None
    return total(grosses, currency=currency)


def _payment(held: ChargeHold, tender: Tender, terms: CostCenterTerms) -> Payment:
    assert tender.request is not None
    return Payment(
        payment_id=tender.payment_id,
        kind="cost_center",
        name=tender.request.name,
        fiscal="Keine",
        amount=held.amount,
        hold_id=held.hold_id,
        case=CASE,
        parts=keyed(held.parts, terms.receivable_vat),
        center_id=held.center_id,
        center_number=held.center_number,
        center_name=held.center_name,
        center_address=held.address,
        card_id=held.card_id,
        card_number=held.card_number,
        limits_left=held.limits_left,
        slip=terms.slip,
    )


def _subsidy(
    held: ChargeHold, subsidy: HeldSubsidy, terms: CostCenterTerms, booking_id: str
) -> Payment:
    return Payment(
        payment_id=str(uuid5(UUID(booking_id), f"subsidy/{held.hold_id}/{subsidy.rule_id}")),
        kind="subsidy",
        name=subsidy.name,
        fiscal="Keine",
        amount=subsidy.amount,
        hold_id=held.hold_id,
        case=subsidy.case,
        parts=keyed(subsidy.parts, terms.subsidy_vat),
        card_id=held.card_id,
        card_number=held.card_number,
        rule_id=subsidy.rule_id,
    )
