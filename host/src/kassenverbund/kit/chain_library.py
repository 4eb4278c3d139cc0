"""`chain.yaml`: fees of libraries, as far as tills take them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import Field

from kassenverbund.kit.chain_policies import Part, RuleBroken
from kassenverbund.kit.text import Identifier


class LibraryPolicy(Part):
    """The VAT of fees. Those of a public library are mostly not taxable (UStG § 2b, § 4 No. 20 a),
    a fine for lateness is damages (UStAE 1.3); a private one's are taxed."""

    fee_vat: Annotated[dict[Identifier, Identifier], Field(max_length=50)] = Field(
        default_factory=dict
    )
    """Kind of fee → VAT key, as the owner of the accounts declares it."""
    other_fees_vat: Identifier = "zero"
    """Of kinds that are not named."""


def check_library(library: LibraryPolicy | None, keys: Iterable[str]) -> None:
    """Raises `RuleBroken` for a VAT key that the chain does not have."""
    if library is None:
        return
    known = set(keys)
    for kind, vat in library.fee_vat.items():
        if vat not in known:
            raise RuleBroken(f"there is no VAT key {vat}", "library", "fee_vat", kind)
    if library.other_fees_vat not in known:
        rule = f"there is no VAT key {library.other_fees_vat}"
        raise RuleBroken(rule, "library", "other_fees_vat")
