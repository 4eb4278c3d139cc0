"""`chain.yaml`: the legal entities, stores, TSEs, VAT table and means of payment of one chain.

The file is read and checked here. Exports and receipts read events, never this file.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, time
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, model_validator

from kassenverbund.kit.chain_codes import PATTERNS_MAX, CodePattern, check_patterns
from kassenverbund.kit.chain_fiscal import (
    CertificationId,
    FiscalCases,
    RecordingSystem,
    check_cases,
    choices_of,
)
from kassenverbund.kit.chain_library import LibraryPolicy, check_library
from kassenverbund.kit.chain_policies import (
    AccountPolicy,
    CostCenterPolicy,
    Part,
    RuleBroken,
    VoucherPolicy,
    VouchersOffline,
)
from kassenverbund.kit.chain_printers import LOGOS_MAX, Logo
from kassenverbund.kit.chain_printers import Printer as Printer
from kassenverbund.kit.chain_tills import TillRights
from kassenverbund.kit.chain_vat import VatRate as VatRate
from kassenverbund.kit.chain_vat import VatSource as VatSource
from kassenverbund.kit.fiscal_cases import Choices
from kassenverbund.kit.mail import MailAddress
from kassenverbund.kit.text import Identifier, SafeName

STORES_MAX = 2_000


def _zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name} is not a time zone of the IANA database")
    return name


class Address(Part):
    street: SafeName
    postal_code: Annotated[str, Field(pattern=r"^[A-Z0-9 -]{3,10}$")]
    city: SafeName
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] = "DE"


class LegalEntity(Part):
    id: Identifier
    name: SafeName
    address: Address
    vat_id: Annotated[str, Field(pattern=r"^[A-Z]{2}[A-Z0-9]{2,12}$")] | None = None
    tax_number: Annotated[str, Field(pattern=r"^[0-9 /]{5,20}$")] | None = None

    @model_validator(mode="after")
    def _named_to_the_tax_office(self) -> LegalEntity:
        if self.vat_id is None and self.tax_number is None:
            raise ValueError("a legal entity needs a vat_id or a tax_number (on each receipt)")
        return self


class SigningPlace(StrEnum):
    BOX = "box"
    """The store's own box signs."""
    CENTER = "center"


