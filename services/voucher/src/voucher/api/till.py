"""Payments: hold, confirm, release, several vouchers together, look up; and for systems that sign
elsewhere: redeem, capture."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from kassenverbund.kit.auth import Caller, Forbidden, caller_of
from kassenverbund.kit.routes import WRITE, Empty, Gateway, as_json, reads, within
from kassenverbund.kit.text import Identifier
from voucher.api.bodies import (
    CaptureAnswer,
    CaptureBody,
    GroupAnswer,
    GroupBody,
    GroupReleased,
    HoldAnswer,
    HoldBody,
    HoldState,
    LookupAnswer,
    LookupBody,
    RedeemAnswer,
    RedeemBody,
    ReleasedAnswer,
    goods_of,
    hold_of,
    shown_hold,
    taxed,
)
from voucher.api.cards import hold_shown, looked_up, shown
from voucher.api.kit import EvenRoute, Redeemer
from voucher.decider import HoldState as Became
from voucher.decider import VoucherNotUsable, restricted
from voucher.handlers import Vouchers
from voucher.handlers.accounts import Accounts
from voucher.handlers.payments import Payments, opens_account

LOOKUP_ROLES = frozenset({"cashier", "manager", "back_office", "service"})
DETAIL_ROLES = frozenset({"manager", "back_office"})
"""They see why a voucher cannot be used. Everybody else hears the same answer for all reasons."""

Watcher = Annotated[Caller, Depends(reads("service", "manager", "back_office", "auditor"))]


def routes(vouchers: Vouchers, payments: Payments, accounts: Accounts) -> APIRouter:
    """Tried in this order: the busiest come first."""
    found = APIRouter(route_class=EvenRoute)
    _spending(found, vouchers)
    _holding(found, vouchers, payments)
    _capturing(found, vouchers)
    _together(found, vouchers)
    _looking(found, vouchers, accounts)
    _watching(found, vouchers, payments)
    return found


def _holding(routes: APIRouter, vouchers: Vouchers, counter: Payments) -> None:
    @routes.put("/v1/holds/{hold_id}", response_model=HoldAnswer, openapi_extra=WRITE)
    async def hold(hold_id: Identifier, body: HoldBody, asked: Gateway) -> Response:
        """Keep an amount of the voucher: for one payment, for a payout of the rest in cash, or to
        take back its sale."""
        within(asked.caller, body.store_id)
        basket = goods_of(body.basket)
        done = await counter.hold(
            asked.ask,
            hold_id=hold_id,
            typed=body.code.get_secret_value(),
            amount=body.amount,
            mode=body.mode,
            store_id=body.store_id,
            till_id=body.till_id,
            booking_id=body.booking_id,
            payment_id=body.payment_id,
            expires_in_s=body.expires_in_s,
            source=f"till:{body.store_id}/{body.till_id}",
            purpose=body.purpose,
            basket=basket,
            approved_by=body.approved_by,
        )
        return shown(done, hold_id, vouchers.renewal.comes, basket)

    @routes.post("/v1/holds/{hold_id}/confirm", response_model=HoldAnswer, openapi_extra=WRITE)
    async def confirm(hold_id: Identifier, asked: Gateway, body: Empty | None = None) -> Response:
        """The booking is about to be recorded: the hold does not expire any more."""
        done = await counter.confirm(asked.ask, hold_id=hold_id)
        return shown(done, hold_id, vouchers.renewal.comes)

    @routes.post("/v1/holds/{hold_id}/release", response_model=ReleasedAnswer, openapi_extra=WRITE)
    async def release(hold_id: Identifier, asked: Gateway, body: Empty | None = None) -> Response:
        """The payment is not made. An unknown id is remembered: a hold that comes later is
        refused."""
        await counter.let_go(asked.ask, hold_id=hold_id)
        return as_json(ReleasedAnswer(hold_id=hold_id))


def _capturing(routes: APIRouter, vouchers: Vouchers) -> None:
    @routes.post("/v1/holds/{hold_id}/captures", response_model=CaptureAnswer, openapi_extra=WRITE)
    async def capture(hold_id: Identifier, body: CaptureBody, asked: Redeemer) -> Response:
        """For systems that sign elsewhere: a booking was recorded. `final: false` keeps the rest
        of the hold for another capture. A till's bookings do this by themselves."""
        done = await vouchers.capture_part(
            asked.ask,
            hold_id=hold_id,
            booking_id=body.booking_id,
            amount=body.amount,
            final=body.final,
        )
        voucher, hold = hold_of(done.state, hold_id)
        over = hold.state is Became.CAPTURED
        return as_json(
            CaptureAnswer(
                hold_id=hold_id,
                serial=voucher.serial,
                captured=hold.amount if over else hold.spent or hold.amount.zero,
                held=hold.amount.zero if over else hold.amount,
                remaining=voucher.balance,
                position=done.position,
                **taxed(voucher.terms),
            )
        )


