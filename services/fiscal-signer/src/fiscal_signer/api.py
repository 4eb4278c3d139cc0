"""HTTP: the TSEs, what they signed, the verdicts, and a check of any receipt's QR code."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from events import DomainError
from fiscal_signer.country import Check, Country
from fiscal_signer.ports import Archives, TseError, TseFault
from fiscal_signer.queries import PAGE_MAX, Queries
from kassenverbund.kit.auth import Caller, requires
from kassenverbund.kit.text import Identifier

COUNTER_MAX = 2**62
QR_CHARACTERS_MAX = 4_000
TAR = "application/x-tar"
TAR_RETRY_S = 30
FROM_LOG = "log"
"""Not a kind of device: whose export is made of our own log."""


class TseUnknown(DomainError):
    code = "tse.unknown"
    status = 404
    title = "There is no such TSE"


class TarElsewhere(DomainError):
    code = "tse.tar_elsewhere"
    status = 409
    title = "This TSE's export is not made here"


class TarUnavailable(DomainError):
    code = "tse.tar_unavailable"
    status = 503
    title = "The TSE cannot be read now"


class TarNotReady(DomainError):
    """The device still works at it. The same question again goes on from there."""

    code = "tse.tar_not_ready"
    status = 503
    title = "The TSE is still making this export; ask again"


class PeriodEmpty(DomainError):
    code = "tse.period_empty"
    status = 422
    title = "The period ends before it begins"


class VerdictUnknown(DomainError):
    code = "signature.unknown"
    status = 404
    title = "There is no verdict on this booking (yet)"


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Outage(_Answer):
    outage_id: str
    reason: str
    began_at: datetime


class Upkeep(_Answer):
    """The last look at a device, away from any sale. null: its kind has none of it, or it was
    never done."""

    checked_at: datetime
    self_tested_at: datetime | None
    time_set_at: datetime | None
    exported_at: datetime | None
    failed: list[str]
    detail: str
    drift_ms: int | None
    certificate_until: datetime | None
    signatures: int
    signatures_max: int | None
    storage_used: int | None
    storage_max: int | None


class Warned(_Answer):
    """What somebody has to look after; see `tse.warned`."""

    warning: str
    stage: int
    detail: str
    since: datetime
    until: datetime | None


class TseView(_Answer):
    """A device at a glance. Fields of its identity are null until it answered for the first
    time."""

    tse_id: str
    store_id: str
    kind: str | None
    certified: bool | None
    serial: str | None
    public_key: str | None
    algorithm: str | None
    time_format: str | None
    certificate: str | None
    initialized_at: datetime | None
    signature_counter: int
    transaction_number: int
    signed: int
    unsigned: int
    outage: Outage | None
    upkeep: Upkeep | None = None
    """null: nobody has looked yet."""
    warnings: list[Warned] = []
    unread: int = 0
    """Log messages of which only the counter is known: the device holds them alone."""


class TseList(_Answer):
    items: list[TseView]


class SignatureView(_Answer):
    """What one signature counter was used for: `client`, `start`, `receipt`, `abort`, `abandon`,
    or, standing for no verdict, `too_late`, `unexplained`, `system`."""

    signature_counter: int
    purpose: str
    booking_id: str
    client_id: str
    transaction_number: int | None
    log_message: str
    """base64 of the log message as the device stored it."""


class SignaturePage(_Answer):
    items: list[SignatureView]
    next_after: int | None
    """Give this as `after` to go on; null: this was the last page for now."""


class VerdictView(_Answer):
    booking_id: str
    verdict: str
    """`signed` or `unsigned`."""
    event: dict[str, Any]
    """`signature.made` or `signature.left_unsigned`, as recorded."""


class QrQuestion(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    qr: Annotated[str, Field(min_length=1, max_length=QR_CHARACTERS_MAX)]


class QrCheck(_Answer):
    name: str
    """`format`, `public_key`, `signature`, `process_data`; `own_tse`, `recorded`."""
    passed: bool | None
    """null: it could not be decided, `detail` says why."""
    detail: str


class QrAnswer(_Answer):
    valid: bool
    """The code holds together: whoever has this key signed exactly this."""
    ours: bool
    """A TSE of this chain made it, and our log holds the same."""
    serial: str
    transaction_number: int | None
    signature_counter: int | None
    checks: list[QrCheck]


READERS = requires("auditor", "operator", "manager")
RECEIPT_READERS = requires("auditor", "operator", "manager", "back_office", "service")

INSPECTORS = requires("auditor")

Reader = Annotated[Caller, Depends(READERS)]
ReceiptReader = Annotated[Caller, Depends(RECEIPT_READERS)]
Inspector = Annotated[Caller, Depends(INSPECTORS)]


def router_of(
    queries: Queries, country: Country, archives: Mapping[str, Archives] | None = None
) -> APIRouter:
    """The routes. `country`: whose QR codes can be checked. `archives`: who exports the TSEs of a
    kind."""
    router = APIRouter(prefix="/v1", tags=["fiscal-signer"])
    _exports(router, queries, archives or {})

    @router.get("/tses")
    async def list_tses(caller: Reader) -> TseList:
        return TseList(items=[_view(row) for row in await queries.tses(caller.store_id)])

    @router.get("/tses/{tse_id}")
    async def show_tse(tse_id: Identifier, caller: Reader) -> TseView:
        row = await queries.tse(tse_id, caller.store_id)
        if row is None:
            raise TseUnknown
        return _view(row)

    @router.get("/signatures")
    async def list_signatures(
        caller: Reader,
        tse: Annotated[Identifier, Query()],
        after: Annotated[int, Query(ge=0, le=COUNTER_MAX)] = 0,
        limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 100,
    ) -> SignaturePage:
        if await queries.tse(tse, caller.store_id) is None:
            raise TseUnknown
        rows = await queries.signatures(tse, after=after, items_max=limit, store_id=caller.store_id)
        last = rows[-1]["signature_counter"] if len(rows) == limit else None
        return SignaturePage(items=[SignatureView(**row) for row in rows], next_after=last)

    @router.get("/signatures/{booking_id}")
    async def show_signature(booking_id: Identifier, caller: ReceiptReader) -> VerdictView:
        row = await queries.verdict(booking_id, caller.store_id)
        if row is None:
            raise VerdictUnknown
        return VerdictView(booking_id=booking_id, verdict=row["verdict"], event=row["document"])

    @router.post("/qr-checks")
    async def check_qr(question: QrQuestion, caller: ReceiptReader) -> QrAnswer:
        """Changes nothing, so it takes no idempotency key."""
        del caller
        verdict = country.check_mark(question.qr)
        own = await _own_checks(queries, question.qr, verdict.serial, verdict.signature_counter)
        return QrAnswer(
            valid=verdict.valid,
            ours=all(check.passed for check in own),
            serial=verdict.serial,
            transaction_number=verdict.transaction_number,
            signature_counter=verdict.signature_counter,
            checks=[
                QrCheck(name=check.name, passed=check.passed, detail=check.detail)
                for check in (*verdict.checks, *own)
            ],
        )

    return router


def _exports(router: APIRouter, queries: Queries, archives: Mapping[str, Archives]) -> None:
    @router.get(
        "/tses/{tse_id}/tar",
        response_class=StreamingResponse,
        responses={200: {"content": {TAR: {}}}},
    )
    async def export_tar(
        tse_id: Identifier,
        caller: Inspector,
        begin: Annotated[AwareDatetime | None, Query(alias="from")] = None,
        end: Annotated[AwareDatetime | None, Query(alias="to")] = None,
        source: Literal["device", "log"] = "device",
    ) -> StreamingResponse:
        """The TSE's export (BSI TR-03151): info.csv, certificates, and its log messages of all
        kinds from `from` to before `to`. The same period gives the same bytes.

        `source=log`: from our own log, which holds each log message byte for byte; also while the
        device is out, and without a word to it."""
        row = await queries.tse(tse_id, caller.store_id)
        if row is None:
            raise TseUnknown
        if begin is not None and end is not None and end < begin:
            raise PeriodEmpty
        by_device = archives.get(row["kind"]) if source == "device" else None
        archives_of = by_device or archives.get(FROM_LOG)
        if archives_of is None or row["kind"] is None:
            raise TarElsewhere(f"the device does it: {row['kind'] or 'not yet initialised'}")
        try:
            archive = await archives_of.open(tse_id, begin=begin, end=end)
        except TseFault as fault:
            if fault.code is TseError.BUSY:
                raise TarNotReady(fault.code.value, retry_after_s=TAR_RETRY_S) from fault
            raise TarUnavailable(fault.code.value) from fault
        name = f"{tse_id}_{archive.label}.tar"
        return StreamingResponse(
            archive.pieces,
            media_type=TAR,
            headers={"content-disposition": f'attachment; filename="{name}"'},
        )


async def _own_checks(
    queries: Queries, qr: str, serial: str, counter: int | None
) -> tuple[Check, Check]:
    """Whether a code stands in our own books. A signature can hold, and the key be anybody's."""
    tse = await queries.tse_with_serial(serial) if serial else None
    if tse is None:
        missing = "no TSE of this chain has this serial number"
        return Check("own_tse", False, missing), Check("recorded", False, missing)
    row = None
    if counter is not None and counter <= COUNTER_MAX:
        row = await queries.verdict_at(tse["tse_id"], counter)
    if row is None:
        detail = "our log holds no receipt at this signature counter"
        return Check("own_tse", True, tse["tse_id"]), Check("recorded", False, detail)
    same = row["document"].get("qr") == qr
    detail = "" if same else "our log holds another code at this signature counter"
    return Check("own_tse", True, tse["tse_id"]), Check("recorded", same, detail)


def _view(row: dict[str, Any]) -> TseView:
    outage = None
    if row["outage_id"] is not None:
        outage = Outage(
            outage_id=row["outage_id"],
            reason=row["outage_reason"],
            began_at=row["outage_began_at"],
        )
    return TseView(**row, outage=outage)
