"""Templates and presets: command → stream, and what a till has to show now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

from events import Ask, EventStore, Handled, handle, state_of
from kassenverbund.kit.chain import Chain
from money import Money
from voucher.decider.catalogue import (
    CHAIN,
    PRESETS,
    TEMPLATE,
    DefineTemplate,
    Presets,
    PresetsImpossible,
    SetPresets,
    Template,
    TemplateUnknown,
    TemplateWithdrawn,
    check_validity,
    taxed,
)
from voucher.events import ArticlePair, Terms, Validity
from voucher.handlers.names import StoreUnknown


def template_stream(template_id: str) -> str:
    return f"template-{template_id}"


def presets_stream(scope: str) -> str:
    return f"presets-{scope}"


@dataclass(frozen=True, slots=True)
class Defined:
    template: Template
    warnings: tuple[str, ...]
    position: int


@dataclass(frozen=True, slots=True)
class Shown:
    """The presets of one store as its tills show them."""

    store_id: str
    values: tuple[Money, ...]
    template_id: str | None
    own: bool
    """True: the store's own. False: the chain's."""


class Catalogue:
    """Everything that back office offers. Implements `voucher.ports.Templates`."""

    def __init__(self, store: EventStore, *, chain: Chain, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._chain = chain
        self._clock = clock

    def today(self) -> date:
        """The business day of the chain: its first store's."""
        return self._clock().astimezone(self._chain.stores[0].zone).date()

    def rates_on(self, day: date) -> dict[str, tuple[int, int]]:
        """VAT key → (rate, dsfinvk_key), as `Template.terms_on` wants it."""
        found = self._chain.vat_on(day)
        return {key: (entry.rate, entry.dsfinvk_key) for key, entry in found.items()}

    async def define(
        self,
        ask: Ask,
        *,
        template_id: str,
        name: str,
        terms: Terms,
        validity: Validity,
        value: Money | None,
        price: Money | None,
        articles: ArticlePair | None,
        active: bool,
    ) -> Defined:
        """Say what a template offers from now on; issued vouchers keep their terms.

        Raises `ValidityTooShort`, `PairDiffers`, `PriceImpossible`, `RateUnknown`.
        """
        today = self.today()
        if terms.kind == "single_purpose":
            terms = taxed(terms, self.rates_on(today))
        command = DefineTemplate(
            template_id=template_id,
            name=name,
            terms=terms,
            validity=validity,
            value=value,
            price=price,
            articles=articles,
            active=active,
            today=today,
            now=self._clock(),
        )
        done: Handled[Template | None] = await handle(
            self._store, TEMPLATE, template_stream(template_id), command, ask=ask
        )
        assert done.state is not None  # It was defined just now, or before.
        warnings = check_validity(terms, validity, today)
        return Defined(template=done.state, warnings=warnings, position=done.position)

    async def find(self, template_id: str) -> Template:
        """A template that is sold. Raises `TemplateUnknown`, `TemplateWithdrawn`."""
        template = await self.known(template_id)
        if not template.active:
            raise TemplateWithdrawn(template_id)
        return template

    async def known(self, template_id: str) -> Template:
        """Any template, sold or not. Raises `TemplateUnknown`."""
        _, template = await state_of(self._store, TEMPLATE, template_stream(template_id))
        if template is None:
            raise TemplateUnknown(template_id)
        return template

    async def set_presets(
        self, ask: Ask, *, scope: str, values: tuple[Money, ...], template_id: str | None
    ) -> int:
        """Set the keys of a store, or of all stores without their own (`chain`). At once.

        Answers the position. Raises `StoreUnknown`, `PresetsImpossible`, `TemplateUnknown`.
        """
        if scope != CHAIN and self._chain.store(scope) is None:
            raise StoreUnknown(scope)
        if template_id is not None:
            template = await self.find(template_id)
            if template.value is not None and values != (template.value,):
                raise PresetsImpossible(f"{template_id} has a value of its own: {template.value}")
        command = SetPresets(
            scope=scope,
            values=values,
            template_id=template_id,
            currency=self._chain.currency,
            now=self._clock(),
        )
        done = await handle(self._store, PRESETS, presets_stream(scope), command, ask=ask)
        return done.position

    async def presets(self, store_id: str) -> Shown:
        """What the tills of a store show, as the log has it now. Raises `StoreUnknown`."""
        if self._chain.store(store_id) is None:
            raise StoreUnknown(store_id)
        _, own = await state_of(self._store, PRESETS, presets_stream(store_id))
        if own.values:
            return Shown(store_id, own.values, own.template_id, own=True)
        shared = await self.chain_presets()
        return Shown(store_id, shared.values, shared.template_id, own=False)

    async def chain_presets(self) -> Presets:
        """What holds for every store without its own."""
        _, shared = await state_of(self._store, PRESETS, presets_stream(CHAIN))
        return shared
