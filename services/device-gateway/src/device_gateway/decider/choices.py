"""What the store's declaration says about fiscal cases. Pure."""

from __future__ import annotations

from device_gateway.events import MasterDataChanged
from kassenverbund.kit.fiscal_cases import BY_NAME, DEFAULTS, CaseChoice, Choices


def choices_in(declared: MasterDataChanged) -> Choices:
    """The choices of a store. A choice of a case that this version does not know decides
    nothing: what was declared under another version must not stop the till."""
    if not declared.fiscal_choices:
        return DEFAULTS
    return Choices.of(
        (one.case, CaseChoice(choice=one.choice, valid_from=one.valid_from))
        for one in declared.fiscal_choices
        if one.case in BY_NAME and BY_NAME[one.case].option(one.choice) is not None
    )
