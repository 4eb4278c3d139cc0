"""The VAT table beside a proposal: what counts as a difference, and how rows get into the file."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from kassenverbund.chain_file import ChainFileInvalid, parse_chain
from kassenverbund.kit.chain import Chain, VatRate
from kassenverbund.vat.comparison import RatesRefused, accepted_rows, compare, differences
from kassenverbund.vat.rows import RowsDontFit, add_rows, with_rows
from kassenverbund.vat.source import Proposal, ProposedRate

TEXT = (Path(__file__).parents[2] / "chain.yaml").read_text()

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)

TODAY, TOMORROW, LATER = date(2026, 11, 22), date(2026, 11, 23), date(2027, 7, 1)


def chain(text: str = TEXT) -> Chain:
    return parse_chain(text, name="chain.yaml")


def rate(vat: str, basis_points: int, day: date | None = None, **more: str | int) -> ProposedRate:
    document = {"vat": vat, "rate": basis_points, "valid_from": day or date(2021, 1, 1), **more}
    return ProposedRate.model_validate(document)


def proposal(*rates: ProposedRate) -> Proposal:
    """The rates of the example, and these."""
    known = {"standard": rate("standard", 1900), "reduced": rate("reduced", 700)}
    for told in rates:
        if told.valid_from <= date(2021, 1, 1):
            known.pop(told.vat, None)
    return Proposal(country="DE", rates=[*known.values(), *rates])


def found(told: Proposal, text: str = TEXT) -> list[tuple[str, date, str]]:
    rows = differences(compare(chain(text), told, now=NOW))
    return [(row.vat, row.valid_from, row.verdict) for row in rows]


def accepted(told: Proposal, text: str = TEXT, now: datetime = NOW) -> list[tuple[date, int, int]]:
    rows = accepted_rows(chain(text), told, now=now)
    return [(row.valid_from, row.rate, row.dsfinvk_key) for row in rows]


def test_an_older_history_than_ours_is_no_difference() -> None:
    older = [rate("standard", 1600, date(2020, 7, 1)), rate("standard", 1900, date(2021, 1, 1))]
    told = Proposal(country="DE", rates=[*older, rate("reduced", 700)])
    assert found(told) == []


def test_a_rate_told_again_is_no_difference() -> None:
    assert found(proposal(rate("standard", 1900, LATER))) == []


def test_a_key_without_a_rate_need_not_be_told() -> None:
    rows = compare(chain(), proposal(), now=NOW)
    assert [row.verdict for row in rows if row.vat == "zero"] == ["untaxed"]


def test_a_taxed_key_that_is_left_out_is_a_difference() -> None:
    told = Proposal(country="DE", rates=[rate("standard", 1900)])
    assert found(told) == [("reduced", date(2021, 1, 1), "untold")]


def test_another_fiscal_key_is_a_difference() -> None:
    told = proposal(rate("standard", 1900, TOMORROW, dsfinvk_key=11))
    assert found(told) == [("standard", TOMORROW, "upcoming")]


def test_a_rate_that_differs_since_long_concerns_past_days() -> None:
    told = proposal(rate("standard", 2000, date(2021, 1, 1)))
    assert found(told) == [("standard", date(2021, 1, 1), "in_force")]


def test_a_rate_that_is_lowered_for_a_time_comes_back_when_accepted() -> None:
    told = proposal(rate("standard", 1600, TOMORROW), rate("standard", 1900, LATER))
    assert accepted(told) == [(TOMORROW, 1600, 1), (LATER, 1900, 1)]


def test_nothing_is_accepted_where_one_row_concerns_today() -> None:
    told = proposal(rate("standard", 2000, TODAY), rate("reduced", 500, TOMORROW))
    with pytest.raises(RatesRefused) as caught:
        accepted(told)
    [reason] = caught.value.reasons
    assert reason.startswith("standard from 2026-11-22")
    assert "the earliest day is 2026-11-23" in reason


def test_tomorrow_is_not_early_enough_where_a_store_is_in_tomorrow_already() -> None:
    evening = datetime(2026, 11, 22, 20, tzinfo=UTC)  # 21:00 in Berlin, 07:00 of the 23rd in Tokyo
    told = proposal(rate("standard", 2000, TOMORROW))
    east = TEXT.replace("    name: Buchhandlung am Dom\n", "    time_zone: Asia/Tokyo\n"
                        "    name: Buchhandlung am Dom\n")  # fmt: skip
    assert accepted(told, now=evening) == [(TOMORROW, 2000, 1)]
    with pytest.raises(RatesRefused, match="the earliest day is 2026-11-24"):
        accepted(told, east, now=evening)


def test_a_row_that_is_declared_already_is_not_replaced() -> None:
    own = with_rows(TEXT, [row(2100)], name="chain.yaml")
    with pytest.raises(RatesRefused, match="take that row out by hand"):
        accepted(proposal(rate("standard", 2000, LATER)), own)


def test_a_key_that_is_new_here_needs_a_label_and_a_fiscal_key() -> None:
    with pytest.raises(RatesRefused, match="needs label and dsfinvk_key"):
        accepted(proposal(rate("books", 0, TOMORROW)))


def test_a_key_that_is_new_here_is_accepted_with_them() -> None:
    told = proposal(rate("books", 0, TOMORROW, label="Bücher", dsfinvk_key=6))
    assert accepted(told) == [(TOMORROW, 0, 6)]


def row(basis_points: int = 2000, label: str = "Regelsteuersatz") -> VatRate:
    return VatRate(vat="standard", rate=basis_points, valid_from=LATER, label=label, dsfinvk_key=1)


def test_a_row_is_added_below_the_last_one_and_all_else_stays() -> None:
    made = with_rows(TEXT, [row()], name="chain.yaml").splitlines()
    before = TEXT.splitlines()
    [new] = [line for line in made if line not in before]
    at = made.index(new)
    assert new == (
        "  - {vat: standard, rate: 2000, valid_from: 2027-07-01, label: Regelsteuersatz, "
        "dsfinvk_key: 1}"
    )
    assert made[at - 1].startswith("  - {vat: zero")
    assert made[:at] + made[at + 1 :] == before


LAST = "  - {vat: zero, rate: 0, valid_from: 2021-01-01, label: nicht steuerbar, dsfinvk_key: 5}\n"

BLOCK = """\
- vat: zero # the last one
  rate: 0
  valid_from: 2021-01-01
  label: nicht steuerbar
  dsfinvk_key: 5 # annex I

