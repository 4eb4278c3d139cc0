"""From what the journal holds of a store to its report. Pure: the same events, the same report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from fiscal_signer.country.de.dsfinvk.closing import BRAND, SOFTWARE_VERSION
from fiscal_signer.country.de.report_146a.model import FORMS, Device, Establishment, System

READ = ("master_data.changed", "till.paired", "till.opened", "till.revoked", "tse.initialized")
"""Names of the events that a report is made of."""

Data = Mapping[str, Any]


@dataclass(slots=True)
class _Till:
    paired: Data
    """The first pairing: since then the till has been here."""
    newest: Data
    tse_id: str
    revoked: Data | None = None


@dataclass(slots=True)
class _Store:
    declared: Data | None = None
    tills: dict[str, _Till] = field(default_factory=dict)
    tses: dict[str, Data] = field(default_factory=dict)


def establishment_of(
    store_id: str, events: Iterable[tuple[str, Data]], *, begin: date, end: date
) -> Establishment | None:
    """The report of a store as of the day `end`; tills that were given up before `begin` are left
    out. None: the store was never declared by then, or is in another country.

    What lies after `end` is not read: a report of a past day stays as it was.
    """
    store = _Store()
    for name, data in events:
        _take(store, name, data, end)
    declared = store.declared
    if declared is None or declared.get("country", "DE") != "DE":
        return None
    zone = ZoneInfo(declared["time_zone"])
    systems = [_system(till, store, zone) for till in store.tills.values()]
    entity, address = declared["legal_entity"], declared["address"]
    home = entity["address"]
    return Establishment(
        store_id=store_id,
        name=declared["name"],
        street=address["street"],
        postal_code=address["postal_code"],
        city=address["city"],
        taxpayer=entity["name"],
        taxpayer_address=f"{home['street']}, {home['postal_code']} {home['city']}",
        tax_number=entity.get("tax_number"),
        vat_id=entity.get("vat_id"),
        as_of=end,
        systems=tuple(
            system
            for system in sorted(systems, key=lambda one: one.serial)
            if system.decommissioned_on is None or system.decommissioned_on >= begin
        ),
    )


_WHEN = {
    "master_data.changed": "changed_at",
    "till.paired": "paired_at",
    "till.opened": "opened_at",
    "till.revoked": "revoked_at",
    "tse.initialized": "initialized_at",
}


def _take(store: _Store, name: str, data: Data, end: date) -> None:
    declared = store.declared or data
    zone = ZoneInfo(declared.get("time_zone", "Europe/Berlin"))
    if name not in _WHEN or _day(data[_WHEN[name]], zone) > end:
        return
    match name:
        case "master_data.changed":
            store.declared = data
        case "tse.initialized":
            store.tses.setdefault(data["tse_id"], data)
        case "till.paired":
            till = store.tills.get(data["till_id"])
            if till is None:
                store.tills[data["till_id"]] = _Till(data, data, data["tse_id"])
            else:
                till.newest, till.tse_id, till.revoked = data, data["tse_id"], None
        case "till.opened":
            till = store.tills.get(data["till_id"])
            if till is None:
                # Its pairing is older than the journal.
                known = {**data, "name": data["till_name"], "paired_at": data["opened_at"]}
                store.tills[data["till_id"]] = _Till(known, known, data["tse_id"])
            else:
                till.tse_id, till.revoked = data["tse_id"], None
        case "till.revoked":
            till = store.tills.get(data["till_id"])
            if till is not None:
                till.revoked = data


def _system(till: _Till, store: _Store, zone: ZoneInfo) -> System:
    assert store.declared is not None
    paired = till.newest
    said: Data = next(
        (
            one
            for one in store.declared.get("recording_systems", ())
            if one["till_id"] == paired["till_id"]
        ),
        {},
    )
    first = _day(till.paired["paired_at"], zone)
    gone = None if till.revoked is None else _day(till.revoked["revoked_at"], zone)
    because = None if till.revoked is None else str(till.revoked.get("reason") or "")
    used = _said(said, "commissioned_on") or first
    return System(
        till_id=paired["till_id"],
        name=paired["name"],
        serial=paired["client_id"],
        manufacturer=said.get("manufacturer") or BRAND,
        model=said.get("model") or paired["name"],
        software=BRAND,
        software_version=SOFTWARE_VERSION,
        device=_device(till.tse_id, store, zone),
        acquired_on=_said(said, "acquired_on") or used,
        commissioned_on=used,
        decommissioned_on=_said(said, "decommissioned_on") or gone,
        decommissioned_because=said.get("decommissioned_because") or because or None,
    )


def _device(tse_id: str, store: _Store, zone: ZoneInfo) -> Device:
    assert store.declared is not None
    said: Data = next((one for one in store.declared["tses"] if one["tse_id"] == tse_id), {})
    met = store.tses.get(tse_id, {})
    first = _day(met["initialized_at"], zone) if met else None
    return Device(
        tse_id=tse_id,
        serial=met.get("serial"),
        form=FORMS.get(met.get("kind") or said.get("kind") or ""),
        certified=bool(met.get("certified")),
        certification_id=said.get("certification_id"),
        commissioned_on=_said(said, "commissioned_on") or first,
    )


def _said(said: Data, name: str) -> date | None:
    value = said.get(name)
    return None if value is None else date.fromisoformat(value)


def _day(at: str, zone: ZoneInfo) -> date:
    return datetime.fromisoformat(at).astimezone(zone).date()
