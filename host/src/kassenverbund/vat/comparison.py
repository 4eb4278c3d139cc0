"""Our VAT table beside a proposal: where they differ, and which rows would make ours theirs. Pure.

Compared is what is in force on each day of which both speak, not how many rows say it: a service
may know an older history than ours, or tell nothing but what is new.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal, TypeVar

from kassenverbund.kit.chain import Chain, VatRate
from kassenverbund.vat.source import Proposal, ProposedRate, RateSourceUnusable

Dated = TypeVar("Dated", VatRate, ProposedRate)

Verdict = Literal["same", "untaxed", "in_force", "upcoming", "untold"]
"""`untaxed`: the service leaves out a key of ours that has no rate, as it may. `in_force`: it
concerns a day that is open or past. `untold`: the service leaves out a key that has a rate."""

AGREED = frozenset({"same", "untaxed"})


class RatesRefused(ValueError):
    """The proposal can't be accepted; the message has one line per reason."""

    def __init__(self, reasons: Sequence[str]) -> None:
        super().__init__("\n".join(reasons))
        self.reasons = tuple(reasons)


@dataclass(frozen=True, slots=True)
class Row:
    """One key from one day on, on both sides."""

    vat: str
    valid_from: date
    ours: VatRate | None
    theirs: ProposedRate | None
    verdict: Verdict

    def __str__(self) -> str:
        return (
            f"{self.vat} from {self.valid_from}: ours {_basis_points(self.ours)}, "
            f"theirs {_basis_points(self.theirs)}"
        )


def latest_open_day(chain: Chain, now: datetime) -> date:
    """The newest business date on which some store may be selling at `now`."""
    return max(now.astimezone(zone).date() for zone in {store.zone for store in chain.stores})


def compare(chain: Chain, proposal: Proposal, *, now: datetime) -> tuple[Row, ...]:
    """Every key of either side: where both agree the row of today, otherwise each difference.

    Raises `RateSourceUnusable` where the proposal is about a country without a store.
    """
    countries = {store.country for store in chain.stores}
    if proposal.country not in countries:
        raise RateSourceUnusable(f"it answers for {proposal.country}, where no store is")
    today = latest_open_day(chain, now)
    ours, theirs = _ours(chain, proposal.country), _by_key(proposal.rates)
    return tuple(
        row
        for vat in dict.fromkeys((*ours, *theirs))
        for row in _rows(vat, ours.get(vat, {}), theirs.get(vat, {}), today)
    )


def differences(rows: Sequence[Row]) -> tuple[Row, ...]:
    """The rows on which the two sides do not agree."""
    return tuple(row for row in rows if row.verdict not in AGREED)


def accepted_rows(chain: Chain, proposal: Proposal, *, now: datetime) -> tuple[VatRate, ...]:
    """The rows that make our table theirs from tomorrow on; none: nothing is upcoming.

    Tomorrow is the first day that is open in no store yet. All or nothing: raises `RatesRefused`
    where anything of the proposal would change a day that is open or past, takes the place of a row
    that is declared already, or leaves out what only it can say. Raises `RateSourceUnusable`.
    """
    found = compare(chain, proposal, now=now)
    today = latest_open_day(chain, now)
    reasons = [
        f"{row}: this would change a day that is open or past; the earliest day is "
        f"{today + timedelta(days=1)}"
        for row in found
        if row.verdict == "in_force"
    ]
    ours, theirs = _ours(chain, proposal.country), _by_key(proposal.rates)
    added: list[VatRate] = []
    for vat in dict.fromkeys(row.vat for row in found if row.verdict == "upcoming"):
        try:
            added += _missing(proposal.country, ours.get(vat, {}), theirs[vat], today)
        except RatesRefused as refused:
            reasons += refused.reasons
    if reasons:
        raise RatesRefused(reasons)
    return tuple(added)


def _missing(
    country: str,
    ours: Mapping[date, VatRate],
    theirs: Mapping[date, ProposedRate],
    today: date,
) -> Iterator[VatRate]:
    # A rate that is lowered for a time takes two rows: ours has to come back, too.
    table = dict(ours)
    for day in sorted({*ours, *theirs}):
        wanted, known = _on(theirs, day), _on(table, day)
        if day <= today or wanted is None or _agree(known, wanted):
            continue
        if day in table:
            raise RatesRefused([
                f"{wanted.vat} from {day}: the chain's file says {_basis_points(table[day])}, they "
                f"say {_basis_points(wanted)}; take that row out by hand first"
            ])  # fmt: skip
        table[day] = _row_of(country, day, wanted, known)
        yield table[day]


def _row_of(country: str, day: date, wanted: ProposedRate, known: VatRate | None) -> VatRate:
    label = wanted.label or (known.label if known else None)
    key = wanted.dsfinvk_key or (known.dsfinvk_key if known else None)
    if label is None or key is None:
        raise RatesRefused([
            f"{wanted.vat} from {day}: a key that is new here needs label and dsfinvk_key"
        ])  # fmt: skip
    return VatRate(
        vat=wanted.vat, rate=wanted.rate, valid_from=day, country=country, label=label,
        dsfinvk_key=key,
    )  # fmt: skip


def _rows(
    vat: str, ours: Mapping[date, VatRate], theirs: Mapping[date, ProposedRate], today: date
) -> list[Row]:
    if not theirs:
        # A key without a rate (not taxable) is no country's tax rate: nobody has to tell it.
        asked = any(rate.rate for day, rate in ours.items() if day > today) or _taxed(ours, today)
        day = max((day for day in ours if day <= today), default=min(ours))
        return [Row(vat, day, ours[day], None, "untold" if asked else "untaxed")]
    begin = max(min(ours, default=date.min), min(theirs))
    days = sorted({begin, *(day for day in (*ours, *theirs) if day > begin)})
    kept: list[Row] = []
    agreed: Row | None = None
    for day in days:
        mine, other = _on(ours, day), _on(theirs, day)
        if not _agree(mine, other):
            kept.append(Row(vat, day, mine, other, "in_force" if day <= today else "upcoming"))
        elif agreed is None or day <= today:
            agreed = Row(vat, day, mine, other, "same")
    return kept or ([agreed] if agreed else [])


def _taxed(ours: Mapping[date, VatRate], today: date) -> bool:
    now = _on(ours, today)
    return now is not None and now.rate > 0


def _agree(ours: VatRate | None, theirs: ProposedRate | None) -> bool:
    if ours is None or theirs is None:
        return ours is None and theirs is None
    return ours.rate == theirs.rate and theirs.dsfinvk_key in (None, ours.dsfinvk_key)


def _on(rates: Mapping[date, Dated], day: date) -> Dated | None:
    newest = max((begin for begin in rates if begin <= day), default=None)
    return None if newest is None else rates[newest]


def _ours(chain: Chain, country: str) -> dict[str, dict[date, VatRate]]:
    return _by_key([rate for rate in chain.vat if rate.country == country])


def _by_key(
    rates: Sequence[Dated],
) -> dict[str, dict[date, Dated]]:
    found: dict[str, dict[date, Dated]] = {}
    for rate in rates:
        found.setdefault(rate.vat, {})[rate.valid_from] = rate
    return found


def _basis_points(rate: VatRate | ProposedRate | None) -> str:
    if rate is None:
        return "none"
    key = f" (key {rate.dsfinvk_key})" if rate.dsfinvk_key else ""
    return f"{rate.rate}{key}"
