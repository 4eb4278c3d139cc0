"""Every shape that was ever published decodes for ever. Golden files are added, never edited."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from events import encode
from events.projection import Projection
from events.testing.unread import reacts_unread
from voucher.adapters.account_reservations import AccountReservations
from voucher.events import EVENTS
from voucher.projections_catalogue import CatalogueBook
from voucher.public import PUBLICATION
from voucher.service import REGISTRY

FOLDER = Path(__file__).parent / "golden"
GOLDEN = sorted(FOLDER.glob("*.json"))


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
@pytest.mark.parametrize("form", ["complete", "minimal"])
def test_a_published_event_still_decodes(path: Path, form: str) -> None:
    name, _, version = path.stem.rpartition(".v")
    stored = json.dumps(json.loads(path.read_text())[form]).encode()
    event = REGISTRY.decode(name, int(version), stored)
    again = json.loads(encode(event))
    # An older shape is lifted: what it has in common with the newest is unchanged.
    kept = {key: value for key, value in json.loads(stored).items() if key in again}
    assert {key: again[key] for key in kept} == kept
    assert int(version) < event.event_version or kept == json.loads(stored)


def test_every_event_has_a_golden_file_of_its_version() -> None:
    named = {path.stem for path in GOLDEN}
    assert {f"{event.event_name}.v{event.event_version}" for event in EVENTS} <= named


@pytest.mark.parametrize("projection", [CatalogueBook(), AccountReservations()])
async def test_a_projection_reads_all_that_it_reacts_to(projection: Projection) -> None:
    assert await reacts_unread(projection, REGISTRY, FOLDER) == []


def test_every_event_leaves_the_service() -> None:
    assert set(PUBLICATION.events) == set(EVENTS)
