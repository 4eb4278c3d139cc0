"""A company: the address on its people's slips."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

from costcenter.decider.structure.commands import (
    CloseCompany,
    CompanyCommand,
    LiftLimit,
    SetCompany,
    SetLimit,
)
from costcenter.decider.structure.limits import (
    lift_limit,
    set_limit,
    with_limit,
    without_limit,
)
from costcenter.decider.structure.refusals import CompanyIsClosed, CompanyUnknown
from costcenter.decider.structure_state import Company
from costcenter.events import (
    CompanyChanged,
    CompanyClosed,
    CompanyEvent,
    CompanyRegistered,
    LimitLifted,
    LimitSet,
)


def open_company(company: Company) -> str:
    """Its id. Raises `CompanyUnknown`, `CompanyIsClosed`."""
    if company.company_id is None:
        raise CompanyUnknown
    if company.closed:
        raise CompanyIsClosed(company.company_id)
    return company.company_id


def decide(command: CompanyCommand, company: Company) -> Sequence[CompanyEvent]:
    match command:
        case SetCompany():
            return _set(command, company)
        case CloseCompany():
            if company.company_id is None:
                raise CompanyUnknown
            if company.closed:
                return ()
            return (
                CompanyClosed(
                    company_id=company.company_id, reason=command.reason, closed_at=command.now
                ),
            )
        case SetLimit():
            open_company(company)
            return set_limit(command, company.limits)
        case LiftLimit():
            return lift_limit(command, company.limits)
        case _:
            assert_never(command)


def _set(command: SetCompany, company: Company) -> Sequence[CompanyEvent]:
    if company.company_id is None:
        return (
            CompanyRegistered(
                company_id=command.company_id,
                name=command.name,
                address=command.address,
                vat_id=command.vat_id,
                registered_at=command.now,
            ),
        )
    if (company.name, company.address, company.vat_id) == (
        command.name,
        command.address,
        command.vat_id,
    ):
        return ()
    open_company(company)
    return (
        CompanyChanged(
            company_id=command.company_id,
            name=command.name,
            address=command.address,
            vat_id=command.vat_id,
            changed_at=command.now,
        ),
    )


def evolve(company: Company, event: CompanyEvent) -> Company:
    match event:
        case CompanyRegistered() | CompanyChanged():
            return replace(
                company,
                company_id=event.company_id,
                name=event.name,
                address=event.address,
                vat_id=event.vat_id,
            )
        case CompanyClosed():
            return replace(company, closed=True)
        case LimitSet():
            return replace(company, limits=with_limit(company.limits, event))
        case LimitLifted():
            return replace(company, limits=without_limit(company.limits, event))
        case _:
            assert_never(event)
