"""The keys on the tills' screens: the store's own, else the chain's; presets as they are now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from device_gateway.decider.article import ArticleUnknown
from device_gateway.decider.touch_keys import CHAIN, TOUCH_KEYS, SetTouchKeys
from device_gateway.events import ArticleListed, TouchKey, TouchPage
from device_gateway.handlers.assortment import article
from device_gateway.handlers.gateway import Gateway
from events import Ask, DomainError, handle, state_of
from money import Money


@dataclass(frozen=True, slots=True)
class ShownKey:
    """A key with what it stands for now."""

    key: TouchKey
    article: ArticleListed | None = None
    value: Money | None = None
    """Of a preset."""


@dataclass(frozen=True, slots=True)
class ShownPage:
    label: str
    keys: Sequence[ShownKey]


@dataclass(frozen=True, slots=True)
class ShownKeys:
    scope: str
    """Whose keys they are: the store, or `chain`."""
    pages: Sequence[ShownPage]
    presets: Sequence[Money]
    """The voucher service's values for this store; empty where it does not answer."""


def touch_stream(scope: str) -> str:
    return f"touch-keys-{scope}"


async def set_keys(
    gateway: Gateway, scope: str, pages: Sequence[TouchPage], *, ask: Ask
) -> Sequence[TouchPage]:
    """Set all keys of a store, or of the `chain`. Articles may be listed later: until then their
    keys are not shown. Raises `TouchKeysRefused`."""
    command = SetTouchKeys(scope, tuple(pages), gateway.clock())
    return (
        await handle(gateway.store, TOUCH_KEYS, touch_stream(scope), command, ask=ask)
    ).state.pages


async def keys_of(gateway: Gateway, scope: str) -> Sequence[TouchPage]:
    """What was set for a scope itself."""
    return (await state_of(gateway.store, TOUCH_KEYS, touch_stream(scope)))[1].pages


async def shown(gateway: Gateway, store_id: str) -> ShownKeys:
    """What the store's tills show now. Keys of articles that are not sold, and of presets that are
    not there, are left out. Raises `StoreUnknown`."""
    await gateway.master_data(store_id)
    scope, pages = store_id, await keys_of(gateway, store_id)
    if not pages:
        scope, pages = CHAIN, await keys_of(gateway, CHAIN)
    presets = await presets_of(gateway, store_id)
    found = list[ShownPage]()
    for page in pages:
        keys = [await _shown(gateway, key, presets) for key in page.keys]
        there = [key for key in keys if key is not None]
        found.append(ShownPage(page.label, sorted(there, key=lambda each: each.key.position)))
    return ShownKeys(scope, found, presets)


async def presets_of(gateway: Gateway, store_id: str) -> Sequence[Money]:
    """Values of vouchers that are sold by a key (V26): asked anew each time, so that a change needs
    no restart. None, where nobody answers."""
    if gateway.library is None:
        return ()
    try:
        return await gateway.library.presets(store_id)
    except DomainError:
        return ()


async def _shown(gateway: Gateway, key: TouchKey, presets: Sequence[Money]) -> ShownKey | None:
    if key.preset is not None:
        return ShownKey(key, value=presets[key.preset]) if key.preset < len(presets) else None
    if key.sku is None:
        return ShownKey(key)
    try:
        return ShownKey(key, article=await article(gateway, key.sku))
    except ArticleUnknown:
        return None
