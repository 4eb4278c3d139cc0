"""What all handlers of vouchers work with: the log, the chain, codes and days."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from events import Ask, Claim, EventStore, Handled, Transient, handle, state_of
from kassenverbund.kit.chain import Chain, Store
from kassenverbund.kit.secrets import Secrets
from money import Money
from voucher import codes
from voucher.decider import (
    VOUCHER,
    CodeGone,
    Issued,
    Status,
    Unissued,
    Voucher,
    VoucherCancelledBefore,
    VoucherNotUsable,
)
from voucher.handlers.finding import Finder
from voucher.handlers.names import (
    DELIVERY_KEPT,
    Found,
    LegalEntityUnknown,
    Named,
    Rules,
    StoreUnknown,
    VoucherUnknown,
    stream_of,
)
from voucher.ports import Deliveries, Templates


class Desk:
    """One per process; the handlers share it."""

    def __init__(
        self,
        store: EventStore,
        *,
        chain: Chain,
        secrets: Secrets,
        deliveries: Deliveries,
        finder: Finder,
        clock: Callable[[], datetime],
        random_bytes: codes.RandomBytes,
        rules: Rules,
        templates: Templates | None = None,
    ) -> None:
        self.store = store
        self.chain = chain
        self.secrets = secrets
        self.deliveries = deliveries
        self.finder = finder
        self.clock = clock
        self.random_bytes = random_bytes
        self.rules = rules
        self.templates = templates
        self._stores = {entry.id: entry for entry in chain.stores}
        self._entities = frozenset(entity.id for entity in chain.legal_entities)

    def place(self, store_id: str) -> Store:
        """Raises `StoreUnknown`."""
        place = self._stores.get(store_id)
        if place is None:
            raise StoreUnknown(store_id)
        return place

    def place_of_booking(self, store_id: str) -> Store:
        """Where a recorded booking was made. It counts even if the chain has given the store up:
        then the first one's clock is used."""
        return self._stores.get(store_id, self.chain.stores[0])

    def entity(self, legal_entity_id: str) -> None:
        """Raises `LegalEntityUnknown`."""
        if legal_entity_id not in self._entities:
            raise LegalEntityUnknown(legal_entity_id)

    def place_of_entity(self, legal_entity_id: str) -> Store:
        """Its first store: what a back office counts days by. Raises `LegalEntityUnknown`."""
        self.entity(legal_entity_id)
        for place in self.chain.stores:
            if place.legal_entity == legal_entity_id:
                return place
        raise LegalEntityUnknown(f"{legal_entity_id} has no store")

    def day(self, place: Store, now: datetime) -> date:
        """The business date of a store."""
        return now.astimezone(ZoneInfo(place.time_zone)).date()

    def rates(self, day: date) -> dict[str, tuple[int, int]]:
        """VAT key → (basis points, UST_SCHLUESSEL) on a business date."""
        found = self.chain.vat_on(day)
        return {key: (entry.rate, entry.dsfinvk_key) for key, entry in found.items()}

    def money(self, minor: int) -> Money:
        return Money(amount=minor, currency=self.chain.currency)

    async def find(self, typed: str, source: str, now: datetime) -> Found:
        """The stream of a typed code. A wrong code that is well formed costs an attempt.

        Raises `CodeMistyped`, `QrForged`, `RateLimited`, `VoucherNotUsable`.
        """
        return await self.finder.find(typed, source=source, now=now)

    async def by_serial(self, serial: str) -> str:
        """The stream of a voucher. Raises `VoucherUnknown`."""
        stream = await self.store.owner_of(f"serial:{serial}")
        if stream is None:
            raise VoucherUnknown(serial)
        return stream

    async def stream_of(self, named: Named, caller: str) -> str:
        """Raises as `find` and `by_serial`."""
        if named.code is None:
            return await self.by_serial(named.serial or "")
        found = await self.find(named.code, caller, self.clock())
        voucher = await self.voucher(found.stream)
        if not isinstance(voucher, Issued) or voucher.code_hash != found.code_hash:
            raise VoucherNotUsable  # A code that was replaced since this process learned it.
        return found.stream

    async def voucher(self, stream: str) -> Voucher:
        """As the log has it now."""
        _, state = await state_of(self.store, VOUCHER, stream)
        return state

    async def code_for(self, voucher_id: str, now: datetime) -> str:
        """The code of a voucher that is being prepared: the one that is kept, or a new one.

        Raises `VoucherCancelledBefore`, `CodeGone`.
        """
        kept = await self.deliveries.read(voucher_id)
        if kept is not None:
            return kept
        voucher = await self.voucher(stream_of(voucher_id))
        if isinstance(voucher, Issued):
            raise VoucherCancelledBefore if voucher.status is Status.CANCELLED else CodeGone
        assert isinstance(voucher, Unissued)
        if voucher.cancelled:
            raise VoucherCancelledBefore
        return await self.fresh_code(voucher_id, now)

    async def fresh_code(self, row: str, now: datetime) -> str:
        """A new code, kept until its print is acknowledged; the kept one if there is one."""
        fresh = codes.generate(codes.Kind.VOUCHER, self.random_bytes)
        return await self.deliveries.keep(row, fresh, until=now + DELIVERY_KEPT)

    async def drawn_before(self, row: str) -> Transient:
        """A code that is somebody else's (one in 2^70): forget it; the next try draws another."""
        await self.deliveries.wipe(row)
        return Transient("this code was drawn before; ask again")

    async def on(
        self, stream: str, command: Any, ask: Ask, *, claims: Sequence[Claim] = ()
    ) -> Handled[Voucher]:
        """One decision on one voucher. The claims go with it, whatever it leads to."""
        return await handle(self.store, VOUCHER, stream, command, ask=ask, claims=lambda _: claims)
