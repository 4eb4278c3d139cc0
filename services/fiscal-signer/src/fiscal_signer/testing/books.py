"""The books of tills for tests of journal and exports: what a gateway records over a shift, in the
shapes of its contracts, with closings whose sums are made here and not by the export."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from events import Recorded
from events.bus.contract import Record
from events.cloudevents import from_record, to_record
from events.reaction import Incoming
from fiscal_signer.public import PUBLISHED, store_of
from money import Money
from money.vat import split_by_rate

_IDS = UUID("1c0d6a38-53a1-4d0e-9d55-9c9f1b6f1c55")

VAT = {"standard": (1900, 1), "reduced": (700, 2), "zero": (0, 5)}
ADDRESS = {"street": "Kastanienallee 12", "postal_code": "10435", "city": "Berlin", "country": "DE"}


def money(cents: int) -> dict[str, Any]:
    return {"amount": cents, "currency": "EUR"}


def gateway_event(
    name: str, data: dict[str, Any], *, at: datetime, version: int = 1, tag: str = ""
) -> Incoming:
    """As it comes over the bus. The same input has the same id."""
    raw = json.dumps(data, ensure_ascii=False).encode()
    return Incoming(
        event_id=uuid5(_IDS, f"{name}/{tag}/{raw.decode()}"),
        name=name,
        version=version,
        source="device-gateway",
        subject=f"booking-{data.get('booking_id', '')}",
        sequence=1,
        time=at,
        key=data["store_id"],
        data=raw,
        headers={},
    )


def signer_events(log: Iterable[Recorded]) -> list[Incoming]:
    """What of a signer's log goes over the bus, as it arrives."""
    return [
        from_record(to_record(entry, source="fiscal-signer", key=store_of(entry)))
        for entry in log
        if isinstance(entry.event, PUBLISHED)
    ]


def line(
    cents: int,
    *,
    vat: str = "standard",
    quantity: str = "1",
    unit: int | None = None,
    kind: str = "article",
    name: str = "Buch",
    **fields: Any,
) -> dict[str, Any]:
    rate, key = VAT[vat]
    return {
        "line_id": str(uuid5(_IDS, f"{name}{cents}{vat}{quantity}{fields}")), "kind": kind,
        "sku": "A-1", "name": name, "quantity": quantity,
        "unit_price": money(cents if unit is None else unit), "amount": money(cents),
        "vat": vat, "rate": rate, "dsfinvk_key": key, **fields,
    }  # fmt: skip


def cash(cents: int) -> dict[str, Any]:
    return {
        "payment_id": "p-cash", "kind": "cash", "name": "Bar", "fiscal": "Bar",
        "payment_type": "Bar", "amount": money(cents),
    }  # fmt: skip


def card(cents: int, *, payment_type: str = "ECKarte") -> dict[str, Any]:
    return {
        "payment_id": "p-card", "kind": "card", "name": "Karte", "fiscal": "Unbar",
        "payment_type": payment_type, "amount": money(cents),
    }  # fmt: skip


def voucher(cents: int, *, single: bool = False, serial: str = "GS-1") -> dict[str, Any]:
    """A redemption: multi-purpose at key 5, single-purpose at 7 %."""
    kind = "Einzweck" if single else "Mehrzweck"
    return {
        "payment_id": "p-voucher", "kind": "voucher", "name": "Gutschein", "fiscal": "Keine",
        "amount": money(cents), "voucher_serial": serial, "case": f"{kind}gutscheinEinloesung",
        "vat": "reduced" if single else "zero", "dsfinvk_key": 2 if single else 5,
        **({"rate": 700} if single else {}),
    }  # fmt: skip


def charge(
    *parts: tuple[str, int], case: str = "Forderungsentstehung", name: str = "Kostenstelle"
) -> dict[str, Any]:
    """A cost center or a subsidy that pays (VAT, cents) each."""
    return {
        "payment_id": f"p-{case}", "kind": "subsidy" if "Zuschuss" in case else "cost_center",
        "name": name, "fiscal": "Keine", "amount": money(sum(cents for _, cents in parts)),
        "case": case, "center_id": "c-4711", "center_number": "4711", "center_name": "Einkauf",
        "parts": [
            {"vat": vat, "rate": VAT[vat][0], "dsfinvk_key": VAT[vat][1], "gross": money(cents)}
            for vat, cents in parts
        ],
    }  # fmt: skip


def master(store: str, *, version: int | None = 1, at: datetime, **fields: Any) -> Incoming:
    """master_data.changed."""
    data = {
        "store_id": store, "name": f"Buchhandlung {store}", "address": ADDRESS,
        "legal_entity": {"legal_entity_id": "kette", "name": "Buchkette GmbH", "address": ADDRESS,
                         "vat_id": "DE123456789", "tax_number": None},
        "time_zone": "Europe/Berlin", "country": "DE", "language": "de", "currency": "EUR",
        "tses": [{"tse_id": f"tse-{store}", "kind": "software", "curve": "P-256"}],
        "vat": [
            {"vat": name, "rate": rate, "valid_from": "2021-01-01", "label": name,
             "dsfinvk_key": key}
            for name, (rate, key) in VAT.items()
        ],
        "means_of_payment": [], "changed_at": at.isoformat(), **fields,
    }  # fmt: skip
    if version is not None:
        data["version"] = version
    return gateway_event("master_data.changed", data, at=at)


