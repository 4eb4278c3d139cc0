"""From what a till has in hand (a scanned code, a typed number) to a card."""

from __future__ import annotations

from dataclasses import dataclass

from costcenter import codes
from costcenter.commands import Shown
from costcenter.decider.binding import typed_card
from costcenter.decider.refusals import CardUnknown, CenterUnknown
from costcenter.decider.structure import CENTER
from costcenter.handlers.desk import Desk, id_of
from costcenter.names import card_number_claim, center_number_claim, code_claim
from events import DomainError


@dataclass(frozen=True, slots=True)
class InHand:
    """Exactly one of `code`, `number`, `center_number`."""

    code: str | None = None
    number: str | None = None
    center_number: str | None = None
    card_number: str | None = None
    """With `center_number`: chosen by the till."""


async def find(desk: Desk, hand: InHand, *, fresh: bool) -> Shown:
    """Raises `CardUnknown`, `CenterUnknown`, `CardChoice`, `NoCard`."""
    if hand.code is not None:
        for reading in codes.readings(hand.code):
            code_hash = codes.code_hash(reading, desk.secrets)
            owner = await desk.owner(code_claim(code_hash), fresh=fresh)
            if owner is not None:
                return Shown("code", code_hash, id_of(owner))
        raise CardUnknown
    if hand.number is not None:
        owner = await desk.owner(card_number_claim(hand.number), fresh=fresh)
        if owner is None:
            raise CardUnknown
        return Shown("number", hand.number, id_of(owner))
    assert hand.center_number is not None  # The border asks for one of the three.
    owner = await desk.owner(center_number_claim(hand.center_number), fresh=fresh)
    if owner is None:
        raise CenterUnknown
    try:
        card_id = typed_card(await desk.state(owner, CENTER, fresh=fresh), hand.card_number)
    except DomainError:
        # What this process has seen may be old: a refusal rests on the newest state.
        card_id = typed_card(await desk.state(owner, CENTER, fresh=True), hand.card_number)
    return Shown("center_number", hand.center_number, card_id, hand.card_number)
