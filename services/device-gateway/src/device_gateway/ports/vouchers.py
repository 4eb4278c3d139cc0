"""The voucher service, while a cashier waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

from device_gateway.events import (
    BasketPart,
    Cover,
    SoldTerms,
    VoucherKind,
)
from device_gateway.ports.holds import Holder, ServiceRefused, ServiceUnavailable
from device_gateway.ports.paper import SoldVoucher
from money import Money

TakesBack = Literal["payout", "sale_reversal"]
"""Why money goes out for a voucher."""


@dataclass(frozen=True, slots=True)
class Place:
    """Who asks: the till, and what of its booking."""

    store_id: str
    till_id: str
    booking_id: str
    part_id: str
    """The booking's line or payment."""


@dataclass(frozen=True, slots=True)
class ToppedUp:
    """A top-up that counts once its booking is recorded."""

    voucher_id: str
    serial: str
    value: Money
    kind: VoucherKind
    vat: str


@dataclass(frozen=True, slots=True)
class Hold:
    """The voucher service's answer to a hold."""

    hold_id: str
    voucher_id: str
    serial: str
    amount: Money
    voucher_remaining: Money
    expires_at: datetime
    dsfinvk_key: int
    vat: str
    kind: VoucherKind = "multi_purpose"
    rate: int | None = None
    """Single-purpose: basis points."""
    waiver: str | None = None
    """It was given away, and this is the reason: it is no means of payment."""
    covers: Sequence[Cover] = ()
    """A voucher for some goods only: which lines of the basket, together `amount`."""
    new_code: bool = False
    """It gets a new code once the booking is captured and leaves a rest."""


class VoucherUnavailable(ServiceUnavailable):
    code = "voucher.unavailable"
    title = "The voucher service does not answer; take another means of payment or ask again"


class VoucherUnreachable(VoucherUnavailable):
    """The line is down: nobody at all answered. To a till the same as `VoucherUnavailable`."""


class VoucherRefused(ServiceRefused):
    """The voucher service said no."""


class VoucherService(Holder, Protocol):
    """Every call may be repeated with the same id. Raises `VoucherRefused` for an answer that
    says no, `VoucherUnavailable` where no answer came."""

    async def prepare(
        self,
        voucher_id: str,
        *,
        price: Money,
        terms: SoldTerms | None,
        vat: str,
        legal_entity_id: str,
        place: Place,
        card_code: str | None = None,
    ) -> SoldVoucher:
        """A pending voucher with its code. The same id gives the same code until delivered. With
        `card_code` a printed card, which has its code already."""
        ...  # fmt: skip

    async def top_up(self, top_up_id: str, *, code: str, value: Money, place: Place) -> ToppedUp:
        """More value for a voucher."""
        ...

    async def delivered(self, voucher_id: str) -> None:
        """The slip is printed: the code may be forgotten."""
        ...

    async def cancel_top_up(self, top_up_id: str, *, reason: str) -> None:
        """A top-up that will not be sold."""
        ...

    async def cancel(self, voucher_id: str, *, reason: str) -> None:
        """A prepared voucher that will not be sold."""
        ...

    async def hold(
        self,
        hold_id: str,
        *,
        code: str,
        up_to: Money,
        basket: Sequence[BasketPart],
        place: Place,
    ) -> Hold:
        """Hold as much of the voucher as there is, at most `up_to`; one for some goods only looks
        into the basket."""
        ...  # fmt: skip

    async def hold_whole(
        self,
        hold_id: str,
        *,
        code: str,
        purpose: TakesBack,
        amount: Money,
        exact: bool,
        place: Place,
        approved_by: str | None = None,
    ) -> Hold:
        """Hold all that is on a voucher, at most `amount` or `exact` that: to pay it out, or to
        take back its sale. `approved_by`: the manager who allows a payout by goodwill."""
        ...  # fmt: skip

    async def restorable(self, hold_id: str) -> Money | None:
        """How much of a captured payment may still go back to its voucher. None: the voucher
        service has not heard of the capture."""
        ...

    async def hold_together(
        self,
        group_id: str,
        *,
        codes: Sequence[str],
        up_to: Money,
        basket: Sequence[BasketPart],
        place: Place,
    ) -> Sequence[Hold]:
        """Several vouchers for one amount, all at once or none. Those that pay nothing are left
        out."""
        ...  # fmt: skip

    async def new_code(self, hold_id: str) -> SoldVoucher | None:
        """The new code of a voucher that was paid with, and its rest as `value`; the same until
        delivered. None: there is nothing to print. Refuses `hold.open` until the payment is
        captured there: ask again later."""
        ...

    async def new_code_delivered(self, hold_id: str) -> None:
        """The slip is printed: the new code may be forgotten."""
        ...

    async def release_together(self, group_id: str) -> None:
        """As `release`, for all holds of a group."""
        ...
