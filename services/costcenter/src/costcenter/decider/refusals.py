"""The ways in which a cost center says no. Codes are stable; a till shows them in its own words."""

from __future__ import annotations

from costcenter.decider.structure.refusals import CardUnknown as CardUnknown
from costcenter.decider.structure.refusals import CenterUnknown as CenterUnknown
from events import DomainError


class CardNotUsable(DomainError):
    """`extra`: `reason`: blocked, ended, not_yet_valid, no_longer_valid, no_center."""

    code = "card.not_usable"
    title = "This card cannot be used"


class GroupMode(DomainError):
    """`extra`: `mode`."""

    code = "charge.group_mode"
    title = "Cards of this user group do not pay on a cost center"


class NoCard(DomainError):
    """`extra`: `state`: `incomplete` where the center has no card at all, else `physical`: one has
    to be shown."""

    code = "charge.no_card"
    title = "Every charge names a card, and this number leads to none that can be typed"


class CardChoice(DomainError):
    """`extra`: `cards`, their numbers."""

    code = "charge.card_choice"
    title = "Several cards may be meant: ask for one of them"


class CenterNotUsable(DomainError):
    """`extra`: `reason`: blocked, closed, not_yet_valid, no_longer_valid, company_closed."""

    code = "center.not_usable"
    title = "This cost center cannot be charged"


class LimitExceeded(DomainError):
    """`extra`: `limit_id`, `name`, `level`, `window`, `available` (what would fit; null for a limit
    by number), `available_count`."""

    code = "limit.exceeded"
    title = "A limit leaves no room for this amount"


class BasketNeeded(DomainError):
    code = "charge.basket_needed"
    status = 422
    title = "A limit or a subsidy is for some goods only: the request has to name them"


class WrongCurrency(DomainError):
    code = "money.currency"
    status = 422
    title = "The cost center is charged in another currency"


class HoldUnknown(DomainError):
    code = "hold.unknown"
    status = 404
    title = "There is no such hold"


class HoldReleased(DomainError):
    code = "hold.released"
    title = "This hold was released"


class HoldExpired(DomainError):
    code = "hold.expired"
    title = "This hold has expired"


class HoldBooked(DomainError):
    code = "hold.captured"
    title = "This hold was booked by a recorded booking"


class HoldReused(DomainError):
    code = "hold.reused"
    status = 422
    title = "This hold id belongs to another request"


class ChargeUnknown(DomainError):
    """A booking gives back what was never charged."""

    code = "charge.unknown"
    status = 404
    title = "There is no such charge"


class MonthIsClosed(DomainError):
    """`extra`: `month`."""

    code = "month.closed"
    title = "This month is closed"


class MonthNotOver(DomainError):
    """`extra`: `month`."""

    code = "month.not_over"
    title = "This month is not over yet"


class OpenHolds(DomainError):
    """`extra`: `holds`, how many, and `center_id`."""

    code = "month.open_holds"
    title = "Payments of this month are still open"
