"""Master data: what `chain.yaml` declares becomes events, once per change."""

from __future__ import annotations

from datetime import datetime

from device_gateway.commands import DeclareStore
from device_gateway.decider.store import STORE
from device_gateway.events import (
    Address,
    CostCenterTerms,
    FeeVat,
    FiscalChoice,
    LegalEntity,
    LibraryTerms,
    MasterDataChanged,
    MeansOfPayment,
    OnAccountTerms,
    PaidOnline,
    RecordingSystem,
    StorePrinter,
    StoreTse,
    VatRate,
    VoucherArticle,
    VoucherArticles,
)
from device_gateway.handlers.gateway import Gateway, store_stream
from events import Ask, Metadata, handle
from events.handle import input_hash
from kassenverbund.kit import chain as declared
from kassenverbund.kit.chain_fiscal import rows_of
from kassenverbund.kit.chain_printers import logo_mark


async def declare_stores(gateway: Gateway, chain: declared.Chain) -> None:
    """Append `master_data.changed` for each store that differs from what the log knows."""
    now = gateway.clock()
    for store in chain.stores:
        said = master_data_of(chain, store, now)
        hashed = input_hash(said.model_copy(update={"changed_at": None}).model_dump_json())
        # Every start has its own key: a store may go back to what it was before.
        key = f"declare/{store.id}/{hashed.hex()[:16]}/{now.isoformat()}"
        ask = Ask(key, hashed, Metadata(actor="policy:declare_stores"))
        await handle(gateway.store, STORE, store_stream(store.id), DeclareStore(said), ask=ask)


def master_data_of(
    chain: declared.Chain, store: declared.Store, now: datetime
) -> MasterDataChanged:
    """What `chain.yaml` says of a store, as the event."""
    return MasterDataChanged(
        store_id=store.id,
        name=store.name,
        address=_address(store.address),
        legal_entity=_entity(chain.legal_entity(store.legal_entity)),
        time_zone=store.time_zone,
        country=store.country,
        language=store.language,
        currency=chain.currency,
        receipt_footer=store.receipt_footer,
        tses=tuple(_tse(tse) for tse in store.tses),
        printers=tuple(_printer(chain, printer) for printer in store.printers),
        vat=tuple(_vat_rate(rate) for rate in chain.vat if rate.country == store.country),
        means_of_payment=_means_of_payment(chain),
        voucher_articles=tuple(
            VoucherArticles(
                sale=_voucher_article(pair.sale), redemption=_voucher_article(pair.redemption)
            )
            for pair in chain.voucher_articles
        ),
        cost_centers=_cost_centers(chain),
        fiscal_choices=tuple(
            FiscalChoice(case=case, choice=row.choice, valid_from=row.valid_from)
            for case, row in rows_of(chain.fiscal_cases)
        ),
        recording_systems=tuple(
            RecordingSystem(till_id=one.till, **one.model_dump(exclude={"till"}))
            for one in store.recording_systems
        ),
        paid_online=_paid_online(chain),
        library=_library(chain),
        on_account=_on_account(chain),
        rest_slips=chain.vouchers.remainder_slip,
        changed_at=now,
    )


def _vat_rate(rate: declared.VatRate) -> VatRate:
    return VatRate(
        vat=rate.vat,
        rate=rate.rate,
        valid_from=rate.valid_from,
        label=rate.label,
        dsfinvk_key=rate.dsfinvk_key,
    )


def _means_of_payment(chain: declared.Chain) -> tuple[MeansOfPayment, ...]:
    """Those that are taken at the till itself, or by code."""
    return tuple(
        MeansOfPayment(
            kind=means.kind,
            name=means.name,
            fiscal=means.fiscal,
            payment_type=means.payment_type,
        )
        for means in chain.means_of_payment
        if means.kind in ("cash", "card", "voucher")
    )


def _entity(entity: declared.LegalEntity) -> LegalEntity:
    return LegalEntity(
        legal_entity_id=entity.id,
        name=entity.name,
        address=_address(entity.address),
        vat_id=entity.vat_id,
        tax_number=entity.tax_number,
    )


def _tse(tse: declared.Tse) -> StoreTse:
    return StoreTse(
        tse_id=tse.id,
        kind=tse.kind,
        curve=tse.curve,
        certification_id=tse.certification_id,
        commissioned_on=tse.commissioned_on,
    )


def _cost_centers(chain: declared.Chain) -> CostCenterTerms | None:
    """None: the chain takes none."""
    for means in chain.means_of_payment:
        if means.kind == "cost_center":
            policy = chain.cost_centers
            return CostCenterTerms(
                name=means.name,
                receivable_vat=policy.receivable_vat,
                subsidy_vat=policy.subsidy_vat,
                signature_line=policy.signature_line,
                slip=policy.slip,
            )
    return None


def _on_account(chain: declared.Chain) -> OnAccountTerms | None:
    """None: the chain delivers nothing on account."""
    for means in chain.means_of_payment:
        if means.kind == "on_account":
            policy = chain.cost_centers
            return OnAccountTerms(
                name=means.name,
                receivable_vat=policy.receivable_vat,
                signature_line=policy.signature_line,
                slip=policy.slip,
            )
    return None


def _paid_online(chain: declared.Chain) -> PaidOnline | None:
    """None: the chain takes none."""
    for means in chain.means_of_payment:
        if means.kind == "online":
            return PaidOnline(name=means.name, payment_type=means.payment_type)
    return None


def _library(chain: declared.Chain) -> LibraryTerms | None:
    """None: the chain takes no fees."""
    if chain.library is None:
        return None
    by_kind = sorted(chain.library.fee_vat.items())
    return LibraryTerms(
        other_vat=chain.library.other_fees_vat,
        fee_vat=tuple(FeeVat(kind=kind, vat=vat) for kind, vat in by_kind),
    )


def _voucher_article(article: declared.VoucherArticle) -> VoucherArticle:
    return VoucherArticle(sku=article.sku, name=article.name, vat=article.vat)


def _address(address: declared.Address) -> Address:
    return Address(
        street=address.street,
        postal_code=address.postal_code,
        city=address.city,
        country=address.country,
    )


def _printer(chain: declared.Chain, printer: declared.Printer) -> StorePrinter:
    logo = printer.logo
    return StorePrinter(
        printer_id=printer.id,
        till_id=printer.till,
        logo=None if logo is None else logo_mark(logo, chain.logos[logo]),
        **printer.model_dump(exclude={"id", "till", "logo"}),
    )
