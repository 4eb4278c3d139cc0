"""Every event that was ever written can be read. Golden files are never edited: a changed shape
is a new version with an upcaster and a file of its own."""

from __future__ import annotations

from pathlib import Path

from events.testing.golden import golden_faults
from events.testing.unread import reacts_unread
from fiscal_signer.events import REGISTRY
from fiscal_signer.projections import SignatureBook
from fiscal_signer.public import PUBLICATION


def test_every_version_ever_written_can_be_read() -> None:
    assert golden_faults(REGISTRY, Path(__file__).parent / "golden") == []


async def test_the_signature_book_reads_all_that_it_reacts_to() -> None:
    golden = Path(__file__).parent / "golden"
    assert await reacts_unread(SignatureBook(), REGISTRY, golden) == []


def test_every_published_event_names_its_store() -> None:
    assert all("store_id" in event.model_fields for event in PUBLICATION.events)
