"""P10 and P14: no operation mixes currencies, and a till learns nothing from a refusal."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events import fold
from money import Money
from voucher.commands import ActivateVoucher, IssueVoucher, PlaceHold, RedeemVoucher
from voucher.decider import VOUCHER, Issued, VoucherNotUsable, WrongCurrency
from voucher.decider.state import Status
from voucher.events import SoldAt

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
currencies = st.from_regex(r"[A-Z]{3}", fullmatch=True).filter(lambda code: code != "EUR")
amounts = st.integers(1, 10_000)


def active(value: int = 5_000) -> Issued:
    issue = IssueVoucher(
        voucher_id="v1", serial="GS-1", code_hash="aa", hash_key_id="k",
        value=Money(amount=value, currency="EUR"), legal_entity_id="kette",
        sold_at=SoldAt(store_id="s", till_id="t", booking_id="B1", line_id="L1"),
        valid_until=date(2029, 12, 31), time_zone="Europe/Berlin", opened=NOW.date(), now=NOW,
    )  # fmt: skip
    voucher = fold(VOUCHER, VOUCHER.decide(issue, VOUCHER.initial))
    sale = ActivateVoucher("v1", "B1", issue.value, "s", "t", NOW)
    voucher = fold(VOUCHER, VOUCHER.decide(sale, voucher), start=voucher)
    assert isinstance(voucher, Issued)
    return voucher


def hold(amount: Money, *, code_hash: str = "aa", by: str = "kette") -> PlaceHold:
    return PlaceHold(
        hold_id="H1", code_hash=code_hash, amount=amount, mode="up_to", store_id="s", till_id="t",
        booking_id="B2", payment_id="P1", accepted_by=by, across_entities=False,
        expires_at=NOW + timedelta(minutes=5), now=NOW,
    )  # fmt: skip


def redemption(amount: Money) -> RedeemVoucher:
    return RedeemVoucher(
        redemption_id="R1", code_hash="aa", amount=amount, mode="up_to", store_id="s",
        accepted_by="kette", across_entities=False, now=NOW,
    )  # fmt: skip


@given(currencies, amounts)
def test_p10_another_currency_neither_holds_nor_pays(currency: str, minor: int) -> None:
    wanted = Money(amount=minor, currency=currency)
    for command in (hold(wanted), redemption(wanted)):
        with pytest.raises(WrongCurrency):
            VOUCHER.decide(command, active())


@given(amounts, amounts)
def test_p10_every_amount_of_every_fact_is_in_the_vouchers_currency(value: int, minor: int) -> None:
    voucher = active(value)
    for command in (hold(wanted := Money(amount=minor, currency="EUR")), redemption(wanted)):
        for event in VOUCHER.decide(command, voucher):
            for _, given_ in event:
                if isinstance(given_, Money):
                    assert given_.currency == "EUR"
                    assert type(given_.amount) is int


def unusable() -> dict[str, Issued]:
    """One voucher for each reason that its own state gives."""
    voucher = active()
    ended = (Status.CANCELLED, Status.REPLACED, Status.CLAIMED, Status.PAID_OUT, Status.PENDING)
    return {
        "blocked": replace(voucher, blocked=True),
        "spent": replace(voucher, balance=voucher.balance.zero, lots=()),
        **{status.value: replace(voucher, status=status) for status in ended},
    }


@given(st.sampled_from(sorted(unusable())), amounts)
def test_p14_every_reason_is_refused_with_the_same_words(reason: str, minor: int) -> None:
    wanted = Money(amount=minor, currency="EUR")
    refusals = []
    for voucher, command in (
        (unusable()[reason], hold(wanted)),
        (VOUCHER.initial, hold(wanted)),
        (active(), hold(wanted, code_hash="bb")),
        (active(), hold(wanted, by="hafen")),
    ):
        with pytest.raises(VoucherNotUsable) as refused:
            VOUCHER.decide(command, voucher)
        refusals.append((refused.value.code, refused.value.detail, refused.value.extra))
    assert all(refusal == refusals[0] for refusal in refusals)
