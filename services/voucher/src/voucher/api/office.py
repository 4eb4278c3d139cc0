"""What back office decides about single vouchers, and reads of them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from fastapi import APIRouter

from kassenverbund.kit.text import Identifier
from voucher.api.kit import Position, Reader
from voucher.handlers import Vouchers
from voucher.queries import Liability, Queries, VoucherDetail


def routes(vouchers: Vouchers, queries: Queries, clock: Callable[[], datetime]) -> APIRouter:
    found = APIRouter()
    _reading(found, queries, clock)
    return found


def _reading(routes: APIRouter, queries: Queries, clock: Callable[[], datetime]) -> None:
    @routes.get("/v1/vouchers/{serial}")
    async def voucher(serial: Identifier, caller: Reader, position: Position = 0) -> VoucherDetail:
        """State, balance and history over all stores. `position`: wait for a write's effect."""
        return await queries.voucher(serial, now=clock(), position=position)

    @routes.get("/v1/liability")
    async def liability(caller: Reader, position: Position = 0) -> Liability:
        """What is owed: issued = redeemed + cancelled + balance, by legal entity."""
        return await queries.liability(today=clock().date(), position=position)
