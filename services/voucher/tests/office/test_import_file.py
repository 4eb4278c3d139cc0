"""The reader of import files: any bytes lead to rows or to refusals."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kassenverbund.kit.secrets import Secrets
from voucher import codes
from voucher.events import Terms
from voucher.handlers import import_file
from voucher.handlers.import_file import COLUMNS, ImportFile, Known

SECRETS = Secrets(root=b"r" * 32, key_id="test")
OURS = "V00000000000000" + codes.check_symbol("V00000000000000")
HASH = "ab" * 32


def new_file(*, legal_entity_id: str | None = "kette", foreign_codes: bool = True) -> ImportFile:
    return ImportFile(
        Known(
            entities=frozenset({"kette", "hafen"}),
            legal_entity_id=legal_entity_id,
            today=date(2026, 11, 22),
            rates_on=lambda day: {"standard": (1600 if day.year == 2020 else 1900, 1)},
            secrets=SECRETS,
            currency="EUR",
            foreign_codes=foreign_codes,
        )
    )


def read(text: str | bytes, **known: Any) -> ImportFile:
    file = new_file(**known)
    file.feed(text.encode() if isinstance(text, str) else text)
    file.close()
    return file


def refusals(text: str | bytes, **known: str | None) -> list[tuple[int, str | None, str]]:
    return [(one.line, one.column, one.reason) for one in read(text, **known).refused]


def only(header: str, cells: str) -> import_file.Row:
    file = read(f"{header}\n{cells}\n")
    assert file.refused == []
    (row,) = file.rows
    return row


def test_a_row_is_a_voucher_with_its_balance() -> None:
    row = only("serial,code,balance,valid_until", "GS-1,ABC123,12.50,2029-12-31")
    assert (row.serial, row.balance, row.consideration) == ("GS-1", 1250, 1250)
    assert (row.valid_until, row.issued_on) == (date(2029, 12, 31), date(2026, 11, 22))
    assert row.terms == Terms()


def test_a_german_file_is_read() -> None:
    row = only("code;balance;valid_until", "ABC123;12,5;31.12.2029")
    assert (row.balance, row.valid_until) == (1250, date(2029, 12, 31))


def test_a_file_of_a_spreadsheet_has_a_mark_and_carriage_returns() -> None:
    file = read(b'\xef\xbb\xbf"Code","Balance"\r\n"ABC123","1.00"\r\n\r\n')
    assert (len(file.rows), file.total, file.refused) == (1, 100, [])


@pytest.mark.parametrize("typed", ["ABC123", "abc-123", " abc 123 "])
def test_a_short_code_is_weak_and_the_same_however_it_is_typed(typed: str) -> None:
    row = only("code,balance", f"{typed},1")
    assert row.weak
    assert row.code_hash == codes.hashed("ABC123", SECRETS).value


def test_a_code_of_ours_is_not_weak() -> None:
    row = only("code,balance", f"{codes.shown(OURS)},1")
    assert not row.weak
    assert row.code_hash == codes.hashed(OURS, SECRETS).value


def test_a_code_with_the_form_of_ours_must_pass_its_check() -> None:
    wrong = OURS[:-1] + ("0" if OURS[-1] != "0" else "1")
    assert refusals(f"code,balance\n{wrong},1\n") == [(2, "code", "code.mistyped")]


@pytest.mark.parametrize("code", ["ABC", "ABC!23", "Ä12345", "A" * 41])
def test_what_is_no_code_is_refused(code: str) -> None:
    assert refusals(f"code,balance\n{code},1\n") == [(2, "code", "code.mistyped")]


@pytest.mark.parametrize("amount", ["-1", "1.234", "1.234,00", "1e3", "", "zehn", "1 "])
def test_what_is_no_amount_is_refused(amount: str) -> None:
    expected = [] if amount == "1 " else [(2, "balance", "amount")]
    assert refusals(f"code;balance\nABC123;{amount}\n") == expected


def test_an_empty_voucher_is_refused() -> None:
    assert refusals("code,balance\nABC123,0.00\n") == [(2, "balance", "amount.zero")]


def test_ten_thousand_is_the_most() -> None:
    file = read("code,balance\nABC123,10000\nABC124,10000.01\n")
    assert [row.balance for row in file.rows] == [1_000_000]
    assert [one.reason for one in file.refused] == ["amount.too_large"]


def test_a_code_that_stands_twice_is_refused_with_its_other_line() -> None:
    file = read("code,balance\nABC123,1\nABC124,1\nabc-123,1\n")
    (refused,) = file.refused
    assert (refused.line, refused.reason, refused.other_line) == (4, "code.twice", 2)
    assert (len(file.rows), file.total) == (2, 200)


def test_a_serial_that_stands_twice_is_refused() -> None:
    text = "serial,code,balance\nS1,ABC123,1\nS1,ABC124,1\n"
    assert refusals(text) == [(3, "serial", "serial.twice")]


@pytest.mark.parametrize(
    ("header", "refused"),
    [
        ("code", ("balance", "column.missing")),
        ("serial,balance", ("code", "column.missing")),
        ("code,balance,balance", ("balance", "column.twice")),
        ("code,balance,pin", ("#3", "column.unknown")),
        ("", (None, "header.missing")),
    ],
)
def test_a_header_that_is_not_understood_ends_the_file(
    header: str, refused: tuple[str | None, str]
) -> None:
    assert refusals(f"{header}\n") == [(1, *refused)]


def test_a_file_without_a_header_does_not_tell_its_first_code() -> None:
    assert read(f"{OURS},1.00\n").refused[0].column == "#1"


def test_a_row_of_another_length_is_refused() -> None:
    assert refusals("code,balance\nABC123\nABC124,1,2\n") == [
        (2, None, "cells"),
        (3, None, "cells"),
    ]


def test_a_quote_that_never_ends_is_refused_and_the_next_line_read() -> None:
    file = read('code,balance\n"ABC123,1\nABC124,1\n')
    assert [one.reason for one in file.refused] == ["quoting"]
    assert len(file.rows) == 1


@pytest.mark.parametrize(("raw", "reason"), [(b"\xff\xfe", "encoding"), (b"A\x07", "text")])
def test_bytes_that_are_no_text_are_refused(raw: bytes, reason: str) -> None:
    assert refusals(b"code,balance\n" + raw + b",1\n") == [(2, None, reason)]


def test_a_line_without_an_end_is_refused_and_not_kept() -> None:
    file = new_file()
    file.feed(b"code,balance\nABC")
    for _ in range(100):
        file.feed(b"x" * 10_000)
        assert len(file._rest) <= import_file.LINE_BYTES_MAX
    file.feed(b"\nABC123,1\n")
    file.close()
    assert [(one.line, one.reason) for one in file.refused] == [(2, "line.too_long")]
    assert len(file.rows) == 1


def test_more_rows_than_a_file_may_have_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_file, "ROWS_MAX", 2)
    assert refusals("code,balance\nAAA1,1\nAAA2,1\nAAA3,1\nAAA4,1\n") == [
        (4, None, "rows.too_many")
    ]


def test_refusals_beyond_the_limit_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_file, "REFUSED_MAX", 2)
    file = read("code,balance\n" + "x,1\n" * 5)
    assert (len(file.refused), file.refused_count) == (2, 5)


def test_a_single_purpose_voucher_has_the_rate_of_its_day_of_issue() -> None:
    header = "code,balance,kind,vat,goods,issued_on"
    row = only(header, "ABC123,10,single_purpose,standard,Hörbücher,2020-08-01")
    assert (row.terms.rate, row.terms.dsfinvk_key) == (1600, 1)


def test_a_rate_that_nobody_knows_is_refused() -> None:
    text = "code,balance,kind,vat\nABC123,10,single_purpose,luxury\n"
    assert refusals(text) == [(2, "vat", "vat.unknown")]


def test_a_donated_voucher_brought_no_money() -> None:
    row = only("code,balance,funding,reason", "ABC123,10,donated,Sommerfest")
    assert (row.balance, row.consideration) == (1000, 0)


def test_terms_that_contradict_each_other_are_refused() -> None:
    assert refusals("code,balance,funding\nABC123,10,donated\n") == [(2, None, "terms")]


def test_nobody_pays_more_than_the_balance_for_it() -> None:
    text = "code,balance,consideration\nABC123,10,11\n"
    assert refusals(text) == [(2, "consideration", "consideration")]


def test_restrictions_are_lists() -> None:
    row = only("code,balance,stores,fee_kinds", "ABC123,10,berlin|koeln,annual_fee")
    assert row.terms.restrictions.stores == ("berlin", "koeln")
    assert row.terms.restrictions.fee_kinds == ("annual_fee",)


def test_terms_may_be_given_whole() -> None:
    terms = Terms(funding="promotional", reason="Frühling")
    quoted = terms.model_dump_json().replace('"', '""')
    assert only("code,balance,terms", f'ABC123,10,"{quoted}"').terms == terms


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ("{", "terms"),
        ('{"price": 1}', "terms"),
        ('{"funding": "donated", "reason": "a\\u0000b"}', "text"),
        ('{"offline_cap": {"amount": 1, "currency": "USD"}}', "currency"),
        ("[" * 5000, "terms"),
    ],
)
def test_terms_that_cannot_be_are_refused(document: str, reason: str) -> None:
    quoted = document.replace('"', '""')
    assert refusals(f'code,balance,terms\nABC123,10,"{quoted}"\n') == [(2, "terms", reason)]


def test_a_hash_of_our_key_stands_for_a_code() -> None:
    header = "code_hash,hash_key_id,code_kind,balance"
    row = only(header, f"{HASH},test,weak,10")
    assert (row.code_hash, row.weak) == (HASH, True)


def test_a_hash_of_another_key_is_refused() -> None:
    text = f"code_hash,hash_key_id,balance\n{HASH},other,10\n"
    assert refusals(text) == [(2, "hash_key_id", "hash_key.other")]


def test_a_card_that_was_never_sold_owes_nothing() -> None:
    row = only("code,balance,status,value", "ABC123,0,inactive,25.00")
    assert (row.inactive, row.balance, row.value) == (True, 0, 2500)


def test_an_entity_that_the_chain_does_not_have_is_refused() -> None:
    text = "code,balance,legal_entity_id\nABC123,1,fremd\nABC124,1,hafen\n"
    assert refusals(text) == [(2, "legal_entity_id", "legal_entity.unknown")]
    assert refusals("code,balance\nABC123,1\n", legal_entity_id=None) == [
        (2, "legal_entity_id", "legal_entity.unknown")
    ]


@pytest.mark.parametrize(
    ("day", "reason"),
    [("2026-02-29", "date"), ("1.1.2026", "date"), ("0001-01-01", "date.range"),
     ("9999-12-31", "date.range"), ("2026-11-23", "date.future")],
)  # fmt: skip
def test_a_day_that_cannot_be_is_refused(day: str, reason: str) -> None:
    assert refusals(f"code,balance,issued_on\nABC123,1,{day}\n") == [(2, "issued_on", reason)]


def test_a_blocked_voucher_stays_blocked() -> None:
    assert only("code,balance,blocked", "ABC123,1,stolen").blocked == "stolen"
    assert refusals("code,balance,blocked\nABC123,1,yes\n") == [(2, "blocked", "blocked")]


CELLS = st.one_of(
    st.sampled_from(["", "ABC123", OURS, HASH, "test", "1.00", "10,5", "2029-12-31", "donated",
                     "single_purpose", "standard", "inactive", "{}", '"', "a|b", "\u0000"]),
    st.text(max_size=12),
)  # fmt: skip
TABLES = st.builds(
    lambda columns, rows, delimiter: "\n".join(
        delimiter.join(line) for line in [columns, *rows]
    ).encode("utf-8", "surrogatepass"),
    st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=6, unique=True),
    st.lists(st.lists(CELLS, max_size=6), max_size=8),
    st.sampled_from(";,"),
)


@given(content=st.one_of(st.binary(max_size=400), TABLES), cut=st.integers(1, 50))
def test_any_bytes_are_rows_or_refusals(content: bytes, cut: int) -> None:
    file = new_file()
    for start in range(0, len(content), cut):
        file.feed(content[start : start + cut])
    file.close()
    lines = content.count(b"\n") + 1
    assert all(1 <= one.line <= max(lines, 1) for one in file.refused)
    assert len(file.rows) + file.refused_count <= lines
    assert file.total == sum(row.balance for row in file.rows)
    assert file.rows or file.refused or not content.split(b"\n", 1)[-1].strip() or file._columns


@given(content=st.one_of(st.binary(max_size=400), TABLES), cut=st.integers(1, 50))
def test_how_the_bytes_arrive_does_not_matter(content: bytes, cut: int) -> None:
    pieces = new_file()
    for start in range(0, len(content), cut):
        pieces.feed(content[start : start + cut])
    pieces.close()
    whole = read(content)
    assert (whole.rows, whole.refused) == (pieces.rows, pieces.refused)


def test_codes_that_no_till_takes_are_not_taken_over() -> None:
    file = read("code,balance\nABC123,10.00\n", foreign_codes=False)
    assert [(refusal.line, refusal.reason) for refusal in file.refused] == [(2, "code.foreign")]
    assert read("code,balance\nABC123,10.00\n").rows[0].weak
