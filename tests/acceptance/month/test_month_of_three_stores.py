"""A month of three stores, exported and inspected by judges that nobody here wrote, and by sums of
the booking log that agree to the cent."""

from __future__ import annotations

import asyncio
import socket
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
from tests.acceptance.month.judges import index_faults, openssl_verifies
from tests.acceptance.month.play import FIRST, LAST, Month
from tests.support.whole import Whole, until

pytestmark = [pytest.mark.proof, pytest.mark.slow, pytest.mark.timeout(400)]

TSES = ("tse-berlin", "tse-berlin-2", "tse-koeln", "tse-koeln-2", "tse-hamburg")


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
            yield await played.play(lambda whole: inspected(played, whole, var))
        finally:
            cloud.closing.set()
            server.should_exit = True
            await serving


async def inspected(played: Month, whole: Whole, var: Path) -> Inspected:
    """The export of the month and of the TSEs, as an auditor gets them."""
    auditor = whole.token("auditor")
    wanted = {"kind": "dsfinvk", "begin": FIRST.isoformat(), "end": LAST.isoformat()}
    path = "/fiscal-signer/v1/exports"
    asked = await whole.ask("POST", path, wanted, token=auditor, key="month")

    async def made() -> Any:
        export = await whole.ask("GET", f"{path}/{asked['export_id']}", token=auditor)
        assert export["state"] != "failed", export
        return export["state"] == "done"

    await until(made, wait_s=120)
    content = await whole.ask("GET", f"{path}/{asked['export_id']}/file", token=auditor)
    tars = {}
    for tse in TSES:
        tars[tse] = var / f"{tse}.tar"
        found = await whole.ask("GET", f"/fiscal-signer/v1/tses/{tse}/tar", token=auditor)
        tars[tse].write_bytes(found)
    done: Counter[str] = Counter()
    for clerk in played.clerks:
        done.update(clerk.done)
    folder = var / "export"
    (var / "month.zip").write_bytes(content)
    with zipfile.ZipFile(var / "month.zip") as archive:
        archive.extractall(folder)
    log = from_log(await whole.events("device-gateway"))
    return Inspected(folder, content, tars, log, done)


def verified(folder: Path, month: Inspected) -> list[Finding]:
    tars = Tars()
    for path in month.tars.values():
        with path.open("rb") as file:
            tars.add(file)
    return list(verify_export(Folder(folder), "export", tars=tars))


def test_everything_has_happened(month: Inspected) -> None:
    assert min(month.done.values()) >= 4, month.done
    assert month.log.receipts.total() > 500


def test_the_export_keeps_every_rule(month: Inspected) -> None:
    findings = verified(month.folder, month)
    assert [one for one in findings if not one.passed] == []
    held = {one.code.removesuffix(".holds") for one in findings if one.level is Level.RIGHT}
    assert {"closing_cases", "references_resolve", "tse_signature", "tar_complete"} <= held


def test_sums_per_day_rate_and_payment_are_those_of_the_booking_log(month: Inspected) -> None:
    export = from_export(month.content)
    assert month.log.differing(export) == {}
    key, cents = next(iter(month.log.paid.items()))
    export.paid[key] += 1
    assert month.log.differing(export) == {f"paid {key}": (cents, cents + 1)}
    assert month.log.rates.items() <= export.rates.items()


def test_a_sale_that_somebody_takes_out_of_the_export_is_found(
    month: Inspected, tmp_path: Path
) -> None:
    closings = table(month.content, "cashpointclosing.csv")
    named = {row[end] for row in closings for end in ("Z_START_ID", "Z_ENDE_ID")}
    sales = [row for row in table(month.content, "transactions.csv")
             if row["BON_TYP"] == "Beleg" and row["BON_ID"] not in named]  # fmt: skip
    gone = sales[len(sales) // 2]["BON_ID"].encode()
    for path in month.folder.iterdir():
        lines = path.read_bytes().splitlines(keepends=True)
        kept = [line for line in lines if gone not in line]
        (tmp_path / path.name).write_bytes(b"".join(kept))
    wrong = {one.code for one in verified(tmp_path, month) if one.level is Level.WRONG}
    assert wrong >= {"bon_numbers", "closing_cases", "closing_totals", "tar_complete"}


def test_openssl_verifies_what_a_row_of_the_export_says(month: Inspected, tmp_path: Path) -> None:
    """The bytes rebuilt from the row, the key of tse.csv: one receipt of each TSE."""
    serials = {row["Z_KASSE_ID"]: row["KASSE_SERIENNR"]
               for row in table(month.content, "cashregister.csv")}  # fmt: skip
    tses = {(row["Z_KASSE_ID"], row["Z_NR"], row["TSE_ID"]): row
            for row in table(month.content, "tse.csv")}  # fmt: skip
    seen = set()
    for row in table(month.content, "transactions_tse.csv"):
        tse = tses.get((row["Z_KASSE_ID"], row["Z_NR"], row["TSE_ID"]))
        if tse is None or not row["TSE_TA_SIG"] or tse["TSE_SERIAL"] in seen:
            continue
        seen.add(tse["TSE_SERIAL"])
        assert openssl_verifies(tmp_path, row, tse, serials[row["Z_KASSE_ID"]])
        tampered = {**row, "TSE_TA_SIGZ": str(int(row["TSE_TA_SIGZ"]) + 1)}
        assert not openssl_verifies(tmp_path, tampered, tse, serials[row["Z_KASSE_ID"]])
    assert len(seen) == len(TSES)


def test_xmllint_accepts_the_index_and_no_damaged_one(month: Inspected, tmp_path: Path) -> None:
    assert index_faults(month.folder) == ""
    for name in ("index.xml", "gdpdu-01-09-2004.dtd"):
        content = (month.folder / name).read_text()
        (tmp_path / name).write_text(content.replace("<Version>1.0</Version>", ""))
    assert index_faults(tmp_path) != ""


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
    owed = [row for row in table(month.content, "lines.csv")
            if row["GV_TYP"] == "Forderungsentstehung"]  # fmt: skip
    assert {"Kunde", "Kostenträger", "Kostenstelle"} <= {row["GV_NAME"] for row in owed}
    kinds = Counter(row["BON_TYP"] for row in table(month.content, "transactions.csv"))
    assert kinds.keys() >= {
        "Beleg", "AVTraining", "AVBelegabbruch", "AVBestellung", "AVSonstige",
    }  # fmt: skip
    used = {(row["Z_KASSE_ID"], row["TSE_SERIAL"]) for row in table(month.content, "tse.csv")}
    # Both tills in Cologne, and one in Berlin, went to another TSE.
    assert len(used) == len({till for till, _ in used}) + 3
    faults = [row["TSE_TA_FEHLER"] for row in table(month.content, "transactions_tse.csv")]
    assert any(one.startswith("TSE ausgefallen: secure_element_disabled, von ") for one in faults)
    addresses = {row["LOC_STRASSE"] for row in table(month.content, "location.csv")}
    assert {"Breite Straße 80", "Domplatz 1"} <= addresses
