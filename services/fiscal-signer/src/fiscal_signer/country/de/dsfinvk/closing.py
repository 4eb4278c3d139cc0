"""One closing of a till (Z) as rows of all tables, and its sums beside those that the till said."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fiscal_signer.country.de.dsfinvk import proof
from fiscal_signer.country.de.dsfinvk.bon import CASH, Bon, Position, bon_of
from fiscal_signer.country.de.dsfinvk.comparing import Sums, differences
from fiscal_signer.country.de.dsfinvk.proof import Device, Outage, Proof
from fiscal_signer.country.de.dsfinvk.tables import (
    CERTIFICATE_PART,
    CERTIFICATE_PARTS_MIN,
    TAXONOMY,
)
from fiscal_signer.country.de.dsfinvk.text import (
    FIVE,
    country,
    five,
    instant,
    quoted,
    three,
    two,
)

BRAND = "Kassenverbund"
STANDS, VOID = '"0"', '"1"'
SOFTWARE_VERSION = "1"
"""Of what the till records, not of the program: an export stays the same over updates."""

Write = Callable[[str, str], None]
"""(table, rows)."""


@dataclass(frozen=True, slots=True)
class Process:
    """One process with everything that was heard about its signature, in order."""

    name: str
    data: Mapping[str, Any]
    proofs: Sequence[tuple[str, Mapping[str, Any]]] = ()
    """(event name, event): the verdict, and what else its transaction brought."""


@dataclass(frozen=True, slots=True)
class Found:
    """A process that a reference names: where and when it was."""

    till_id: str
    z_number: int
    recorded_at: str


@dataclass(frozen=True, slots=True)
class Chainwide:
    """What all closings of an export share."""

    devices: Mapping[str, Device]
    """By TSE id."""
    outages: Mapping[str, Outage]

    @property
    def certificate_parts(self) -> int:
        """How many columns the longest certificate needs in tse.csv."""
        longest = max((len(device.certificate) for device in self.devices.values()), default=0)
        return max(CERTIFICATE_PARTS_MIN, -(-longest // CERTIFICATE_PART))


class Closing:
    """Begin with the closing, give it its processes in the order of their numbers, and end it."""

    def __init__(
        self,
        closed: Mapping[str, Any],
        opened: Mapping[str, Any] | None,
        master: Mapping[str, Any],
        chain: Chainwide,
        write: Write,
    ) -> None:
        self.closed = closed
        self.till = closed["till_id"]
        self.z_number: int = closed["z_number"]
        self.label = f"{closed['store_id']} / {self.till} / Z {self.z_number}"
        self.sums = Sums()
        self.differences: list[str] = []
        self.notes: list[str] = []
        self.lines = 0
        self.processes = 0
        self.longest_data = 0
        self._opened = opened
        self._master = master
        self._chain = chain
        self._write = write
        self._till = quoted(self.till, 50)
        self._prefix = f'{self._till};"{instant(closed["recorded_at"])}";{self.z_number};'
        self._rates: dict[int, int] = {}
        self._devices: dict[int, Device] = {}
        self._next = opened["numbers"] + 1 if opened is not None else None
        self._first = ""
        self._last = ""

    # -- processes ---------------------------------------------------------------------------

    def add(self, processes: Sequence[Process], found: Mapping[str, Found]) -> None:
        """Write processes. `found`: what their references name, as far as it is known.

        Raises KeyError, TypeError, ValueError for an event that is not what its name says."""
        rows: dict[str, list[str]] = {}
        for process in processes:
            self._one(process, found, rows)
        for table, lines in rows.items():
            self._write(table, "".join(lines))

    def _one(
        self, process: Process, found: Mapping[str, Found], rows: dict[str, list[str]]
    ) -> None:
        data = process.data
        bon = bon_of(process.name, dict(data))
        head = f'{self._prefix}"{data["booking_id"]}";'
        self._follows(data)
        evidence = self._proof(process)
        _add(rows, "transactions", self._transaction(head, data, bon, evidence))
        _add(rows, "transactions_tse", f"{head}{evidence.columns}\r\n")
        self.longest_data = max(self.longest_data, len(evidence.process_data))
        for key, (gross, net) in bon.vat.items():
            self._rate(key, bon.rates[key])
            _add(
                rows, "transactions_vat",
                f"{head}{key};{two(gross)}000;{two(net)}000;{two(gross - net)}000\r\n",
            )  # fmt: skip
        if bon.group:
            _add(rows, "allocation_groups", f"{head}{quoted(bon.group, 50)}\r\n")
        for paid in bon.payments:
            amount = two(paid.amount)
            _add(
                rows, "datapayment",
                f'{head}"{paid.type}";{quoted(paid.name, 60)};"{paid.currency}";{amount};'
                f"{amount}\r\n",
            )  # fmt: skip
        for number, position in enumerate(bon.positions, start=1):
            self._position(rows, f'{head}"{number}";', position)
            if position.reference is not None:
                self._reference(rows, head, str(number), position.reference, found)
        for reference in bon.references:
            self._reference(rows, head, "", reference, found)
        self._count(bon)

    def _follows(self, data: Mapping[str, Any]) -> None:
        number = data["number"]
        if self._next is not None and number != self._next:
            missing = f"{self._next} bis {number - 1}" if number > self._next else f"vor {number}"
            self.differences.append(f"{self.label}: Belegnummern fehlen oder doppelt: {missing}")
        self._next = number + 1
        self._first = self._first or data["booking_id"]
        self._last = data["booking_id"]
        self.processes += 1

    def _transaction(self, head: str, data: Mapping[str, Any], bon: Bon, evidence: Proof) -> str:
        ended = data.get("recorded_at") or data["aborted_at"]
        customer_id, customer = bon.customer
        note = "; ".join(text for text in (bon.note, evidence.note) if text)
        return (
            f'{head}{data["number"]};"{bon.type}";{quoted(bon.name, 60)};{self._till};"0";'
            f'"{instant(data["started_at"])}";"{instant(ended)}";'
            f'{quoted(data.get("cashier_id", ""), 50)};"";{two(bon.gross)};'
            f'{quoted(customer, 50)};{quoted(customer_id, 50)};"";"";"";"";"";"";'
            f"{quoted(note, 255)}\r\n"
        )

    def _position(self, rows: dict[str, list[str]], head: str, position: Position) -> None:
        self.lines += 1
        group = quoted(position.group, 40)
        row = (
            f"{head}{quoted(position.voucher, 50)};{quoted(position.text, 255)};{self._till};"
            f'"{position.case}";{quoted(position.case_name, 40)};"0";'
            f"{VOID if position.void else STANDS};0;{quoted(position.sku, 50)};"
            f"{quoted(position.gtin, 50)};{group};{group};{three(position.quantity)};1,000;"
            f'"";{two(position.price)}000\r\n'
        )
        _add(rows, "lines", row)
        for part in position.parts:
            gross = part.gross * FIVE
            amounts = (
                f"{part.key};{two(part.gross)}000;{five(part.net)};{five(gross - part.net)}\r\n"
            )
            _add(rows, "lines_vat", head + amounts)
            if position.lowers:
                _add(rows, "itemamounts", f'{head}"discount";{amounts}')

    def _reference(
        self,
        rows: dict[str, list[str]],
        head: str,
        line: str,
        reference: Mapping[str, Any],
        found: Mapping[str, Found],
    ) -> None:
        known = found.get(reference["id"])
        till = reference.get("till_id") or (known.till_id if known else "")
        z_number = reference.get("z_number") or (known.z_number if known else None)
        moment = reference.get("date") or (known.recorded_at if known else "")
        _add(
            rows, "references",
            f'{head}"{line}";"{reference["type"]}";{quoted(reference.get("name", ""), 40)};'
            f'"{_moment(moment)}";{quoted(till, 50)};{"" if z_number is None else z_number};'
            f"{quoted(reference['id'], 40)}\r\n",
        )  # fmt: skip

    # -- proofs ------------------------------------------------------------------------------

    def _proof(self, process: Process) -> Proof:
        """The verdict's row; what else there is goes to the file that explains it."""
        verdict: Proof | None = None
        for name, event in process.proofs:
            device = self._device(event["tse_id"])
            if name == "signature.made":
                verdict = proof.signed(event, device)
            elif name == "signature.left_unsigned":
                verdict = proof.unsigned(event, device, self._chain.outages)
            else:
                self._write("explained", proof.explanation(name, event, device))
        if verdict is None:
            verdict = proof.unknown(self._device(process.data["tse_id"]))
            what = f"Vorgang {process.data['number']} ohne Ergebnis der Signatur"
            self.differences.append(f"{self.label}: {what}")
        return verdict

    def _device(self, tse_id: str) -> Device | None:
        device = self._chain.devices.get(tse_id)
        if device is not None:
            self._devices[device.number] = device
        return device

    # -- sums --------------------------------------------------------------------------------

    def _rate(self, key: int, rate: int) -> None:
        if self._rates.setdefault(key, rate) != rate:
            what = f"Steuerschlüssel {key} mit zwei Sätzen: {self._rates[key]} und {rate}"
            if (text := f"{self.label}: {what}") not in self.differences:
                self.differences.append(text)

    def _count(self, bon: Bon) -> None:
        sums = self.sums
        sums.kinds[bon.kind] = sums.kinds.get(bon.kind, 0) + 1
        if not bon.counts:
            return
        for position in bon.positions:
            for part in position.parts:
                key = (position.case, position.case_name, part.key)
                found = sums.cases.setdefault(key, [0, 0])
                found[0] += part.gross * FIVE
                found[1] += part.net
        for paid in bon.payments:
            of = (paid.type, paid.name)
            sums.payments[of] = sums.payments.get(of, 0) + paid.amount
            if paid.type == CASH:
                sums.cash[paid.currency] = sums.cash.get(paid.currency, 0) + paid.amount

    def end(self) -> None:
        """The closing's own tables, its sums, and their comparison with what the till said."""
        write, prefix = self._write, self._prefix
        self.sums.cash.setdefault(self.closed["currency"], 0)
        for (case, name, key), (gross, net) in sorted(self.sums.cases.items()):
            write(
                "businesscases",
                f'{prefix}"{case}";{quoted(name, 40)};0;{key};{five(gross)};{five(net)};'
                f"{five(gross - net)}\r\n",
            )
        for (kind, name), amount in sorted(self.sums.payments.items()):
            write("payment", f'{prefix}"{kind}";{quoted(name, 60)};{two(amount)}\r\n')
        for currency, amount in sorted(self.sums.cash.items()):
            write("cash_per_currency", f'{prefix}"{currency}";{two(amount)}\r\n')
        self._master_data()
        self.differences += differences(
            self.label,
            self.closed,
            self.sums,
            first=self._first,
            last=self._last,
            processes=self.processes,
        )
        if self._opened is None:
            self.notes.append(f"{self.label}: Öffnung der Schicht fehlt im Journal")

    def _master_data(self) -> None:
        closed, master, prefix = self.closed, self._master, self._prefix
        entity, site = master["legal_entity"], master["address"]
        vat_id = quoted(entity.get("vat_id") or "", 15)
        payments = sum(self.sums.payments.values())
        self._write(
            "cashpointclosing",
            f'{prefix}"{closed["business_date"]}";"{TAXONOMY}";"{self._first}";"{self._last}";'
            f"{_address(entity['name'], entity['address'])};"
            f"{quoted(entity.get('tax_number') or '', 20)};{vat_id};{two(payments)};"
            f"{two(sum(self.sums.cash.values()))}\r\n",
        )
        self._write("location", f"{prefix}{_address(master['name'], site)};{vat_id}\r\n")
        self._write(
            "cashregister",
            f'{prefix}"{BRAND}";{quoted(closed["till_name"], 50)};'
            f'{quoted(closed["client_id"], 70)};"{BRAND}";"{SOFTWARE_VERSION}";'
            f'"{closed["currency"]}";"0"\r\n',
        )
        for key, rate, label in _rates(master["vat"], closed["business_date"], self._rates):
            self._write("vat", f"{prefix}{key};{two(rate)};{quoted(label, 55)}\r\n")
        for number in sorted(self._devices):
            self._tse(self._devices[number])

    def _tse(self, device: Device) -> None:
        size = CERTIFICATE_PART
        parts = "".join(
            f';"{device.certificate[part * size : (part + 1) * size]}"'
            for part in range(self._chain.certificate_parts)
        )
        self._write(
            "tse",
            f'{self._prefix}{device.number};"{device.serial}";"{device.algorithm}";'
            f'"{device.time_format}";"UTF-8";{quoted(device.public_key, 512)}{parts}\r\n',
        )


