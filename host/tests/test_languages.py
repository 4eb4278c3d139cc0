"""Whether two foreign codes overlap: decided, and compared with RE2 itself."""

from __future__ import annotations

from itertools import product

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from kassenverbund.kit.expressions import Unsupported, read
from kassenverbund.kit.languages import TooComplex, shared

ATOMS = ("a", "b", "\\d", "[ab1]", "[^a]", ".", "\\w", "\\.", "[a-c]")
COUNTS = ("", "*", "+", "?", "{2}", "{1,3}", "{2,}", "*?")


@st.composite
def expressions(draw: st.DrawFn, depth: int = 0) -> str:
    parts = []
    for _ in range(draw(st.integers(1, 3))):
        if depth < 2 and draw(st.booleans()):
            left, right = draw(expressions(depth + 1)), draw(expressions(depth + 1))
            part = f"({left}|{right})" if draw(st.booleans()) else f"(?:{left})"
        else:
            part = draw(st.sampled_from(ATOMS))
        parts.append(part + draw(st.sampled_from(COUNTS)))
    return "".join(parts)


TEXTS = st.text(alphabet="ab1.c_ä", max_size=6)


@settings(deadline=None, max_examples=80)
@given(expressions(), TEXTS)
def test_a_text_is_in_the_language_when_re2_matches_it(expression: str, text: str) -> None:
    assert read(expression).contains(text) == bool(re2.fullmatch(expression, text))


SHORT = ["".join(text) for length in range(4) for text in product("ab1.", repeat=length)]


@settings(deadline=None, max_examples=60)
@given(expressions(), expressions())
def test_a_shortest_shared_text_is_found(one: str, other: str) -> None:
    found = shared(read(one), read(other))
    if found is not None:
        assert re2.fullmatch(one, found)
        assert re2.fullmatch(other, found)
    first, second = re2.compile(one), re2.compile(other)
    both = [text for text in SHORT if first.fullmatch(text) and second.fullmatch(text)]
    if both:
        assert found is not None
        assert len(found) <= len(both[0])


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (r"^EMP:(?P<value>\d{5})$", r"^[A-Z]{3}:(?P<value>\d+)$", "EMP:00000"),
        (r"^EMP:(?P<value>\d{5})$", r"^EMP:(?P<value>\d{6})$", None),
        (r"[0-9A-F]{8}", r"\d{10}", None),
        (r"(a|b)*a(a|b){12}c", r"(a|b)*b(a|b){12}d", None),
        (r"https://x\.de/\w{1,60}", r"https://y\.de/.*", None),
        (r".*", r"", ""),
        (r"[]a]", r"\]", "]"),
        (r"[^]a]", r"\]", None),
        (r"[a\-z]", r"[-x]", "-"),
    ],
)
def test_overlaps_are_found_with_a_shortest_code(
    one: str, other: str, expected: str | None
) -> None:
    assert shared(read(one), read(other)) == expected


@pytest.mark.parametrize(
    "expression",
    [
        r"(?i)abc", r"\bfoo", r"\pL+", r"\p{Greek}", r"[[:digit:]]", r"a**", r"(?=a)", r"(?<!a)b",
        r"\1", r"(", r")", r"[", r"[a", r"a{", r"a{,3}", r"{2}", r"*a", r"\x41", r"\Qa\E", r"a|b$",
        r"^a|b", r"a^b", r"a$b", r"[z-a]", r"[\d-z]", r"\\\ü"[2:], r"(?P<value>a", r"(?P<1>a)",
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused(expression: str) -> None:
    with pytest.raises(Unsupported):
        read(expression)


@pytest.mark.parametrize(
    "expression",
    [r"(.{0,30}){0,60}", r"a{1001}", r"(a{1000}){1000}", "(" * 40 + "a" + ")" * 40, "a" * 301],
)
def test_what_would_take_too_long_is_refused(expression: str) -> None:
    with pytest.raises(TooComplex):
        read(expression)


def test_a_comparison_that_would_take_too_long_is_refused() -> None:
    one = read(r"(.{0,20}|\w{0,20}|\d{0,20}){0,10}a")
    other = read(r"(.{0,19}|\w{0,21}|\d{0,20}){0,10}b")
    with pytest.raises(TooComplex):
        shared(one, other)


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        language = read(text)
    except (Unsupported, TooComplex):
        return
    language.contains("x")


@settings(deadline=None)
@given(st.text(alphabet="ab()[]{}|*+?^$.\\-1,:<>P=dw", max_size=24))
def test_what_is_read_means_the_same_to_re2(text: str) -> None:
    try:
        language = read(text)
    except (Unsupported, TooComplex):
        return
    try:
        compiled = re2.compile(text)
    except re2.error:
        return  # The handler asks RE2 as well: both have to read it.
    for sample in ("", "a", "b", "ab", "a1", "-", "aa", "1", ".", "{1}"):
        assert language.contains(sample) == bool(compiled.fullmatch(sample)), sample
