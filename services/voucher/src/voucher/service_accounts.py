"""Accounts, fees, entitlements and webhooks, put together for `service.py`."""

from __future__ import annotations

import secrets as system
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter

from events import Ask
from events.projection import Projection
from events.reaction import Policy
from kassenverbund.kit.service import Runtime
from voucher.adapters.account_reservations import (
    AccountReservations,
    PostgresLapsedReservations,
)
from voucher.adapters.webhook_wire import HttpsWire
from voucher.adapters.webhooks import PostgresWebhooks, WebhookFill
from voucher.api import accounts as accounts_api
from voucher.api import fees as fees_api
from voucher.api import webhooks as webhooks_api
from voucher.handlers import Vouchers
from voucher.handlers.account_names import AccountRules
from voucher.handlers.accounts import Accounts
from voucher.handlers.claims import Claims
from voucher.handlers.entitlements import Entitlements
from voucher.handlers.fees import Fees
from voucher.handlers.finding import Finder
from voucher.handlers.payments import Payments
from voucher.handlers.webhooks import WebhookDeliverer
from voucher.policies_accounts import AccountsCommand, account_policies, executed_by
from voucher.ports import Deliveries, LapsedHolds

SWEPT_MAX = 200
"""Reservations that one sweep writes down; the rest wait for the next."""

DELIVER_EVERY_S = 1.0
"""How often the outbox of webhooks is looked at."""


@dataclass(frozen=True, slots=True)
class AccountParts:
    """What `service.py` adds to what it opens."""

    accounts: Accounts
    fees: Fees
    payments: Payments
    routers: tuple[APIRouter, ...]
    projections: tuple[Projection, ...]
    policies: tuple[Policy[Any, Any], ...]
    execute: Callable[[Any, Ask], Awaitable[None]]
    """Commands of all policies of the service, the vouchers' included."""
    sweep: Callable[[], Awaitable[object]]
    deliver: Callable[[], Awaitable[object]]


def open_accounts(
    runtime: Runtime,
    vouchers: Vouchers,
    *,
    deliveries: Deliveries,
    finder: Finder,
    rules: AccountRules,
    private_webhooks: bool = False,
) -> AccountParts:
    """Nothing runs yet: the caller starts what has to run."""
    accounts = Accounts(
        runtime.store,
        chain=runtime.chain,
        secrets=runtime.secrets,
        deliveries=deliveries,
        finder=finder,
        clock=runtime.clock,
        random_bytes=system.token_bytes,
        rules=rules,
    )
    shared: dict[str, Any] = {
        "chain": runtime.chain,
        "find": vouchers.desk.find,
        "clock": runtime.clock,
    }
    fees = Fees(runtime.store, rules=rules, **shared)
    claims = Claims(runtime.store, find=vouchers.desk.find, clock=runtime.clock)
    entitlements = Entitlements(runtime.store, **shared)
    payments = Payments(runtime.store, vouchers, accounts)
    webhooks = PostgresWebhooks(runtime.engine, runtime.secrets, system.token_bytes)
    deliverer = WebhookDeliverer(
        webhooks, HttpsWire(private_allowed=private_webhooks), runtime.clock
    )
    lapsed = PostgresLapsedReservations(runtime.engine)
    return AccountParts(
        accounts=accounts,
        fees=fees,
        payments=payments,
        routers=(
            accounts_api.routes(accounts, runtime.store, runtime.clock),
            fees_api.routes(fees, claims, entitlements),
            webhooks_api.routes(
                webhooks, runtime.store, runtime.clock, private_allowed=private_webhooks
            ),
        ),
        projections=(AccountReservations(), WebhookFill()),
        policies=account_policies(runtime.clock, accounts.load_until),
        execute=executes(payments, executed_by(accounts, fees, entitlements)),
        sweep=lambda: sweep_accounts(accounts, lapsed, runtime.clock),
        deliver=deliverer.round,
    )


def executes(
    payments: Payments, account_commands: Callable[[AccountsCommand, Ask], Awaitable[None]]
) -> Callable[[Any, Ask], Awaitable[None]]:
    """One `execute` for the commands of all policies."""

    async def execute(command: Any, ask: Ask) -> None:
        if isinstance(command, AccountsCommand):
            await account_commands(command, ask)
        else:
            await payments.execute(command, ask)

    return execute


async def sweep_accounts(accounts: Accounts, lapsed: LapsedHolds, clock: Callable[[], Any]) -> int:
    """Write down what has run out on accounts; answers how many were looked at."""
    found = await lapsed.lapsed(clock(), holds_max=SWEPT_MAX)
    for account_id, reservation_id in found:
        await accounts.expire(account_id, reservation_id)
    return len(found)