# means of payment
"""


@pytest.mark.parametrize(
    ("text", "last"),
    [
        pytest.param(TEXT.replace(LAST, LAST[:-1] + " # annex I\n"), "annex I", id="comment"),
        pytest.param(
            TEXT.replace("  - {vat:", "- {vat:").replace(LAST[2:], BLOCK), "annex I", id="block"
        ),
        pytest.param(
            TEXT.replace(LAST, "")
            .replace("vat: zero}", "vat: reduced}")
            .replace("_vat: zero", "_vat: reduced"),
            "vat: reduced",
            id="two",
        ),
    ],
)
def test_a_row_goes_behind_the_entry_and_its_comment(text: str, last: str) -> None:
    made = with_rows(text, [row()], name="chain.yaml").splitlines()
    at = next(number for number, line in enumerate(made) if "rate: 2000" in line)
    assert last in made[at - 1]


def test_line_ends_of_the_file_are_kept() -> None:
    made = with_rows(TEXT.replace("\n", "\r\n"), [row()], name="chain.yaml")
    assert made.count("\n") == made.count("\r\n") == TEXT.count("\n") + 1


@pytest.mark.parametrize("label", ["19 %: neu, #1", "null", '"', "- x", "Satz "])
def test_any_label_survives(label: str) -> None:
    made = with_rows(TEXT, [row(label=label)], name="chain.yaml")
    assert chain(made).vat[-1].label == label


def test_a_table_that_is_not_in_lines_is_left_alone_and_the_rows_are_told() -> None:
    table = TEXT[TEXT.index("vat:\n  -") : TEXT.index("means_of_payment:")]
    inline = "vat: [{vat: standard, rate: 1900, valid_from: 2021-01-01, label: x, dsfinvk_key: 1}]"
    text = TEXT[: TEXT.index("# What a tax")].replace(table, f"{inline}\n")
    with pytest.raises(RowsDontFit, match="rate: 2000"):
        with_rows(text, [row()], name="chain.yaml")


def test_a_file_is_replaced_whole_and_keeps_its_rights(tmp_path: Path) -> None:
    file, link = tmp_path / "chain.yaml", tmp_path / "link.yaml"
    file.write_text(TEXT)
    file.chmod(0o640)
    link.symlink_to(file)
    add_rows(link, [row()])
    assert chain(file.read_text()).vat[-1] == row()
    assert (file.stat().st_mode & 0o777, link.is_symlink()) == (0o640, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["chain.yaml", "link.yaml"]


@pytest.mark.parametrize(
    "url",
    [
        "http://rates.example/de.json",
        "ftp://rates.example/de.json",
        "https://user:word@rates.example/de.json",
        "https:///de.json",
        "https://rates.example:99999/",
        "https://rates.example/de json",
        "rates.example",
    ],
)
def test_an_address_that_is_not_safe_is_refused_with_its_line(url: str) -> None:
    with pytest.raises(ChainFileInvalid, match=r"vat_source\.url"):
        chain(f'{TEXT}\nvat_source: {{url: "{url}"}}\n')


@pytest.mark.parametrize("url", ["https://rates.example/de.json?v=1", "http://127.0.0.1:80/x"])
def test_https_and_this_machine_are_fine(url: str) -> None:
    source = chain(f'{TEXT}\nvat_source: {{url: "{url}"}}\n').vat_source
    assert source is not None
    assert (source.url, source.every_hours) == (url, 24)
