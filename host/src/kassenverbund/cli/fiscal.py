"""`fiscal verify`: what TSEs signed, judged without the code that made it."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from kassenverbund.cli import exports
from kassenverbund.cli.output import console, line
from kassenverbund.cli.words import say
from kassenverbund.fiscal.archives import Judge, verify_archive
from kassenverbund.fiscal.asn1 import Malformed
from kassenverbund.fiscal.books import verify_event
from kassenverbund.fiscal.certificates import Certificates, read_certificates
from kassenverbund.fiscal.dsfinvk.export import verify_export
from kassenverbund.fiscal.dsfinvk.source import Folder, Source, Zip
from kassenverbund.fiscal.dsfinvk.tars import Tars
from kassenverbund.fiscal.messages import MESSAGE_BYTES_MAX
from kassenverbund.fiscal.receipts import CHARACTERS_MAX, verify_receipt
from kassenverbund.fiscal.tarfiles import BLOCK, is_tar
from kassenverbund.fiscal.verdicts import Finding, Level

OWN_LOG = "log"
SIGNER = "fiscal-signer"
EVENTS_PAGE = 500
LINE_CHARACTERS_MAX = 1024 * 1024

BYTES_PER_ROW = 130
"""Of a DSFinV-K export, about: for how far the bar is."""

SHOWN_ALL = 60
"""Up to so many verdicts people see all of them; beyond, only those that are not simply right."""

SHOWN_MAX = 400

_COLORS = {
    Level.RIGHT: "green", Level.NOTE: "cyan", Level.UNDECIDED: "yellow", Level.WRONG: "red",
}  # fmt: skip


def add_to(app: typer.Typer) -> None:
    fiscal = typer.Typer(help="What tax inspectors want to know.", no_args_is_help=True)
    help_text = (
        "Verify DSFinV-K exports, TSE exports (TAR), receipt codes, log messages, or this"
        " chain's own log."
    )
    fiscal.command("verify", help=help_text)(verify)
    exports.add_to(fiscal)
    fiscal.callback()(_group)
    app.add_typer(fiscal, name="fiscal")


def _group() -> None:
    """What tax inspectors want to know."""


def verify(
    items: Annotated[
        list[str],
        typer.Argument(
            help="files, folders, receipt codes (V0;…, quoted), - for standard input, or: log"
        ),
    ],
    certificate: Annotated[
        list[Path] | None, typer.Option(help="certificate of a TSE (for single log messages)")
    ] = None,
    root: Annotated[
        list[Path] | None, typer.Option(help="certificate of a root that is trusted")
    ] = None,
    serial: Annotated[
        list[str] | None,
        typer.Option(help="serial number of a TSE (64 hex digits); others' signatures are wrong"),
    ] = None,
    tar: Annotated[
        list[Path] | None,
        typer.Option(help="export of a TSE (TAR) to compare a DSFinV-K export with"),
    ] = None,
    filtered: Annotated[
        bool, typer.Option("--filtered", help="the export was filtered: counters may be missing")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="for scripts: JSON on standard output")
    ] = False,
) -> None:
    roots = [one for path in root or () for one in _read_certificates(path)]
    judge = Judge(Certificates(roots), expected=_serials(serial or ()), filtered=filtered)
    for path in certificate or ():
        for one in _read_certificates(path):
            judge.certificates.add(one)
    told = _Told(as_json=as_json)
    tars = _tars(tar or ())
    for item in items:
        # Each item has its own order of counters; certificates are good for all of them.
        judge.devices = {}
        for finding in _verify(item, judge, tars, quiet=as_json):
            told.tell(finding)
    if not told.end():
        raise typer.Exit(1)


def _read_certificates(path: Path) -> Iterable[Any]:
    try:
        return read_certificates(path.read_bytes())
    except Malformed as malformed:
        raise ValueError(f"{path}: {malformed}") from None


def _serials(texts: Iterable[str]) -> frozenset[bytes]:
    found = set()
    for text in texts:
        try:
            found.add(bytes.fromhex(text))
        except ValueError:
            raise ValueError(f"{text}: {say('not 64 hex digits')}") from None
        if len(text) != 64:
            raise ValueError(f"{text}: {say('not 64 hex digits')}")
    return frozenset(found)


def _tars(paths: Iterable[Path]) -> Tars:
    tars = Tars()
    for path in paths:
        with path.open("rb") as file:
            if not is_tar(file.read(BLOCK)):
                raise ValueError(f"{path}: {say('malformed')}")
            file.seek(0)
            tars.add(file)
    return tars


def _verify(item: str, judge: Judge, tars: Tars, *, quiet: bool) -> Iterator[Finding]:
    if item.startswith("V0;"):
        yield from verify_receipt(item, say("receipt code"), expected=judge.expected)
    elif item == "-":
        # The newlines as they are: orders have carriage returns inside of a code.
        given = io.TextIOWrapper(sys.stdin.buffer, "utf-8", errors="replace", newline="\n")
        yield from _lines(given, "-", judge)
    elif item == OWN_LOG:
        yield from _own_log(judge)
    else:
        yield from _file(Path(item), judge, tars, quiet=quiet)


def _file(path: Path, judge: Judge, tars: Tars, *, quiet: bool) -> Iterator[Finding]:
    if path.is_dir():
        yield from _export(Folder(path), path.name, tars, quiet=quiet)
        return
    with path.open("rb") as file:
        head = file.read(BLOCK)
        file.seek(0)
        if is_tar(head):
            with _Bar(path, quiet=quiet) as moved:
                yield from verify_archive(file, path.name, judge, moved=moved)
        elif head[:2] == b"PK":
            try:
                source = Zip(file)
            except Malformed as malformed:
                yield Finding(path.name, "malformed", str(malformed))
                return
            yield from _export(source, path.name, tars, quiet=quiet)
        elif head[:3] == b"V0;" or head[:1] == b"{":
            with path.open(encoding="utf-8", errors="replace", newline="\n") as text:
                yield from _lines(text, path.name, judge)
        elif head[:1] == b"\x30":
            _, findings = judge.message(path.name, file.read(MESSAGE_BYTES_MAX + 1))
            yield from findings
            yield from judge.end()
        else:
            known = say(
                "neither a DSFinV-K export, nor a TAR archive, a log message or receipt codes"
            )
            yield Finding(path.name, "malformed", known)


def _export(source: Source, name: str, tars: Tars, *, quiet: bool) -> Iterator[Finding]:
    """A DSFinV-K export, with how many of its rows are read: all twice."""
    progress = Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:,}"),
        TimeRemainingColumn(), disable=quiet or not console().is_terminal, transient=True,
    )  # fmt: skip
    rows = sum(source.names().values()) // BYTES_PER_ROW
    task = progress.add_task(name, total=2 * rows)
    with progress:
        yield from verify_export(
            source, name, tars=tars, moved=lambda more: progress.advance(task, more)
        )


class _Bar:
    """How much of a file is done."""

    def __init__(self, path: Path, *, quiet: bool) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
        hidden = quiet or not console().is_terminal
        self._progress = Progress(*columns, TimeRemainingColumn(), disable=hidden, transient=True)
        self._task = self._progress.add_task(path.name, total=path.stat().st_size)

    def __enter__(self) -> Callable[[int], None]:
        self._progress.start()
        return lambda read: self._progress.update(self._task, completed=read)

    def __exit__(self, *reason: object) -> None:
        self._progress.stop()


def _lines(text: IO[str], name: str, judge: Judge) -> Iterator[Finding]:
    """Receipt codes, or events as `events tail --json` prints them, one per line."""
    number = 0
    while found := text.readline(LINE_CHARACTERS_MAX):
        number += 1
        item, content = f"{name}:{number}", found.removesuffix("\n")
        if content.startswith("{"):
            yield from _event_line(content, item, judge)
        elif content.strip():
            code = content[: CHARACTERS_MAX + 1]
            yield from verify_receipt(code, item, expected=judge.expected)
    yield from judge.end()


def _event_line(content: str, item: str, judge: Judge) -> Iterator[Finding]:
    try:
        document = json.loads(content)
        name, data = document["name"], document["data"]
        if not isinstance(data, dict):
            raise TypeError
    except (ValueError, KeyError, TypeError, RecursionError):
        yield Finding(item, "malformed", say("not an event"))
        return
    yield from verify_event(str(name), data, item, judge)


def _own_log(judge: Judge) -> Iterator[Finding]:
    """The chain's own log, straight from the database. Read as text, page by page."""
    with asyncio.Runner() as runner:
        pages = _pages()
        try:
            while True:
                try:
                    page = runner.run(_next(pages))
                except StopAsyncIteration:
                    break
                for item, name, data in page:
                    yield from verify_event(name, json.loads(data), item, judge)
        finally:
            runner.run(pages.aclose())
    yield from judge.end()


