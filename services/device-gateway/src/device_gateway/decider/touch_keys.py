"""The keys on the tills' screens, of the chain or of one store. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from device_gateway.events import TouchKeysSet, TouchPage
from events import Decider, DomainError

CHAIN = "chain"
"""The scope that all stores show that have no keys of their own."""


class TouchKeysRefused(DomainError):
    code = "touch_keys.refused"
    status = 422
    title = "These keys cannot be shown"


@dataclass(frozen=True, slots=True)
class TouchKeys:
    pages: tuple[TouchPage, ...] = ()


@dataclass(frozen=True, slots=True)
class SetTouchKeys:
    scope: str
    pages: tuple[TouchPage, ...]
    now: datetime


def decide(command: SetTouchKeys, keys: TouchKeys) -> tuple[TouchKeysSet, ...]:
    for page in command.pages:
        positions = [key.position for key in page.keys]
        if len(set(positions)) < len(positions):
            raise TouchKeysRefused(f"page {page.label}: two keys at one position")
        for key in page.keys:
            does = (key.sku is not None) + (key.preset is not None) + (key.function is not None)
            if does != 1:
                raise TouchKeysRefused(
                    f"page {page.label}, key {key.label}: one of `sku`, `preset` and `function`"
                )
    if keys.pages == command.pages:
        return ()
    return (TouchKeysSet(scope=command.scope, pages=command.pages, set_at=command.now),)


def evolve(keys: TouchKeys, event: TouchKeysSet) -> TouchKeys:
    return TouchKeys(pages=event.pages)


TOUCH_KEYS: Decider[SetTouchKeys, TouchKeys] = Decider(
    initial=TouchKeys(), decide=decide, evolve=evolve
)
