"""What leaves the service: topic `fiscal-signer`, in order per store."""

from __future__ import annotations

from events import Recorded
from events.publication import Publication
from fiscal_signer.events import (
    ClientRegistered,
    ClosingSigned,
    ExportCreated,
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
EXPORTS = "exports"

OF_A_STORE = (
    TseInitialized, ClientRegistered, SignatureStarted, SignatureMade, LeftUnsigned,
    SignatureSurplus, TransactionAbandoned, ClosingSigned, OutageBegan, OutageEnded, SurplusRead,
    TseChecked, TseWarned, TseWarningEnded,
)  # fmt: skip
PUBLISHED = (*OF_A_STORE, ExportCreated)


def store_of(recorded: Recorded) -> str:
    """The ordering key: the store of the device. Exports are no store's."""
    event = recorded.event
    if isinstance(event, ExportCreated):
        return EXPORTS
    assert isinstance(event, OF_A_STORE)  # The relay asks only for what PUBLISHED names.
    return event.store_id


PUBLICATION = Publication(topic=TOPIC, events=PUBLISHED, ordering_key=store_of)
