"""The facts of cost centers. No fact carries a card's uid or code, and none a person's name."""

from __future__ import annotations

from costcenter.events.charging import (
    BookFault,
    ChargeBooked,
    ChargeConfirmed,
    Chargee,
    ChargeHeld,
    ChargeReleased,
    ChargeReversed,
    MonthClosed,
    MonthOpened,
    Override,
    ReleaseReason,
    Warned,
)
from costcenter.events.limits import (
    LeaseGranted,
    LeaseReturned,
    LeaseUsed,
    Level,
    Limit,
    LimitLifted,
    LimitSet,
    OnExceed,
    Scope,
    Take,
    UsageClosed,
    UsageGivenBack,
    UsageOpened,
    UsageTaken,
    Window,
)
from costcenter.events.structure import (
    Address,
    CardAssigned,
    CardBlocked,
    CardEnded,
    CardIssued,
    CardKind,
    CardRegrouped,
    CardReplaced,
    CardUnblocked,
    CenterBlocked,
    CenterCardAdded,
    CenterCardRemoved,
    CenterChanged,
    CenterClosed,
    CenterOpened,
    CenterUnblocked,
    CompanyChanged,
    CompanyClosed,
    CompanyRegistered,
    MainGroupChanged,
    MainGroupOpened,
    Meaning,
    Medium,
    Mode,
    PatternDeclared,
    PatternWithdrawn,
    ReplaceReason,
    UserGroupAdded,
    UserGroupChanged,
)
from costcenter.events.subsidies import (
    AllowanceGivenBack,
    AllowanceUsed,
    SubsidyGranted,
    SubsidyRule,
    SubsidyRuleEnded,
    SubsidyRuleSet,
    SubsidyShare,
    SubsidyTakenBack,
    TaxCase,
    VatPart,
)
from events import Event

CompanyEvent = CompanyRegistered | CompanyChanged | CompanyClosed | LimitSet | LimitLifted
GroupEvent = (
    MainGroupOpened
    | MainGroupChanged
    | UserGroupAdded
    | UserGroupChanged
    | LimitSet
    | LimitLifted
    | SubsidyRuleSet
    | SubsidyRuleEnded
)
CenterEvent = (
    CenterOpened
    | CenterChanged
    | CenterBlocked
    | CenterUnblocked
    | CenterClosed
    | CenterCardAdded
    | CenterCardRemoved
    | LimitSet
    | LimitLifted
)
CardEvent = (
    CardIssued
    | CardAssigned
    | CardRegrouped
    | CardBlocked
    | CardUnblocked
    | CardReplaced
    | CardEnded
    | LimitSet
    | LimitLifted
)
PatternEvent = PatternDeclared | PatternWithdrawn
MonthEvent = (
    MonthOpened
    | MonthClosed
    | ChargeHeld
    | ChargeConfirmed
    | ChargeReleased
    | ChargeBooked
    | ChargeReversed
    | SubsidyGranted
    | SubsidyTakenBack
)
UsageEvent = UsageOpened | UsageTaken | UsageGivenBack | UsageClosed
AllowanceEvent = AllowanceUsed | AllowanceGivenBack
LeaseEvent = LeaseGranted | LeaseUsed | LeaseReturned

EVENTS: tuple[type[Event], ...] = (
    CompanyRegistered,
    CompanyChanged,
    CompanyClosed,
    MainGroupOpened,
    MainGroupChanged,
    UserGroupAdded,
    UserGroupChanged,
    CenterOpened,
    CenterChanged,
    CenterBlocked,
    CenterUnblocked,
    CenterClosed,
    CenterCardAdded,
    CenterCardRemoved,
    CardIssued,
    CardAssigned,
    CardRegrouped,
    CardBlocked,
    CardUnblocked,
    CardReplaced,
    CardEnded,
    PatternDeclared,
    PatternWithdrawn,
    LimitSet,
    LimitLifted,
    UsageOpened,
    UsageTaken,
    UsageGivenBack,
    UsageClosed,
    LeaseGranted,
    LeaseUsed,
    LeaseReturned,
    SubsidyRuleSet,
    SubsidyRuleEnded,
    SubsidyGranted,
    SubsidyTakenBack,
    AllowanceUsed,
    AllowanceGivenBack,
    MonthOpened,
    MonthClosed,
    ChargeHeld,
    ChargeConfirmed,
    ChargeReleased,
    ChargeBooked,
    ChargeReversed,
)
"""Every event that the service writes."""

NOT_PUBLISHED: frozenset[type[Event]] = frozenset(
    {UsageOpened, UsageTaken, UsageGivenBack, UsageClosed, AllowanceUsed, AllowanceGivenBack}
)
"""Bookkeeping of limits: `charge.held` says what it took from them."""

__all__ = [
    "EVENTS",
    "NOT_PUBLISHED",
    "Address",
    "AllowanceEvent",
    "AllowanceGivenBack",
    "AllowanceUsed",
    "BookFault",
    "CardAssigned",
    "CardBlocked",
    "CardEnded",
    "CardEvent",
    "CardIssued",
    "CardKind",
    "CardRegrouped",
    "CardReplaced",
    "CardUnblocked",
    "CenterBlocked",
    "CenterCardAdded",
    "CenterCardRemoved",
    "CenterChanged",
    "CenterClosed",
    "CenterEvent",
    "CenterOpened",
    "CenterUnblocked",
    "ChargeBooked",
    "ChargeConfirmed",
    "ChargeHeld",
    "ChargeReleased",
    "ChargeReversed",
    "Chargee",
    "CompanyChanged",
    "CompanyClosed",
    "CompanyEvent",
    "CompanyRegistered",
    "GroupEvent",
    "LeaseEvent",
    "LeaseGranted",
    "LeaseReturned",
    "LeaseUsed",
    "Level",
    "Limit",
    "LimitLifted",
    "LimitSet",
    "MainGroupChanged",
    "MainGroupOpened",
    "Meaning",
    "Medium",
    "Mode",
    "MonthClosed",
    "MonthEvent",
    "MonthOpened",
    "OnExceed",
    "Override",
    "PatternDeclared",
    "PatternEvent",
    "PatternWithdrawn",
    "ReleaseReason",
    "ReplaceReason",
    "Scope",
    "SubsidyGranted",
    "SubsidyRule",
    "SubsidyRuleEnded",
    "SubsidyRuleSet",
    "SubsidyShare",
    "SubsidyTakenBack",
    "Take",
    "TaxCase",
    "UsageClosed",
    "UsageEvent",
    "UsageGivenBack",
    "UsageOpened",
    "UsageTaken",
    "UserGroupAdded",
    "UserGroupChanged",
    "VatPart",
    "Warned",
    "Window",
]  # fmt: skip
