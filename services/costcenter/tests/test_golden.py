"""Every shape that was ever published decodes for ever. Golden files are added, never edited."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from costcenter.events import EVENTS, NOT_PUBLISHED
from costcenter.public import PUBLICATION
from costcenter.service import REGISTRY
from events import encode
from events.testing.golden import golden_faults

FOLDER = Path(__file__).parent / "golden"


def test_every_version_ever_published_can_be_read() -> None:
    assert golden_faults(REGISTRY, FOLDER) == []


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_a_golden_event_is_written_as_it_was_read(path: Path) -> None:
    name, _, version = path.stem.rpartition(".v")
    stored = json.loads(path.read_text())["complete"]
    event = REGISTRY.decode(name, int(version), json.dumps(stored).encode())
    again = json.loads(encode(event))
    assert {key: again[key] for key in stored} == stored


def test_every_event_leaves_the_service_but_the_bookkeeping_of_limits() -> None:
    assert set(PUBLICATION.events) == set(EVENTS) - NOT_PUBLISHED
