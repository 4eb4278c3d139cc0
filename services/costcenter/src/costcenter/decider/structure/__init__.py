"""Companies, groups, centers and cards: who may charge, and within which limits.

Rules that span streams (a card and its two centers, a card and its group) are kept by the
handlers, which decide all of them together.
"""

from __future__ import annotations

from costcenter.decider.structure import card, center, company, group
from costcenter.decider.structure.commands import (
    CardCommand,
    CenterCommand,
    CompanyCommand,
    GroupCommand,
)
from costcenter.decider.structure_state import Card, Center, Company, MainGroup
from events import Decider

COMPANY: Decider[CompanyCommand, Company] = Decider(
    initial=Company(), decide=company.decide, evolve=company.evolve
)
GROUP: Decider[GroupCommand, MainGroup] = Decider(
    initial=MainGroup(), decide=group.decide, evolve=group.evolve
)
CENTER: Decider[CenterCommand, Center] = Decider(
    initial=Center(), decide=center.decide, evolve=center.evolve
)
CARD: Decider[CardCommand, Card] = Decider(initial=Card(), decide=card.decide, evolve=card.evolve)

__all__ = ["CARD", "CENTER", "COMPANY", "GROUP"]
