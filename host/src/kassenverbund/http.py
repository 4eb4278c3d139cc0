"""The HTTP application: the services' routers under one roof, health, schemas, keys."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse

from events import DomainError
from kassenverbund import __version__
from kassenverbund.issuer import Issuer
from kassenverbund.kit.auth import Authenticator
from kassenverbund.kit.hosts import HostNames
from kassenverbund.kit.problems import install_problem_handlers
from kassenverbund.kit.service import Opened, Service
from kassenverbund.settings import Settings

_MEDIA_TYPES = {".json": "application/schema+json", ".yaml": "application/yaml"}


class SchemaUnknown(DomainError):
    code = "schema.unknown"
    status = 404
    title = "There is no such schema"


def application(settings: Settings, *, authenticator: Authenticator, issuer: Issuer) -> FastAPI:
    """The empty application. `mount` adds services; `publish` health and schemas."""
    app = FastAPI(
        title="Kassenverbund",
        version=__version__,
        # Documentation pages load scripts from elsewhere; the OpenAPI document is enough.
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
    )
    app.state.authenticator = authenticator
    app.state.stopping = asyncio.Event()
    install_problem_handlers(app, body_bytes_max=settings.body_bytes_max)
    if settings.host_names:
        app.add_middleware(HostNames, names=settings.host_names)

    @app.get(
        "/.well-known/jwks.json",
        tags=["program"],
        response_class=Response,
        responses={200: {"content": {"application/jwk-set+json": {}}}},
    )
    async def keys() -> Response:
        """The public keys of the chain's own issuer."""
        return Response(
            issuer.jwks_json(),
            media_type="application/jwk-set+json",
            headers={"cache-control": "max-age=300"},
        )

    return app


def mount(app: FastAPI, service: Service, opened: Opened) -> None:
    """Add a service's routes under its prefix."""
    prefix = f"/{service.name}" if service.mount is None else service.mount
    app.include_router(opened.router, prefix=prefix, tags=[service.name])
    app.state.streamed.update({prefix + path: most for path, most in opened.streamed.items()})


def publish_health(
    app: FastAPI,
    unready: Callable[[], Awaitable[Sequence[str]]],
    alerts: Callable[[], Sequence[Mapping[str, str]]] = tuple,
) -> None:
    """`/health/live` and `/health/ready`, open to all. `alerts`: what people should look at; it
    stands beside the answer of `ready` and never changes it."""

    @app.get("/health/live", tags=["program"])
    async def live() -> dict[str, str]:
        """The loop turns."""
        return {"status": "live"}

    @app.get("/health/ready", tags=["program"])
    async def ready() -> JSONResponse:
        """Migrated, database and bus reachable, read models not too far behind."""
        reasons = await unready()
        told = [dict(alert) for alert in alerts()]
        beside = {"alerts": told} if told else {}
        if reasons:
            document = {"status": "unready", "reasons": list(reasons), **beside}
            return JSONResponse(document, status_code=503)
        return JSONResponse({"status": "ready", **beside})


def publish_schemas(app: FastAPI, services: Sequence[Service]) -> None:
    """`/schemas/{service}/{file}`: each service's JSON Schemas and AsyncAPI document, open."""
    files = {service.name: _schema_files(service) for service in services}

    @app.get("/schemas", tags=["program"])
    async def index() -> dict[str, list[str]]:
        """Which documents there are."""
        return {name: sorted(found) for name, found in files.items()}

    @app.get(
        "/schemas/{service}/{file}",
        tags=["program"],
        response_class=Response,
        responses={200: {"content": {kind: {} for kind in _MEDIA_TYPES.values()}}},
    )
    async def schema(service: str, file: str) -> Response:
        """One document."""
        content = files.get(service, {}).get(file)
        if content is None:
            raise SchemaUnknown
        suffix = file[file.rfind(".") :]
        return Response(content, media_type=_MEDIA_TYPES.get(suffix, "application/octet-stream"))


def _schema_files(service: Service) -> Mapping[str, bytes]:
    """Read at start: a name from outside never becomes a path."""
    folder = service.migrations.parent
    paths = [*folder.glob("schemas/*.json"), *folder.glob("asyncapi.yaml")]
    return {path.name: path.read_bytes() for path in paths}
