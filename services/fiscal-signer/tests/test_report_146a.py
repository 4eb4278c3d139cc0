"""The report of § 146a (4) AO: from events to the upload and its cover sheet."""

from __future__ import annotations

import subprocess
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from fiscal_signer.country.de.report_146a import (
    Establishment,
    cover_of,
    establishment_of,
    files_of,
    gaps_of,
    xml_of,
)

SCHEMA = Path(__file__).parent / "aufzeichnung146a.xsd"
NAMES = {"n": "http://finkonsens.de/elster/elsternachricht/aufzeichnung146a/v1"}
SERIAL = "2ddbd6b0df57a4d8c1e4578a89952922dfe979e94f5c7444192cf8d04e063127"
YEAR = {"begin": date(2026, 1, 1), "end": date(2026, 12, 31)}

Told = tuple[str, dict[str, Any]]


def declared(at: str = "2026-01-02T08:00:00Z", **changes: Any) -> Told:
    address = {"street": "Allee 1", "postal_code": "10435", "city": "Berlin", "country": "DE"}
    return "master_data.changed", {
        "store_id": "berlin",
        "name": "Buchhandlung am Park",
        "address": address,
        "legal_entity": {
            "legal_entity_id": "kette",
            "name": "Buch & Kaffee GmbH",
            "address": {**address, "street": "Sitz 2"},
            "vat_id": "DE123456789",
            "tax_number": "37/123/45678",
        },
        "time_zone": "Europe/Berlin",
        "country": "DE",
        "tses": [
            {
                "tse_id": "tse-1",
                "kind": "fiskaly",
                "curve": "P-256",
                "certification_id": "BSI-K-TR-0717-2025",
            }
        ],
        "changed_at": at,
        **changes,
    }


def tse(tse_id: str = "tse-1", **changes: Any) -> Told:
    return "tse.initialized", {
        "tse_id": tse_id,
        "store_id": "berlin",
        "kind": "fiskaly",
        "certified": True,
        "serial": SERIAL,
        "initialized_at": "2026-01-03T08:00:00Z",
        **changes,
    }


def paired(till: str = "k1", at: str = "2026-01-04T23:30:00Z", tse_id: str = "tse-1") -> Told:
    return "till.paired", {
        "store_id": "berlin",
        "till_id": till,
        "name": f"Kasse {till}",
        "client_id": f"KV-berlin-{till}",
        "tse_id": tse_id,
        "paired_at": at,
    }


def revoked(till: str = "k1", at: str = "2026-06-30T10:00:00Z") -> Told:
    return "till.revoked", {
        "store_id": "berlin",
        "till_id": till,
        "revoked_at": at,
        "reason": "verkauft",
    }


def report(*events: Told, begin: date = YEAR["begin"], end: date = YEAR["end"]) -> Establishment:
    found = establishment_of("berlin", events, begin=begin, end=end)
    assert found is not None
    return found


WHOLE = (declared(), tse(), paired())


def systems(establishment: Establishment) -> list[dict[str, str]]:
    root = ElementTree.fromstring(xml_of(establishment))
    return [
        {element.tag.partition("}")[2]: element.text or "" for element in system}
        for system in root.findall("n:Aufzeichnung146a/n:AngabenAufzeichnungssystem", NAMES)
    ]


