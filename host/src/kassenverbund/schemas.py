"""The published documents of the workspace: event schemas, AsyncAPI, `chain.schema.json`.

What a service hears is known when it is opened, so the services are opened on an empty database of
their own (and not started). The files stand in each service's folder and are checked in.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from events.asyncapi import asyncapi, export_asyncapi
from events.schema import export_schemas, incompatibilities, schema_name
from kassenverbund import __version__
from kassenverbund.assembly import assembled, database
from kassenverbund.background import Part
from kassenverbund.chain_file import chain_schema
from kassenverbund.kit.chain import Chain
from kassenverbund.kit.service import Service
from kassenverbund.settings import Settings


@dataclass(frozen=True, slots=True)
class Drift:
    """A file that is not as the code says."""

    file: Path
    what: str
    """`written`, or why the check fails."""


def write_schemas(
    services: Sequence[Service], chain: Chain, root: Path, *, check: bool
) -> list[Drift]:
    """Write what is out of date in the services' folders and below `root`; with `check` only say
    what is.

    A published schema that changed in a way that breaks its readers is told in both cases, and
    never overwritten: it needs a new version of the event.
    """
    drifts = _one(root / "chain.schema.json", chain_schema().encode(), check=check)
    if not services:
        return drifts
    with tempfile.TemporaryDirectory(prefix="kv-", ignore_cleanup_errors=True) as folder:
        asyncio.run(_export(services, chain, Path(folder)))
        for service in services:
            here, fresh = service.migrations.parent, Path(folder) / "made" / service.name
            _keep_older(service, here / "schemas", fresh / "schemas")
            broken = incompatibilities(here / "schemas", fresh / "schemas")
            drifts += [Drift(here / "schemas", reason) for reason in broken]
            if not broken:
                for path in sorted(path for path in fresh.rglob("*") if path.is_file()):
                    target = here / path.relative_to(fresh)
                    drifts += _one(target, path.read_bytes(), check=check)
    return [Drift(_short(drift.file, root), drift.what) for drift in drifts]


def _keep_older(service: Service, published: Path, fresh: Path) -> None:
    """Older versions that upcasters still lift stay published: logs and readers hold them."""
    for event in service.publication.events if service.publication is not None else ():
        for version in service.registry.versions(event.event_name)[:-1]:
            older = published / f"{event.event_name}.v{version}.json"
            if older.exists():
                shutil.copyfile(older, fresh / older.name)


async def _export(services: Sequence[Service], chain: Chain, folder: Path) -> None:
    # Whatever the environment says, nothing but `folder` is touched.
    own = {"var": folder, "database_url": None, "kafka_bootstrap": None, "bus_url": None}
    keys = {"root_key_file": None, "issuer_key_file": None, "oidc_issuer": None}
    settings = Settings().model_copy(update={**own, **keys})
    async with database(settings) as url, assembled(settings, chain, services, url) as built:
        urls = {
            event.event_name: f"../{service.migrations.parent.name}/schemas/{schema_name(event)}"
            for service in services
            if service.publication is not None
            for event in service.publication.events
        }
        for part in built.parts:
            _export_part(part, folder / "made" / part.service.name, urls)


def _export_part(part: Part, folder: Path, urls: dict[str, str]) -> None:
    service = part.service
    if service.publication is not None:
        export_schemas(service.registry, service.publication, folder / "schemas")
    document = asyncapi(
        service=service.name,
        version=__version__,
        description=f"What {service.name} publishes and hears.",
        registry=service.registry,
        publication=service.publication,
        reactions=part.opened.reactions,
        foreign_schemas=urls,
    )
    export_asyncapi(document, folder / "asyncapi.yaml")


def _one(file: Path, content: bytes, *, check: bool) -> list[Drift]:
    if file.exists() and file.read_bytes() == content:
        return []
    if check:
        return [Drift(file, "differs from the code: run `make schemas` and commit it")]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return [Drift(file, "written")]


def _short(file: Path, root: Path) -> Path:
    absolute = file.resolve()
    return absolute.relative_to(root.resolve()) if absolute.is_relative_to(root.resolve()) else file
