"""Printers, readers and what did not get printed: how they are, and what may be done about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from device_gateway.api.pages.forms import Form, read_form
from device_gateway.api.pages.locales import N_
from device_gateway.api.pages.shell import Pages, Session, approval_of
from device_gateway.devices.ports import KnownDevice
from device_gateway.handlers import printers
from device_gateway.handlers.device_board import DeviceNow
from device_gateway.handlers.gateway import Gateway
from device_gateway.handlers.printers import DrawerOpening, NoSpool, SeenPrinter
from device_gateway.handlers.rights import allowed
from device_gateway.printing.job import JobState, PrintJob
from kassenverbund.kit.text import Identifier

ATTENTION = (JobState.UNKNOWN, JobState.FAILED)
WAITING = (JobState.QUEUED, JobState.SENDING)
JOBS_MAX = 50

REASONS: Mapping[str, str] = {
    "paper_out": N_("No paper. Put in a new roll."),
    "paper_near_end": N_("The paper is nearly at its end."),
    "cover_open": N_("The cover is open. Close it."),
    "offline": N_("The printer does not answer. Is it switched on?"),
    "unreachable": N_("The printer cannot be reached. Check its power and its cable."),
    "connection_lost": N_("The connection broke while it was printing."),
    "interrupted": N_("The till's computer stopped while it was printing."),
    "refused": N_("The printer refused it."),
    "busy": N_("The printer is busy."),
    "unplugged": N_("Unplugged. Plug it in again."),
    "not_installed": N_("Its software is not installed on this computer."),
    "hangs": N_("It does not react. Unplug it and plug it in again."),
    "fault": N_("It reports a fault."),
    "ended": N_("Its program has ended; it is started again."),
}
"""Reason → what is the matter and what to do."""

DOCUMENTS: Mapping[str, str] = {
    "receipt": N_("Receipt"),
    "voucher_slips": N_("Voucher slips"),
    "remainder_slips": N_("Slips with new codes"),
    "order_slip": N_("Order slip"),
    "center_slip": N_("Cost center slip"),
    "rest_slip": N_("Voucher balance slip"),
    "x_report": N_("X report"),
    "self_test": N_("Test print"),
    "drawer": N_("Drawer"),
}
KINDS: Mapping[str, str] = {
    "serial_scanner": N_("Scanner"),
    "wedge_scanner": N_("Scanner (keyboard)"),
    "card_reader": N_("Card reader"),
    "card_terminal": N_("Card terminal"),
}
STATES: Mapping[str, str] = {
    "queued": N_("waiting"),
    "sending": N_("printing"),
    "unknown": N_("perhaps printed"),
    "failed": N_("not printed"),
}


@dataclass(frozen=True, slots=True)
class SeenDevice:
    device: KnownDevice
    now: DeviceNow | None


@dataclass(frozen=True, slots=True)
class Overview:
    """All that the page shows, and the bar sums up."""

    printers: Sequence[SeenPrinter]
    attention: Sequence[PrintJob]
    waiting: Sequence[PrintJob]
    devices: Sequence[SeenDevice]


async def overview_of(gateway: Gateway, session: Session) -> Overview:
    """Of the till's store: its printers and devices, and the jobs of this till."""
    store_id, till_id = session.store_id, session.till_id
    seen: Sequence[SeenPrinter] = ()
    attention: Sequence[PrintJob] = ()
    waiting: Sequence[PrintJob] = ()
    try:
        seen = await printers.printers_of(gateway, store_id)
        jobs = await printers.jobs_of(
            gateway, store_id, states=(*ATTENTION, *WAITING), till_id=till_id, jobs_max=JOBS_MAX
        )
        attention = [job for job in jobs if job.state in ATTENTION and job.seen_at is None]
        waiting = [job for job in jobs if job.state in WAITING]
    except NoSpool:
        pass
    known: Sequence[KnownDevice] = ()
    if gateway.device_shelf is not None:
        known = await gateway.device_shelf.of([store_id])
    return Overview(
        printers=[one for one in seen if one.printer.till_id in (None, till_id)],
        attention=attention,
        waiting=waiting,
        devices=[
            SeenDevice(device, gateway.devices.of(device.device_id))
            for device in known
            if device.till_id in (None, till_id)
        ],
    )


