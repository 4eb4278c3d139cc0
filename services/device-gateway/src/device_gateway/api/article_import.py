"""Rows of an import: CSV with a header, or JSON lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from pydantic import ValidationError

from device_gateway.api.article_bodies import ImportedArticle
from device_gateway.events import ArticleListed
from device_gateway.handlers.listing import IMPORT_ROWS_MAX, REFUSED_MAX, ImportRefused

IMPORT_BYTES_MAX = 2 * 1024 * 1024
"""Of one request: 1,000 rows."""

COLUMNS = (
    "sku", "name", "price", "vat", "article_group", "gtins", "kind", "open_price", "function",
    "deposit_sku", "pair_sku", "goods",
)  # fmt: skip
REQUIRED = ("sku", "name", "vat")
_TRUE = frozenset({"1", "true", "yes", "ja", "x"})


def read_rows(raw: bytes, *, csv_file: bool, currency: str, now: datetime) -> list[ArticleListed]:
    """The articles of one import. Raises `ImportRefused` naming the rows that are none.

    CSV: comma or semicolon; prices `12.90` or `12,90`; several codes in `gtins` apart by spaces.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ImportRefused("the file is not UTF-8", refused=[], refused_count=0) from None
    found, refused = list[ArticleListed](), list[dict[str, object]]()
    rows = _csv(text, currency) if csv_file else _json(text)
    for row, read in enumerate(rows, start=1):
        if row > IMPORT_ROWS_MAX:
            raise ImportRefused(f"at most {IMPORT_ROWS_MAX} rows at once", refused=[])
        try:
            if isinstance(read, ValueError):
                raise read
            found.append(ImportedArticle.model_validate(read).listed_as_is(now))
        except ValidationError as fault:
            first = fault.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            refused.append(_refused(row, read, f"{where}: {first['msg']}"))
        except ValueError as fault:
            refused.append(_refused(row, read, str(fault)))
    if refused:
        raise ImportRefused(
            str(refused[0]["reason"]), refused=refused[:REFUSED_MAX], refused_count=len(refused)
        )
    return found


def _refused(row: int, read: object, reason: str) -> dict[str, object]:
    sku = read.get("sku") if isinstance(read, dict) else None
    return {"row": row, "sku": str(sku or "")[:64], "code": "request.invalid", "reason": reason}


def _json(text: str) -> Iterator[Any]:
    for line in text.splitlines():
        if line.strip():
            try:
                yield json.loads(line)
            except (ValueError, RecursionError):
                yield ValueError("this is no JSON")


def _csv(text: str, currency: str) -> Iterator[dict[str, Any] | ValueError]:
    header = text.partition("\n")[0]
    delimiter = ";" if header.count(";") > header.count(",") else ","
    lines = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    names = [name.strip() for name in lines.fieldnames or ()]
    unknown = [name for name in names if name not in COLUMNS]
    missing = [name for name in REQUIRED if name not in names]
    if unknown or missing:
        raise ImportRefused(
            f"columns: {', '.join(COLUMNS)}; unknown: {', '.join(unknown) or '-'};"
            f" missing: {', '.join(missing) or '-'}",
            refused=[],
        )
    lines.fieldnames = names
    try:
        for line in lines:
            yield _row(line, currency)
    except csv.Error as fault:
        yield ValueError(str(fault))


def _row(line: dict[str, Any], currency: str) -> dict[str, Any] | ValueError:
    if None in line or None in line.values():
        return ValueError("this row has another number of columns than the header")
    row: dict[str, Any] = {name: value.strip() for name, value in line.items() if value.strip()}
    if "gtins" in row:
        row["gtins"] = row["gtins"].split()
    if "open_price" in row:
        row["open_price"] = row["open_price"].lower() in _TRUE
    if "price" in row:
        minor = minor_units(row["price"])
        if minor is None:
            return ValueError(f"price: {row['price']} is no amount")
        row["price"] = {"amount": minor, "currency": currency}
    return row


def minor_units(typed: str) -> int | None:
    """`12.90`, `12,90` and `1290,00` as minor units; None: it is no amount."""
    try:
        amount = Decimal(typed.replace(",", ".")) * 100
    except InvalidOperation:
        return None
    if not amount.is_finite() or amount != amount.to_integral_value() or abs(amount) > 10**12:
        return None
    return int(amount)
