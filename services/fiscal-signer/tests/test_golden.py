"""Every event that was ever written can be read. Golden files are never edited: a changed shape
is a new version with an upcaster and a file of its own."""

from __future__ import annotations

from pathlib import Path

from events.testing.golden import golden_faults
from events.testing.unread import reacts_unread
from fiscal_signer.events import REGISTRY, ExportCreated
from fiscal_signer.projections import SignatureBook
from fiscal_signer.projections_exports import ExportBook
from fiscal_signer.public import PUBLICATION


def test_every_version_ever_written_can_be_read() -> None:
    assert golden_faults(REGISTRY, Path(__file__).parent / "golden") == []


async def test_the_books_read_all_that_they_react_to() -> None:
    golden = Path(__file__).parent / "golden"
    assert await reacts_unread(SignatureBook(), REGISTRY, golden) == []
    assert await reacts_unread(ExportBook(), REGISTRY, golden) == []


def test_every_published_event_names_its_store() -> None:
    nameless = [event for event in PUBLICATION.events if "store_id" not in event.model_fields]
    assert nameless == [ExportCreated]  # It may be of many stores, and names them all.
