"""Fees as CSV: read strictly, refused with all rows that stand against it, never in part.

Columns `account_id`, `fee_id`, `kind`, `amount` (`4.00` or `4,00`), `due` (ISO date) and, if
wanted, `text`; separated by comma or semicolon; UTF-8, with a heading.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict, ValidationError

from events import DomainError
from kassenverbund.kit.routes import Day
from kassenverbund.kit.text import Identifier, SafeName
from money import Money, euro, total
from voucher.decider.account.commands import PostFee

ROWS_MAX = 500
"""Rows of one import: all of them go into one append."""

REFUSED_SHOWN_MAX = 100

FEE_MINOR_MAX = 10_000_000
"""The largest fee: 100,000.00. Larger is a typing error."""

COLUMNS = ("account_id", "fee_id", "kind", "amount", "due")

_AMOUNT = re.compile(r"^[0-9]{1,6}([.,][0-9]{1,2})?$")


class FeesRefused(DomainError):
    """Nothing was stored. `extra`: `rows`, each with `row`, `code` and `detail`; `refused`, how
    many there are."""

    code = "fees.refused"
    status = 422
    title = "Rows of this import stand against it; nothing was stored"


class ImportUnreadable(DomainError):
    code = "fees.unreadable"
    status = 422
    title = "This is no CSV with the columns account_id, fee_id, kind, amount, due and text"


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    account_id: Identifier
    fee_id: Identifier
    kind: Identifier
    amount: str
    due: Day
    text: SafeName | None = None


@dataclass(frozen=True, slots=True)
class FeesRead:
    posted: list[tuple[str, PostFee]]
    rows: list[int]
    """The row of each, as a person counts: the heading is row 1."""
    refused: list[dict[str, object]]

    @property
    def total(self) -> Money:
        return total((command.amount for _, command in self.posted), currency="EUR")


def read_fees(raw: bytes, *, now: datetime) -> FeesRead:
    """Raises `ImportUnreadable`. What is wrong in single rows stands in `refused`."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ImportUnreadable from None
    heading = text.split("\n", 1)[0]
    delimiter = ";" if heading.count(";") > heading.count(",") else ","
    try:
        lines = list(csv.reader(io.StringIO(text), delimiter=delimiter, strict=True))
    except csv.Error:
        raise ImportUnreadable from None
    names = [name.strip() for name in lines[0]] if lines else []
    if names not in ([*COLUMNS], [*COLUMNS, "text"]):
        raise ImportUnreadable
    if not 1 < len(lines) <= ROWS_MAX + 1:
        raise ImportUnreadable(f"an import has 1 to {ROWS_MAX} rows")
    found = FeesRead([], [], [])
    for number, cells in enumerate(lines[1:], start=2):
        _read_row(found, number, names, cells, now)
    return found


def _read_row(
    found: FeesRead, number: int, names: list[str], cells: list[str], now: datetime
) -> None:
    if not any(cells):
        return  # An empty line at the end of a file.
    if len(cells) != len(names):
        found.refused.append(_refused(number, "row.columns", f"{len(names)} columns are needed"))
        return
    try:
        row = _Row.model_validate({k: v.strip() or None for k, v in zip(names, cells, strict=True)})
    except ValidationError as fault:
        fields = sorted({str(error["loc"][0]) for error in fault.errors() if error["loc"]})
        found.refused.append(_refused(number, "row.invalid", f"wrong: {', '.join(fields)}"))
        return
    amount = euro(row.amount.replace(",", ".")) if _AMOUNT.match(row.amount) else None
    if amount is None or not 0 < amount.amount <= FEE_MINOR_MAX:
        found.refused.append(_refused(number, "row.amount", "an amount like 4.00, above zero"))
        return
    found.rows.append(number)
    found.posted.append(
        (
            row.account_id,
            PostFee(
                fee_id=row.fee_id,
                kind=row.kind,
                amount=amount,
                due=row.due,
                text=row.text,
                now=now,
            ),
        )
    )


def refuse_all(found: FeesRead, verdicts: Sequence[DomainError | None]) -> None:
    """Raises `FeesRefused` where any row is."""
    refused = list(found.refused)
    for number, verdict in zip(found.rows, verdicts, strict=True):
        if verdict is not None:
            refused.append(_refused(number, verdict.code, verdict.detail))
    if refused:
        refused.sort(key=lambda entry: str(entry["row"]).rjust(9))
        raise FeesRefused(refused=len(refused), rows=refused[:REFUSED_SHOWN_MAX])


def _refused(number: int, code: str, detail: str) -> dict[str, object]:
    return {"row": number, "code": code, "detail": detail}
