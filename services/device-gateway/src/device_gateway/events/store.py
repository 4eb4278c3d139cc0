"""The store: what a receipt and a booking need to know about it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from device_gateway.events.charges import VatTreatment
from device_gateway.events.parts import FiscalKind, LeftOut, Part, Rare
from events import Event, event_type


class Address(Part):
    street: str
    postal_code: str
    city: str
    country: str


class LegalEntity(Part):
    """The business that sells (§ 6 KassenSichV no. 1: full name and address)."""

    legal_entity_id: str
    name: str
    address: Address
    vat_id: str | None = None
    tax_number: str | None = None


class StoreTse(Part):
    tse_id: str
    kind: str
    curve: str
    certification_id: Rare[str] = None
    """Of the BSI, as declared: for the report of § 146a (4) AO."""
    commissioned_on: Rare[date] = None


class RecordingSystem(Part):
    """A till as the tax office wants to know it, where its pairing does not say it."""

    till_id: str
    acquired_on: Rare[date] = None
    commissioned_on: Rare[date] = None
    decommissioned_on: Rare[date] = None
    decommissioned_because: Rare[str] = None
    manufacturer: Rare[str] = None
    model: Rare[str] = None


PrinterPurpose = Literal["receipt", "vouchers", "orders"]


class StorePrinter(Part):
    """A printer. `till_id` None: it prints for every till of the store."""

    printer_id: str
    till_id: str | None = None
    host: str | None = None
    port: int = 9100
    virtual: bool = False
    columns: int = 48
    codepage: str = "CP858"
    codepage_number: int = 19
    qr: str = "native"
    dots: int = 576
    device: Rare[str] = None
    """Path of a USB or serial line."""
    baudrate: Rare[int] = None
    pull: Rare[str] = None
    """The printer asks for its jobs: `epson_sdp` or `star_cloudprnt`."""
    pull_id: Rare[str] = None
    purposes: Annotated[
        tuple[PrinterPurpose, ...], Field(exclude_if=lambda value: value == ("receipt",))
    ] = ("receipt",)
    article_groups: Annotated[tuple[str, ...], LeftOut] = ()
    """Of orders, the lines of these groups alone; none: all."""
    cut: Annotated[str, Field(exclude_if=lambda value: value == "full")] = "full"
    drawer_pin: Rare[int] = None
    confirm_by: Annotated[str, Field(exclude_if=lambda value: value == "sensor")] = "sensor"
    logo: Rare[str] = None
    """Name and hash of a picture; the picture itself is in no event."""


class VatRate(Part):
    """One rate from one day on; `rate` in basis points, `dsfinvk_key` the UST_SCHLUESSEL."""

    vat: str
    rate: int
    valid_from: date
    label: str
    dsfinvk_key: int


class MeansOfPayment(Part):
    kind: Literal["cash", "card", "voucher"]
    name: str
    fiscal: FiscalKind
    payment_type: Rare[str] = None
    """ZAHLART_TYP of DSFinV-K. None, in older events: the table of fiscal cases says it."""


class VoucherArticle(Part):
    """An article with free price entry."""

    sku: str
    name: str
    vat: str


class VoucherArticles(Part):
    """A pair of articles: vouchers without a balance that anybody keeps. Same VAT in both."""

    sale: VoucherArticle
    redemption: VoucherArticle


class CostCenterTerms(Part):
    """The store takes cost centers, and how they stand in signed data and on paper."""

    name: str
    """Of the means of payment."""
    receivable_vat: VatTreatment = "supply"
    subsidy_vat: Literal["supply", "not_taxable"] = "supply"
    signature_line: bool = True
    """The slip has a line to sign on."""
    slip: Annotated[bool, LeftOut] = False
    """A slip of its own is printed for each charge."""


class OnAccountTerms(Part):
    """The store delivers on account, and how the receivable stands in signed data and on paper."""

    name: str
    """Of the means of payment."""
    receivable_vat: VatTreatment = "supply"
    signature_line: bool = True
    slip: Annotated[bool, LeftOut] = False


class FiscalChoice(Part):
    """A fiscal case that the chain books otherwise than the table's default
    (`kassenverbund.kit.fiscal_cases`)."""

    case: str
    """Name of the case: `fiscal.voucher.multi_purpose.refunded`."""
    choice: str
    valid_from: Rare[date] = None
    """First business date; None: from the beginning."""


class PaidOnline(Part):
    """The store hands over goods of web orders that were paid before. Never cash."""

    name: str
    """Of the means of payment."""
    payment_type: Rare[str] = None
    """As of other means."""


class FeeVat(Part):
    """The VAT key of a kind of fees, as its owner declares it."""

    kind: str
    vat: str


class LibraryTerms(Part):
    """Fees of accounts are taken at the tills."""

    other_vat: str
    """Of kinds that are not named."""
    fee_vat: Annotated[tuple[FeeVat, ...], LeftOut] = ()

    def vat_of(self, kind: str) -> str:
        """The VAT key of a kind of fees."""
        return next((each.vat for each in self.fee_vat if each.kind == kind), self.other_vat)


@event_type("master_data.changed")
class MasterDataChanged(Event):
    """What the chain declares about a store, whole. Stream `store-{store_id}`.

    `version` counts the declarations of a store from 1, without a gap; 0: an older event, counted
    by its readers. A till's shift keeps the version with which it opened."""

    store_id: str
    version: Annotated[int, Field(exclude_if=lambda value: value == 0)] = 0
    name: str
    address: Address
    legal_entity: LegalEntity
    time_zone: str
    country: str
    language: str
    currency: str
    receipt_footer: tuple[str, ...] = ()
    tses: tuple[StoreTse, ...]
    printers: tuple[StorePrinter, ...] = ()
    vat: tuple[VatRate, ...]
    means_of_payment: tuple[MeansOfPayment, ...]
    voucher_articles: tuple[VoucherArticles, ...] = ()
    cost_centers: Rare[CostCenterTerms] = None
    fiscal_choices: Annotated[tuple[FiscalChoice, ...], LeftOut] = ()
    recording_systems: Annotated[tuple[RecordingSystem, ...], LeftOut] = ()
    paid_online: Rare[PaidOnline] = None
    library: Rare[LibraryTerms] = None
    """None: the chain takes no fees."""
    on_account: Rare[OnAccountTerms] = None
    rest_slips: Annotated[bool, LeftOut] = False
    """A slip of its own says what is left on a voucher."""
    changed_at: datetime


@event_type("store.till_joined")
class TillJoined(Event):
    """The store gave a till its TSE and its serial number there. Stream `store-{store_id}`."""

    store_id: str
    till_id: str
    tse_id: str
    client_id: str
    joined_at: datetime


@event_type("store.clock_accepted")
class ClockAccepted(Event):
    """The clock was ahead before and is right now, says a manager: recording goes on although
    what was stored last is later. Stream `store-{store_id}`."""

    store_id: str
    at: datetime
    latest: datetime
    """What was stored last, in the time of the clock that was wrong."""
    reason: str
    accepted_by: str


@event_type("store.tse_out")
class TseOut(Event):
    """The signer says that a TSE of the store has an outage. Stream `store-{store_id}`."""

    store_id: str
    tse_id: str
    outage_id: str
    since: datetime


@event_type("store.tse_back")
class TseBack(Event):
    """The outage is over. Stream `store-{store_id}`."""

    store_id: str
    tse_id: str
    outage_id: str
    at: datetime
