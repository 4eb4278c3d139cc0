"""Whatever is in the basket and whichever vouchers pay, in whatever order: the rules of gateway,
voucher service and signer together pay for no line twice, lower no line that a gift is not for, and
record the VAT that is signed. No service runs here: these are their deciders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from device_gateway.commands import (
    AddLines,
    NewLine,
    NewPayment,
    NoteHeld,
    NoteRefused,
    RecordBooking,
    ReopenPayment,
    RequestPayment,
)
from device_gateway.decider.booking import BOOKING, record
from device_gateway.decider.booking_state import Booking
from device_gateway.decider.pricing import vat_totals
from device_gateway.decider.refusals import (
    BookingNegative,
    NothingOpen,
    PaymentExceedsOpen,
    VoucherBuysVoucher,
)
from device_gateway.events import (
    BasketPart,
    BookingRecorded,
    BookingStarted,
    Cover,
    Payment,
    VatRate,
    VoucherArticle,
    VoucherArticles,
)
from device_gateway.testing import opened
from events import encode, fold
from fiscal_signer.country import country_of
from fiscal_signer.foreign import BookingRecorded as SignedBooking
from money import Money
from voucher.commands import Goods, PlaceHold, ReleaseHold
from voucher.decider import (
    VOUCHER,
    Issued,
    TooManyHolds,
    VoucherInsufficient,
    VoucherNotUsable,
    fits,
    restricted,
)
from voucher.events import Restrictions, Terms, VoucherActivated, VoucherHeld, VoucherIssued

NOW = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
BOOKING_ID = "5f0f6c3e-3a77-5f27-8a5f-1f6f3a1e2b11"
KEYS = {"standard": (1900, 1), "reduced": (700, 2), "zero": (0, 5)}
RATES = {
    vat: VatRate(vat=vat, rate=rate, valid_from=date(2021, 1, 1), label=vat, dsfinvk_key=key)
    for vat, (rate, key) in KEYS.items()
}
PAIRS = [
    VoucherArticles(
        sale=VoucherArticle(sku=f"V-{vat}", name="Gutschein", vat=vat),
        redemption=VoucherArticle(sku=f"R-{vat}", name="Gutschein", vat=vat),
    )
    for vat in KEYS
]
BOOKS = Restrictions(article_groups=("books",))
GIFT: dict[str, Any] = {"funding": "donated", "reason": "Treue"}
TERMS = [
    Terms(),
    Terms(**GIFT),
    Terms(restrictions=BOOKS),
    Terms(restrictions=BOOKS, **GIFT),
    Terms(restrictions=Restrictions(article_groups=("pens", "books")), **GIFT),
    Terms(kind="single_purpose", vat="standard", rate=1900, dsfinvk_key=1),
    Terms(kind="single_purpose", vat="reduced", rate=700, dsfinvk_key=2, restrictions=BOOKS),
]


@dataclass(frozen=True)
class Adding:
    minor: int
    vat: str
    group: str | None
    redeems: bool = False
    pieces: int = 1

    @property
    def line(self) -> NewLine:
        price = Money(amount=self.minor)
        if self.redeems:
            sku = f"R-{self.vat}"
            kind: Any = "voucher_article_redemption"
            return NewLine(kind, sku, "Gutschein", Decimal(1), price, self.vat)
        pieces = Decimal(self.pieces)
        return NewLine("article", None, "Ware", pieces, price, self.vat, self.group)


@dataclass(frozen=True)
class Paying:
    voucher: int
    minor: int | None
    ends: bool = False
    """The payment is opened again, and its hold released."""


@dataclass(frozen=True)
class Cash:
    minor: int


VATS = st.sampled_from(["standard", "reduced"])
GROUPS = st.sampled_from(["books", "pens", None])
ADDING = st.builds(
    Adding, st.integers(1, 1500), VATS, GROUPS, st.just(False), st.sampled_from([1, 1, 2, 3])
)
REDEEMING = st.builds(
    Adding, st.integers(1, 500), st.sampled_from(list(KEYS)), st.none(), st.just(True)
)
STEPS = st.lists(
    st.one_of(
        ADDING,
        REDEEMING,
        st.builds(Cash, st.integers(1, 800)),
        st.builds(
            Paying,
            st.integers(0, len(TERMS) - 1),
            st.none() | st.integers(1, 1500),
            st.sampled_from([False, False, False, True]),
        ),
        st.builds(Paying, st.integers(0, len(TERMS) - 1), st.none()),
    ),
    max_size=14,
)  # fmt: skip


def issued(number: int) -> Issued:
    name = {"voucher_id": f"v{number}", "serial": f"GS-{number}"}
    value = Money(amount=2500)
    made = VoucherIssued(
        **name, code_hash="ab" * 32, hash_key_id="k", terms=TERMS[number], value=value,
        consideration=value, legal_entity_id="gmbh", valid_until=date(2029, 12, 31),
        time_zone="Europe/Berlin", opened=date(2026, 11, 20), issued_at=NOW,
    )  # fmt: skip
    active = VoucherActivated(**name, booking_id="B", value=value, activated_at=NOW)
    state = fold(VOUCHER, (made, active))
    assert isinstance(state, Issued)
    return state


class Sale:
    """One booking, with every voucher of `TERMS` at hand."""

    def __init__(self) -> None:
        started = BookingStarted(
            booking_id=BOOKING_ID, store_id="berlin", till_id="t1", till_name="Kasse 1",
            legal_entity_id="gmbh", tse_id="tse", client_id="KV-berlin-1", currency="EUR",
            started_at=NOW,
        )  # fmt: skip
        self.booking: Booking = fold(BOOKING, [started])
        self.vouchers = [issued(number) for number in range(len(TERMS))]
        self.by_hold: dict[str, int] = {}
        self.payments = 0

    def do(self, command: Any) -> None:
        events = BOOKING.decide(command, self.booking)
        self.booking = fold(BOOKING, events, start=self.booking)

    def play(self, step: Adding | Paying | Cash) -> None:
        """What the rules refuse does not happen."""
        try:
            match step:
                case Adding():
                    self.do(AddLines(BOOKING_ID, [step.line], RATES, NOW, PAIRS))
                case Cash():
                    self._pay("cash", Money(amount=step.minor))
                case Paying():
                    self._by_voucher(step)
        except (BookingNegative, NothingOpen, PaymentExceedsOpen, VoucherBuysVoucher):
            pass

    def _pay(self, kind: Any, amount: Money | None) -> str:
        name, fiscal = f"p{self.payments}", "Keine" if kind == "voucher" else "Bar"
        hold_id = f"h-{name}" if kind == "voucher" else None
        new = NewPayment(name, kind, kind, fiscal, amount, hold_id)  # type: ignore[arg-type]  # one of three
        self.do(RequestPayment(BOOKING_ID, new, NOW))
        self.payments += 1
        return name

    def _by_voucher(self, step: Paying) -> None:
        name = self._pay("voucher", None if step.minor is None else Money(amount=step.minor))
        tender = self.booking.tender(name)
        assert tender is not None
        assert tender.request is not None
        asked = hold_of(f"h-{name}", tender.request.amount, tender.request.basket)
        before = self.vouchers[step.voucher]
        try:
            held = VOUCHER.decide(asked, before)[-1]
        except (VoucherNotUsable, VoucherInsufficient, TooManyHolds):
            self.do(NoteRefused(BOOKING_ID, name, "voucher.not_usable", "", 409, False, NOW))
            return
        assert isinstance(held, VoucherHeld)
        self.vouchers[step.voucher] = fold_on(before, held)
        self.by_hold[f"h-{name}"] = step.voucher
        paid = payment_of(name, held, before, tender.request.basket)
        self.do(NoteHeld(BOOKING_ID, paid, NOW + timedelta(minutes=5), NOW))
        if step.ends:
            self.do(ReopenPayment(BOOKING_ID, name, "hold.expired", NOW))
            released = VOUCHER.decide(
                ReleaseHold(hold_id=f"h-{name}", reason="released", now=NOW),
                self.vouchers[step.voucher],
            )
            self.vouchers[step.voucher] = fold_on(self.vouchers[step.voucher], *released)

    def terms_of(self, hold_id: str) -> Terms:
        return TERMS[self.by_hold[hold_id]]

    def recorded(self) -> BookingRecorded:
        holds = frozenset(paid.hold_id for paid in self.booking.payments if paid.hold_id)
        command = RecordBooking(BOOKING_ID, date(2026, 11, 20), {}, holds, NOW, NOW)
        (recorded,) = record(command, self.booking, 1, opened())
        assert isinstance(recorded, BookingRecorded)
        return recorded


def fold_on(before: Issued, *facts: Any) -> Issued:
    state = fold(VOUCHER, facts, start=before)
    assert isinstance(state, Issued)
    return state


def hold_of(hold_id: str, amount: Money, basket: Sequence[BasketPart]) -> PlaceHold:
    return PlaceHold(
        hold_id=hold_id, code_hash="ab" * 32, amount=amount, mode="up_to", store_id="berlin",
        till_id="t1", booking_id=BOOKING_ID, payment_id="p", accepted_by="gmbh",
        across_entities=False, expires_at=NOW + timedelta(minutes=5), now=NOW,
        basket=tuple(goods_of(part) for part in basket),
    )  # fmt: skip


def goods_of(part: BasketPart) -> Goods:
    return Goods(part.gross, part.vat, part.dsfinvk_key, part.article_group, part.line_id)


def payment_of(
    name: str, held: VoucherHeld, voucher: Issued, basket: Sequence[BasketPart]
) -> Payment:
    terms, covers = voucher.terms, list[Cover]()
    for cover in held.covers:
        line_id = basket[cover.line].line_id
        assert line_id is not None
        covers.append(Cover(line_id=line_id, amount=cover.amount))
    single = terms.kind == "single_purpose"
    return Payment(
        payment_id=name, kind="voucher", name="Gutschein", fiscal="Keine", amount=held.amount,
        hold_id=held.hold_id, voucher_id=voucher.voucher_id, voucher_serial=voucher.serial,
        vat=terms.vat or "zero", dsfinvk_key=terms.dsfinvk_key or 5,
        rate=terms.rate if single else None, waiver=voucher.waiver, covers=tuple(covers),
    )  # fmt: skip


@given(st.lists(ADDING, min_size=1, max_size=5), STEPS)
@settings(max_examples=400, deadline=None)
def test_no_line_is_paid_twice_and_the_vat_that_is_recorded_is_signed(
    basket: list[Adding], steps: list[Adding | Paying | Cash]
) -> None:
    sale = Sale()
    for step in (*basket, *steps):
        sale.play(step)
        each_line_is_paid_once(sale)
    if (left := sale.booking.open_amount.amount) > 0:
        sale.play(Cash(left))
    try:
        recorded = sale.recorded()
    except (BookingNegative, VoucherBuysVoucher):
        # Article vouchers took off more than the goods that nobody else pays for.
        assert any(line.kind == "voucher_article_redemption" for line in sale.booking.lines)
        return
    gifts_lower_their_own_goods(sale, recorded)
    vat_is_exact(recorded)
    the_signer_agrees(recorded)


def each_line_is_paid_once(sale: Sale) -> None:
    lines = {line.line_id: line for line in sale.booking.lines}
    sums: Counter[str] = Counter()
    for paid in sale.booking.payments:
        terms = sale.terms_of(paid.hold_id) if paid.hold_id else Terms()
        assert bool(paid.covers) == restricted(terms)
        for cover in paid.covers:
            line = lines[cover.line_id]
            assert fits(terms, Goods(line.amount, line.vat, 1, line.article_group))
            sums[cover.line_id] += cover.amount.amount
        if paid.covers:
            assert sum(cover.amount.amount for cover in paid.covers) == paid.amount.amount
    assert all(some <= lines[line_id].amount.amount for line_id, some in sums.items())


def gifts_lower_their_own_goods(sale: Sale, recorded: BookingRecorded) -> None:
    """What a gift takes off at a VAT key is what it covers there, and it takes off all it is."""
    vat_of = {line.line_id: line.vat for line in recorded.lines}
    for paid in sale.booking.payments:
        if paid.waiver is None:
            continue
        off: Counter[str] = Counter()
        for line in recorded.lines:
            if line.kind == "discount" and line.hold_id == paid.hold_id:
                off[line.vat] -= line.amount.amount
        assert sum(off.values()) == paid.amount.amount
        if paid.covers:
            own: Counter[str] = Counter()
            for cover in paid.covers:
                own[vat_of[cover.line_id]] += cover.amount.amount
            assert off == own


def vat_is_exact(recorded: BookingRecorded) -> None:
    sums: Counter[str] = Counter()
    for line in recorded.lines:
        sums[line.vat] += line.amount.amount
    for paid in recorded.payments:
        if paid.rate is not None and paid.vat is not None:
            sums[paid.vat] -= paid.amount.amount
    assert {row.vat: row.gross.amount for row in recorded.vat} == dict(sums)
    assert all(row.gross == row.net + row.tax for row in recorded.vat)
    assert all(row.gross.amount >= 0 for row in recorded.vat if row.rate)
    assert recorded.vat == vat_totals(recorded.lines, recorded.payments)


def the_signer_agrees(recorded: BookingRecorded) -> None:
    """The slots are the rows of the VAT table; slot 5 has the multi-purpose vouchers too."""
    signed = SignedBooking.model_validate_json(encode(recorded))
    slots = country_of("DE").receipt(signed).data.split("^")[1].split("_")
    rows = {row.dsfinvk_key: row.gross.amount for row in recorded.vat}
    multi = sum(paid.amount.amount for paid in recorded.payments if paid.dsfinvk_key == 5)
    expected = [rows.get(1, 0), rows.get(2, 0), 0, 0, rows.get(5, 0) - multi]
    assert [int(Decimal(slot) * 100) for slot in slots] == expected
