"""Companies, groups, centers, cards and limits as tables, to list and to export them.

A page of the log is folded in memory: each row that it touches is read once and written once, so an
import of a hundred thousand cards is followed in seconds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from costcenter.events import (
    CardAssigned,
    CardBlocked,
    CardEnded,
    CardEvent,
    CardIssued,
    CardRegrouped,
    CardReplaced,
    CardUnblocked,
    CenterBlocked,
    CenterCardAdded,
    CenterCardRemoved,
    CenterChanged,
    CenterClosed,
    CenterEvent,
    CenterOpened,
    CenterUnblocked,
    CompanyChanged,
    CompanyClosed,
    CompanyEvent,
    CompanyRegistered,
    GroupEvent,
    LimitLifted,
    LimitSet,
    MainGroupChanged,
    MainGroupOpened,
    SubsidyRuleEnded,
    SubsidyRuleSet,
    UserGroupAdded,
    UserGroupChanged,
)
from events import Event, Recorded
from events.projection import names_of

Row = dict[str, Any]
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    name: str
    key: tuple[str, ...]


COMPANY = Table("structure_company", ("company_id",))
MAIN_GROUP = Table("structure_main_group", ("main_group",))
USER_GROUP = Table("structure_user_group", ("main_group", "number"))
CENTER = Table("structure_center", ("center_id",))
CARD = Table("structure_card", ("card_id",))
LIMIT = Table("structure_limit", ("limit_id",))

_Event = CompanyEvent | GroupEvent | CenterEvent | CardEvent
_EVENTS: tuple[type[Event], ...] = (
    CompanyRegistered, CompanyChanged, CompanyClosed, MainGroupOpened, MainGroupChanged,
    UserGroupAdded, UserGroupChanged, CenterOpened, CenterChanged, CenterBlocked, CenterUnblocked,
    CenterClosed, CardIssued, CardAssigned, CardRegrouped, CardBlocked, CardUnblocked,
    CardReplaced, CardEnded, LimitSet, LimitLifted,
)  # fmt: skip


class StructureBook:
    """The newest state of each."""

    name = "structure"
    version = 1
    reads = names_of(*_EVENTS)

    async def apply(self, tx: AsyncConnection, recorded: Sequence[Recorded]) -> None:
        events: list[Any] = [entry.event for entry in recorded if isinstance(entry.event, _EVENTS)]
        if not events:
            return
        page = await _loaded(tx, events)
        for event in events:
            _fold(page, event)
        await _saved(tx, page)


Page = dict[Table, dict[Key, Row | None]]
"""Rows by key; None: it is not there (any more)."""


async def _loaded(tx: AsyncConnection, events: Iterable[_Event]) -> Page:
    page: Page = {}
    for event in events:
        for table, key in _touched(event):
            page.setdefault(table, {})[key] = None
    for table, rows in page.items():
        ids = [dict(zip(table.key, key, strict=True)) for key in rows]
        using = ", ".join(table.key)
        statement = text(
            f"SELECT row_to_json(t)::text FROM {table.name} t"  # noqa: S608 (our own names)
            f" JOIN json_populate_recordset(NULL::{table.name}, :ids) wanted USING ({using})"
        )
        for document in (await tx.execute(statement, {"ids": json.dumps(ids)})).scalars():
            row: Row = json.loads(document)
            rows[tuple(str(row[name]) for name in table.key)] = row
    return page


async def _saved(tx: AsyncConnection, page: Page) -> None:
    for table, rows in page.items():
        using = ", ".join(table.key)
        gone = [dict(zip(table.key, key, strict=True)) for key, row in rows.items() if row is None]
        if gone:
            statement = text(
                f"DELETE FROM {table.name} WHERE ({using}) IN (SELECT {using}"  # noqa: S608
                f" FROM json_populate_recordset(NULL::{table.name}, :ids))"
            )
            await tx.execute(statement, {"ids": json.dumps(gone)})
        kept = [row for row in rows.values() if row is not None]
        if kept:
            changes = ", ".join(
                f"{name} = excluded.{name}" for name in kept[0] if name not in table.key
            )
            statement = text(
                f"INSERT INTO {table.name} SELECT *"  # noqa: S608 (our own names)
                f" FROM json_populate_recordset(NULL::{table.name}, :rows)"
                f" ON CONFLICT ({using}) DO UPDATE SET {changes}"
            )
            await tx.execute(statement, {"rows": json.dumps(kept, default=str)})


def _touched(event: _Event) -> list[tuple[Table, Key]]:
    match event:
        case CompanyRegistered() | CompanyChanged() | CompanyClosed():
            return [(COMPANY, (event.company_id,))]
        case MainGroupOpened() | MainGroupChanged():
            return [(MAIN_GROUP, (str(event.main_group),))]
        case UserGroupAdded() | UserGroupChanged():
            return [(USER_GROUP, (str(event.main_group), str(event.number)))]
        case (
            CenterOpened() | CenterChanged() | CenterBlocked() | CenterUnblocked() | CenterClosed()
        ):
            return [(CENTER, (event.center_id,))]
        case LimitSet():
            return [(LIMIT, (event.limit.limit_id,))]
        case LimitLifted():
            return [(LIMIT, (event.limit_id,))]
        case CenterCardAdded() | CenterCardRemoved() | SubsidyRuleSet() | SubsidyRuleEnded():
            return []
        case _:
            return [(CARD, (event.card_id,))]


_TIMES = frozenset({"registered_at", "changed_at", "opened_at", "added_at", "issued_at"})


def _columns(event: Event) -> Row:
    document: Row = event.model_dump(mode="json")
    return {name: value for name, value in document.items() if name not in _TIMES}


def _fold(page: Page, event: _Event) -> None:
    touched = _touched(event)
    if not touched:
        return
    table, key = touched[0]
    rows = page[table]
    before: Mapping[str, Any] = rows[key] or {}
    match event:
        case CompanyRegistered() | CompanyChanged():
            rows[key] = {**_columns(event), "closed": False}
        case MainGroupOpened() | MainGroupChanged() | UserGroupAdded() | UserGroupChanged():
            rows[key] = _columns(event)
        case CenterOpened():
            rows[key] = {**_columns(event), "blocked": None, "closed": False}
        case CenterChanged():
            rows[key] = {**before, **_columns(event)}
        case CenterBlocked() | CardBlocked():
            rows[key] = {**before, "blocked": event.reason}
        case CenterUnblocked() | CardUnblocked():
            rows[key] = {**before, "blocked": None}
        case CompanyClosed() | CenterClosed():
            rows[key] = {**before, "closed": True}
        case CardIssued():
            rows[key] = {**_columns(event), "blocked": None, "ended": False}
        case CardAssigned():
            rows[key] = {**before, "center_id": event.center_id}
        case CardRegrouped():
            group = {"main_group": event.main_group, "user_group": event.user_group}
            rows[key] = {**before, **group}
        case CardReplaced():
            code = {"code_hash": event.code_hash, "hash_key_id": event.hash_key_id}
            rows[key] = {**before, **code, "medium": event.medium}
        case CardEnded():
            rows[key] = {**before, "ended": True, "center_id": None}
        case LimitSet():
            rows[key] = _limit(event)
        case LimitLifted():
            rows[key] = None
        case CenterCardAdded() | CenterCardRemoved() | SubsidyRuleSet() | SubsidyRuleEnded():
            raise AssertionError("it touches no row")
        case _:
            assert_never(event)


def _limit(event: LimitSet) -> Row:
    return {
        "limit_id": event.limit.limit_id,
        "level": event.limit.scope.level,
        "scope_id": event.limit.scope.id,
        "document": event.limit.model_dump(mode="json"),
        "set_at": event.set_at.isoformat(),
    }
