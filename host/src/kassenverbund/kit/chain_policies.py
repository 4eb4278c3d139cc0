"""Sections of `chain.yaml` in which a chain decides: vouchers, accounts, cost centers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class RuleBroken(ValueError):
    """A rule over several parts of the file; `at` leads to the part that breaks it."""

    def __init__(self, rule: str, *at: str | int) -> None:
        super().__init__(rule)
        self.at = at


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class VouchersOffline(Part):
    """What a store may do with vouchers while it has no line to the voucher service."""

    policy: Literal["refuse", "cap"] = "refuse"
    """`refuse`: none are taken. `cap`: own ones with a valid signed QR code, within the caps."""
    cap: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """Minor units that one voucher may pay until the voucher service knows of it."""
    per_day: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    """Minor units that all vouchers together may pay in the store on one business date."""
    per_till_day: Annotated[int, Field(ge=1, le=10_000_000)] | None = None
    """The same at one till; null: no less than in the store."""
    sold_here: bool = True
    """Whether only vouchers that this store sold are taken; false: those of its legal entity."""

    @model_validator(mode="after")
    def _hangs_together(self) -> VouchersOffline:
        if self.policy == "refuse" and self.per_till_day is not None:
            raise ValueError("`per_till_day` belongs to the policy `cap`")
        capped = self.cap is not None and self.per_day is not None
        if (self.policy == "cap") != capped or (self.cap is None) != (self.per_day is None):
            raise ValueError("`cap` and `per_day` belong to the policy `cap`, both of them")
        return self


class VoucherPolicy(Part):
    """What a chain, its tax adviser or its lawyer may decide otherwise about vouchers."""

    validity_years: Annotated[int, Field(ge=1, le=30)] = 3
    """A voucher is valid to the end of the n-th year after the year of its sale: the regular
    limitation period (BGB §§ 195, 199)."""
    across_entities: bool = False
    """Whether one legal entity accepts vouchers of another. Off: acceptance by others, also in
    one group, raises questions of payment supervision (ZAG § 2)."""
    value_max: Annotated[int, Field(ge=100, le=10_000_000)] = 100_000
    """Minor units: the largest face value."""
    balance_max: Annotated[int, Field(ge=100, le=10_000_000)] = 100_000
    """Minor units: the most that top-ups and transfers may bring together on one voucher."""
    payout_max: Annotated[int, Field(ge=0, le=100_000)] = 5_000
    """Minor units: the most that is paid out in cash at once (KWG § 25i (2))."""
    foreign_codes: bool = False
    """Whether short codes of another system, taken over by an import, are accepted. They can be
    guessed: they are watched more narrowly."""
    replace_weak_codes: bool = True
    """Whether a voucher with such a code gets one of ours at its first use at a till, if a rest is
    left: the till prints the new code, and the short one is dead."""
    remainder_slip: bool = False
    """Whether a slip of its own says what is left on a voucher. The receipt says it in any case."""
    revived_months: Annotated[int, Field(ge=0, le=120)] = 12
    """Goods paid with a voucher come back after its last day: how long the refund is usable."""
    offline_cap: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """Minor units that a voucher which was sold without a template allows to be taken without a
    line; null: nothing. A template says it for what is sold by it."""


class AccountPolicy(Part):
    """The same for stored-value accounts and prepaid cards."""

    balance_max: Annotated[int, Field(ge=100, le=100_000_000)] | None = 15_000
    """Minor units that an account may hold (KWG § 25i (2)); null: no cap."""
    load_per_month: Annotated[int, Field(ge=100, le=100_000_000)] | None = 15_000
    """Minor units that may be loaded in a calendar month (KWG § 25i (2)); null: no cap."""
    payout_max: Annotated[int, Field(ge=0, le=1_000_000)] | None = 5_000
    """The largest rest that is returned in cash (KWG § 25i (2)); null: none is."""
    validity_years: Annotated[int, Field(ge=1, le=30)] = 3
    """Credit is valid to the end of the n-th year after the year of its load."""
    settlement_s: Annotated[int, Field(ge=60, le=7_200)] = 900
    """How long a till may take between preparing and recording the settlement of a fee."""
    private_webhooks: bool = False
    """Whether webhooks may go to private addresses (a library system in the same house)."""


class CostCenterPolicy(Part):
    """The same for cost centers and subsidies."""

    receivable_vat: Literal["supply", "not_taxable", "undetermined"] = "supply"
    """Under which VAT key the receivable stands in the signed data: that of the goods, not taxable
    (key 5), or not determinable (key 7)."""
    subsidy_vat: Literal["supply", "not_taxable"] = "supply"
    """The same for subsidies. Whether one is real or unreal is the rule's to say."""
    center_number_digits: Annotated[int, Field(ge=1, le=40)] = 12
    """Longer numbers of centers are unusual: see `longer_numbers`."""
    longer_numbers: Literal["warn", "refuse"] = "warn"
    months_close_after_days: Annotated[int, Field(ge=0, le=60)] = 3
    """A month is closed by itself so many days after its end."""
    hold_s: Annotated[int, Field(ge=10, le=900)] = 120
    """How long a charge is kept for a till that does not record its booking."""
    lease_max_hours: Annotated[int, Field(ge=1, le=720)] = 72
    """How long a store without a line may use its share of the limits."""
    signature_line: bool = True
    """The slip of a charge has a line to sign on."""
    slip: bool = False
    """Whether each charge, and each payment on account, gets a slip of its own beside the receipt;
    otherwise it stands on the receipt."""
