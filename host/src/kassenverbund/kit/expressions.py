"""Regular expressions → languages: the small part that RE2 and every other dialect read alike.

Read: literals, `.`, classes, `\\d \\w \\s` and their opposites (ASCII, as in RE2), escaped
punctuation, groups, `|`, `* + ? {n} {n,} {n,m}`, `^` at the beginning and `$` at the end.
Anything else is refused, for example flags, `\\b`, `\\p{…}` and POSIX classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from kassenverbund.kit.languages import LAST, Language, Ranges, TooComplex, merged, opposite

EXPRESSION_MAX = 300
"""Characters of an expression."""

DEPTH_MAX = 30
"""Groups within groups."""

REPEAT_MAX = 1_000
"""As in RE2."""

_DIGIT: Ranges = ((0x30, 0x39),)
_WORD: Ranges = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
_SPACE: Ranges = ((0x09, 0x0A), (0x0C, 0x0D), (0x20, 0x20))
_NAMED = {"d": _DIGIT, "w": _WORD, "s": _SPACE}
_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ ")


class Unsupported(ValueError):
    """Not in the common part. `at`: where reading ended."""

    def __init__(self, what: str, at: int) -> None:
        super().__init__(what)
        self.at = at


def read(expression: str) -> Language:
    """The language of an expression that has to match a whole code.

    Raises `Unsupported`, `TooComplex`.
    """
    if len(expression) > EXPRESSION_MAX:
        raise TooComplex(f"more than {EXPRESSION_MAX} characters")
    tree = _Reader(expression).whole()
    language = Language()
    _build(language, tree, 0, 1)
    return language


# --- the expression as a tree ---


@dataclass(frozen=True, slots=True)
class _One:
    ranges: Ranges


@dataclass(frozen=True, slots=True)
class _Row:
    parts: Sequence[_Node]


@dataclass(frozen=True, slots=True)
class _Either:
    parts: Sequence[_Node]


@dataclass(frozen=True, slots=True)
class _Again:
    part: _Node
    least: int
    most: int | None


_Node = _One | _Row | _Either | _Again


def _build(language: Language, node: _Node, begin: int, end: int) -> None:
    """A way from `begin` to `end` for each text of the node."""
    match node:
        case _One():
            language.steps[begin].append((node.ranges, end))
        case _Row():
            states = [begin, *(language.new() for _ in node.parts), end]
            for part, (first, last) in zip(node.parts, pairwise(states), strict=False):
                _build(language, part, first, last)
            language.empty[states[-2]].append(end)
        case _Either():
            for part in node.parts:
                # Ways of their own: a loop in one must not lead into another.
                first, last = language.new(), language.new()
                language.empty[begin].append(first)
                language.empty[last].append(end)
                _build(language, part, first, last)
        case _Again():
            _repeat(language, node, begin, end)


def _repeat(language: Language, node: _Again, begin: int, end: int) -> None:
    at = begin
    for _ in range(node.least):
        after = language.new()
        _build(language, node.part, at, after)
        at = after
    if node.most is None:
        loop, back = language.new(), language.new()
        language.empty[at].append(loop)
        _build(language, node.part, loop, back)
        language.empty[back].append(loop)
        language.empty[loop].append(end)
        return
    for _ in range(node.most - node.least):
        language.empty[at].append(end)
        first, after = language.new(), language.new()
        language.empty[at].append(first)
        _build(language, node.part, first, after)
        at = after
    language.empty[at].append(end)


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def whole(self) -> _Node:
        if self._text.startswith("^"):
            self._at = 1
        end = len(self._text)
        escapes = len(self._text) - len(self._text[:-1].rstrip("\\")) - 1
        if self._text.endswith("$") and escapes % 2 == 0 and end > self._at:
            end -= 1
        outer = self._text[self._at : end]
        # `^a|b$` anchors each side by itself in other dialects: nobody means that.
        if end - self._at < len(self._text) and _bare_choice(outer):
            raise Unsupported("put a choice between ^ and $ into a group", self._at)
        self._text = self._text[:end]
        node = self._choice(0)
        if self._at < len(self._text):
            raise Unsupported("a bracket that nothing opens", self._at)
        return node

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _next(self) -> str:
        character = self._peek()
        if not character:
            raise Unsupported("it ends too early", self._at)
        self._at += 1
        return character

    def _choice(self, depth: int) -> _Node:
        if depth > DEPTH_MAX:
            raise TooComplex(f"more than {DEPTH_MAX} groups within groups")
        parts = [self._row(depth)]
        while self._peek() == "|":
            self._at += 1
            parts.append(self._row(depth))
        return parts[0] if len(parts) == 1 else _Either(parts)

    def _row(self, depth: int) -> _Node:
        parts: list[_Node] = []
        while self._peek() not in ("", "|", ")"):
            parts.append(self._repeated(self._atom(depth)))
        return _Row(parts)

    def _repeated(self, node: _Node) -> _Node:
        found = self._count()
        if found is None:
            return node
        least, most = found
        if self._peek() == "?":
            self._at += 1  # Lazy: finds other groups, matches the same texts.
        if self._peek() in ("*", "+", "?", "{") and self._peek():
            raise Unsupported("a repetition of a repetition", self._at)
        return _Again(node, least, most)

    def _count(self) -> tuple[int, int | None] | None:
        match self._peek():
            case "*":
                self._at += 1
                return 0, None
            case "+":
                self._at += 1
                return 1, None
            case "?":
                self._at += 1
                return 0, 1
            case "{":
                return self._bounds()
            case _:
                return None

    def _bounds(self) -> tuple[int, int | None]:
        start = self._at
        close = self._text.find("}", start)
        least, comma, most = self._text[start + 1 : max(close, start)].partition(",")
        digits = least + most
        if close < 0 or not least or not (digits.isascii() and digits.isdigit()):
            raise Unsupported("a { that is no repetition: write \\{", start)
        if len(least) > 4 or len(most) > 4:
            raise TooComplex(f"more than {REPEAT_MAX} repetitions")
        self._at = close + 1
        low = int(least)
        high = (int(most) if most else None) if comma else low
        if low > REPEAT_MAX or (high is not None and not low <= high <= REPEAT_MAX):
            raise TooComplex(f"a repetition counts up to {REPEAT_MAX}")
        return low, high

    def _atom(self, depth: int) -> _Node:
        start = self._at
        match character := self._next():
            case "(":
                self._group_head(start)
                node = self._choice(depth + 1)
                if self._next() != ")":
                    raise Unsupported("a group without its end", start)
                return node
            case "[":
                return _One(self._class(start))
            case ".":
                return _One(((0, 0x09), (0x0B, LAST)))
            case "\\":
                return _One(self._escape(start))
            case "^" | "$" | "*" | "+" | "?" | "{":
                raise Unsupported(f"{character} does not stand here: escape it", start)
            case _:
                return _One(((ord(character), ord(character)),))

    def _group_head(self, start: int) -> None:
        if self._peek() != "?":
            return
        self._at += 1
        if self._peek() == ":":
            self._at += 1
            return
        if self._text.startswith("P<", self._at):
            close = self._text.find(">", self._at)
            if close > 0 and self._text[self._at + 2 : close].isidentifier():
                self._at = close + 1
                return
        raise Unsupported("a group of this kind", start)

    def _escape(self, start: int) -> Ranges:
        character = self._next()
        if character.lower() in _NAMED:
            named = _NAMED[character.lower()]
            return named if character.islower() else opposite(named)
        if character in _PUNCTUATION:
            return ((ord(character), ord(character)),)
        raise Unsupported(f"\\{character}", start)

    def _class(self, start: int) -> Ranges:
        negated = self._peek() == "^"
        self._at += negated
        found: list[tuple[int, int]] = []
        first = True
        while (character := self._next()) != "]" or first:
            first = False
            if character == "[" and self._peek() in (":", ".", "="):
                raise Unsupported("a class by name", start)
            ranges = (
                self._escape(self._at - 1)
                if character == "\\"
                else ((ord(character), ord(character)),)
            )
            single = len(ranges) == 1 and ranges[0][0] == ranges[0][1]
            dashed = self._peek() == "-" and self._text[self._at + 1 : self._at + 2] not in (
                "]",
                "",
            )
            if not dashed:
                found += ranges
                continue
            self._at += 1
            last = self._next()
            ends = self._escape(self._at - 1) if last == "\\" else ((ord(last), ord(last)),)
            if not single or len(ends) != 1 or ends[0][0] != ends[0][1] or last == "[":
                raise Unsupported("a range between classes", start)
            if ends[0][0] < ranges[0][0]:
                raise Unsupported("a range that runs backwards", start)
            found.append((ranges[0][0], ends[0][0]))
        chosen = merged(found)
        return opposite(chosen) if negated else chosen


def _bare_choice(text: str) -> bool:
    """Whether a `|` stands outside of all groups and classes."""
    depth, inside, at = 0, False, 0
    while at < len(text):
        match text[at]:
            case "\\":
                at += 1
            case "[" if not inside:
                inside = True
                at += text[at + 1 : at + 2] == "^"
                at += text[at + 1 : at + 2] == "]"
            case "]":
                inside = False
            case "(" if not inside:
                depth += 1
            case ")" if not inside:
                depth -= 1
            case "|" if not inside and depth == 0:
                return True
            case _:
                pass
        at += 1
    return False
