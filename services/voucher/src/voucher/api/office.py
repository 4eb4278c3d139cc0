"""What back office decides about single vouchers, and reads of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from pydantic import Field, model_validator

from events import Handled
from kassenverbund.kit.auth import Caller, Forbidden
from kassenverbund.kit.routes import (
    WRITE,
    Answer,
    Asked,
    Body,
    Empty,
    Managers,
    Office,
    Position,
    Positive,
    Reader,
    as_json,
    chainwide,
    within,
    writes,
)
from kassenverbund.kit.text import Identifier, SafeName
from money import Money
from voucher.api import sales
from voucher.api.bodies import DeliveredAnswer, PreparedAnswer, Price
from voucher.api.kit import Code
from voucher.decider import Issued, Voucher
from voucher.events import BlockReason, CodeReason, Funding, Kind
from voucher.handlers import RUN_PAGE_MAX, Named, Vouchers, Wanted
from voucher.qr import QrCodes
from voucher.queries import Liability, Queries, VoucherDetail

Anyone = Annotated[Asked, Depends(writes("service", "back_office", "manager"))]


class IssueBody(Body):
    voucher_id: Identifier
    legal_entity_id: Identifier
    store_id: Identifier | None = None
    """Its time zone counts the days; None: the first store of the legal entity."""
    value: Price | None = None
    template: Identifier | None = None
    kind: Kind = "multi_purpose"
    funding: Funding = "donated"
    reason: SafeName | None = None


class BlockBody(Body):
    reason: BlockReason
    note: SafeName | None = None


class UnblockBody(Body):
    note: SafeName | None = None


class ExtendBody(Body):
    valid_until: date
    reason: SafeName


class NamedBody(Body):
    """A voucher by its code or by its serial."""

    code: Code | None = None
    serial: Identifier | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> NamedBody:
        if (self.code is None) == (self.serial is None):
            raise ValueError("name either the code or the serial")
        return self

    def named(self, caller: Caller) -> Named:
        """Raises `Forbidden` for a service that knows no code: a serial is no secret."""
        if self.code is not None:
            return Named(code=self.code.get_secret_value())
        if not caller.roles & {"back_office", "manager"}:
            raise Forbidden("only back office names a voucher by its serial")
        return Named(serial=self.serial)


class ReplaceBody(NamedBody):
    reason: CodeReason


class TransferBody(Body):
    source: NamedBody
    target: NamedBody
    amount: Positive | None = None
    """None: a merge. All of it moves, and the source ends."""


class ReversalBody(Body):
    hold_id: Identifier
    """The redemption: the id of its hold or redemption."""
    amount: Positive
    store_id: Identifier


class RunBody(Body):
    legal_entity_id: Identifier
    cursor: Annotated[str, Field(max_length=200)] = ""
    limit: Annotated[int, Field(ge=1, le=RUN_PAGE_MAX)] = 100


class OfficeAnswer(Answer):
    voucher_id: str
    serial: str
    state: str
    balance: Money
    valid_until: date | None
    position: int


class TransferAnswer(Answer):
    transfer_id: str
    amount: Money
    source_serial: str
    source_balance: Money
    target_serial: str
    target_balance: Money
    position: int


class ReversalAnswer(Answer):
    reversal_id: str
    serial: str
    amount: Money
    balance: Money
    valid_until: date | None
    forwarded_to: str | None = None
    """The serial of the voucher that the redeemed one was merged into; it has the value now."""
    position: int


class RunAnswer(Answer):
    run_id: str
    looked_at: int
    expired: int
    amount: Money
    next_cursor: str | None
    """None: the run is through."""


def routes(
    vouchers: Vouchers, qr: QrCodes, queries: Queries, clock: Callable[[], datetime]
) -> APIRouter:
    found = APIRouter()
    _issuing(found, vouchers, qr)
    _deciding(found, vouchers, clock)
    _moving(found, vouchers)
    _reading(found, queries, clock)
    return found


def _issuing(routes: APIRouter, vouchers: Vouchers, qr: QrCodes) -> None:
    @routes.post("/v1/vouchers", response_model=PreparedAnswer, openapi_extra=WRITE)
    async def issue(body: IssueBody, asked: Office) -> Response:
        """A donated or promotional voucher, active at once. The answer carries the code until
        `prepared/{voucher_id}/delivered`. 422 `voucher.needs_booking` for one that is paid for."""
        if body.store_id is not None:
            within(asked.caller, body.store_id)
        done = await vouchers.selling.give_away(
            asked.ask,
            voucher_id=body.voucher_id,
            value=body.value,
            legal_entity_id=body.legal_entity_id,
            store_id=body.store_id,
            wanted=Wanted(
                template_id=body.template,
                kind=body.kind,
                funding=body.funding,
                reason=body.reason,
            ),
        )
        return sales.prepared(done, qr)

    @routes.put(
        "/v1/replacements/{replacement_id}", response_model=PreparedAnswer, openapi_extra=WRITE
    )
    async def replace(replacement_id: Identifier, body: ReplaceBody, asked: Anyone) -> Response:
        """A new code for the same voucher; the old one is dead at once. A repeat gets the same
        code until it is delivered."""
        done = await vouchers.office.replace_code(
            asked.ask,
            replacement_id=replacement_id,
            named=body.named(asked.caller),
            reason=body.reason,
            caller=asked.caller.actor,
        )
        return sales.prepared(done, qr)

    @routes.post(
        "/v1/replacements/{replacement_id}/delivered",
        response_model=DeliveredAnswer,
        openapi_extra=WRITE,
    )
    async def replaced(
        replacement_id: Identifier, asked: Anyone, body: Empty | None = None
    ) -> Response:
        """The slip is printed: the new code is wiped."""
        await vouchers.office.replacement_delivered(replacement_id)
        return as_json(DeliveredAnswer(voucher_id=replacement_id))


def _deciding(routes: APIRouter, vouchers: Vouchers, clock: Callable[[], datetime]) -> None:
    @routes.post("/v1/vouchers/{serial}/block", response_model=OfficeAnswer, openapi_extra=WRITE)
    async def block(serial: Identifier, body: BlockBody, asked: Managers) -> Response:
        """Nothing pays with it any more. Confirmed holds are honoured."""
        done = await vouchers.office.block(
            asked.ask, serial=serial, reason=body.reason, note=body.note
        )
        return _shown(done, clock())

    @routes.post("/v1/vouchers/{serial}/unblock", response_model=OfficeAnswer, openapi_extra=WRITE)
    async def unblock(serial: Identifier, body: UnblockBody, asked: Managers) -> Response:
        return _shown(
            await vouchers.office.unblock(asked.ask, serial=serial, note=body.note), clock()
        )

    @routes.post("/v1/vouchers/{serial}/extend", response_model=OfficeAnswer, openapi_extra=WRITE)
    async def extend(serial: Identifier, body: ExtendBody, asked: Managers) -> Response:
        """A later last day. What an expiry run took is owed again."""
        done = await vouchers.office.extend(
            asked.ask, serial=serial, valid_until=body.valid_until, reason=body.reason
        )
        return _shown(done, clock())

    @routes.post("/v1/expiry-runs/{run_id}", response_model=RunAnswer, openapi_extra=WRITE)
    async def expire(run_id: Identifier, body: RunBody, asked: Office) -> Response:
        """Write off what is past its last day: some vouchers per request, until `next_cursor` is
        null. Nothing is written off by itself."""
        chainwide(asked.caller)
        page = await vouchers.office.expiry_page(
            asked.ask,
            run_id=run_id,
            legal_entity_id=body.legal_entity_id,
            cursor=body.cursor,
            vouchers_max=body.limit,
        )
        return as_json(
            RunAnswer(
                run_id=run_id,
                looked_at=page.looked_at,
                expired=page.expired,
                amount=page.amount,
                next_cursor=page.next_cursor,
            )
        )


def _shown(done: Handled[Voucher], now: datetime) -> Response:
    voucher = done.state
    assert isinstance(voucher, Issued)  # It was found by its serial.
    return as_json(
        OfficeAnswer(
            voucher_id=voucher.voucher_id,
            serial=voucher.serial,
            state=voucher.shown_state(now),
            balance=voucher.balance,
            valid_until=voucher.valid_until,
            position=done.position,
        )
    )


def _moving(routes: APIRouter, vouchers: Vouchers) -> None:
    @routes.put("/v1/transfers/{transfer_id}", response_model=TransferAnswer, openapi_extra=WRITE)
    async def transfer(transfer_id: Identifier, body: TransferBody, asked: Anyone) -> Response:
        """Value moves to another voucher of the same issuer, kind, VAT and use, with its dates and
        its tax. Without an amount all of it: then the source ends."""
        done = await vouchers.moves.move(
            asked.ask,
            transfer_id=transfer_id,
            source=body.source.named(asked.caller),
            target=body.target.named(asked.caller),
            amount=body.amount,
            caller=asked.caller.actor,
        )
        return as_json(
            TransferAnswer(
                transfer_id=transfer_id,
                amount=done.amount,
                source_serial=done.source.serial,
                source_balance=done.source.balance,
                target_serial=done.target.serial,
                target_balance=done.target.balance,
                position=done.position,
            )
        )

    @routes.put("/v1/reversals/{reversal_id}", response_model=ReversalAnswer, openapi_extra=WRITE)
    async def reverse(reversal_id: Identifier, body: ReversalBody, asked: Anyone) -> Response:
        """Goods came back, for systems that sign elsewhere. All reversals of a redemption never
        exceed it. A till's bookings do this by themselves."""
        within(asked.caller, body.store_id)
        done = await vouchers.moves.reverse(
            asked.ask,
            reversal_id=reversal_id,
            hold_id=body.hold_id,
            amount=body.amount,
            store_id=body.store_id,
        )
        voucher = done.successor or done.voucher
        return as_json(
            ReversalAnswer(
                reversal_id=reversal_id,
                serial=done.voucher.serial,
                amount=done.amount,
                balance=voucher.balance,
                valid_until=voucher.valid_until,
                forwarded_to=None if done.successor is None else done.successor.serial,
                position=done.position,
            )
        )


def _reading(routes: APIRouter, queries: Queries, clock: Callable[[], datetime]) -> None:
    @routes.get("/v1/vouchers/{serial}")
    async def voucher(serial: Identifier, caller: Reader, position: Position = 0) -> VoucherDetail:
        """State, balance and history over all stores. `position`: wait for a write's effect."""
        return await queries.voucher(serial, now=clock(), position=position)

    @routes.get("/v1/liability")
    async def liability(caller: Reader, position: Position = 0) -> Liability:
        """What is owed: issued = redeemed + cancelled + balance, by legal entity."""
        return await queries.liability(today=clock().date(), position=position)