def _together(routes: APIRouter, vouchers: Vouchers) -> None:
    @routes.put("/v1/groups/{group_id}", response_model=GroupAnswer, openapi_extra=WRITE)
    async def hold_together(group_id: Identifier, body: GroupBody, asked: Gateway) -> Response:
        """Several vouchers on one payment, all at once or none. The one that ends soonest pays
        first, then the one with the smallest balance; each leg is confirmed and released like a
        single hold."""
        within(asked.caller, body.store_id)
        basket = goods_of(body.basket)
        done = await vouchers.groups.hold(
            asked.ask,
            group_id=group_id,
            typed=[code.get_secret_value() for code in body.codes],
            amount=body.amount,
            store_id=body.store_id,
            till_id=body.till_id,
            booking_id=body.booking_id,
            payment_id=body.payment_id,
            expires_in_s=body.expires_in_s,
            source=f"till:{body.store_id}/{body.till_id}",
            basket=basket,
        )
        comes = vouchers.renewal.comes
        legs = tuple(
            shown_hold(leg.voucher, leg.hold, done.position, basket, new_code=comes(leg.voucher))
            for leg in done.legs
        )
        return as_json(
            GroupAnswer(
                group_id=group_id,
                legs=legs,
                total=done.total,
                remaining_due=done.remaining_due,
                position=done.position,
            )
        )

    @routes.post("/v1/groups/{group_id}/release", response_model=GroupReleased, openapi_extra=WRITE)
    async def release_together(
        group_id: Identifier, asked: Gateway, body: Empty | None = None
    ) -> Response:
        """The payment is not made: all its holds end. An unknown id is remembered."""
        await vouchers.groups.release(asked.ask, group_id=group_id)
        return as_json(GroupReleased(group_id=group_id))


def _spending(routes: APIRouter, vouchers: Vouchers) -> None:
    @routes.post("/v1/redemptions", response_model=RedeemAnswer, openapi_extra=WRITE)
    async def redeem(body: RedeemBody, asked: Redeemer) -> Response:
        """Spend at once, for systems that sign elsewhere: hold, confirm, capture in one."""
        within(asked.caller, body.store_id)
        done = await vouchers.redeem(
            asked.ask,
            redemption_id=body.redemption_id,
            typed=body.code.get_secret_value(),
            amount=body.amount,
            mode=body.mode,
            store_id=body.store_id,
            source=f"{asked.caller.actor}@{body.store_id}",
            basket=goods_of(body.basket),
        )
        voucher, spent = hold_of(done.state, body.redemption_id)
        return as_json(
            RedeemAnswer(
                redemption_id=body.redemption_id,
                serial=voucher.serial,
                amount=spent.amount,
                remaining=spent.left,
                valid_until=voucher.valid_until,
                position=done.position,
                **taxed(voucher.terms),
            )
        )


def _looking(routes: APIRouter, vouchers: Vouchers, accounts: Accounts | None) -> None:
    @routes.post("/v1/lookups", response_model=LookupAnswer)
    async def look_up(body: LookupBody, request: Request) -> Response:
        """What a voucher is worth now. Reads only, so it needs no Idempotency-Key."""
        caller = await caller_of(request)
        if caller.kind != "till" and not LOOKUP_ROLES & caller.roles:
            raise Forbidden(f"needs one of: {', '.join(sorted(LOOKUP_ROLES))}")
        typed = body.code.get_secret_value()
        if accounts is not None and opens_account(typed):
            account, serial, now = await accounts.look_up(typed, source=caller.actor)
            if not accounts.accepts(caller.store_id, account):
                raise VoucherNotUsable
            return looked_up(account, serial, now)
        voucher, now = await vouchers.look_up(typed, source=caller.actor)
        state = voucher.shown_state(now)
        detailed = caller.kind != "till" and bool(DETAIL_ROLES & caller.roles)
        usable = state == "active" and vouchers.accepts(caller.store_id, voucher)
        if not usable and not detailed:
            raise VoucherNotUsable
        return as_json(
            LookupAnswer(
                serial=voucher.serial,
                value=voucher.value,
                balance=voucher.balance,
                available=voucher.available(now) if state == "active" else voucher.balance.zero,
                valid_until=voucher.valid_until,
                state=state,
                basket_needed=restricted(voucher.terms),
                goods=voucher.terms.goods,
                **taxed(voucher.terms),
            )
        )


def _watching(routes: APIRouter, vouchers: Vouchers, payments: Payments | None) -> None:
    @routes.get("/v1/holds/{hold_id}", response_model=HoldState)
    async def hold_state(hold_id: Identifier, caller: Watcher) -> Response:
        """What became of a hold, and how much of its redemption can still be reversed."""
        by_card = None if payments is None else await payments.card_hold(hold_id)
        if by_card is not None:
            return hold_shown(*by_card)
        voucher = await vouchers.held(hold_id)
        hold = voucher.hold(hold_id)
        assert hold is not None  # `held` has found it.
        zero = hold.amount.zero
        over = hold.state is Became.CAPTURED
        captured = hold.amount if over else hold.spent or zero
        paid = over and hold.purpose == "payment"
        return as_json(
            HoldState(
                hold_id=hold_id,
                voucher_id=voucher.voucher_id,
                serial=voucher.serial,
                state=hold.state.value,
                purpose=hold.purpose,
                amount=hold.amount,
                captured=captured,
                reversible=captured - (hold.back or zero) if paid else zero,
                balance=voucher.balance,
            )
        )
