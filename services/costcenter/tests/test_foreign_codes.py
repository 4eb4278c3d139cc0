"""Patterns of foreign codes: declared once, never ambiguous, never slow."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from costcenter.decider.patterns import (
    PATTERNS_MAX,
    Pattern,
    PatternExampleDiffers,
    PatternOverlaps,
    PatternReused,
    PatternTooComplex,
    PatternUnknown,
    PatternUnsupported,
    PatternWithoutValue,
    TooManyPatterns,
)
from costcenter.handlers.patterns import ForeignCodes
from costcenter.testing.fakes import SECRETS
from costcenter.testing.world import World


def pattern(pattern_id: str, expression: str, example: str, **other: Any) -> Pattern:
    said = {"name": f"Muster {pattern_id}", "meaning": "card", "length_max": 64, **other}
    return Pattern(pattern_id=pattern_id, expression=expression, example=example, **said)


EMP = pattern("emp", r"^EMP:(?P<value>\d{5})$", "EMP:00815")


@pytest.fixture
def codes(world: World) -> ForeignCodes:
    return ForeignCodes(world.store, secrets=SECRETS, clock=world.clock)


async def test_a_code_means_what_its_pattern_says(codes: ForeignCodes, world: World) -> None:
    await codes.declare(world.ask(), EMP)
    await codes.declare(
        world.ask(), pattern("gift", r"G-(?P<value>[A-Z0-9]{8})", "G-ABCD1234", meaning="voucher")
    )
    meant = await codes.classify(" EMP:00815\n")
    assert meant is not None
    assert (meant.meaning, meant.value, meant.pattern_id) == ("card", "00815", "emp")
    gift = await codes.classify("G-ABCD1234")
    assert gift is not None
    assert gift.meaning == "voucher"
    for nothing in ("EMP:0081", "xEMP:00815", "EMP:00815x", "EMP:٠٠٨١٥", ""):
        assert await codes.classify(nothing) is None


async def test_an_overlap_is_refused_and_names_whom_and_how(
    codes: ForeignCodes, world: World
) -> None:
    await codes.declare(world.ask(), EMP)
    with pytest.raises(PatternOverlaps) as refused:
        await codes.declare(
            world.ask(), pattern("any", r"[A-Z]{3}:(?P<value>.+)", "ABC:1", meaning="voucher")
        )
    assert refused.value.extra["overlaps"] == [
        {"pattern_id": "emp", "name": "Muster emp", "code": "EMP:00000"}
    ]


async def test_codes_that_are_too_long_for_one_of_them_are_no_overlap(
    codes: ForeignCodes, world: World
) -> None:
    await codes.declare(world.ask(), EMP)
    shorter = pattern("any", r"[A-Z]{3}:(?P<value>.+)", "ABC:1", length_max=8)
    await codes.declare(world.ask(), shorter)
    assert await codes.classify("EMP:00815") is not None


async def test_a_withdrawn_pattern_makes_room(codes: ForeignCodes, world: World) -> None:
    await codes.declare(world.ask(), EMP)
    await codes.withdraw(world.ask(), "emp")
    await codes.withdraw(world.ask(), "emp")
    assert await codes.classify("EMP:00815") is None
    with pytest.raises(PatternReused):
        await codes.declare(world.ask(), EMP)
    await codes.declare(world.ask(), pattern("emp2", EMP.expression, EMP.example))
    with pytest.raises(PatternUnknown):
        await codes.withdraw(world.ask(), "nobody")


async def test_a_pattern_never_changes(codes: ForeignCodes, world: World) -> None:
    await codes.declare(world.ask(), EMP)
    await codes.declare(world.ask(), EMP)
    with pytest.raises(PatternReused):
        await codes.declare(world.ask(), pattern("emp", r"X(?P<value>\d)", "X1"))


@pytest.mark.parametrize(
    ("expression", "example", "refusal"),
    [
        (r"EMP:\d{5}", "EMP:00815", PatternWithoutValue),
        (r"(?P<other>EMP):(?P<value>\d{5})", "EMP:00815", PatternWithoutValue),
        (r"(?P<value>\d{5})", "EMP:00815", PatternExampleDiffers),
        (r"(?P<value>\d{5})(?=x)", "EMP:00815", PatternUnsupported),
        (r"(?P<value>(.{0,100}){0,100})", "EMP:00815", PatternTooComplex),
        (r"(?P<value>a)|(?P<value>b)", "a", PatternWithoutValue),
    ],
)
async def test_what_does_not_fit_is_refused(
    codes: ForeignCodes, world: World, expression: str, example: str, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        await codes.declare(world.ask(), pattern("p", expression, example))


async def test_their_number_is_limited(codes: ForeignCodes, world: World) -> None:
    for n in range(PATTERNS_MAX):
        await codes.declare(world.ask(), pattern(f"p{n}", rf"P{n:02}(?P<value>\d+)", f"P{n:02}1"))
    with pytest.raises(TooManyPatterns):
        await codes.declare(world.ask(), pattern("more", r"Q(?P<value>\d+)", "Q1"))


async def test_a_monstrous_expression_does_not_hold_the_service_up(
    codes: ForeignCodes, world: World
) -> None:
    """Processor time, so that a busy machine changes nothing."""
    await codes.declare(world.ask(), pattern("a", r"(?P<value>(a|ab|abc|b|c){1,60})x", "abcx"))
    before = time.process_time()
    try:
        other = pattern("b", r"(?P<value>(abc|bc|ca|a|b){1,60})y", "abcy")
        await codes.declare(world.ask(), other)
    except PatternTooComplex:
        pass
    assert time.process_time() - before < 10
    before = time.process_time()
    assert await codes.classify("a" * 64) is None
    assert time.process_time() - before < 1


async def test_a_dry_run_says_what_codes_would_mean(codes: ForeignCodes, world: World) -> None:
    await codes.declare(world.ask(), EMP)
    tried = await codes.dry_run(
        r"[A-Z]{3}:(?P<value>\d{5})", 64, "center", ["ABC:12345", "EMP:00815", "nothing"]
    )
    assert [(one.meaning, one.value, one.pattern_id) for one in tried.codes] == [
        ("center", "12345", None),
        ("center", "00815", None),
        (None, None, None),
    ]
    assert [overlap.pattern_id for overlap in tried.overlaps] == ["emp"]
    assert len((await codes.patterns()).in_force) == 1


async def test_two_that_overlap_are_never_declared_at_once(
    codes: ForeignCodes, world: World
) -> None:
    wide = [pattern(f"w{n}", r"W(?P<value>\d+)", "W1") for n in range(4)]
    done = await asyncio.gather(
        *(codes.declare(world.ask(), one) for one in wide), return_exceptions=True
    )
    assert sum(not isinstance(one, BaseException) for one in done) == 1
    assert sum(isinstance(one, PatternOverlaps) for one in done) == 3


async def test_a_code_resolves_to_card_or_center(codes: ForeignCodes, world: World) -> None:
    await world.furnish("4711")
    await world.card("00815", "4711", code="04:A1:B2:C3")
    await codes.declare(world.ask(), EMP)
    center = pattern("kst", r"KST:(?P<value>\d+)", "KST:4711", meaning="center")
    await codes.declare(world.ask(), center)
    assert await codes.resolve("EMP:00815") == "card-k00815"
    assert await codes.resolve("04a1b2c3") == "card-k00815"
    assert await codes.resolve("KST:4711") == "center-c4711"
    assert await codes.resolve("EMP:99999") is None
    assert await codes.resolve("whatever") is None
