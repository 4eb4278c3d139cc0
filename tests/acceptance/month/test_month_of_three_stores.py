"""A month of three stores, exported and inspected by judges that nobody here wrote, and by sums of
the booking log that agree to the cent."""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import warnings
import zipfile
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import uvicorn
from pydantic import SecretStr

from fiscal_signer.testing.fiskaly import FiskalyCloud
from fiscal_signer.testing.fiskaly_line import KEY, PIN, SECRET, TSS_ID
from kassenverbund.fiscal.dsfinvk.export import verify_export
from kassenverbund.fiscal.dsfinvk.source import Folder
from kassenverbund.fiscal.dsfinvk.tars import Tars
from kassenverbund.fiscal.verdicts import Finding, Level
from kassenverbund.settings import Settings
from tests.acceptance.month.books import Sums, from_export, from_log, table
from tests.acceptance.month.chain import chain
from tests.acceptance.month.play import FIRST, LAST, Month
from tests.support.whole import until, whole_program

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Inspected:
    """What is handed over, and what the books really hold."""

    folder: Path
    content: bytes
    tars: dict[str, Path]
    log: Sums
    done: Counter[str]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def month(
    database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Inspected]:
    var = tmp_path_factory.mktemp("month")
    secrets = var / "fiskaly"
    secrets.mkdir()
    for name, secret in (("api_key", KEY), ("api_secret", SECRET), ("admin_pin.tse-hamburg", PIN)):
        (secrets / name).write_text(secret)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        settings = Settings(
            var=var, database_url=SecretStr(database_url), database_roles=False,
            fiskaly_url=f"http://127.0.0.1:{listening.getsockname()[1]}/api/v2",
            fiskaly_secrets=secrets, log_level="error",
        )  # fmt: skip
        played = Month(settings, database_url, None)  # type: ignore[arg-type]  # below
        cloud = FiskalyCloud(played.clock, key=KEY, secret=SECRET)
        played.tss = cloud.tss(TSS_ID)
        server = uvicorn.Server(uvicorn.Config(cloud, log_level="error", lifespan="off"))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            await played.play()
            yield await inspected(played, var)
        finally:
            cloud.closing.set()
            server.should_exit = True
            await serving


async def inspected(played: Month, var: Path) -> Inspected:
    """The export of the month and of the TSEs, as an auditor gets them."""
    async with whole_program(
        played.settings, chain(changed=True), played.url, played.clock
    ) as whole:
        auditor = whole.token("auditor")
        wanted = {"kind": "dsfinvk", "begin": FIRST.isoformat(), "end": LAST.isoformat()}
        path = "/fiscal-signer/v1/exports"
        asked = await whole.ask("POST", path, wanted, token=auditor, key="month")

        async def made() -> Any:
            export = await whole.ask("GET", f"{path}/{asked['export_id']}", token=auditor)
            assert export["state"] != "failed", export
            return export["state"] == "done"

        await until(made)
        content = await whole.ask("GET", f"{path}/{asked['export_id']}/file", token=auditor)
        tars = {}
        for tse in ("tse-berlin", "tse-berlin-2", "tse-koeln-2"):
            tars[tse] = var / f"{tse}.tar"
            found = await whole.ask("GET", f"/fiscal-signer/v1/tses/{tse}/tar", token=auditor)
            tars[tse].write_bytes(found)
        log = from_log(await whole.events("device-gateway"))
    done: Counter[str] = Counter()
    for clerk in played.clerks:
        done.update(clerk.done)
    folder = var / "export"
    (var / "month.zip").write_bytes(content)
    with zipfile.ZipFile(var / "month.zip") as archive:
        archive.extractall(folder)
    return Inspected(folder, content, tars, log, done)


def verified(month: Inspected) -> list[Finding]:
    tars = Tars()
    for path in month.tars.values():
        with path.open("rb") as file:
            tars.add(file)
    return list(verify_export(Folder(month.folder), "export", tars=tars))


def test_everything_has_happened(month: Inspected) -> None:
    assert min(month.done.values()) >= 4, month.done
    assert month.log.receipts.total() > 500


def test_the_export_keeps_every_rule(month: Inspected) -> None:
    findings = verified(month)
    assert [one for one in findings if one.level is Level.WRONG] == []
    held = {one.code.removesuffix(".holds") for one in findings if one.level is Level.RIGHT}
    assert {"closing_cases", "references_resolve", "tse_signature", "tar_complete"} <= held


def test_sums_per_day_rate_and_payment_are_those_of_the_booking_log(month: Inspected) -> None:
    export = from_export(month.content)
    assert month.log.differing(export) == {}
    assert month.log.rates.items() <= export.rates.items()


def test_xmllint_accepts_the_index(month: Inspected) -> None:
    xmllint = shutil.which("xmllint")
    if xmllint is None:
        warnings.warn("xmllint is missing: lxml judged the index instead", stacklevel=1)
        from lxml import etree

        dtd = etree.DTD(str(month.folder / "gdpdu-01-09-2004.dtd"))
        assert dtd.validate(etree.parse(str(month.folder / "index.xml"))), dtd.error_log
        return
    done = subprocess.run(
        [xmllint, "--noout", "--dtdvalid", "gdpdu-01-09-2004.dtd", "index.xml"],
        cwd=month.folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_validator_of_pretix_has_nothing_to_say(
    month: Inspected, capsys: pytest.CaptureFixture[str]
) -> None:
    from dsfinvk.validate import validate_dir

    files = {one.name for one in month.folder.iterdir()}
    assert "transactions.csv" in files
    assert validate_dir(str(month.folder)) == []
    # It prints what is wrong with a value, and says nothing of it in its answer.
    assert capsys.readouterr().out == ""


def test_what_the_month_was_about_stands_in_the_tables(month: Inspected) -> None:
    cases = Counter(row["GV_TYP"] for row in table(month.content, "lines.csv"))
    assert cases.keys() >= {
        "Umsatz", "MehrzweckgutscheinKauf", "MehrzweckgutscheinEinloesung",
        "EinzweckgutscheinKauf", "EinzweckgutscheinEinloesung", "Rabatt", "Forderungsentstehung",
        "ZuschussEcht", "ZuschussUnecht", "TrinkgeldAN", "Pfand", "PfandRueckzahlung",
        "Geldtransit", "Privateinlage", "DifferenzSollIst", "Anfangsbestand",
    }  # fmt: skip
    kinds = Counter(row["BON_TYP"] for row in table(month.content, "transactions.csv"))
    assert kinds.keys() >= {
        "Beleg", "AVTraining", "AVBelegabbruch", "AVBestellung", "AVSonstige",
    }  # fmt: skip
    failed = [row for row in table(month.content, "transactions_tse.csv") if row["TSE_TA_FEHLER"]]
    assert failed
    addresses = {row["LOC_STRASSE"] for row in table(month.content, "location.csv")}
    assert {"Breite Straße 80", "Domplatz 1"} <= addresses