def late(job: PrintJob, now: datetime, *, after_s: float = 10.0) -> bool:
    """Whether a paper waits for longer than one usually does."""
    return (now - job.queued_at).total_seconds() > after_s


def router(gateway: Gateway, pages: Pages) -> APIRouter:
    routes = pages.router()
    pages.menu.append("devices")
    _look(routes, gateway, pages)
    _jobs(routes, gateway, pages)
    _printers(routes, gateway, pages)
    return routes


def _look(routes: APIRouter, gateway: Gateway, pages: Pages) -> None:
    async def shown(request: Request, session: Session, template: str) -> Response:
        overview = await overview_of(gateway, session)
        drawer = gateway.desk.has_drawer(session.master_data, session.till_id)
        return pages.render(
            request,
            session,
            template,
            overview=overview,
            drawer=drawer,
            reasons=REASONS,
            documents=DOCUMENTS,
            kinds=KINDS,
            job_states=STATES,
        )

    @routes.get("/{store_id}/till/devices")
    async def devices(
        store_id: Identifier, request: Request, session: Session = Depends(pages.session)
    ) -> Response:
        return await shown(request, session, "devices/devices.html")

    @routes.get("/{store_id}/till/devices/list")
    async def listed(
        store_id: Identifier, request: Request, session: Session = Depends(pages.session)
    ) -> Response:
        """The page's piece that is asked for anew when something is told to the till."""
        return await shown(request, session, "devices/list.html")


def _jobs(routes: APIRouter, gateway: Gateway, pages: Pages) -> None:
    @routes.post("/{store_id}/till/print-jobs/{job_id}/repeat")
    async def repeat(
        store_id: Identifier,
        job_id: Identifier,
        request: Request,
        session: Session = Depends(pages.session),
        form: Form = Depends(read_form),
    ) -> Response:
        job = await _own_job(gateway, session, job_id)
        ask = await pages.ask(request, session, form)
        if job.state is not JobState.FAILED:
            # What surely failed was never printed: that is no reprint.
            lent = approval_of(form)
            await allowed(gateway, store_id, session.till_id, "reprint", lent, ask=ask)
        await printers.repeat(gateway, store_id, job_id, ask=ask)
        return pages.go(request, f"/stores/{store_id}/till/devices")

    @routes.post("/{store_id}/till/print-jobs/{job_id}/dismiss")
    async def dismiss(
        store_id: Identifier,
        job_id: Identifier,
        request: Request,
        session: Session = Depends(pages.session),
        form: Form = Depends(read_form),
    ) -> Response:
        await _own_job(gateway, session, job_id)
        await printers.dismiss(gateway, store_id, job_id, reason=form.text("reason"))
        return pages.go(request, f"/stores/{store_id}/till/devices")


async def _own_job(gateway: Gateway, session: Session, job_id: str) -> PrintJob:
    """Raises `JobUnknown`."""
    job = await printers.job_of(gateway, session.store_id, job_id)
    if job.till_id != session.till_id:
        raise printers.JobUnknown
    return job


def _printers(routes: APIRouter, gateway: Gateway, pages: Pages) -> None:
    @routes.post("/{store_id}/till/printers/{printer_id}/test")
    async def test(
        store_id: Identifier,
        printer_id: Identifier,
        request: Request,
        session: Session = Depends(pages.session),
        form: Form = Depends(read_form),
    ) -> Response:
        ask = await pages.ask(request, session, form)
        await printers.self_test(gateway, store_id, printer_id, ask=ask)
        return pages.done(request, session, N_("The test print is on its way."))

    @routes.post("/{store_id}/till/drawer")
    async def drawer(
        store_id: Identifier,
        request: Request,
        session: Session = Depends(pages.session),
        form: Form = Depends(read_form),
    ) -> Response:
        ask = await pages.ask(request, session, form)
        reason = form.text("reason")
        who = await allowed(
            gateway, store_id, session.till_id, "open_drawer", approval_of(form), ask=ask
        )
        wanted = DrawerOpening(
            store_id, session.till_id, reason, who.cashier_id, who.approved_by, session.caller.actor
        )
        await printers.open_drawer(gateway, wanted, ask=ask)
        return pages.done(request, session, N_("The drawer opens. It stands in the log."))
