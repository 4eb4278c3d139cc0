"""Foreign codes in chain.yaml: what they catch, and what is refused when the file is read."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from kassenverbund.kit.chain_codes import CodePattern, check_patterns
from kassenverbund.kit.chain_policies import RuleBroken
from kassenverbund.kit.code_format import center_label, center_of, check_symbol


def pattern(expression: str, example: str, name: str = "p", **other: Any) -> CodePattern:
    return CodePattern.model_validate(
        {"name": name, "pattern": expression, "target": "card", "examples": [example], **other}
    )


def test_c21_a_pattern_catches_the_number_of_a_card() -> None:
    staff = pattern(r"^EMP:(\d{5})$", "EMP:00815")
    assert staff.value_in("EMP:00815") == "00815"
    assert [staff.value_in(text) for text in ("EMP:0081", "xEMP:00815", "EMP:008155")] == [None] * 3


@pytest.mark.parametrize(
    ("expression", "example", "more", "rule"),
    [
        (r"EMP:(\d{5})", "EMP:00815", {}, "anchored"),
        (r"^EMP:\d{5}$", "EMP:00815", {}, "one group"),
        (r"^(EMP):(\d{5})$", "EMP:00815", {}, "one group"),
        (r"^EMP:(\d{5})$", "EMP:815", {}, "does not match"),
        (r"^EMP:(\d+)$", "EMP:1", {"counter_examples": ["EMP:12"]}, "matches"),
        (r"^EMP:(\d{5})$", "EMP:00815", {"length_max": 8}, "does not match"),
        (r"^EMP:(?=1)(\d{5})$", "EMP:10815", {}, "character"),
        (r"^(a{1,999}){1,999}$", "aa", {}, "states"),
    ],
)
def test_a_pattern_that_does_not_do_what_it_says_is_refused(
    expression: str, example: str, more: dict[str, Any], rule: str
) -> None:
    with pytest.raises(ValidationError, match=rule):
        pattern(expression, example, **more)


def test_two_patterns_that_share_a_code_are_refused_with_one() -> None:
    with pytest.raises(RuleBroken, match="share codes, like AB0"):
        check_patterns([pattern(r"^AB(\d+)$", "AB1", "a"), pattern(r"^([A-Z]{2}\d)$", "AB1", "b")])


def test_patterns_whose_codes_differ_in_length_alone_stand_beside_each_other() -> None:
    short = pattern(r"^(\d{6})$", "123456", "short")
    check_patterns([short, pattern(r"^(\d{7,9})$", "1234567", "long")])


@pytest.mark.parametrize(
    ("expression", "example"),
    [
        (r"^([A-Z0-9]{16})$", "A" * 16),
        (r"^(.{1,60})$", "x"),
        (r"^KS-(\d+)-\w$", "KS-1-A"),
        (r"^(KV2[A-Z2-7]+)$", "KV2A"),
    ],
)
def test_a_pattern_that_takes_the_chain_s_own_codes_is_refused(
    expression: str, example: str
) -> None:
    with pytest.raises(RuleBroken, match="codes of the chain itself"):
        check_patterns([pattern(expression, example, length_max=200)])


def test_a_center_s_label_is_read_back_and_one_wrong_digit_is_noticed() -> None:
    label = center_label("4711")
    assert label == f"KS-4711-{check_symbol('4711')}"
    assert center_of(label.lower()) == "4711"
    assert center_of(label.replace("4711", "4712")) is None
    assert center_of("KS-4711") is None
    with pytest.raises(ValueError, match="digits"):
        center_label("47a1")
