"""How a segment says no."""

from __future__ import annotations

from events import DomainError


class Overtaken(DomainError):
    """Another process drives this device now."""

    code = "tse.overtaken"
    title = "Another process drives this TSE"


class SegmentIsClosed(DomainError):
    """The signatures go on in a newer segment."""

    code = "tse.segment_closed"
    title = "This segment is closed"


class RequestOpen(DomainError):
    """The device's answer to the last request is not recorded yet."""

    code = "tse.request_open"
    title = "The last request to this TSE is not answered yet"


class AnswersMissing(DomainError):
    """A step has neither an answer nor an outage that explains why."""

    code = "tse.answers_missing"
    title = "Not every step of the request has an answer"
