"""Section `code_patterns` of `chain.yaml`: foreign codes that a till recognizes by their form.

A till classifies a scan without asking anybody, also without a line. So these patterns stand in the
file, are compared with each other and with the chain's own codes when it is read, and run in RE2,
whose time is linear in the code.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations
from typing import Annotated, Any, Literal

import re2
from pydantic import Field, model_validator

from kassenverbund.kit.chain_policies import Part, RuleBroken
from kassenverbund.kit.expressions import EXPRESSION_MAX, Unsupported, read
from kassenverbund.kit.languages import Language, TooComplex, shared
from kassenverbund.kit.text import Identifier, SafeName

PATTERNS_MAX = 50
LENGTH_MAX = 200
EXAMPLES_MAX = 10
MEMORY_BYTES_MAX = 1 << 20
"""What RE2 may use for one expression."""

CodeTarget = Literal["voucher", "card", "center", "pickup", "article"]
"""What the caught value is: a voucher's code, a card's number, a cost center's number, a pick-up
code, an article's number."""

_OWN_FORMS = (
    "^[VCP][0-9A-HJKMNP-TV-Z]{15}$",
    "^[VCP][0-9A-HJKMNP-TV-Z]{3}-[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$",
    "^KV[12][A-Z2-7]{100,190}$",
    r"^KS-\d{1,28}-[0-9A-HJKMNP-TV-Z]$",
)


class CodePattern(Part):
    """Codes of one foreign form, and what they stand for. The expression is anchored (`^…$`) and
    has exactly one group, which catches the value."""

    name: Identifier
    pattern: Annotated[str, Field(min_length=3, max_length=EXPRESSION_MAX)]
    target: CodeTarget
    length_max: Annotated[int, Field(ge=1, le=LENGTH_MAX)] = 64
    """Longer texts are none, whatever the expression says."""
    examples: Annotated[tuple[SafeName, ...], Field(min_length=1, max_length=EXAMPLES_MAX)]
    """Texts that have to match: checked whenever the file is read."""
    counter_examples: Annotated[tuple[SafeName, ...], Field(max_length=EXAMPLES_MAX)] = ()
    """Texts that must not match."""

    @model_validator(mode="after")
    def _does_what_it_says(self) -> CodePattern:
        if not (self.pattern.startswith("^") and self.pattern.endswith("$")):
            raise ValueError("the expression is anchored: it begins with ^ and ends with $")
        language_of(self.pattern)
        try:
            groups = _compiled(self.pattern).groups
        except re2.error as refused:
            raise ValueError(f"RE2 refuses the expression: {refused}") from None
        if groups != 1:
            raise ValueError("the expression has exactly one group: what is looked up")
        for example in self.examples:
            if self.value_in(example) is None:
                raise ValueError(f"the example {example} does not match")
        for example in self.counter_examples:
            if self.value_in(example) is not None:
                raise ValueError(f"the counter-example {example} matches")
        return self

    def value_in(self, text: str) -> str | None:
        """What the group catches where the whole text matches; None: it does not."""
        if len(text) > self.length_max:
            return None
        found = _compiled(self.pattern).fullmatch(text)
        return (found.group(1) or None) if found else None


def language_of(expression: str) -> Language:
    """Raises `ValueError` for what cannot be compared with others."""
    try:
        return read(expression)
    except Unsupported as refused:
        raise ValueError(f"at character {refused.at}: {refused}") from None


def check_patterns(patterns: Sequence[CodePattern]) -> None:
    """No two share a code, and none takes the chain's own. Raises `RuleBroken`."""
    languages = [language_of(pattern.pattern) for pattern in patterns]
    for index, pattern in enumerate(patterns):
        for form in _OWN_FORMS:
            code = _common(languages[index], language_of(form), index)
            if code is not None and len(code) <= pattern.length_max:
                rule = f"pattern {pattern.name} takes codes of the chain itself, like {code}"
                raise RuleBroken(rule, "code_patterns", index, "pattern")
    for (first, one), (second, other) in combinations(enumerate(patterns), 2):
        if one.name == other.name:
            rule = f"code pattern declared twice: {one.name}"
            raise RuleBroken(rule, "code_patterns", second, "name")
        code = _common(languages[first], languages[second], second)
        # It is a shortest one: where it is too long, all of them are.
        if code is not None and len(code) <= min(one.length_max, other.length_max):
            rule = f"the patterns {one.name} and {other.name} share codes, like {code}"
            raise RuleBroken(rule, "code_patterns", second, "pattern")


def _common(one: Language, other: Language, index: int) -> str | None:
    try:
        return shared(one, other)
    except TooComplex as refused:
        rule = f"too large to be compared with the others: {refused}"
        raise RuleBroken(rule, "code_patterns", index, "pattern") from None


@lru_cache(maxsize=2 * PATTERNS_MAX)
def _compiled(expression: str) -> Any:
    options = re2.Options()
    options.max_mem = MEMORY_BYTES_MAX
    options.log_errors = False
    return re2.compile(expression, options)
