"""What leaves the service: topic `fiscal-signer`, in order per store."""

from __future__ import annotations

from events import Recorded
from events.publication import Publication
from fiscal_signer.events import (
    ClientRegistered,
    ClosingSigned,
    LeftUnsigned,
    OutageBegan,
    OutageEnded,
    SignatureMade,
    SignatureStarted,
    SignatureSurplus,
    SurplusRead,
    TransactionAbandoned,
    TseChecked,
    TseInitialized,
    TseWarned,
    TseWarningEnded,
)

TOPIC = "fiscal-signer"

PUBLISHED = (
    TseInitialized, ClientRegistered, SignatureStarted, SignatureMade, LeftUnsigned,
    SignatureSurplus, TransactionAbandoned, ClosingSigned, OutageBegan, OutageEnded,
    SurplusRead, TseChecked, TseWarned, TseWarningEnded,
)  # fmt: skip


def store_of(recorded: Recorded) -> str:
    """The ordering key: the store of the device."""
    event = recorded.event
    assert isinstance(event, PUBLISHED)  # The relay asks only for what PUBLISHED names.
    return event.store_id


PUBLICATION = Publication(topic=TOPIC, events=PUBLISHED, ordering_key=store_of)
