"""The ways in which the structure says no. Codes are stable."""

from __future__ import annotations

from events import DomainError


class CompanyUnknown(DomainError):
    code = "company.unknown"
    status = 404
    title = "There is no such company"


class CompanyIsClosed(DomainError):
    code = "company.closed"
    title = "This company is closed"


class MainGroupUnknown(DomainError):
    code = "main_group.unknown"
    status = 404
    title = "There is no such main group"


class UserGroupUnknown(DomainError):
    code = "user_group.unknown"
    status = 404
    title = "There is no such user group"


class UserGroupExists(DomainError):
    """`extra`: `name` of the group that has the number."""

    code = "user_group.exists"
    title = "The main group has a user group of this number"


class GroupNumberImpossible(DomainError):
    code = "group.number"
    status = 422
    title = "Groups are numbered from 1 to 9999"


class CenterUnknown(DomainError):
    code = "center.unknown"
    status = 404
    title = "There is no such cost center"


class CenterIsClosed(DomainError):
    code = "center.closed"
    title = "This cost center is closed"


class CenterNumberNotDigits(DomainError):
    code = "center.number_not_digits"
    status = 422
    title = "The number of a cost center consists of digits"


class CenterNumberTooLong(DomainError):
    """`extra`: `digits_max`."""

    code = "center.number_too_long"
    status = 422
    title = "The number of a cost center has too many digits"


class CenterNumberFixed(DomainError):
    """`extra`: `number`, as it is."""

    code = "center.number_fixed"
    status = 422
    title = "The number of a cost center never changes"


class CenterNumberTaken(DomainError):
    code = "center.number_taken"
    title = "Another cost center has this number"


class CardUnknown(DomainError):
    code = "card.unknown"
    status = 404
    title = "There is no such card"


class CardIsEnded(DomainError):
    code = "card.ended"
    title = "This card has ended"


class CardReused(DomainError):
    code = "card.reused"
    status = 422
    title = "This card was issued before with other data; move, regroup or replace it"


class CardNumberTaken(DomainError):
    code = "card.number_taken"
    title = "Another card has this number"


class CardCodeTaken(DomainError):
    code = "card.code_taken"
    title = "This code belongs or belonged to a card"


class CardCodeFits(DomainError):
    code = "card.code_fits"
    status = 422
    title = "A physical card has an RFID uid or a QR code, a virtual one has neither"


class CardIsVirtual(DomainError):
    code = "card.virtual"
    title = "A virtual card has no medium that could be replaced"


class ValidityImpossible(DomainError):
    code = "validity.impossible"
    status = 422
    title = "The first day is not after the last"


class LimitUnknown(DomainError):
    code = "limit.unknown"
    status = 404
    title = "There is no such limit here"


class LimitReshaped(DomainError):
    """`extra`: `window` and `article_groups`, as they are."""

    code = "limit.reshaped"
    status = 422
    title = "A limit keeps its window and goods: lift it and set another one"


class LimitReused(DomainError):
    code = "limit.reused"
    status = 422
    title = "This limit id belongs to a limit elsewhere"


class LimitImpossible(DomainError):
    code = "limit.impossible"
    status = 422
    title = "This limit does not hang together"


class TooManyLimits(DomainError):
    """`extra`: `limits_max`."""

    code = "limit.too_many"
    status = 422
    title = "There are too many limits here"


class RuleUnknown(DomainError):
    code = "subsidy_rule.unknown"
    status = 404
    title = "There is no such subsidy rule here"


class RuleImpossible(DomainError):
    code = "subsidy_rule.impossible"
    status = 422
    title = "This subsidy rule does not hang together"
