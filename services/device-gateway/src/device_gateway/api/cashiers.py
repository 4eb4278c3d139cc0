"""People at the tills: enrolled by a manager, signed in at a till, lending a right."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator

from device_gateway.api.callers import ApprovalOf, in_store, own_till, till_or_reader
from device_gateway.events import CashierRole
from device_gateway.handlers import cashiers
from device_gateway.handlers.cashiers import AtTill, KnownCashier, Proof, WantedCashier
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.scans import code_of
from events import Ask
from kassenverbund.kit.auth import Caller
from kassenverbund.kit.chain_tills import TillRight
from kassenverbund.kit.idempotency import AskOf
from kassenverbund.kit.text import Identifier, SafeName

NAME_MAX = 80
CARD_MAX = 200

Manager = Annotated[Caller, Depends(in_store("manager"))]
OwnTill = Annotated[Caller, Depends(own_till)]
TillOrReader = Annotated[Caller, Depends(till_or_reader)]

Pin = Annotated[str, Field(pattern=r"^[0-9]{4,12}$")]
CardCode = Annotated[SafeName, Field(min_length=4, max_length=CARD_MAX)]


class Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CashierBody(Body):
    """`store_ids`: the store of the path where left out, all stores where empty. `pin` and `code`
    (of a card) stay as they are where left out."""

    name: Annotated[SafeName, Field(max_length=NAME_MAX)]
    role: CashierRole = "cashier"
    store_ids: Annotated[list[Identifier], Field(max_length=200)] | None = None
    pin: Pin | None = None
    code: CardCode | None = None
    remove_card: StrictBool = False

    @model_validator(mode="after")
    def _one_card(self) -> CashierBody:
        if self.remove_card and self.code is not None:
            raise ValueError("a card is set or removed, not both")
        return self

    def wanted(self, store_id: str) -> WantedCashier:
        stores = [store_id] if self.store_ids is None else sorted(set(self.store_ids))
        return WantedCashier(
            self.name, self.role, tuple(stores), self.pin, self.code, self.remove_card
        )


class ProofBody(Body):
    """A cashier and his PIN, or his card alone: its `code`, or the `scan` that read it."""

    cashier: Identifier | None = None
    pin: Pin | None = None
    code: CardCode | None = None
    scan: Identifier | None = None

    @model_validator(mode="after")
    def _one_proof(self) -> ProofBody:
        if sum(each is not None for each in (self.pin, self.code, self.scan)) != 1:
            raise ValueError("either a `pin`, or the `code` or the `scan` of a card")
        if (self.pin is None) != (self.cashier is None):
            raise ValueError("a `pin` belongs to a `cashier`; a card says whose it is")
        return self

    def proof(self, gateway: Gateway, till_id: str, ask: Ask) -> Proof:
        """Raises `ScanUnknown`."""
        code = self.code
        if self.scan is not None:
            code = code_of(gateway, till_id, self.scan, by=ask.key).value
        return Proof(self.cashier, self.pin, code)


class ApprovalBody(ProofBody):
    """`booking_id`: for an act on this booking only."""

    right: TillRight
    booking_id: Identifier | None = None


class TrainingBody(Body):
    on: StrictBool


class CashierAnswer(BaseModel):
    cashier: str
    name: str
    role: CashierRole
    store_ids: list[str]
    """Empty: all stores."""
    has_pin: bool
    has_card: bool


class CashiersAnswer(BaseModel):
    cashiers: list[CashierAnswer]


class RemovedAnswer(BaseModel):
    cashier: str
    removed: Literal[True] = True


class AtTillAnswer(BaseModel):
    """`cashier` null: nobody is signed in; `rights` are what the till may do then."""

    cashier: str | None
    name: str | None
    role: CashierRole | None
    rights: list[TillRight]
    sign_in: Literal["optional", "required"]
    training: bool
    """Every sale of the till is a training."""


class ApprovalAnswer(BaseModel):
    """Send `approval` in the header `Approval` of the act: once, before `expires_at`."""

    approval: str
    right: TillRight
    expires_at: datetime


def _cashier(known: KnownCashier) -> CashierAnswer:
    return CashierAnswer(
        cashier=known.cashier_id,
        name=known.name,
        role=known.role,
        store_ids=list(known.store_ids),
        has_pin=known.has_pin,
        has_card=known.has_card,
    )


def _at_till(there: AtTill) -> AtTillAnswer:
    return AtTillAnswer(
        cashier=there.cashier_id,
        name=there.name,
        role=there.role,
        rights=list(there.rights),
        sign_in="required" if there.required else "optional",
        training=there.training,
    )


def router(gateway: Gateway) -> APIRouter:
    routes = APIRouter(tags=["cashiers"])
    _people(routes, gateway)
    _at_tills(routes, gateway)
    return routes


def _people(routes: APIRouter, gateway: Gateway) -> None:
    @routes.put("/{store_id}/v1/cashiers/{cashier_id}")
    async def enroll(
        store_id: Identifier, cashier_id: Identifier, body: CashierBody, caller: Manager, ask: AskOf
    ) -> CashierAnswer:
        known = await cashiers.enroll(
            gateway,
            store_id=store_id,
            cashier_id=cashier_id,
            wanted=body.wanted(store_id),
            by=caller,
            ask=ask,
        )
        return _cashier(known)

    @routes.delete("/{store_id}/v1/cashiers/{cashier_id}")
    async def remove(
        store_id: Identifier, cashier_id: Identifier, caller: Manager, ask: AskOf
    ) -> RemovedAnswer:
        await cashiers.remove(gateway, store_id=store_id, cashier_id=cashier_id, by=caller, ask=ask)
        return RemovedAnswer(cashier=cashier_id)

    @routes.get("/{store_id}/v1/cashiers")
    async def listed(store_id: Identifier, caller: Manager) -> CashiersAnswer:
        found = await cashiers.cashiers_of(gateway, store_id)
        return CashiersAnswer(cashiers=[_cashier(known) for known in found])


def _at_tills(routes: APIRouter, gateway: Gateway) -> None:
    @routes.get("/{store_id}/v1/tills/{till_id}/cashier")
    async def who(store_id: Identifier, till_id: Identifier, caller: TillOrReader) -> AtTillAnswer:
        return _at_till(await cashiers.who_is_there(gateway, store_id=store_id, till_id=till_id))

    @routes.post("/{store_id}/v1/tills/{till_id}/cashier")
    async def sign_in(
        store_id: Identifier, till_id: Identifier, body: ProofBody, caller: OwnTill, ask: AskOf
    ) -> AtTillAnswer:
        return _at_till(
            await cashiers.sign_in(
                gateway,
                store_id=store_id,
                till_id=till_id,
                proof=body.proof(gateway, till_id, ask),
                ask=ask,
            )
        )

    @routes.delete("/{store_id}/v1/tills/{till_id}/cashier")
    async def sign_out(
        store_id: Identifier, till_id: Identifier, caller: OwnTill, ask: AskOf
    ) -> AtTillAnswer:
        return _at_till(
            await cashiers.sign_out(gateway, store_id=store_id, till_id=till_id, ask=ask)
        )

    @routes.put("/{store_id}/v1/tills/{till_id}/training")
    async def training(
        store_id: Identifier, till_id: Identifier, body: TrainingBody, caller: OwnTill, ask: AskOf,
        approval: ApprovalOf = None,
    ) -> AtTillAnswer:  # fmt: skip
        return _at_till(
            await cashiers.train(
                gateway, store_id=store_id, till_id=till_id, on=body.on, approval=approval, ask=ask
            )
        )

    @routes.post("/{store_id}/v1/tills/{till_id}/approvals")
    async def approve(
        store_id: Identifier, till_id: Identifier, body: ApprovalBody, caller: OwnTill, ask: AskOf
    ) -> ApprovalAnswer:
        approval, expires_at = await cashiers.approve(
            gateway,
            store_id=store_id,
            till_id=till_id,
            proof=body.proof(gateway, till_id, ask),
            right=body.right,
            booking_id=body.booking_id,
            ask=ask,
        )
        return ApprovalAnswer(approval=approval, right=body.right, expires_at=expires_at)
