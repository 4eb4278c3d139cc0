"""Foreign codes over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from pydantic import Field, SecretStr

from costcenter.codes import CODE_MAX
from costcenter.decider.patterns import LENGTH_MAX, Pattern
from costcenter.events import Meaning
from costcenter.handlers.patterns import ForeignCodes
from events import DomainError
from kassenverbund.kit.auth import Caller
from kassenverbund.kit.expressions import EXPRESSION_MAX
from kassenverbund.kit.routes import WRITE, Answer, Body, Office, Reader, as_json, chainwide, reads
from kassenverbund.kit.text import Identifier, SafeName

TRIED_MAX = 500
"""Codes of one dry run."""

Tills = Annotated[Caller, Depends(reads("service", "back_office", "manager"))]
Expression = Annotated[str, Field(min_length=1, max_length=EXPRESSION_MAX)]
Length = Annotated[int, Field(ge=1, le=LENGTH_MAX)]


class CodeMeansNothing(DomainError):
    code = "code.unknown"
    status = 404
    title = "No pattern knows this code"


class PatternBody(Body):
    name: SafeName
    expression: Expression
    """RE2; it has to match the whole code, and its group `value` is what is looked up."""
    meaning: Meaning
    length_max: Length = 64
    example: Annotated[SafeName, Field(max_length=LENGTH_MAX)]


class DryRunBody(Body):
    expression: Expression
    meaning: Meaning
    length_max: Length = 64
    codes: Annotated[
        tuple[Annotated[str, Field(max_length=CODE_MAX)], ...], Field(max_length=TRIED_MAX)
    ] = ()


class CodeBody(Body):
    code: Annotated[SecretStr, Field(min_length=1, max_length=CODE_MAX)]


class PatternAnswer(Answer):
    pattern_id: str
    name: str
    expression: str
    meaning: Meaning
    length_max: int
    example: str


class PatternsAnswer(Answer):
    patterns: tuple[PatternAnswer, ...]


class PatternDone(Answer):
    pattern_id: str
    position: int


class TriedAnswer(Answer):
    code: str
    meaning: Meaning | None
    value: str | None
    pattern_id: str | None
    """Null with a meaning: the expression that is being tried."""


class OverlapAnswer(Answer):
    pattern_id: str
    name: str
    code: str
    """One that both match."""


class DryRunAnswer(Answer):
    codes: tuple[TriedAnswer, ...]
    overlaps: tuple[OverlapAnswer, ...]
    """Empty: the pattern could be declared."""


class CodeAnswer(Answer):
    meaning: Meaning
    value: str
    pattern_id: str


def routes(codes: ForeignCodes) -> APIRouter:
    """Routes below `/costcenter`."""
    found = APIRouter()
    _patterns(found, codes)

    @found.post("/v1/codes", response_model=CodeAnswer)
    async def classify(body: CodeBody, caller: Tills) -> Response:
        """What a foreign code means. 404 `code.unknown`: nothing."""
        meant = await codes.classify(body.code.get_secret_value())
        if meant is None:
            raise CodeMeansNothing
        return as_json(
            CodeAnswer(meaning=meant.meaning, value=meant.value, pattern_id=meant.pattern_id)
        )

    return found


def _patterns(routes: APIRouter, codes: ForeignCodes) -> None:
    @routes.put("/v1/patterns/{pattern_id}", response_model=PatternDone, openapi_extra=WRITE)
    async def declare(pattern_id: Identifier, body: PatternBody, asked: Office) -> Response:
        """Say what codes of a form mean. 409 `pattern.overlaps` where some mean something
        already. A pattern never changes: withdraw it and declare another one."""
        chainwide(asked.caller)
        pattern = Pattern(
            pattern_id=pattern_id,
            name=body.name,
            expression=body.expression,
            meaning=body.meaning,
            length_max=body.length_max,
            example=body.example,
        )
        done = await codes.declare(asked.ask, pattern)
        return as_json(PatternDone(pattern_id=pattern_id, position=done.position))

    @routes.delete("/v1/patterns/{pattern_id}", response_model=PatternDone, openapi_extra=WRITE)
    async def withdraw(pattern_id: Identifier, asked: Office) -> Response:
        """Codes of its form mean nothing from now on."""
        chainwide(asked.caller)
        done = await codes.withdraw(asked.ask, pattern_id)
        return as_json(PatternDone(pattern_id=pattern_id, position=done.position))

    @routes.get("/v1/patterns", response_model=PatternsAnswer)
    async def patterns(caller: Reader) -> Response:
        """The patterns in force."""
        in_force = (await codes.patterns()).in_force.values()
        return as_json(PatternsAnswer(patterns=tuple(map(_shown, in_force))))

    @routes.post("/v1/patterns/dry-run", response_model=DryRunAnswer)
    async def dry_run(body: DryRunBody, caller: Reader) -> Response:
        """What each code would mean with one pattern more. Changes nothing."""
        tried = await codes.dry_run(body.expression, body.length_max, body.meaning, body.codes)
        return as_json(
            DryRunAnswer(
                codes=tuple(
                    TriedAnswer(
                        code=one.code,
                        meaning=one.meaning,
                        value=one.value,
                        pattern_id=one.pattern_id,
                    )
                    for one in tried.codes
                ),
                overlaps=tuple(
                    OverlapAnswer(pattern_id=one.pattern_id, name=one.name, code=one.code)
                    for one in tried.overlaps
                ),
            )
        )


def _shown(pattern: Pattern) -> PatternAnswer:
    return PatternAnswer(
        pattern_id=pattern.pattern_id,
        name=pattern.name,
        expression=pattern.expression,
        meaning=pattern.meaning,
        length_max=pattern.length_max,
        example=pattern.example,
    )