async def _next(
    pages: AsyncGenerator[list[tuple[str, str, bytes]], None],
) -> list[tuple[str, str, bytes]]:
    return await anext(pages)


async def _pages() -> AsyncGenerator[list[tuple[str, str, bytes]], None]:
    from kassenverbund.assembly import database, role_of
    from kassenverbund.background import open_store
    from kassenverbund.logs import set_up_logs
    from kassenverbund.services import find_services
    from kassenverbund.settings import Settings

    settings = Settings(log_level="warning")
    set_up_logs(settings)
    (signer,) = find_services([SIGNER])
    role = role_of(signer) if settings.database_roles else None
    async with (
        database(settings) as url,
        open_store(url, signer, role=role, pool_max=2) as store,
    ):
        after = 0
        while page := await store.read(after=after, records_max=EVENTS_PAGE):
            after = page[-1].position
            yield [(f"{one.position} {one.stream}", one.name, one.data) for one in page]


class _Told:
    """Verdicts on their way out, and how many there were of each level."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._counts: Counter[Level] = Counter()
        self._waiting: list[Finding] = []
        self._shown = 0

    def tell(self, finding: Finding) -> None:
        self._counts[finding.level] += 1
        if self._as_json:
            line(
                {
                    "item": finding.item, "verdict": str(finding.level), "code": finding.code,
                    "detail": finding.detail,
                }
            )  # fmt: skip
        elif self._counts.total() <= SHOWN_ALL:
            self._waiting.append(finding)
        else:
            self._flush(all_of_them=False)
            if finding.level is not Level.RIGHT:
                self._show(finding)

    def _flush(self, *, all_of_them: bool) -> None:
        for finding in self._waiting:
            if all_of_them or finding.level is not Level.RIGHT:
                self._show(finding)
        self._waiting = []

    def _show(self, finding: Finding) -> None:
        self._shown += 1
        if self._shown > SHOWN_MAX:
            return
        color = _COLORS[finding.level]
        detail = f" ({finding.detail})" if finding.detail else ""
        console().print(
            f"{escape(finding.item)}: [{color}]{say(finding.sentence)}[/{color}]{escape(detail)}",
            soft_wrap=True,
        )

    def end(self) -> bool:
        """Say how it came out: whether nothing is wrong and nothing is left undecided."""
        passed = self._counts[Level.RIGHT] > 0 and not (
            self._counts[Level.WRONG] or self._counts[Level.UNDECIDED]
        )
        if self._as_json:
            line({"passed": passed, **{str(level): self._counts[level] for level in Level}})
            return passed
        self._flush(all_of_them=True)
        if self._shown > SHOWN_MAX:
            console().print(f"… {self._shown - SHOWN_MAX} {say('more (--json shows all)')}")
        counts = ", ".join(f"{self._counts[level]} {say(str(level))}" for level in Level)
        color, word = ("green", "passed") if passed else ("red", "NOT PASSED")
        console().print(f"[{color}]{say(word)}[/{color}]: {counts}")
        return passed
