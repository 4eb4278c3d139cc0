"""Every event that was ever written can be read. Golden files are never edited: a changed shape
is a new version with an upcaster and a file of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from events import encode
from fiscal_signer.events import REGISTRY
from fiscal_signer.public import PUBLICATION

GOLDEN = Path(__file__).parent / "golden"
FILES = sorted(GOLDEN.glob("*.json"))


def name_of(path: Path) -> tuple[str, int]:
    name, _, version = path.name.removesuffix(".json").rpartition(".v")
    return name.removesuffix(".minimal"), int(version)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_golden_event_is_read_without_loss(path: Path) -> None:
    name, version = name_of(path)
    document = json.loads(path.read_text())
    event = REGISTRY.decode(name, version, json.dumps(document).encode())
    written = json.loads(encode(event))
    assert {key: written[key] for key in document} == document


def test_every_event_has_its_golden_file() -> None:
    assert {name_of(path)[0] for path in FILES} == set(REGISTRY.classes)


def test_every_published_event_names_its_store() -> None:
    assert all("store_id" in event.model_fields for event in PUBLICATION.events)