class TillBooks:
    """One till. Each method adds an event to `events`, and what counts to the shift's sums."""

    def __init__(self, store: str = "berlin", till: str = "1", *, begin: datetime) -> None:
        self.store, self.till_id = store, f"{store}-{till}"
        self.tse_id, self.client_id = f"tse-{store}", f"KV-{store}-{till}"
        self.now = begin
        self.number = self.shift = 0
        self.drawer = 0
        self.master_data = 1
        self.events: list[Incoming] = []
        self.heard = 0
        """How many of them a signer has heard of."""
        self._cases: dict[tuple[str, str, int, int], list[int]] = {}
        self._payments: dict[tuple[str, str, str], list[int]] = {}
        self._counts: dict[str, int] = {}
        self._float = 0
        self._first = ""
        self._opened_at = begin

    # -- the shift ---------------------------------------------------------------------------

    def open(self) -> None:
        self.shift += 1
        self._cases, self._payments, self._counts = {}, {}, {}
        self._float, self._first, self._opened_at = self.drawer, "", self.now
        self._emit(
            "till.opened",
            {"store_id": self.store, "till_id": self.till_id, "till_name": "Kasse",
             "shift": self.shift, "opened_at": self._at(), "opened_by": "automatic",
             "float": money(self.drawer), "numbers": self.number, "tse_id": self.tse_id,
             "client_id": self.client_id, "master_data": self.master_data,
             "grand_total": money(0)},
        )  # fmt: skip

    def close(self, **fields: Any) -> str:
        """The closing; its booking id."""
        counts = dict(self._counts)
        envelope = self._envelope("closing")
        cases = [
            {"case": case, "name": name, "dsfinvk_key": key, "rate": rate, "gross": money(gross),
             "net": money(net), "tax": money(gross - net)}
            for (case, name, key, rate), (gross, net) in self._cases.items()
        ]  # fmt: skip
        payments = [
            {"type": kind, "name": name, "fiscal": fiscal, "currency": "EUR",
             "amount": money(amount), "count": count}
            for (kind, name, fiscal), (amount, count) in self._payments.items()
        ]  # fmt: skip
        data = {
            **envelope, "z_number": self.shift, "opened_at": self._opened_at.isoformat(),
            "float": money(self._float), "cases": cases, "payments": payments,
            "cash": {"expected": money(self.drawer), "difference": money(0),
                     "left": money(self.drawer)},
            "corrections": [], "corrections_left_out": 0, "counts": counts,
            "first_booking_id": self._first, "last_booking_id": envelope["booking_id"],
            "master_data": self.master_data, "grand_total": money(0), **fields,
        }  # fmt: skip
        self._emit("till.closed", data)
        return str(envelope["booking_id"])

    # -- processes ---------------------------------------------------------------------------

    def sell(
        self,
        lines: Sequence[dict[str, Any]],
        payments: Sequence[dict[str, Any]],
        *,
        kind: str = "sale",
        started: bool = False,
        **fields: Any,
    ) -> str:
        """booking.recorded; its booking id. `started`: with booking.started before."""
        envelope = self._envelope(kind)
        if started:
            head = {key: envelope[key] for key in _STARTED}
            self._emit("booking.started", head)
        data = self._record(envelope, lines, payments) | fields
        if kind != "sale":
            data["kind"] = kind
        self._emit("booking.recorded", data, version=4)
        self._take(lines, payments)
        return str(envelope["booking_id"])

    def train(self, lines: Sequence[dict[str, Any]], payments: Sequence[dict[str, Any]]) -> str:
        envelope = self._envelope("training")
        data = self._record(envelope, lines, payments) | {"kind": "training"}
        self._emit("training.recorded", data)
        return str(envelope["booking_id"])

    def order(self, *lines: tuple[str, str, int], group: str = "Tisch 7") -> str:
        """An order of (quantity, name, unit price) each."""
        envelope = self._envelope("order")
        entries = [
            {"line_id": name, "name": name, "quantity": quantity, "unit_price": money(cents),
             "vat": "reduced", "rate": 700, "dsfinvk_key": 2}
            for quantity, name, cents in lines
        ]  # fmt: skip
        self._emit("booking.ordered", {**envelope, "lines": entries, "group": group})
        return str(envelope["booking_id"])

    def abort(self, lines: Sequence[dict[str, Any]] = (), *, started: bool = True) -> str:
        envelope = self._envelope("aborted")
        if started:
            self._emit("booking.started", {key: envelope[key] for key in _STARTED})
        data = {key: envelope[key] for key in envelope if key != "recorded_at"}
        data |= {"aborted_at": self._at(), "reason": "Kunde geht", "lines": list(lines)}
        self._emit("booking.aborted", data, version=2)
        return str(envelope["booking_id"])

    def move(self, cents: int, *, kind: str, case: str, reason: str = "Kasse") -> str:
        envelope = self._envelope("cash")
        self._emit(
            "cash.moved",
            {**envelope, "kind": kind, "case": case, "amount": money(cents), "reason": reason,
             "master_data": self.master_data},
        )  # fmt: skip
        self._case(case, "", 5, 0, cents, cents)
        self._pay("Bar", "Bar", "Bar", cents)
        return str(envelope["booking_id"])

    # -- inside ------------------------------------------------------------------------------

    def _at(self) -> str:
        return self.now.astimezone(UTC).isoformat().replace("+00:00", "Z")

    def _emit(self, name: str, data: dict[str, Any], *, version: int = 1) -> None:
        self.events.append(gateway_event(name, data, at=self.now, version=version))
        self.now += timedelta(seconds=1)

    def _envelope(self, kind: str) -> dict[str, Any]:
        self.number += 1
        booking_id = str(uuid5(_IDS, f"{self.till_id}/{self.number}"))
        self._first = self._first or booking_id
        self._counts[kind] = self._counts.get(kind, 0) + 1
        return {
            "booking_id": booking_id, "store_id": self.store, "till_id": self.till_id,
            "till_name": "Kasse", "legal_entity_id": "kette", "tse_id": self.tse_id,
            "client_id": self.client_id, "number": self.number, "shift": self.shift,
            "started_at": self._at(), "recorded_at": self._at(),
            "sign_by": (self.now + timedelta(seconds=30)).isoformat(),
            "business_date": self.now.date().isoformat(), "currency": "EUR",
            "cashier_id": "p-7",
        }  # fmt: skip

    def _record(
        self,
        envelope: dict[str, Any],
        lines: Sequence[dict[str, Any]],
        payments: Sequence[dict[str, Any]],
    ) -> dict[str, Any]:
        total = sum(entry["amount"]["amount"] for entry in lines)
        assert total == sum(entry["amount"]["amount"] for entry in payments)
        taxed = [(entry["vat"], entry["rate"], _money(entry["amount"])) for entry in lines]
        taxed += [(one["vat"], one["rate"], -_money(one["amount"])) for one in payments
                  if one.get("rate")]  # fmt: skip
        vat = [
            {"vat": share.vat, "rate": share.rate, "dsfinvk_key": VAT[share.vat][1],
             "gross": money(share.gross.amount), "net": money(share.net.amount),
             "tax": money(share.tax.amount)}
            for share in split_by_rate(taxed)
        ]  # fmt: skip
        return {
            **envelope, "lines": list(lines), "payments": list(payments), "total": money(total),
            "vat": vat, "change": money(0),
        }  # fmt: skip

    def _take(self, lines: Sequence[dict[str, Any]], payments: Sequence[dict[str, Any]]) -> None:
        for entry in lines:
            gross = entry["amount"]["amount"]
            (share,) = split_by_rate([(entry["vat"], entry["rate"], _money(entry["amount"]))])
            case, name = entry.get("case", "Umsatz"), entry.get("case_name", "")
            self._case(case, name, entry["dsfinvk_key"], entry["rate"], gross, share.net.amount)
        for payment in payments:
            cents = payment["amount"]["amount"]
            if payment["fiscal"] != "Keine":
                self._pay(payment["payment_type"], payment["name"], payment["fiscal"], cents)
                continue
            parts = [
                (part["dsfinvk_key"], part["rate"], part["gross"]["amount"])
                for part in payment.get("parts", ())
            ] or [(payment["dsfinvk_key"], payment.get("rate", 0), cents)]
            for key, rate, gross in parts:
                (share,) = split_by_rate([("x", rate, Money(amount=-gross, currency="EUR"))])
                self._case(payment["case"], "", key, rate, -gross, share.net.amount)

    def _case(self, case: str, name: str, key: int, rate: int, gross: int, net: int) -> None:
        found = self._cases.setdefault((case, name, key, rate), [0, 0])
        found[0] += gross
        found[1] += net

    def _pay(self, kind: str, name: str, fiscal: str, cents: int) -> None:
        found = self._payments.setdefault((kind, name, fiscal), [0, 0])
        found[0] += cents
        found[1] += 1
        if kind == "Bar":
            self.drawer += cents


_STARTED = ("booking_id", "store_id", "till_id", "till_name", "legal_entity_id", "tse_id",
            "client_id", "started_at", "currency")  # fmt: skip


def _money(document: dict[str, Any]) -> Money:
    return Money(amount=document["amount"], currency=document["currency"])


def day(number: int) -> date:
    """The days of the month that tests play."""
    return date(2026, 11, number)


def record_of(event: Incoming) -> Record:
    """An event of a gateway as it travels on a bus."""
    headers = {
        "ce_specversion": "1.0", "ce_id": str(event.event_id), "ce_source": f"/{event.source}",
        "ce_type": f"{event.name}.v{event.version}", "ce_subject": event.subject,
        "ce_time": event.time.isoformat(timespec="microseconds"), "ce_partitionkey": event.key,
        "ce_sequence": str(event.sequence), "ce_position": "1", "content-type": "application/json",
    }  # fmt: skip
    return Record(key=event.key, headers=headers, value=event.data)
