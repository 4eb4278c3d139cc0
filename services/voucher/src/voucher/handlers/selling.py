"""Sales: vouchers, printed cards, top-ups; and what back office gives away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from events import Ask, Claim, ClaimTaken, Decision, LostRace, Take, handle, handle_together
from money import Money
from voucher import codes
from voucher.commands import (
    ActivateVoucher,
    BookedTopUp,
    CancelTopUp,
    CancelVoucher,
    IssueVoucher,
    PrepareCard,
    PrepareTopUp,
    RecordTopUp,
)
from voucher.decider import (
    VOUCHER,
    CodeGone,
    Issued,
    Status,
    TopUp,
    TopUpCancelled,
    TopUpReused,
    Unissued,
    Voucher,
    VoucherCancelledBefore,
    VoucherNotUsable,
    VoucherReused,
    VoucherSold,
)
from voucher.decider.catalogue import TemplateUnknown
from voucher.events import (
    Origin,
    SoldAt,
    VoucherCancelled,
    VoucherCardPrepared,
    VoucherTopUpPrepared,
)
from voucher.handlers.batch_names import voided
from voucher.handlers.desk import Desk
from voucher.handlers.names import (
    CLAIM_TRIES_MAX,
    TOMBSTONE,
    NeedsBooking,
    Prepared,
    ValueMissing,
    claims_of_issue,
    last_day,
    preparation_claim,
    serial_of,
    stream_of,
    top_up_claim,
)
from voucher.handlers.offers import PLAIN, Offers, Wanted, check_price
from voucher.handlers.successors import record_on


@dataclass(frozen=True, slots=True)
class PreparedTopUp:
    voucher: Issued
    top_up: TopUp
    position: int


class Selling:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._offers = Offers(desk)

    async def prepare(
        self,
        ask: Ask,
        *,
        voucher_id: str,
        value: Money | None,
        legal_entity_id: str,
        sold_at: SoldAt | None,
        wanted: Wanted = PLAIN,
        store_id: str | None = None,
        origin: Origin = "till",
    ) -> Prepared:
        """A voucher and its code: pending, or active where no till sells it.

        A repeat gets the same code until it is delivered. Raises `VoucherReused`,
        `VoucherCancelledBefore`, `CodeGone`, and what is unknown or impossible here.
        """
        desk, now = self._desk, self._desk.clock()
        desk.entity(legal_entity_id)
        sells = store_id if sold_at is None else sold_at.store_id
        place = desk.place_of_entity(legal_entity_id) if sells is None else desk.place(sells)
        offer = await self._offers.of(wanted, value, place, desk.day(place, now))
        stream = stream_of(voucher_id)
        code = await desk.code_for(voucher_id, now)
        hashed = codes.hashed(code, desk.secrets)
        command = IssueVoucher(
            voucher_id=voucher_id,
            serial=serial_of(voucher_id),
            code_hash=hashed.value,
            hash_key_id=hashed.key_id,
            value=offer.value,
            consideration=offer.consideration,
            terms=offer.terms,
            legal_entity_id=legal_entity_id,
            origin=origin,
            sold_at=sold_at,
            valid_until=offer.valid_until,
            time_zone=place.time_zone,
            opened=offer.opened,
            now=now,
        )
        try:
            done = await handle(
                desk.store, VOUCHER, stream, command, ask=ask, claims=claims_of_issue(stream)
            )
        except CodeGone:
            # Delivered between our look and our decision: what we have kept opens nothing.
            await desk.deliveries.wipe(voucher_id)
            raise
        except ClaimTaken as taken:
            raise await desk.drawn_before(voucher_id) from taken
        assert isinstance(done.state, Issued)
        return Prepared(voucher=done.state, code=code, position=done.position)

    async def give_away(
        self,
        ask: Ask,
        *,
        voucher_id: str,
        value: Money | None,
        legal_entity_id: str,
        store_id: str | None,
        wanted: Wanted,
    ) -> Prepared:
        """A donated or promotional voucher, active at once. Raises `NeedsBooking` for one that
        somebody pays for, and as `prepare`."""
        if wanted.template_id is not None:
            templates = self._desk.templates
            if templates is None:
                raise TemplateUnknown(wanted.template_id)
            place = self._desk.place_of_entity(legal_entity_id)
            rates = self._desk.rates(self._desk.day(place, self._desk.clock()))
            funding = (await templates.find(wanted.template_id)).terms_on(rates).funding
        else:
            funding = wanted.funding
        if funding == "purchased":
            raise NeedsBooking
        return await self.prepare(
            ask,
            voucher_id=voucher_id,
            value=value,
            legal_entity_id=legal_entity_id,
            sold_at=None,
            wanted=wanted,
            store_id=store_id,
            origin="back_office",
        )

    async def prepare_card(
        self,
        ask: Ask,
        *,
        preparation_id: str,
        typed: str,
        value: Money | None,
        consideration: Money | None,
        legal_entity_id: str,
        sold_at: SoldAt,
        source: str,
    ) -> Prepared:
        """The sale of a printed card: it has its code already. Raises `VoucherNotUsable` for any
        card that is not for sale, `CardNotForSale` for another value than the printed one."""
        desk, now = self._desk, self._desk.clock()
        desk.entity(legal_entity_id)
        place = desk.place(sold_at.store_id)
        found = await desk.find(typed, source, now)
        card = await desk.voucher(found.stream)
        if not isinstance(card, Issued):
            raise VoucherNotUsable
        batch_id = card.past.batch_id
        if card.status is Status.INACTIVE and batch_id and await voided(desk.store, batch_id):
            raise VoucherNotUsable
        if value is None:
            if not card.value:
                raise ValueMissing
            value = card.value
        self._offers.check_value(value, card.terms)
        check_price(consideration, value)
        opened = desk.day(place, now)
        command = PrepareCard(
            preparation_id=preparation_id,
            code_hash=found.code_hash,
            value=value,
            consideration=consideration,
            legal_entity_id=legal_entity_id,
            sold_at=sold_at,
            valid_until=await self._offers.last_day(card, opened),
            time_zone=place.time_zone,
            opened=opened,
            now=now,
        )
        claim = Take(preparation_claim(preparation_id), found.stream)

        def claims(decided: Sequence[Any]) -> Sequence[Claim]:
            return (claim,) if any(isinstance(e, VoucherCardPrepared) for e in decided) else ()

        try:
            done = await handle(desk.store, VOUCHER, found.stream, command, ask=ask, claims=claims)
        except ClaimTaken as taken:
            given_up = taken.owner == stream_of(preparation_id)
            raise (VoucherCancelledBefore if given_up else VoucherReused) from taken
        assert isinstance(done.state, Issued)
        return Prepared(voucher=done.state, code="", position=done.position)

    async def cancel(self, command: CancelVoucher, ask: Ask) -> Voucher:
        """What was prepared under this id is not sold. Unknown ids are remembered."""
        desk, claim = self._desk, preparation_claim(command.voucher_id)
        own = stream_of(command.voucher_id)

        def claims(decided: Sequence[Any]) -> Sequence[Claim]:
            early = any(isinstance(e, VoucherCancelled) and e.serial is None for e in decided)
            return (Take(claim, own),) if early else ()

        for _ in range(CLAIM_TRIES_MAX):
            stream = await desk.store.owner_of(claim) or own
            try:
                done = await handle(desk.store, VOUCHER, stream, command, ask=ask, claims=claims)
            except ClaimTaken:
                continue  # The card was prepared just now: cancel it where it stands.
            return done.state
        raise LostRace

    async def given_up(self, ask: Ask, *, voucher_id: str, reason: str) -> Voucher:
        """A till gives a sale up. Raises `VoucherSold` where it is recorded."""
        command = CancelVoucher(voucher_id=voucher_id, reason=reason, now=self._desk.clock())
        state = await self.cancel(command, ask)
        gone = (Status.CANCELLED, Status.INACTIVE)
        if isinstance(state, Issued) and state.status not in gone:
            raise VoucherSold
        return state

    async def activate(self, command: ActivateVoucher, ask: Ask) -> None:
        """The sale is recorded, under the id of the voucher or of its preparation."""
        owner = await self._desk.store.owner_of(preparation_claim(command.voucher_id))
        await self._desk.on(owner or stream_of(command.voucher_id), command, ask)

    async def prepare_top_up(
        self,
        ask: Ask,
        *,
        top_up_id: str,
        typed: str,
        value: Money,
        consideration: Money | None,
        sold_at: SoldAt,
        source: str,
    ) -> PreparedTopUp:
        """More value for a voucher; it counts once its booking is recorded.

        Raises `VoucherNotUsable`, `BalanceTooLarge`, `TopUpReused`, `TopUpCancelled`.
        """
        desk, now = self._desk, self._desk.clock()
        check_price(consideration, value)
        place = desk.place(sold_at.store_id)
        found = await desk.find(typed, source, now)
        voucher = await desk.voucher(found.stream)
        if isinstance(voucher, Unissued):
            raise VoucherNotUsable
        opened = desk.day(place, now)
        command = PrepareTopUp(
            top_up_id=top_up_id,
            code_hash=found.code_hash,
            value=value,
            consideration=consideration,
            rate=self._rate_of(voucher, opened),
            accepted_by=place.legal_entity,
            sold_at=sold_at,
            valid_until=await self._offers.last_day(voucher, opened),
            opened=opened,
            balance_max=desk.money(desk.rules.balance_max),
            now=now,
        )
        claim = Take(top_up_claim(top_up_id), found.stream)

        def claims(decided: Sequence[Any]) -> Sequence[Claim]:
            return (claim,) if any(isinstance(e, VoucherTopUpPrepared) for e in decided) else ()

        try:
            done = await handle(desk.store, VOUCHER, found.stream, command, ask=ask, claims=claims)
        except ClaimTaken as taken:
            raise (TopUpCancelled if taken.owner == TOMBSTONE else TopUpReused) from taken
        assert isinstance(done.state, Issued)
        return PreparedTopUp(done.state, done.state.past.top_ups[top_up_id], done.position)

    def _rate_of(self, voucher: Issued, day: date) -> int | None:
        if voucher.terms.vat is None:
            return None
        found = self._desk.rates(day).get(voucher.terms.vat)
        return voucher.terms.rate if found is None else found[0]

    async def record_top_up(self, booked: BookedTopUp, ask: Ask) -> None:
        """The sale of a top-up is recorded. It always counts; for a voucher that was merged, on its
        successor."""
        desk = self._desk
        place = desk.place_of_booking(booked.store_id)
        opened = desk.day(place, booked.recorded_at)
        owner = await desk.store.owner_of(top_up_claim(booked.top_up_id))
        stream = stream_of(booked.voucher_id) if owner in (None, TOMBSTONE) else owner
        assert stream is not None
        command = RecordTopUp(
            voucher_id=booked.voucher_id,
            top_up_id=booked.top_up_id,
            value=booked.amount,
            booking_id=booked.booking_id,
            store_id=booked.store_id,
            till_id=booked.till_id,
            rates=tuple((key, rate) for key, (rate, _) in desk.rates(opened).items()),
            valid_until=last_day(opened, desk.rules),
            opened=opened,
            now=booked.recorded_at,
        )
        await record_on(desk, stream, command, ask)

    async def cancel_top_up(self, command: CancelTopUp, ask: Ask) -> None:
        """It is not sold after all. Unknown ids are remembered."""
        desk, claim = self._desk, top_up_claim(command.top_up_id)
        for _ in range(CLAIM_TRIES_MAX):
            owner = await desk.store.owner_of(claim)
            if owner == TOMBSTONE:
                return
            if owner is not None:
                await desk.on(owner, command, ask)
                return
            try:
                await handle_together(
                    desk.store,
                    {},
                    lambda _: Decision(events={}, claims=(Take(claim, TOMBSTONE),)),
                    ask=ask,
                )
                return
            except ClaimTaken:
                continue  # It was prepared just now: cancel it where it stands.
        raise LostRace
