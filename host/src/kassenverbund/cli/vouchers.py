"""`vouchers print-run|import|export|void`: what back office does with many vouchers at once.

These commands talk to a running program over HTTPS, as back office. They can be repeated: the same
command goes on where an interrupted one stopped, and nothing is done twice.
"""

from __future__ import annotations

import hashlib
import os
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from kassenverbund.chain_file import load_chain
from kassenverbund.cli.output import console, line
from kassenverbund.cli.words import say
from kassenverbund.keys import issuer_of
from kassenverbund.settings import LOCAL_HOSTS, Settings, url_of

TOKEN_VARIABLE = "KASSENVERBUND_TOKEN"  # noqa: S105  (a name, not a token)

CALL_S = 60.0
"""How long one answer may take."""

WAIT_S = 3600.0
"""How long a command waits for a batch. It goes on without it; the command can be repeated."""

POLL_S = 0.5
PIECE_BYTES = 64 * 1024
SHOWN_MAX = 20
"""Refused lines that are shown to people; `--json` gives all that the service names."""

JsonOption = Annotated[bool, typer.Option("--json", help="for scripts: JSON on standard output")]
UrlOption = Annotated[str, typer.Option("--url", help="address of the program")]
EntityOption = Annotated[str, typer.Option("--legal-entity", help="who issues the vouchers")]


class Refused(ValueError):
    """The program said no: its problem, as it came."""

    def __init__(self, problem: Mapping[str, Any]) -> None:
        super().__init__(f"{problem.get('code')}: {problem.get('detail')}")
        self.problem = dict(problem)


def add_to(app: typer.Typer) -> None:
    vouchers = typer.Typer(help="Vouchers in large numbers.", no_args_is_help=True)
    text = "Print blank cards: order a run, wait for it, fetch the codes once."
    vouchers.command("print-run", help=text)(print_run)
    text = "Take vouchers over from a CSV file: all of them, or none."
    vouchers.command("import", help=text)(import_file)
    text = "Write all vouchers to a file that another installation imports."
    vouchers.command("export", help=text)(export)
    vouchers.command("void", help="End the cards of a run that were never sold.")(void)
    app.add_typer(vouchers, name="vouchers")


def print_run(
    batch: Annotated[str, typer.Argument(help="id of the run, your choice")],
    cards: Annotated[int, typer.Option(min=1, help="how many cards")],
    template: Annotated[str, typer.Option(help="template of the cards")],
    legal_entity: EntityOption,
    out: Annotated[Path, typer.Option(help="where the codes go (must not exist)")],
    value: Annotated[str, typer.Option(help="fixed value, for example 25.00")] = "",
    url: UrlOption = "",
    as_json: JsonOption = False,
) -> None:
    body: dict[str, Any] = {
        "cards": cards, "template_id": template, "legal_entity_id": legal_entity,
    }  # fmt: skip
    if value:
        body["value"] = {"amount": minor(value), "currency": "EUR"}
    with office(url) as desk:
        desk.ask("PUT", f"/v1/batches/{batch}", f"print-run/{batch}/order", json=body)
        done = _wait(desk, batch, say("cards"), quiet=as_json)
        if done["state"] == "completed":
            _fetch(desk, batch, out)
            done = desk.batch(batch)
    if done["state"] != "exported":
        raise ValueError(f"{batch}: {done['state']} ({done['reason'] or '-'})")
    if as_json:
        line({**done, "file": str(out)})
    else:
        told = f"{done['cards']} {say('cards')}: {out}"
        console().print(f"[green]{escape(told)}[/green] (SHA-256 {done['sha256']})", soft_wrap=True)


def import_file(
    file: Annotated[Path, typer.Argument(help="CSV in UTF-8", exists=True, dir_okay=False)],
    count: Annotated[int, typer.Option(min=0, help="how many vouchers the file holds")],
    total: Annotated[str, typer.Option(help="sum of their balances, for example 3480.50")],
    legal_entity: Annotated[
        str, typer.Option("--legal-entity", help="issuer of rows that name none")
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="only say what would be refused")
    ] = False,
    url: UrlOption = "",
    as_json: JsonOption = False,
) -> None:
    digest = digest_of(file)
    params: dict[str, Any] = {"count": count, "total": minor(total), "dry_run": dry_run}
    if legal_entity:
        params["legal_entity_id"] = legal_entity
    with office(url) as desk:
        try:
            answer = desk.ask(
                "POST", "/v1/imports", f"import/{digest[:32]}/{int(dry_run)}", params=params,
                content=pieces_of(file, quiet=as_json), headers={"content-type": "text/csv"},
            ).json()  # fmt: skip
        except Refused as refused:
            if "refused" not in refused.problem:
                raise
            _show_refused(refused.problem, as_json=as_json)
            raise typer.Exit(1) from None
        if dry_run:
            _show_refused(answer, as_json=as_json)
            raise typer.Exit(0 if answer["acceptable"] else 1)
        done = _wait(desk, answer["batch_id"], say("vouchers"), quiet=as_json)
    if done["state"] != "completed":
        raise ValueError(f"{done['batch_id']}: {done['state']} ({done['reason'] or '-'})")
    if as_json:
        line(done)
    else:
        told = f"{done['cards']} {say('vouchers')}, {major(done['total'])} {say('taken over')}"
        console().print(f"[green]{told}[/green]")


