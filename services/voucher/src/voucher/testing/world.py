"""A voucher service with the real handlers, policies and codes, as tests ask it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import uuid4

from events import (
    NO_STREAM,
    AppendRequest,
    Ask,
    EventStore,
    Handled,
    NewEvents,
    Take,
    input_hash,
)
from events.reaction import Incoming, by_policies
from kassenverbund.kit.chain import Chain
from money import euro
from voucher import codes
from voucher.decider import VOUCHER, Issued
from voucher.events import SoldAt, VoucherIssued
from voucher.handlers import (
    Group,
    Moved,
    Named,
    Prepared,
    PreparedTopUp,
    Rules,
    Vouchers,
    Wanted,
    stream_of,
)
from voucher.handlers.finding import Finder
from voucher.policies import policies
from voucher.qr import QrCodes
from voucher.testing.bookings import recorded
from voucher.testing.fakes import (
    SECRETS,
    Clock,
    LoggedPast,
    MemoryAttempts,
    MemoryDeliveries,
    SomeTemplates,
    random_bytes_from,
)


@dataclass
class World:
    """Tills' requests and the gateway's bookings in one place."""

    store: EventStore
    vouchers: Vouchers
    clock: Clock
    deliveries: MemoryDeliveries
    attempts: MemoryAttempts
    name: str = ""

    def ask(self) -> Ask:
        """A request that nobody asked before."""
        return Ask.of(uuid4().hex, "")

    async def prepare(
        self, voucher_id: str, value: str, booking_id: str = "B1", **wanted: Any
    ) -> Prepared:
        sold_at = SoldAt(store_id="berlin", till_id="t1", booking_id=booking_id, line_id="L1")
        return await self.vouchers.prepare(
            self.ask(),
            voucher_id=voucher_id,
            value=euro(value),
            legal_entity_id="kette",
            sold_at=sold_at,
            wanted=Wanted(**wanted),
        )

    async def sell(self, voucher_id: str, value: str, **wanted: Any) -> Prepared:
        """Prepared and recorded, as `wanted` (fields of `Wanted`)."""
        done = await self.prepare(voucher_id, value, booking_id=f"sale-{voucher_id}", **wanted)
        await self.book(f"sale-{voucher_id}", sells=[(voucher_id, value)])
        return done

    async def give_away(
        self, voucher_id: str, value: str, reason: str = "Jubilaeum", template: str | None = None
    ) -> Prepared:
        """A donated voucher, active at once; with a template its terms are those of it."""
        plain = Wanted(funding="donated", reason=reason)
        return await self.vouchers.selling.give_away(
            self.ask(),
            voucher_id=voucher_id,
            value=euro(value),
            legal_entity_id="kette",
            store_id=None,
            wanted=plain if template is None else Wanted(template_id=template),
        )

    async def taken_over(self, voucher_id: str, code: str, value: str) -> None:
        """A voucher of another system as an import leaves it: active, with its short code."""
        hashed, stream = codes.hashed(code, SECRETS), stream_of(voucher_id)
        issued = VoucherIssued(
            voucher_id=voucher_id,
            serial=f"ALT-{voucher_id}",
            code_hash=hashed.value,
            hash_key_id=hashed.key_id,
            code_kind="weak",
            value=euro(value),
            consideration=euro(value),
            legal_entity_id="kette",
            origin="import",
            status="active",
            valid_until=date(2030, 12, 31),
            time_zone="Europe/Berlin",
            opened=date(2026, 1, 2),
            issued_at=self.clock.now,
        )
        claims = (f"code:{hashed.value}", f"serial:{issued.serial}")
        await self.store.append(
            AppendRequest(
                key=f"import/{voucher_id}",
                input_hash=input_hash(voucher_id),
                streams=(NewEvents(stream, NO_STREAM, (issued,)),),
                claims=tuple(Take(claim, stream) for claim in claims),
            )
        )

    async def book(self, booking_id: str, **booking: Any) -> None:
        """The gateway records a booking now."""
        await self.hear(recorded(booking_id, at=self.clock.now, **booking))

    async def pay(
        self, code: str, amount: str, hold_id: str, mode: Any = "exact", **asked: Any
    ) -> None:
        """Hold, confirm, record: a payment at a till as it goes through."""
        voucher = (await self.hold(code, amount, hold_id, mode, **asked)).state
        held = str(voucher.hold(hold_id).amount.as_decimal())
        await self.vouchers.confirm(self.ask(), hold_id=hold_id)
        await self.book(f"b-{hold_id}", paid=[(hold_id, held, voucher.voucher_id)])

    async def prepare_top_up(
        self, code: str, value: str, top_up_id: str, price: str | None = None
    ) -> PreparedTopUp:
        return await self.vouchers.selling.prepare_top_up(
            self.ask(),
            top_up_id=top_up_id,
            typed=code,
            value=euro(value),
            consideration=None if price is None else euro(price),
            sold_at=SoldAt(
                store_id="koeln", till_id="t2", booking_id=f"b-{top_up_id}", line_id="L1"
            ),
            source="till:koeln/t2",
        )

    async def top_up(self, code: str, value: str, top_up_id: str, price: str | None = None) -> None:
        """Prepared and recorded."""
        done = await self.prepare_top_up(code, value, top_up_id, price)
        line = {
            "kind": "voucher_top_up",
            "voucher_id": done.voucher.voucher_id,
            "top_up_id": top_up_id,
            "amount": price or value,
        }
        await self.book(f"b-{top_up_id}", lines=[line])

    async def group(
        self, codes_typed: list[str], amount: str, group_id: str, **asked: Any
    ) -> Group:
        return await self.vouchers.groups.hold(
            self.ask(),
            **{
                "group_id": group_id,
                "typed": codes_typed,
                "amount": euro(amount),
                "store_id": "koeln",
                "till_id": "t2",
                "booking_id": "B2",
                "payment_id": "P1",
                "expires_in_s": 300,
                "source": "till:koeln/t2",
                **asked,
            },
        )

    async def refund(
        self, hold_id: str, amount: str, reversal_id: str, voucher_id: str | None = None
    ) -> None:
        """A recorded booking gives the price of goods back to the voucher."""
        line = {
            "kind": "voucher_redemption_reversal",
            "voucher_id": voucher_id,
            "hold_id": hold_id,
            "reversal_id": reversal_id,
            "amount": amount,
        }
        await self.book(f"b-{reversal_id}", lines=[line])

    async def move(self, source: str, target: str, amount: str | None, transfer_id: str) -> Moved:
        """Between two codes; without an amount: a merge."""
        return await self.vouchers.moves.move(
            self.ask(),
            transfer_id=transfer_id,
            source=Named(code=source),
            target=Named(code=target),
            amount=None if amount is None else euro(amount),
            caller="person:m",
        )

    async def hold(
        self, code: str, amount: str, hold_id: str, mode: Any = "exact", **other: Any
    ) -> Handled[Any]:
        asked = {
            "hold_id": hold_id,
            "typed": code,
            "amount": euro(amount),
            "mode": mode,
            "store_id": "koeln",
            "till_id": "t2",
            "booking_id": "B2",
            "payment_id": "P1",
            "expires_in_s": 300,
            "source": "till:koeln/t2",
        }
        return await self.vouchers.hold(self.ask(), **{**asked, **other})

    async def redeem(
        self, code: str, amount: str, redemption_id: str, basket: Any = None
    ) -> Handled[Any]:
        return await self.vouchers.redeem(
            self.ask(),
            redemption_id=redemption_id,
            typed=code,
            amount=euro(amount),
            mode="exact",
            store_id="koeln",
            source="service:shop",
            basket=basket,
        )

    async def hear(self, *records: Incoming) -> None:
        await by_policies(policies(self.clock), self.vouchers.execute)(records)

    async def state(self, voucher_id: str) -> Any:
        state: Any = VOUCHER.initial
        for entry in await self.store.load(stream_of(voucher_id)):
            state = VOUCHER.evolve(state, entry.event)
        return state

    async def issued(self, voucher_id: str) -> Issued:
        state = await self.state(voucher_id)
        assert isinstance(state, Issued)
        return state

    async def names(self) -> list[str]:
        return [entry.name for entry in await self.store.read(after=0, records_max=10_000)]


def build_world(store: EventStore, clock: Clock, chain: Chain, rules: Rules) -> World:
    deliveries, attempts = MemoryDeliveries(), MemoryAttempts()
    vouchers = Vouchers(
        store,
        chain=chain,
        secrets=SECRETS,
        deliveries=deliveries,
        finder=Finder(
            store,
            secrets=SECRETS,
            qr=QrCodes(SECRETS),
            attempts=attempts,
            weak_attempts=attempts,
            foreign_codes=rules.foreign_codes,
        ),
        clock=clock,
        random_bytes=random_bytes_from(uuid4().hex),
        rules=rules,
        past=LoggedPast(store),
        templates=SomeTemplates(),
    )
    return World(store, vouchers, clock, deliveries, attempts)
