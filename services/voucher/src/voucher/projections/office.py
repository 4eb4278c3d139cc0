"""What back office prepares, and what stores have overdrawn."""

from __future__ import annotations

from typing import assert_never

from voucher.events import (
    BatchCompleted,
    BatchEvent,
    BatchExported,
    BatchOrdered,
    BatchProgressed,
    BatchVoided,
    OverdraftBooked,
    OverdraftEvent,
    OverdraftSettled,
    PresetsSet,
    TemplateDefined,
)
from voucher.projections import tables
from voucher.projections.page import Page

OfficeEvent = OverdraftEvent | TemplateDefined | PresetsSet | BatchEvent


def fold_office(page: Page, event: OfficeEvent) -> None:
    """Add a fact to its page."""
    match event:
        case OverdraftBooked():
            page.overdrafts[event.overdraft_id] = tables.OverdraftRow(
                overdraft_id=event.overdraft_id,
                position=page.position,
                store_id=event.store_id,
                legal_entity_id=event.legal_entity_id,
                voucher_id=event.voucher_id,
                serial=event.serial,
                booking_id=event.booking_id,
                currency=event.amount.currency,
                amount_minor=event.amount.amount,
                offline=event.offline,
                booked_at=event.booked_at,
            )
        case OverdraftSettled():
            overdraft = page.overdrafts[event.overdraft_id]
            overdraft.settled_minor += event.amount.amount
            overdraft.how, overdraft.reason = event.how, event.reason
            overdraft.settled_at = event.settled_at
        case TemplateDefined():
            _template(page, event)
        case PresetsSet():
            return  # Tills read them from their stream.
        case BatchOrdered():
            _ordered(page, event)
        case BatchProgressed():
            batch = page.batches[event.batch_id]
            batch.done, batch.state = event.done, "running"
        case BatchCompleted():
            batch = page.batches[event.batch_id]
            batch.done, batch.state = event.cards, "completed"
            batch.completed_at = event.completed_at
            if event.total is not None:
                batch.total_minor = event.total.amount
        case BatchExported():
            batch = page.batches[event.batch_id]
            batch.state, batch.digest = "exported", event.digest
            batch.exported_at = event.exported_at
        case BatchVoided():
            batch = page.batches[event.batch_id]
            batch.state, batch.reason = "voided", event.reason
            batch.voided_at = event.voided_at
        case _:
            assert_never(event)


def _ordered(page: Page, event: BatchOrdered) -> None:
    money = event.value if event.total is None else event.total
    page.batches[event.batch_id] = tables.BatchRow(
        batch_id=event.batch_id,
        first_position=page.position,
        kind=event.kind,
        legal_entity_id=event.legal_entity_id,
        currency=money.currency if money is not None else None,
        cards=event.cards,
        value_minor=event.value.amount if event.value is not None else None,
        total_minor=event.total.amount if event.total is not None else None,
        template_id=event.terms.template_id,
        ordered_at=event.ordered_at,
    )


def _template(page: Page, event: TemplateDefined) -> None:
    money = event.price if event.value is None else event.value
    known = page.templates.get(event.template_id)
    page.templates[event.template_id] = tables.TemplateRow(
        template_id=event.template_id,
        first_position=known.first_position if known else page.position,
        name=event.name,
        kind=event.terms.kind,
        funding=event.terms.funding,
        currency=money.currency if money is not None else None,
        value_minor=event.value.amount if event.value is not None else None,
        price_minor=event.price.amount if event.price is not None else None,
        active=event.active,
        terms=event.terms.model_dump_json(exclude_none=True),
        validity=event.validity.model_dump_json(exclude_none=True),
        defined_at=event.defined_at,
    )
