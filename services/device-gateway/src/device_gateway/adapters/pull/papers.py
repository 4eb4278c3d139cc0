"""A job as the single papers of it, for printers that want them one by one."""

from __future__ import annotations

from device_gateway.adapters.virtual_printer import Paper, Profile, judge
from device_gateway.events import StorePrinter

_CODECS = {"CP858": "cp858", "CP1252": "cp1252", "ISO-8859-15": "iso8859-15"}


def papers_of(job: bytes, printer: StorePrinter) -> tuple[Paper, ...]:
    """What the job's bytes come to, from cut to cut; none for a job that only opens a drawer."""
    profile = Profile(
        dots=printer.dots, code_pages={printer.codepage_number: _CODECS[printer.codepage]}
    )
    return judge(job, profile).papers


def opens_drawer(job: bytes) -> bool:
    """Whether a pulse belongs to it: it stands right behind the head (`adapters.escpos`)."""
    return job[5:7] == b"\x1bp"
