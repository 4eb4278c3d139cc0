"""Section `till_rights` of `chain.yaml`: what the people at a till may do, by their role."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from kassenverbund.kit.chain_policies import Part

TillRole = Literal["cashier", "senior", "manager"]

TillRight = Literal[
    "void_line",
    "void_sale",
    "price_change",
    "discount",
    "waive",
    "return",
    "cancel",
    "cash_move",
    "close",
    "x_report",
    "open_drawer",
    "training",
    "override_limit",
    "resolve_card",
    "on_account",
    "reprint",
]
"""`void_sale`: abort a sale that has lines. `x_report` tells what should be in the drawer."""

ALL_RIGHTS: tuple[TillRight, ...] = get_args(TillRight)

_CASHIER: tuple[TillRight, ...] = ("void_line", "cash_move", "close", "training", "reprint")
_SENIOR: tuple[TillRight, ...] = (
    *_CASHIER, "void_sale", "price_change", "discount", "return", "x_report", "open_drawer",
    "on_account",
)  # fmt: skip

BasisPoints = Annotated[int, Field(ge=0, le=10_000)]


class DiscountMax(Part):
    """The largest discount or lowering of a price by role, in basis points of what it lowers."""

    cashier: BasisPoints = 1_000
    senior: BasisPoints = 3_000
    manager: BasisPoints = 10_000


class TillRights(Part):
    """Who is signed in at a till may do what his role may; a second person may lend him a right.
    Where nobody is signed in and the store does not require it, the till may do everything."""

    cashier: Annotated[tuple[TillRight, ...], Field(max_length=50)] = _CASHIER
    senior: Annotated[tuple[TillRight, ...], Field(max_length=50)] = _SENIOR
    manager: Annotated[tuple[TillRight, ...], Field(max_length=50)] = ALL_RIGHTS
    discount_max: DiscountMax = DiscountMax()

    @model_validator(mode="after")
    def _each_once(self) -> TillRights:
        for role in get_args(TillRole):
            rights = self.of(role)
            if len(set(rights)) < len(rights):
                raise ValueError(f"{role}: the same right twice")
        return self

    def of(self, role: TillRole) -> tuple[TillRight, ...]:
        """The rights of a role."""
        rights: tuple[TillRight, ...] = getattr(self, role)
        return rights

    def discount_max_of(self, role: TillRole) -> int:
        """Basis points."""
        most: int = getattr(self.discount_max, role)
        return most
