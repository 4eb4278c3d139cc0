"""From what a till has in hand (a scanned code, a typed number) to a card."""

from __future__ import annotations

from dataclasses import dataclass

from costcenter import codes
from costcenter.commands import Shown
from costcenter.decider.binding import typed_card
from costcenter.decider.patterns import PATTERN
from costcenter.decider.refusals import CardNotUsable, CardUnknown, CenterUnknown
from costcenter.decider.structure import CARD, CENTER
from costcenter.handlers.desk import Desk, id_of
from costcenter.handlers.patterns import meaning_of
from costcenter.names import PATTERNS, card_number_claim, center_number_claim, code_claim
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
    """Raises `CardUnknown`, `CardNotUsable` (an old medium of a card), `CenterUnknown`,
    `CardChoice`, `NoCard`."""
    if hand.code is not None:
        for reading in codes.readings(hand.code):
            code_hash = codes.code_hash(reading, desk.secrets)
            owner = await desk.owner(code_claim(code_hash), fresh=fresh)
            if owner is not None:
                if fresh and (await desk.state(owner, CARD, fresh=True)).code_hash != code_hash:
                    raise CardNotUsable(reason="replaced")  # An old medium of the card.
                return Shown("code", code_hash, id_of(owner))
        return await _foreign(desk, hand.code, hand.card_number, fresh=fresh)
    if hand.number is not None:
        owner = await desk.owner(card_number_claim(hand.number), fresh=fresh)
        if owner is None:
            raise CardUnknown
        return Shown("number", hand.number, id_of(owner))
    assert hand.center_number is not None  # The border asks for one of the three.
    return await _by_center(desk, hand.center_number, hand.card_number, fresh=fresh)


async def _by_center(desk: Desk, number: str, card_number: str | None, *, fresh: bool) -> Shown:
    owner = await desk.owner(center_number_claim(number), fresh=fresh)
    if owner is None:
        raise CenterUnknown
    try:
        card_id = typed_card(await desk.state(owner, CENTER, fresh=fresh), card_number)
    except DomainError:
        # What this process has seen may be old: a refusal rests on the newest state.
        card_id = typed_card(await desk.state(owner, CENTER, fresh=True), card_number)
    return Shown("center_number", number, card_id, card_number)


async def _foreign(desk: Desk, code: str, card_number: str | None, *, fresh: bool) -> Shown:
    """What a code that is none of ours means by the chain's patterns (C21).

    Raises `CardUnknown`, and for the number of a center what that raises.
    """
    meant = meaning_of(await desk.state(PATTERNS, PATTERN, fresh=fresh), code)
    if meant is not None and meant.meaning == "center":
        return await _by_center(desk, meant.value, card_number, fresh=fresh)
    if meant is None or meant.meaning != "card":
        raise CardUnknown
    owner = await desk.owner(card_number_claim(meant.value), fresh=fresh)
    if owner is None:
        raise CardUnknown
    return Shown("foreign", meant.value, id_of(owner))
