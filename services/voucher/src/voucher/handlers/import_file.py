"""Vouchers of another system as CSV: bytes in, rows and refusals out. Columns and rules are
described for people in `docs/vouchers-import.md`.

Any bytes lead to rows or to refusals, never to an exception. A refusal names line, column and
reason; it never repeats what stood there, for that may be a code.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

from pydantic import ValidationError

from kassenverbund.kit.secrets import Secrets
from kassenverbund.kit.text import NAME_MAX
from voucher import codes
from voucher.decider.catalogue import RateUnknown
from voucher.events import BlockReason, Terms
from voucher.handlers.import_cells import Refused, amount, amounts, day, one_of, texts

ROWS_MAX = 250_000
"""Vouchers of one file. More are split over several."""

FILE_BYTES_MAX = 64 * 1024 * 1024

LINE_BYTES_MAX = 16 * 1024

REFUSED_MAX = 1_000
"""Refusals that are named; the rest is counted."""

SHAPES_MAX = 1_000
"""Different terms of one file that are kept at hand."""

COLUMNS = (
    "serial", "code", "code_hash", "hash_key_id", "code_kind", "status", "balance", "value",
    "consideration", "valid_until", "issued_on", "legal_entity_id", "blocked", "kind", "vat",
    "goods", "funding", "reason", "payout", "payout_below", "stores", "article_groups",
    "fee_kinds", "offline_cap", "terms",
)  # fmt: skip

TERMS_COLUMNS = (
    "kind", "vat", "goods", "funding", "reason", "payout", "payout_below", "stores",
    "article_groups", "fee_kinds", "offline_cap", "terms",
)  # fmt: skip

_BLANK = dict.fromkeys(COLUMNS, "")
_SERIAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
_HASH = re.compile(r"[0-9a-f]{64}")
_STATUSES = {"": False, "active": False, "inactive": True}
_BLOCKED: Mapping[str, BlockReason | None] = {
    "": None, "lost": "lost", "stolen": "stolen", "fraud": "fraud", "dispute": "dispute",
    "other": "other",
}  # fmt: skip
_CODE_KINDS = {"": False, "own": False, "weak": True}


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a line is not taken over."""

    line: int
    """As an editor counts: the header is line 1."""
    column: str | None
    reason: str
    other_line: int | None = None
    """The line before it that has the same code or serial."""


@dataclass(frozen=True, slots=True)
class Row:
    """One voucher of the file. Amounts in minor units of the chain's currency."""

    line: int
    serial: str | None
    code_hash: str
    hash_key_id: str
    weak: bool
    inactive: bool
    balance: int
    value: int
    consideration: int
    valid_until: date | None
    issued_on: date
    legal_entity_id: str
    blocked: BlockReason | None
    terms: Terms


@dataclass(frozen=True, slots=True)
class Known:
    """What rows are checked against."""

    entities: frozenset[str]
    legal_entity_id: str | None
    """For rows that name none."""
    today: date
    rates_on: Callable[[date], Mapping[str, tuple[int, int]]]
    secrets: Secrets
    currency: str
    foreign_codes: bool
    """Whether tills take short codes of other systems: what they do not take is not taken over."""


