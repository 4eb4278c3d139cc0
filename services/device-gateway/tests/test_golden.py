"""Events once published stay readable, and their schemas stand in the repository."""

from __future__ import annotations

import shutil
from pathlib import Path

from device_gateway.events import registry
from device_gateway.projections import UnfinishedProjection
from device_gateway.projections_devices import DevicesProjection
from device_gateway.public import PUBLICATION
from events.schema import export_schemas, incompatibilities
from events.testing.golden import golden_faults
from events.testing.unread import reacts_unread


def test_every_version_ever_published_can_be_read() -> None:
    assert golden_faults(registry(), Path(__file__).parent / "golden") == []


async def test_the_unfinished_bookings_read_all_that_they_react_to() -> None:
    golden = Path(__file__).parent / "golden"
    assert await reacts_unread(UnfinishedProjection(), registry(), golden) == []


async def test_the_list_of_devices_reads_all_that_it_reacts_to() -> None:
    golden = Path(__file__).parent / "golden"
    assert await reacts_unread(DevicesProjection(), registry(), golden) == []


def test_the_schemas_in_the_repository_are_the_present_ones(tmp_path: Path, package: Path) -> None:
    for written in export_schemas(registry(), PUBLICATION, tmp_path):
        assert (package / "schemas" / written.name).read_text() == written.read_text()


def test_no_schema_changed_to_the_harm_of_a_reader(tmp_path: Path, package: Path) -> None:
    export_schemas(registry(), PUBLICATION, tmp_path)
    for event in PUBLICATION.events:
        for older in registry().versions(event.event_name)[:-1]:
            # An older version stays published as it was: logs and readers hold it.
            name = f"{event.event_name}.v{older}.json"
            shutil.copyfile(package / "schemas" / name, tmp_path / name)
    assert incompatibilities(package / "schemas", tmp_path) == []
