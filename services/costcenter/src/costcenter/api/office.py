"""Companies, groups and contacts over HTTP. All of back office is put together here."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response

from costcenter.api import office_cards, office_centers, office_limits
from costcenter.api.office_bodies import (
    CompaniesPage,
    CompanyAnswer,
    CompanyBody,
    CompanyDone,
    ContactAnswer,
    ContactBody,
    Done,
    GroupsPage,
    MainGroupAnswer,
    MainGroupBody,
    MainGroupDone,
    NewUserGroupBody,
    ReasonBody,
    UserGroupAnswer,
    UserGroupBody,
)
from costcenter.api.office_kit import (
    GroupNumber,
    OfficeRooms,
    Wanted,
    cursor_of,
    number_after,
    wanted,
)
from costcenter.decider.structure_state import Company, MainGroup
from costcenter.handlers.structure import Groups
from costcenter.queries.structure import StructureQueries
from costcenter.structure_ports import Contact, Contacts
from events import DomainError
from kassenverbund.kit.routes import WRITE, Office, Reader, as_json, chainwide
from kassenverbund.kit.text import Identifier

Asks = Annotated[Wanted, Depends(wanted)]


class ContactUnknown(DomainError):
    code = "contact.unknown"
    status = 404
    title = "There is no such contact"


def routes(rooms: OfficeRooms) -> APIRouter:
    """Everything about the structure, below `/costcenter`."""
    found = APIRouter()
    _companies(found, rooms.groups, rooms.queries)
    _groups(found, rooms.groups, rooms.queries)
    _contacts(found, rooms)
    found.include_router(office_centers.routes(rooms))
    found.include_router(office_cards.routes(rooms))
    found.include_router(office_limits.routes(rooms))
    return found


def _companies(routes: APIRouter, groups: Groups, queries: StructureQueries) -> None:
    @routes.put("/v1/companies/{company_id}", response_model=CompanyDone, openapi_extra=WRITE)
    async def put(company_id: Identifier, body: CompanyBody, asked: Office) -> Response:
        """Register a company, or say what it is called from now on."""
        chainwide(asked.caller)
        done = await groups.set_company(
            asked.ask,
            company_id=company_id,
            name=body.name,
            address=body.address.address(),
            vat_id=body.vat_id,
        )
        return as_json(_company(done.state, done.position))

    @routes.post(
        "/v1/companies/{company_id}/close", response_model=CompanyDone, openapi_extra=WRITE
    )
    async def close(company_id: Identifier, body: ReasonBody, asked: Office) -> Response:
        """Its centers can no longer be charged. For good."""
        chainwide(asked.caller)
        done = await groups.close_company(asked.ask, company_id=company_id, reason=body.reason)
        return as_json(_company(done.state, done.position))

    @routes.get("/v1/companies", response_model=CompaniesPage)
    async def companies(caller: Reader, asked: Asks) -> Response:
        """All companies, by id."""
        page = await queries.companies(
            after=asked.after, limit=asked.limit, position=asked.position
        )
        rows = tuple(CompanyAnswer.model_validate(row) for row in page.rows)
        return as_json(CompaniesPage(rows=rows, next=cursor_of(page.next), complete=page.complete))


def _company(company: Company, position: int) -> CompanyDone:
    assert company.company_id is not None  # It was set just now.
    assert company.address is not None
    return CompanyDone(
        company_id=company.company_id,
        name=company.name,
        address=company.address,
        vat_id=company.vat_id,
        closed=company.closed,
        position=position,
    )


def _groups(routes: APIRouter, groups: Groups, queries: StructureQueries) -> None:
    @routes.put("/v1/main-groups/{main_group}", response_model=MainGroupDone, openapi_extra=WRITE)
    async def put(main_group: GroupNumber, body: MainGroupBody, asked: Office) -> Response:
        """Open a main group, or say what it is called from now on."""
        chainwide(asked.caller)
        done = await groups.set_main_group(
            asked.ask, main_group=main_group, name=body.name, company_id=body.company_id
        )
        (state,) = (state for state in done.states.values() if isinstance(state, MainGroup))
        return as_json(_group(state, done.appended.last_position))

    @routes.post(
        "/v1/main-groups/{main_group}/user-groups",
        response_model=MainGroupDone,
        status_code=201,
        openapi_extra=WRITE,
    )
    async def add(main_group: GroupNumber, body: NewUserGroupBody, asked: Office) -> Response:
        """Add a user group. 409 `user_group.exists` where the main group has that number."""
        chainwide(asked.caller)
        done = await groups.set_user_group(
            asked.ask,
            main_group=main_group,
            number=body.number,
            name=body.name,
            mode=body.mode,
            new=True,
        )
        return as_json(_group(done.state, done.position), 201)

    @routes.put(
        "/v1/main-groups/{main_group}/user-groups/{number}",
        response_model=MainGroupDone,
        openapi_extra=WRITE,
    )
    async def put_user_group(
        main_group: GroupNumber, number: GroupNumber, body: UserGroupBody, asked: Office
    ) -> Response:
        """Add a user group, or say what it is called and how it pays from now on."""
        chainwide(asked.caller)
        done = await groups.set_user_group(
            asked.ask,
            main_group=main_group,
            number=number,
            name=body.name,
            mode=body.mode,
            new=False,
        )
        return as_json(_group(done.state, done.position))

    @routes.get("/v1/main-groups", response_model=GroupsPage)
    async def listed(caller: Reader, asked: Asks) -> Response:
        """All main groups with their user groups, by number."""
        page = await queries.groups(
            after=number_after(asked.after), limit=asked.limit, position=asked.position
        )
        rows = tuple(MainGroupAnswer.model_validate(row) for row in page.rows)
        return as_json(GroupsPage(rows=rows, next=cursor_of(page.next), complete=page.complete))


def _group(group: MainGroup, position: int) -> MainGroupDone:
    assert group.main_group is not None  # It was set just now.
    return MainGroupDone(
        main_group=group.main_group,
        name=group.name,
        company_id=group.company_id,
        groups=tuple(
            UserGroupAnswer(number=found.number, name=found.name, mode=found.mode)
            for _, found in sorted(group.user_groups.items())
        ),
        position=position,
    )


def _contacts(routes: APIRouter, rooms: OfficeRooms) -> None:
    contacts: Contacts = rooms.contacts

    @routes.put("/v1/contacts/{contact_id}", response_model=ContactAnswer, openapi_extra=WRITE)
    async def put(contact_id: Identifier, body: ContactBody, asked: Office) -> Response:
        """Whom to ask about a center. Kept outside the log, so that it can be deleted."""
        chainwide(asked.caller)
        contact = Contact(contact_id, body.name, body.phone, body.mail)
        await contacts.put(contact, rooms.now())
        return as_json(_contact(contact))

    @routes.get("/v1/contacts/{contact_id}", response_model=ContactAnswer)
    async def get(contact_id: Identifier, caller: Reader) -> Response:
        chainwide(caller)
        contact = await contacts.get(contact_id)
        if contact is None:
            raise ContactUnknown(contact_id)
        return as_json(_contact(contact))

    @routes.delete("/v1/contacts/{contact_id}", response_model=Done, openapi_extra=WRITE)
    async def delete(contact_id: Identifier, asked: Office) -> Response:
        """Forget a person. Centers that name the id stay as they are."""
        chainwide(asked.caller)
        await contacts.delete(contact_id)
        return as_json(Done(position=0))


def _contact(contact: Contact) -> ContactAnswer:
    return ContactAnswer(
        contact_id=contact.contact_id, name=contact.name, phone=contact.phone, mail=contact.mail
    )