def judged(xml: bytes, folder: Path) -> subprocess.CompletedProcess[str]:
    path = folder / "report.xml"
    path.write_bytes(xml)
    command = ["xmllint", "--noout", "--nonet", "--schema", str(SCHEMA), str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_report_says_what_the_law_asks_for() -> None:
    assert systems(report(*WHOLE)) == [
        {
            "Art": "1",
            "Software": "Kassenverbund",
            "SoftwareVersion": "1",
            "SeriennummerAS": "KV-berlin-k1",
            "Hersteller": "Kassenverbund",
            "Modell": "Kasse k1",
            "SeriennummerTSE": SERIAL,
            "InbetriebnahmeTSE": "03.01.2026",
            "BSIID": "0717-2025",
            "ArtTSE": "3",
            # Half past eleven in UTC is the next day in Berlin.
            "AnschaffungAS": "05.01.2026",
            "InbetriebnahmeAS": "05.01.2026",
        }
    ]


def test_a_whole_report_is_valid_and_its_cover_asks_for_nothing(tmp_path: Path) -> None:
    whole = report(*WHOLE, paired("k2"), revoked("k2"))
    verdict = judged(xml_of(whole), tmp_path)
    assert verdict.returncode == 0, verdict.stderr
    assert gaps_of(whole) == ()
    assert [name for name, _ in files_of(whole)] == ["146a-berlin.xml", "146a-berlin.txt"]
    cover = cover_of(whole).decode()
    for fact in (
        "Buch & Kaffee GmbH",
        "37/123/45678",
        "BSI-K-TR-0717-2025",
        "Anzahl der Systeme: 2",
    ):
        assert fact in cover
    assert "ENTWURF" not in cover


@pytest.mark.parametrize(
    ("events", "gap"),
    [
        ((declared(), tse(kind="software", certified=False), paired()), "nicht zertifiziert"),
        ((declared(tses=[]), tse(), paired()), "Zertifizierungs-ID fehlt"),
        ((declared(), paired()), "Seriennummer unbekannt"),
        ((declared(), tse()), "kein Aufzeichnungssystem"),
        (
            (
                declared(
                    legal_entity={
                        **declared()[1]["legal_entity"],
                        "tax_number": None,
                    }
                ),
                tse(),
                paired(),
            ),
            "Steuernummer fehlt",
        ),
    ],
)
def test_a_report_with_a_gap_is_a_draft_that_says_what_is_missing(
    events: tuple[Told, ...], gap: str
) -> None:
    draft = report(*events)
    assert any(gap in one for one in gaps_of(draft))
    (name, _), (_, cover) = files_of(draft)
    assert name == "146a-berlin-ENTWURF.xml"
    assert gap in cover.decode()


def test_a_draft_without_a_certification_is_not_valid(tmp_path: Path) -> None:
    draft = report(declared(), tse(kind="software", certified=False), paired())
    assert judged(xml_of(draft), tmp_path).returncode != 0


def test_a_till_that_was_given_up_is_reported_once_more_and_then_left_out() -> None:
    events = (*WHOLE, paired("k2"), revoked("k2"))
    gone = systems(report(*events))[1]
    assert (gone["AusserbetriebnahmeAS"], gone["GrundAusserbetriebnahme"]) == (
        "30.06.2026",
        "verkauft",
    )
    assert len(systems(report(*events, begin=date(2026, 7, 1)))) == 1


def test_a_till_that_was_paired_again_is_in_use() -> None:
    (one,) = systems(report(*WHOLE, revoked(), paired(at="2026-07-01T08:00:00Z")))
    assert "AusserbetriebnahmeAS" not in one
    assert one["AnschaffungAS"] == "05.01.2026"


def test_a_till_is_reported_with_the_tse_that_its_last_shift_has() -> None:
    opened = (
        "till.opened",
        {
            "store_id": "berlin",
            "till_id": "k1",
            "till_name": "Kasse k1",
            "client_id": "KV-berlin-k1",
            "tse_id": "tse-2",
            "opened_at": "2026-03-01T08:00:00Z",
        },
    )
    second = tse("tse-2", serial="ab" * 32)
    (one,) = systems(report(*WHOLE, second, opened))
    assert one["SeriennummerTSE"] == "ab" * 32


def test_what_the_chain_declares_about_a_till_counts() -> None:
    said = [
        {
            "till_id": "k1",
            "acquired_on": "2025-12-20",
            "manufacturer": "Terminal & Söhne",
            "model": "T9",
        }
    ]
    (one,) = systems(report(declared(recording_systems=said), tse(), paired()))
    assert (one["AnschaffungAS"], one["InbetriebnahmeAS"]) == ("20.12.2025", "05.01.2026")
    assert (one["Hersteller"], one["Modell"]) == ("Terminal & Söhne", "T9")


def test_what_happened_later_changes_no_report_of_a_past_day() -> None:
    then = report(*WHOLE, end=date(2026, 5, 31))
    now = report(*WHOLE, paired("k2", at="2026-06-01T08:00:00Z"), revoked(), end=date(2026, 5, 31))
    assert xml_of(now) == xml_of(then)


def test_a_store_that_was_never_declared_has_no_report() -> None:
    assert establishment_of("berlin", [tse(), paired()], **YEAR) is None
