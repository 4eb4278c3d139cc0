"""The OpenAPI document says of every route how it answers errors: problem+json (RFC 9457); and of
every list that it comes as CSV too, where it does."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "description": "Why a request was not done. `code` is stable; more fields may follow.",
    "type": "object",
    "required": ["type", "title", "status", "code", "detail", "instance"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
    },
    "additionalProperties": True,
}

_ANSWER = {
    "description": "A problem, with a stable code",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}

_TEXT = {"schema": {"type": "string"}}


def _as_csv(operation: dict[str, Any]) -> bool:
    """Whether the caller may choose it (`kit.listing`)."""
    named = (each for each in operation.get("parameters", ()) if each["name"] == "format")
    return any("csv" in str(each.get("schema")) for each in named)


def document_problems(app: FastAPI) -> None:
    """Make `app.openapi()` tell of `application/problem+json` instead of FastAPI's own shape."""
    made_by_fastapi = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = made_by_fastapi()
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
            schemas["Problem"] = PROBLEM
            for path in document.get("paths", {}).values():
                for operation in path.values():
                    operation["responses"].pop("422", None)
                    if _as_csv(operation):
                        operation["responses"]["200"]["content"]["text/csv"] = _TEXT
                    operation["responses"]["4XX"] = _ANSWER
                    operation["responses"]["5XX"] = _ANSWER
        assert app.openapi_schema is not None  # FastAPI keeps what it made.
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # the way FastAPI documents