def export(
    out: Annotated[Path, typer.Option(help="where the vouchers go (must not exist)")],
    url: UrlOption = "",
    as_json: JsonOption = False,
) -> None:
    with office(url) as desk, desk.http.stream("GET", "/voucher/v1/exports/vouchers") as answer:
        _checked(answer)
        digest = write_new(out, answer.iter_bytes())
        told = answer.headers
    if digest != told["x-content-sha256"]:
        out.unlink()
        raise ValueError(say("the file did not arrive whole; ask again"))
    sums = {
        "file": str(out), "count": int(told["x-vouchers-count"]),
        "total": int(told["x-vouchers-total"]), "held": int(told["x-vouchers-held"]),
        "pending": int(told["x-vouchers-pending"]), "sha256": digest,
    }  # fmt: skip
    if as_json:
        line(sums)
        return
    amount = major({"amount": sums["total"], "currency": "EUR"})
    console().print(f"[green]{out}[/green]: {sums['count']} {say('vouchers')}, {amount}")
    if sums["held"] or sums["pending"]:
        text = say("some are being sold or paid with right now; close the tills and export again")
        console().print(f"[yellow]{text}[/yellow]")


def void(
    batch: Annotated[str, typer.Argument(help="id of the run")],
    why: Annotated[str, typer.Option("--why", help="why it is voided (recorded as an event)")],
    url: UrlOption = "",
    as_json: JsonOption = False,
) -> None:
    with office(url) as desk:
        path, key = f"/v1/batches/{batch}/void", f"print-run/{batch}/void"
        done = desk.ask("POST", path, key, json={"reason": why}).json()
    if as_json:
        line(done)
    else:
        console().print(f"{batch} {say('voided')}")


@dataclass(frozen=True, slots=True)
class Desk:
    """The running program, asked as back office."""

    http: httpx.Client
    mount: str = "/voucher"
    """Of the service that is asked."""

    def ask(self, method: str, path: str, key: str, **request: Any) -> httpx.Response:
        """One write under an idempotency key. Raises `Refused`."""
        headers = {"idempotency-key": key, **request.pop("headers", {})}
        answer = self.http.request(method, f"{self.mount}{path}", headers=headers, **request)
        return _checked(answer)

    def checked(self, answer: httpx.Response) -> httpx.Response:
        """The answer itself. Raises `Refused`."""
        return _checked(answer)

    def batch(self, batch_id: str) -> dict[str, Any]:
        """How far a batch is. Raises `Refused`."""
        found = self.http.get(f"/voucher/v1/batches/{batch_id}")
        document: dict[str, Any] = _checked(found).json()
        return document


@contextmanager
def office(url: str, service: str = "voucher", *, role: str = "back_office") -> Iterator[Desk]:
    """Talk to a service at `url`, at `KASSENVERBUND_URL_<SERVICE>`, or on this machine.

    The token comes from `KASSENVERBUND_TOKEN`; on this machine the program's own key makes one
    with `role`.
    Raises OSError where nobody answers.
    """
    settings = Settings()
    host = settings.host if settings.host in LOCAL_HOSTS else "localhost"
    scheme = "http" if settings.tls == "off" else "https"
    base = url or url_of(service) or f"{scheme}://{host}:{settings.port}"
    authority = settings.peer_ca or settings.var / "tls" / "ca.pem"
    trust = ssl.create_default_context(cafile=str(authority) if authority.exists() else None)
    token = os.environ.get(TOKEN_VARIABLE) or _own_token(settings, role)
    headers = {"authorization": f"Bearer {token}"}
    try:
        with httpx.Client(base_url=base, verify=trust, headers=headers, timeout=CALL_S) as http:
            yield Desk(http, f"/{service}")
    except httpx.TransportError as fault:
        raise OSError(f"{base}: {fault}") from fault


