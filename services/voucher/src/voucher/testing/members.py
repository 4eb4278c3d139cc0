"""Accounts, fees and entitlements beside the vouchers of a `World`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from events import handle
from events.reaction import Incoming, by_policies
from kassenverbund.kit.chain import Chain
from money import euro
from voucher import codes
from voucher.commands import IssueVoucher
from voucher.decider import VOUCHER
from voucher.events import MULTI_PURPOSE, Limits, Terms
from voucher.handlers import serial_of, stream_of
from voucher.handlers.account_names import AccountRules
from voucher.handlers.accounts import Accounts
from voucher.handlers.claims import Claims
from voucher.handlers.entitlements import Entitlements
from voucher.handlers.fees import AtTill, Fees, Settle
from voucher.handlers.names import claims_of_issue
from voucher.handlers.payments import Payments
from voucher.policies import policies
from voucher.policies_accounts import account_policies, executed_by
from voucher.service_accounts import executes
from voucher.testing.fakes import SECRETS, random_bytes_from
from voucher.testing.world import World


@dataclass
class Members:
    """Accounts, fees and entitlements beside the vouchers of a `World`, on the same log."""

    world: World
    accounts: Accounts
    fees: Fees
    claims: Claims
    entitlements: Entitlements
    payments: Payments

    async def open(self, account_id: str = "A1", **other: Any) -> None:
        asked: dict[str, Any] = {
            "account_id": account_id,
            "legal_entity_id": "kette",
            "holder_id": "reader-7",
            "limits": Limits(),
            "receipt_duty": True,
            "time_zone": "Europe/Berlin",
        }
        await self.accounts.open(self.world.ask(), **{**asked, **other})

    async def account(self, account_id: str = "A1") -> Any:
        return await self.accounts.account(account_id)

    async def card(self, account_id: str = "A1", card_id: str = "K1") -> str:
        done = await self.accounts.assign_card(
            self.world.ask(), account_id=account_id, card_id=card_id, replaces=None
        )
        return done.code

    async def load(self, amount: str, load_id: str = "L1", account_id: str = "A1") -> None:
        await self.accounts.prepare_load(
            self.world.ask(),
            load_id=load_id,
            account_id=account_id,
            typed=None,
            amount=euro(amount),
            booking_id=f"B-{load_id}",
            store_id="koeln",
            till_id="t2",
            source="till:koeln/t2",
        )
        line = {"kind": "account_load", "account_id": account_id, "load_id": load_id,
                "amount": euro(amount).model_dump()}  # fmt: skip
        await self.hear(booked(f"B-{load_id}", line))

    async def fee(self, fee_id: str, amount: str, kind: str = "annual_fee", **other: Any) -> None:
        asked: dict[str, Any] = {"due": date(2026, 11, 22), "text": None}
        await self.fees.post(
            self.world.ask(),
            account_id="A1",
            fee_id=fee_id,
            kind=kind,
            amount=euro(amount),
            **{**asked, **other},
        )

    def wanted(
        self, settlement_id: str, fee_id: str, how: Any, amount: str, **other: Any
    ) -> Settle:
        asked: dict[str, Any] = {
            "account_id": "A1",
            "settlement_id": settlement_id,
            "fee_id": fee_id,
            "how": how,
            "amount": euro(amount),
            "from_credit": False,
            "typed": None,
            "reason": None,
            "store_id": "koeln",
            "source": "till:koeln/t2",
        }
        return Settle(**{**asked, **other})

    async def prepare(
        self, settlement_id: str, fee_id: str, how: Any, amount: str, **other: Any
    ) -> Any:
        till = AtTill(booking_id="B9", till_id="t2")
        wanted = self.wanted(settlement_id, fee_id, how, amount, **other)
        return await self.fees.prepare(self.world.ask(), wanted, till)

    async def voucher(self, voucher_id: str, value: str, terms: Terms = MULTI_PURPOSE) -> str:
        """An active voucher with any terms; answers its code."""
        stream, now = stream_of(voucher_id), self.world.clock()
        code = codes.generate(codes.Kind.VOUCHER, random_bytes_from(voucher_id))
        hashed = codes.hashed(code, SECRETS)
        gift = terms.funding != "purchased"
        command = IssueVoucher(
            voucher_id=voucher_id, serial=serial_of(voucher_id), code_hash=hashed.value,
            hash_key_id=hashed.key_id, value=euro(value), legal_entity_id="kette", sold_at=None,
            valid_until=date(2029, 12, 31), time_zone="Europe/Berlin", opened=date(2026, 11, 22),
            now=now, consideration=euro("0.00") if gift else None, terms=terms,
            origin="back_office",
        )  # fmt: skip
        await handle(
            self.world.store, VOUCHER, stream, command, ask=self.world.ask(),
            claims=claims_of_issue(stream),
        )  # fmt: skip
        return code

    async def hear(self, *records: Incoming) -> None:
        commands = executed_by(self.accounts, self.fees, self.entitlements)
        await by_policies(
            (
                *policies(self.world.clock),
                *account_policies(self.world.clock, self.accounts.load_until),
            ),
            executes(self.payments, commands),
        )(records)


def _incoming(name: str, booking_id: str, document: dict[str, Any], delivery: str) -> Incoming:
    return Incoming(
        event_id=uuid5(NAMESPACE_URL, f"{name}/{booking_id}/{delivery}"),
        name=name,
        version=1,
        source="device-gateway",
        subject=f"booking-{booking_id}",
        sequence=3,
        time=datetime(2026, 11, 22, 10, 0, tzinfo=UTC),
        key="berlin",
        data=json.dumps(document).encode(),
        headers={},
    )


def booked(
    booking_id: str, *lines: dict[str, Any], payments: Any = (), delivery: str = "1"
) -> Incoming:
    """booking.recorded with any lines."""
    document = {
        "booking_id": booking_id,
        "store_id": "koeln",
        "till_id": "t2",
        "legal_entity_id": "kette",
        "recorded_at": "2026-11-22T10:00:00.000000Z",
        "business_date": "2026-11-22",
        "lines": list(lines),
        "payments": list(payments),
    }
    return _incoming("booking.recorded", booking_id, document, delivery)


def gave_up(booking_id: str, **ids: list[str]) -> Incoming:
    """booking.aborted with any ids."""
    document = {
        "booking_id": booking_id,
        "store_id": "koeln",
        "till_id": "t2",
        "aborted_at": "2026-11-22T10:00:00.000000Z",
        "reason": "customer left",
        **ids,
    }
    return _incoming("booking.aborted", booking_id, document, "1")


def build_members(world: World, chain: Chain) -> Members:
    """On the log of `world`."""
    accounts = Accounts(
        world.store,
        chain=chain,
        secrets=SECRETS,
        finder=world.vouchers.desk.finder,
        clock=world.clock,
        deliveries=world.deliveries,
        random_bytes=random_bytes_from("cards"),
        rules=AccountRules(),
    )
    shared: dict[str, Any] = {
        "chain": chain,
        "find": world.vouchers.desk.find,
        "clock": world.clock,
    }
    return Members(
        world,
        accounts,
        Fees(world.store, rules=AccountRules(), **shared),
        Claims(world.store, find=world.vouchers.desk.find, clock=world.clock),
        Entitlements(world.store, **shared),
        Payments(world.store, world.vouchers, accounts),
    )