def _add(rows: dict[str, list[str]], table: str, row: str) -> None:
    found = rows.get(table)
    if found is None:
        rows[table] = [row]
    else:
        found.append(row)


def _moment(text: str) -> str:
    """An instant, a plain date as it is, or nothing."""
    return instant(text) if "T" in text else text


def _address(name: str, address: Mapping[str, Any]) -> str:
    return (
        f"{quoted(name, 60)};{quoted(address['street'], 60)};{quoted(address['postal_code'], 10)};"
        f"{quoted(address['city'], 62)};{quoted(country(address['country']), 3)}"
    )


def _rates(
    declared: Iterable[Mapping[str, Any]], day: str, used: Mapping[int, int]
) -> list[tuple[int, int, str]]:
    """(key, basis points, text): what was in force on a business date, and all that was used."""
    newest: dict[str, Mapping[str, Any]] = {}
    for row in sorted(declared, key=lambda row: str(row["valid_from"])):
        if row["valid_from"] <= day:
            newest[row["vat"]] = row
    labels = {row["dsfinvk_key"]: (row["rate"], row["label"]) for row in newest.values()}
    for key, rate in used.items():
        label = labels.get(key, (rate, KEY_NAMES.get(key, "individueller Satz")))[1]
        labels[key] = (rate, label)
    return [(key, *labels[key]) for key in sorted(labels)]


KEY_NAMES = {
    1: "Regelsteuersatz", 2: "ermäßigter Steuersatz", 3: "§ 24 Abs. 1 Nr. 3 UStG",
    4: "§ 24 Abs. 1 Nr. 1 UStG", 5: "nicht steuerbar", 6: "umsatzsteuerfrei",
    7: "Umsatzsteuer nicht ermittelbar", 8: "§ 12 Abs. 3 UStG",
}  # fmt: skip
"""Annex 2 of DSFinV-K."""