class Tse(Part):
    """A technical security device (Technische Sicherheitseinrichtung) of a store."""

    id: Identifier
    kind: Literal["software", "fiskaly"] = "software"
    """`software`: not certified, for test and training. `fiskaly`: a TSS of fiskaly SIGN DE v2."""
    curve: Literal["P-256", "P-384", "brainpoolP384r1"] = "P-384"
    """Of a software TSE; with `fiskaly` always P-256, and not written."""
    tss_id: UUID | None = None
    """The TSS at fiskaly."""
    certification_id: CertificationId | None = None
    """As the BSI gave it (`BSI-K-TR-0717-2025`): for the report of § 146a (4) AO."""
    commissioned_on: date | None = None
    """The same: first day of use; None: the day on which this program first had it."""

    @model_validator(mode="before")
    @classmethod
    def _curve_of_the_vendor(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("kind") == "fiskaly" and "curve" not in data:
            return {**data, "curve": "P-256"}
        return data

    @model_validator(mode="after")
    def _hangs_together(self) -> Tse:
        if (self.kind == "fiskaly") != (self.tss_id is not None):
            raise ValueError("`tss_id` belongs to the kind `fiskaly`, and that needs it")
        if self.kind == "fiskaly" and self.curve != "P-256":
            raise ValueError("a TSS of fiskaly has the curve P-256: leave `curve` out")
        if self.kind == "software" and self.certification_id is not None:
            raise ValueError("a software TSE is not certified and has no `certification_id`")
        return self


class Closing(Part):
    """`automatic_at`: at this time of the store's day the shifts of the business day before are
    closed, if nobody did it. Nobody counts then. Without it only people close a shift."""

    automatic_at: Annotated[str | None, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")] = None

    @property
    def time(self) -> time | None:
        return None if self.automatic_at is None else time.fromisoformat(self.automatic_at)


class UnattendedTill(Part):
    """A till without a screen and without a person: other services book at it (web orders)."""

    id: Identifier
    name: Annotated[SafeName, Field(max_length=60)]


class Store(Part):
    id: Identifier
    name: SafeName
    legal_entity: Identifier
    address: Address
    time_zone: Annotated[str, AfterValidator(_zone)] = "Europe/Berlin"
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$")] = "DE"
    """Whose fiscal rules hold. There has to be a signing package for it (`countries.py`)."""
    signing_place: SigningPlace = SigningPlace.CENTER
    tses: Annotated[tuple[Tse, ...], Field(min_length=1, max_length=16)]
    printers: tuple[Printer, ...] = ()
    language: Literal["de", "en"] = "de"
    receipt_footer: Annotated[tuple[SafeName, ...], Field(max_length=6)] = ()
    vouchers_offline: VouchersOffline = VouchersOffline()
    recording_systems: tuple[RecordingSystem, ...] = ()
    """What the report of § 146a (4) AO says about tills, where their pairing does not say it."""
    closing: Closing = Closing()
    unattended_tills: Annotated[tuple[UnattendedTill, ...], Field(max_length=20)] = ()
    sign_in: Literal["optional", "required"] = "optional"
    """`required`: nothing is sold at a till of this store before somebody has signed in there."""

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


PaymentType = Literal[
    "Bar", "Unbar", "ECKarte", "Kreditkarte", "ElZahlungsdienstleister", "Guthabenkarte", "Keine"
]
"""ZAHLART_TYP of DSFinV-K."""


class MeansOfPayment(Part):
    """`online`: a web order was paid before its goods are handed over. `on_account`: a customer or
    a third party is invoiced later."""

    kind: Literal["cash", "card", "online", "voucher", "cost_center", "on_account"]
    name: SafeName
    fiscal: Literal["Bar", "Unbar", "Keine"]
    """How the signed data counts it (fiscal.md §2.3)."""
    payment_type: PaymentType | None = None
    """How DSFinV-K names it. None: as the table of fiscal cases does for its kind."""

    @model_validator(mode="after")
    def _counts_as_it_is_named(self) -> MeansOfPayment:
        if self.kind in ("cost_center", "on_account") and self.fiscal != "Keine":
            raise ValueError(f"{self.kind} pays later: its `fiscal` is Keine")
        if self.kind == "online" and self.fiscal != "Unbar":
            raise ValueError("what was paid online is no cash: its `fiscal` is Unbar")
        if self.payment_type is not None:
            counted = self.payment_type if self.payment_type in ("Bar", "Keine") else "Unbar"
            if counted != self.fiscal:
                raise ValueError(f"`payment_type` {self.payment_type} is `fiscal` {counted}")
        return self


class VoucherArticle(Part):
    """One half of a pair: an article with free price entry."""

    sku: SafeName
    name: SafeName
    vat: Identifier


class VoucherArticles(Part):
    """Vouchers as two plain articles, without a balance that anybody keeps: one is sold, the other
    is taken off when the paper comes back. Both have the same VAT or both have none."""

    sale: VoucherArticle
    redemption: VoucherArticle


class Chain(Part):
    """The whole file. See `chain.yaml` in the repository for a commented example."""

    id: Identifier
    name: SafeName
    currency: Literal["EUR"] = "EUR"
    legal_entities: Annotated[tuple[LegalEntity, ...], Field(min_length=1)]
    stores: Annotated[tuple[Store, ...], Field(min_length=1, max_length=STORES_MAX)]
    vat: Annotated[tuple[VatRate, ...], Field(min_length=1)]
    vat_source: VatSource | None = None
    """None: nobody is asked."""
    means_of_payment: Annotated[tuple[MeansOfPayment, ...], Field(min_length=1)]
    operator_mail: MailAddress | None = None
    """Who is told by mail that a TSE needs somebody. None, or no mail server is set: nobody is."""
    vouchers: VoucherPolicy = VoucherPolicy()
    voucher_articles: Annotated[tuple[VoucherArticles, ...], Field(max_length=20)] = ()
    logos: Annotated[dict[Identifier, Logo], Field(max_length=LOGOS_MAX)] = Field(
        default_factory=dict
    )
    """Pictures for the head of receipts: PNG in base64, printed in black and white."""
    accounts: AccountPolicy = AccountPolicy()
    cost_centers: CostCenterPolicy = CostCenterPolicy()
    code_patterns: Annotated[tuple[CodePattern, ...], Field(max_length=PATTERNS_MAX)] = ()
    """Foreign codes that tills recognize by their form."""
    till_rights: TillRights = TillRights()
    library: LibraryPolicy | None = None
    """None: tills take no fees of accounts."""
    fiscal_cases: FiscalCases = Field(default_factory=dict)
    """Fiscal cases that a tax adviser decided otherwise than the table's default, each once or
    dated several times. `kassenverbund policies export` names the cases and their choices."""

    @model_validator(mode="after")
    def _hangs_together(self) -> Chain:
        _unique(
            "legal entity",
            ((e.id, ("legal_entities", i, "id")) for i, e in enumerate(self.legal_entities)),
        )
        _unique("store", ((s.id, ("stores", i, "id")) for i, s in enumerate(self.stores)))
        _unique(
            "TSE",
            (
                (t.id, ("stores", i, "tses", j, "id"))
                for i, s in enumerate(self.stores)
                for j, t in enumerate(s.tses)
            ),
        )
        _unique(
            "TSS of fiskaly",
            (
                (str(t.tss_id), ("stores", i, "tses", j, "tss_id"))
                for i, s in enumerate(self.stores)
                for j, t in enumerate(s.tses)
                if t.tss_id is not None
            ),
        )
        _unique(
            "printer",
            (
                (p.id, ("stores", i, "printers", j, "id"))
                for i, s in enumerate(self.stores)
                for j, p in enumerate(s.printers)
            ),
        )
        self._unattended_tills_are_unique()
        _unique(
            "means of payment",
            (
                (m.kind, ("means_of_payment", i, "kind"))
                for i, m in enumerate(self.means_of_payment)
            ),
        )
        rates = (f"{r.country} {r.vat} from {r.valid_from}" for r in self.vat)
        _unique("VAT rate", ((rate, ("vat", i, "vat")) for i, rate in enumerate(rates)))
        self._pairs_hang_together()
        check_patterns(self.code_patterns)
        check_cases(self.fiscal_cases)
        self._logos_are_there()
        check_library(self.library, (rate.vat for rate in self.vat))
        entities = {entity.id for entity in self.legal_entities}
        for index, store in enumerate(self.stores):
            if store.legal_entity not in entities:
                raise RuleBroken(
                    f"store {store.id}: there is no legal entity {store.legal_entity}",
                    "stores",
                    index,
                    "legal_entity",
                )
        return self

    def _unattended_tills_are_unique(self) -> None:
        _unique(
            "unattended tills",
            (
                (t.id, ("stores", i, "unattended_tills", j, "id"))
                for i, s in enumerate(self.stores)
                for j, t in enumerate(s.unattended_tills)
            ),
        )

    def _logos_are_there(self) -> None:
        for i, store in enumerate(self.stores):
            for j, printer in enumerate(store.printers):
                if printer.logo is not None and printer.logo not in self.logos:
                    rule = f"printer {printer.id}: there is no logo {printer.logo}"
                    raise RuleBroken(rule, "stores", i, "printers", j, "logo")

    def _pairs_hang_together(self) -> None:
        _unique(
            "voucher article",
            (
                (article.sku, ("voucher_articles", i, half, "sku"))
                for i, pair in enumerate(self.voucher_articles)
                for half, article in (("sale", pair.sale), ("redemption", pair.redemption))
            ),
        )
        keys = {rate.vat for rate in self.vat}
        for index, pair in enumerate(self.voucher_articles):
            sale, redemption = pair.sale, pair.redemption
            if sale.vat not in keys:
                rule = f"there is no VAT key {sale.vat}"
                raise RuleBroken(rule, "voucher_articles", index, "sale", "vat")
            if sale.vat != redemption.vat:
                raise RuleBroken(
                    f"the articles {sale.name} ({sale.sku}, VAT {sale.vat}) and {redemption.name} "
                    f"({redemption.sku}, VAT {redemption.vat}) need the same VAT: what is taxed "
                    "when it is sold is not taxed again when it is taken back",
                    "voucher_articles",
                    index,
                    "redemption",
                    "vat",
                )

    @cached_property
    def fiscal_choices(self) -> Choices:
        """What is in force of the table of fiscal cases."""
        return choices_of(self.fiscal_cases, self.cost_centers)

    @cached_property
    def _stores_by_id(self) -> dict[str, Store]:
        return {store.id: store for store in self.stores}

    def store(self, store_id: str) -> Store | None:
        return self._stores_by_id.get(store_id)

    def legal_entity(self, entity_id: str) -> LegalEntity:
        return next(entity for entity in self.legal_entities if entity.id == entity_id)

    def vat_on(self, day: date, *, country: str = "DE") -> dict[str, VatRate]:
        """The rates in force on a business date: key → the newest that is valid by then."""
        rates: dict[str, VatRate] = {}
        for rate in sorted(self.vat, key=lambda entry: entry.valid_from):
            if rate.country == country and rate.valid_from <= day:
                rates[rate.vat] = rate
        return rates


def _unique(what: str, declared: Iterable[tuple[str, tuple[str | int, ...]]]) -> None:
    seen: set[str] = set()
    for name, at in declared:
        if name in seen:
            raise RuleBroken(f"{what} declared twice: {name}", *at)
        seen.add(name)