def _own_token(settings: Settings, role: str) -> str:
    issuer = issuer_of(settings, load_chain(settings.chain))
    now = datetime.now(UTC)
    return issuer.person("command-line", [role], now=now, valid_for=timedelta(hours=2))


def _checked(answer: httpx.Response) -> httpx.Response:
    if answer.status_code < 400:
        return answer
    answer.read()
    try:
        problem = answer.json()
    except ValueError:
        problem = {"code": f"http.{answer.status_code}", "detail": answer.text[:200]}
    raise Refused(problem)


def bars(*, quiet: bool) -> Progress:
    """How far something is, for people."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
    )  # fmt: skip
    return Progress(*columns, disable=quiet, transient=True)


def _wait(desk: Desk, batch_id: str, what: str, *, quiet: bool) -> dict[str, Any]:
    """Show how the batch goes on, until it no longer does."""
    deadline = time.monotonic() + WAIT_S
    with bars(quiet=quiet) as progress:
        batch = desk.batch(batch_id)
        bar = progress.add_task(what, total=batch["cards"])
        while batch["state"] == "running":
            progress.update(bar, completed=batch["done"])
            if time.monotonic() > deadline:
                raise OSError(f"{batch_id}: {say('it takes too long; ask again later')}")
            time.sleep(POLL_S)
            batch = desk.batch(batch_id)
        progress.update(bar, completed=batch["done"])
    return batch


def _fetch(desk: Desk, batch_id: str, out: Path) -> None:
    """The codes, written to disk before the service is told to wipe its own."""
    key = f"print-run/{batch_id}/export"
    answer = desk.ask("POST", f"/v1/batches/{batch_id}/export", key)
    digest = hashlib.sha256(answer.content).hexdigest()
    # An earlier try may have died after writing it.
    if not out.exists() or digest_of(out) != digest:
        digest = write_new(out, iter((answer.content,)))
    path, body = f"/v1/batches/{batch_id}/exported", {"sha256": digest}
    desk.ask("POST", path, f"print-run/{batch_id}/exported", json=body)


def write_new(out: Path, pieces: Iterator[bytes]) -> str:
    """A new file, for its owner alone, safely on disk; its SHA-256. Raises FileExistsError."""
    digest = hashlib.sha256()
    handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as opened:
        for piece in pieces:
            digest.update(piece)
            opened.write(piece)
        opened.flush()
        os.fsync(opened.fileno())
    return digest.hexdigest()


def pieces_of(file: Path, *, quiet: bool) -> Iterator[bytes]:
    """A file as it is sent, with its progress."""
    with bars(quiet=quiet) as progress, file.open("rb") as opened:
        bar = progress.add_task(say("KiB sent"), total=file.stat().st_size // 1024)
        while piece := opened.read(PIECE_BYTES):
            yield piece
            progress.advance(bar, len(piece) // 1024)


def digest_of(file: Path) -> str:
    """SHA-256, hex."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _show_refused(report: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        line(report)
        return
    out = console()
    found = f"{report['rows']} {say('vouchers')}, {major(report['total'])}"
    if report["refused_count"]:
        table = Table(say("Line"), say("Column"), say("Reason"))
        for entry in report["refused"][:SHOWN_MAX]:
            other = f" ({say('Line')} {entry['other_line']})" if entry["other_line"] else ""
            cells = (entry["column"] or "", f"{entry['reason']}{other}")
            table.add_row(str(entry["line"]), *map(escape, cells))
        out.print(table)
        out.print(f"[red]{report['refused_count']} {say('lines are refused')}[/red]")
    elif not report.get("acceptable"):
        out.print(f"[red]{say('the file holds something else')}: {found}[/red]")
    else:
        out.print(f"[green]{found}: {say('nothing would be refused')}[/green]")


def minor(text: str) -> int:
    """`25.00` or `25,00` → 2500. Raises ValueError."""
    try:
        exact = Decimal(text.replace(",", ".")).scaleb(2)
        whole = int(exact)
    except (InvalidOperation, ValueError, OverflowError):
        raise ValueError(f"{text}: {say('not an amount')}") from None
    if exact != whole or whole < 0:
        raise ValueError(f"{text}: {say('not an amount')}")
    return whole


def major(money: Mapping[str, Any]) -> str:
    """Money of an answer, for people."""
    return f"{Decimal(money['amount']).scaleb(-2):,.2f} {money['currency']}"