@dataclass(slots=True)
class ImportFile:
    """Takes the bytes as they come: `feed`, …, `close`; then `rows` and `refused` are final."""

    known: Known
    rows: list[Row] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    refused_count: int = 0
    weak: int = 0
    total: int = 0
    """Of the balances of `rows`, in minor units."""
    _rest: bytes = b""
    _skipping: bool = False
    _line: int = 0
    _delimiter: str = ","
    _columns: tuple[str, ...] = ()
    _terms_columns: tuple[str, ...] = ()
    _broken: bool = False
    """The header was refused, or there are too many rows: nothing more is read."""
    _codes: dict[str, int] = field(default_factory=dict)
    _serials: dict[str, int] = field(default_factory=dict)
    _shapes: dict[tuple[str, ...], Terms] = field(default_factory=dict)

    def feed(self, content: bytes) -> None:
        """The next bytes of the file."""
        *lines, rest = (self._rest + content).split(b"\n")
        for line in lines:
            self._take(line)
        if len(rest) > LINE_BYTES_MAX:
            # Its end may never come: remember only that there is such a line.
            self._skipping, rest = True, b""
        self._rest = rest

    def close(self) -> None:
        """The file is over."""
        if self._rest or self._skipping:
            self._take(self._rest)
            self._rest = b""
        if not self._columns and not self._broken:
            self.refuse(1, None, "header.missing")
            self._broken = True

    def refuse(
        self, line: int, column: str | None, reason: str, other_line: int | None = None
    ) -> None:
        self.refused_count += 1
        if len(self.refused) < REFUSED_MAX:
            self.refused.append(Refusal(line, column, reason, other_line))

    def _take(self, raw: bytes) -> None:
        self._line += 1
        too_long, self._skipping = self._skipping or len(raw) > LINE_BYTES_MAX, False
        if self._broken:
            return
        try:
            if too_long:
                raise Refused(None, "line.too_long")
            cells = self._cells(raw)
            if cells is None:
                return
            if not self._columns:
                self._head(cells)
                return
            if len(self.rows) + self.refused_count >= ROWS_MAX:
                self._broken = True
                raise Refused(None, "rows.too_many")
            self._add(self._row(cells))
        except Refused as refused:
            self._broken = self._broken or not self._columns
            self.refuse(self._line, refused.column, refused.reason, refused.other_line)

    def _cells(self, raw: bytes) -> list[str] | None:
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            raise Refused(None, "encoding") from None
        text = text.removesuffix("\r")
        if not self._columns:
            text = text.removeprefix("\ufeff")
        if not text.strip():
            return None
        if not text.isprintable():
            raise Refused(None, "text")
        if not self._columns:
            self._delimiter = ";" if ";" in text else ","
        try:
            (cells,) = csv.reader([text], delimiter=self._delimiter, strict=True)
        except (csv.Error, ValueError):
            raise Refused(None, "quoting") from None
        return [cell.strip() for cell in cells]

    def _head(self, cells: list[str]) -> None:
        names = tuple(cell.lower() for cell in cells)
        for place, name in enumerate(names, start=1):
            if name not in COLUMNS:
                # By its place: without a header, a code may stand here.
                raise Refused(f"#{place}", "column.unknown")
            if names.count(name) > 1:
                raise Refused(name, "column.twice")
        if "balance" not in names:
            raise Refused("balance", "column.missing")
        if not {"code", "code_hash"} & set(names):
            raise Refused("code", "column.missing")
        self._columns = names
        self._terms_columns = tuple(name for name in TERMS_COLUMNS if name in names)

    def _row(self, cells: list[str]) -> Row:
        if len(cells) != len(self._columns):
            raise Refused(None, "cells")
        cell = {**_BLANK, **dict(zip(self._columns, cells, strict=True))}
        code_hash, key_id, weak = self._code(cell)
        serial = cell["serial"] or None
        if serial is not None and not _SERIAL.fullmatch(serial):
            raise Refused("serial", "serial")
        entity = cell["legal_entity_id"] or self.known.legal_entity_id
        if entity not in self.known.entities:
            raise Refused("legal_entity_id", "legal_entity.unknown")
        assert entity is not None  # None is no entity.
        issued_on = day(cell, "issued_on") or self.known.today
        if issued_on > self.known.today:
            raise Refused("issued_on", "date.future")
        terms = self._terms(cell, issued_on)
        inactive = one_of(cell, "status", _STATUSES)
        balance, value, consideration = amounts(cell, terms, inactive=inactive)
        return Row(
            line=self._line,
            serial=serial,
            code_hash=code_hash,
            hash_key_id=key_id,
            weak=weak,
            inactive=inactive,
            balance=balance,
            value=value,
            consideration=consideration,
            valid_until=day(cell, "valid_until"),
            issued_on=issued_on,
            legal_entity_id=entity,
            blocked=one_of(cell, "blocked", _BLOCKED),
            terms=terms,
        )

    def _code(self, cell: Mapping[str, str]) -> tuple[str, str, bool]:
        if bool(cell["code"]) == bool(cell["code_hash"]):
            raise Refused("code", "code.missing" if not cell["code"] else "code.and_hash")
        if cell["code"]:
            try:
                code, own = codes.parse_any(cell["code"], kind=codes.Kind.VOUCHER)
            except codes.CodeMistyped:
                raise Refused("code", "code.mistyped") from None
            if not own and not self.known.foreign_codes:
                raise Refused("code", "code.foreign")
            hashed = codes.hashed(code, self.known.secrets)
            return hashed.value, hashed.key_id, not own
        if not _HASH.fullmatch(cell["code_hash"]):
            raise Refused("code_hash", "code_hash")
        if cell["hash_key_id"] != self.known.secrets.key_id:
            # Hashed with another root key: no code that somebody types would ever lead here.
            raise Refused("hash_key_id", "hash_key.other")
        return cell["code_hash"], cell["hash_key_id"], one_of(cell, "code_kind", _CODE_KINDS)

    def _terms(self, cell: Mapping[str, str], issued_on: date) -> Terms:
        shape = tuple([cell[name] for name in self._terms_columns])
        if cell["vat"]:
            shape += (issued_on.isoformat(),)  # The rate is that of its day.
        known = self._shapes.get(shape)
        if known is not None:
            return known
        try:
            terms = self._new_terms(cell, issued_on)
        except RateUnknown:
            raise Refused("vat", "vat.unknown") from None
        except ValidationError:
            raise Refused("terms" if cell["terms"] else None, "terms") from None
        if len(self._shapes) < SHAPES_MAX:
            self._shapes[shape] = terms
        return terms

    def _new_terms(self, cell: Mapping[str, str], issued_on: date) -> Terms:
        if cell["terms"]:
            return self._whole_terms(cell)
        below, cap = amount(cell, "payout_below"), amount(cell, "offline_cap")
        document: dict[str, object] = {
            "kind": cell["kind"] or "multi_purpose",
            "vat": cell["vat"] or None,
            "goods": cell["goods"][:NAME_MAX] or None,
            "funding": cell["funding"] or "purchased",
            "reason": cell["reason"][:NAME_MAX] or None,
            "payout": cell["payout"] or "never",
            "payout_below": None if below is None else self._money(below),
            "offline_cap": None if cap is None else self._money(cap),
            "restrictions": {
                name: [part for part in cell[name].split("|") if part]
                for name in ("stores", "article_groups", "fee_kinds")
            },
        }
        if cell["vat"]:
            rate = self.known.rates_on(issued_on).get(cell["vat"])
            if rate is None:
                raise RateUnknown
            document |= {"rate": rate[0], "dsfinvk_key": rate[1]}
        return Terms.model_validate(document)

    def _whole_terms(self, cell: Mapping[str, str]) -> Terms:
        if any(cell[name] for name in TERMS_COLUMNS if name != "terms"):
            raise Refused("terms", "terms.and_columns")
        terms = Terms.model_validate_json(cell["terms"])
        # The line is printable, but JSON can spell what is not.
        if not all(text.isprintable() for text in texts(terms.model_dump())):
            raise Refused("terms", "text")
        if any(
            given is not None and given.currency != self.known.currency
            for given in (terms.payout_below, terms.offline_cap)
        ):
            raise Refused("terms", "currency")
        return terms

    def _money(self, minor: int) -> dict[str, object]:
        return {"amount": minor, "currency": self.known.currency}

    def _add(self, row: Row) -> None:
        before = self._codes.setdefault(row.code_hash, row.line)
        if before != row.line:
            raise Refused("code", "code.twice", before)
        if row.serial is not None:
            before = self._serials.setdefault(row.serial, row.line)
            if before != row.line:
                raise Refused("serial", "serial.twice", before)
        self.rows.append(row)
        self.weak += row.weak
        self.total += row.balance
