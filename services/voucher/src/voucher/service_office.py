"""Back office's part of the service, put together: templates, presets, print runs, imports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from events import EventStore
from kassenverbund.kit.chain import Chain
from kassenverbund.kit.secrets import Secrets
from voucher.codes import RandomBytes
from voucher.handlers.batches import Batches
from voucher.handlers.catalogue import Catalogue
from voucher.handlers.exports import Exports
from voucher.handlers.imports import Imports
from voucher.handlers.names import Rules
from voucher.ports import BatchParts, BatchWork, VoucherStreams


@dataclass(frozen=True, slots=True)
class BackOffice:
    """What its routes and its background work need."""

    catalogue: Catalogue
    batches: Batches
    imports: Imports
    exports: Exports


def build_back_office(
    store: EventStore,
    *,
    chain: Chain,
    secrets: Secrets,
    parts: BatchParts,
    work: BatchWork,
    streams: VoucherStreams,
    clock: Callable[[], datetime],
    random_bytes: RandomBytes,
    rules: Rules,
) -> BackOffice:
    """Everything over one store."""
    catalogue = Catalogue(store, chain=chain, clock=clock)
    imports = Imports(
        store,
        chain=chain,
        secrets=secrets,
        catalogue=catalogue,
        parts=parts,
        work=work,
        clock=clock,
        rules=rules,
    )
    batches = Batches(
        store,
        chain=chain,
        secrets=secrets,
        catalogue=catalogue,
        parts=parts,
        work=work,
        clock=clock,
        random_bytes=random_bytes,
        takes_over=imports.takes_over,
    )
    return BackOffice(catalogue, batches, imports, Exports(store, streams))
