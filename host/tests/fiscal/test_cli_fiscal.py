"""`kassenverbund fiscal verify`: what it takes, what it says, and how it ends."""

from __future__ import annotations

import base64
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from typer.testing import CliRunner

from kassenverbund.cli import build
from kassenverbund.cli.words import GERMAN, speak
from kassenverbund.fiscal.dsfinvk.testing import Export, month
from kassenverbund.fiscal.keys import TseKey
from kassenverbund.fiscal.verdicts import CODES, Level

ROOT = Path(__file__).parents[3]
VECTORS: dict[str, Any] = json.loads(
    (ROOT / "services/fiscal-signer/tests/vectors.json").read_text()
)
KEY = VECTORS["key_T1_T3"]
SERIAL = VECTORS["serial_T1_T3"]


def call(*arguments: str, given: str | None = None) -> tuple[int, list[dict[str, Any]]]:
    done = CliRunner().invoke(build("fiscal"), ["fiscal", "verify", *arguments, "--json"], given)
    assert not done.exception or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, [json.loads(line) for line in done.stdout.splitlines()]


def event(name: str, **data: Any) -> str:
    return json.dumps({"position": 1, "name": name, "data": data})


def initialized(**changed: str) -> str:
    return event("tse.initialized", **{"serial": SERIAL, "public_key": KEY, **changed})


def made(log: str = "T2", **data: str) -> str:
    content = base64.b64encode(bytes.fromhex(VECTORS[log]["log"])).decode()
    return event("signature.made", log_message=content, **data)


def test_a_right_receipt_code_ends_well() -> None:
    code, lines = call(VECTORS["A"]["qr"])
    assert code == 0
    assert lines[0]["code"] == "signature_right"
    assert lines[-1] == {"passed": True, "right": 1, "note": 0, "undecided": 0, "wrong": 0}


def test_a_wrong_receipt_code_ends_with_1() -> None:
    code, lines = call(VECTORS["A"]["qr"].replace("21.42", "12.42"))
    assert code == 1
    assert (lines[0]["verdict"], lines[0]["code"]) == ("wrong", "signature_wrong")


def test_receipt_codes_may_stand_in_a_file_or_come_by_standard_input(tmp_path: Path) -> None:
    codes = "\n".join(VECTORS[name]["qr"] for name in ("A", "B", "T2")) + "\n"
    file = tmp_path / "codes"
    file.write_text(codes)
    for code, lines in (call(str(file)), call("-", given=codes)):
        assert code == 0
        assert lines[-1]["right"] == 3


def test_a_carriage_return_inside_a_code_is_no_new_line(tmp_path: Path) -> None:
    file = tmp_path / "codes"
    file.write_bytes(VECTORS["A"]["qr"].replace(";1;31;", "\r2;1;31;").encode() + b"\n")
    code, lines = call(str(file))
    assert code == 1
    assert [line["code"] for line in lines[:-1]] == ["signature_wrong", "process_data_unusual"]


def test_an_expected_serial_number_finds_other_devices() -> None:
    assert call(VECTORS["T2"]["qr"], "--serial", SERIAL)[0] == 0
    code, lines = call(VECTORS["A"]["qr"], "--serial", SERIAL)
    assert code == 1
    assert lines[0]["code"] == "key_wrong"


def test_a_log_message_without_a_certificate_is_of_an_unknown_key(tmp_path: Path) -> None:
    file = tmp_path / "x.log"
    file.write_bytes(bytes.fromhex(VECTORS["T1"]["log"]))
    code, lines = call(str(file))
    assert code == 1
    assert lines[0]["code"] == "key_unknown"


def test_a_file_of_another_kind_is_malformed(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"hello")
    code, lines = call(str(file))
    assert (code, lines[0]["code"]) == (1, "malformed")


def test_events_of_the_log_are_judged(tmp_path: Path) -> None:
    file = tmp_path / "events"
    file.write_text("\n".join([initialized(), made(qr=VECTORS["T2"]["qr"])]))
    code, lines = call(str(file))
    assert code == 0
    assert lines[0]["code"] == "signature_right"


@pytest.mark.parametrize(
    "qr",
    [VECTORS["A"]["qr"], "V0", VECTORS["T2"]["qr"].replace("62.00", "26.00"),
     VECTORS["T2"]["qr"].replace("UPf/", "UPf+")],
)  # fmt: skip
def test_a_receipt_that_says_something_else_than_the_log_is_told(tmp_path: Path, qr: str) -> None:
    file = tmp_path / "events"
    file.write_text("\n".join([initialized(), made(qr=qr)]))
    code, lines = call(str(file))
    assert code == 1
    assert [line["code"] for line in lines[:-1] if line["verdict"] == "wrong"] == [
        "receipt_differs"
    ]


def test_a_device_whose_serial_number_is_not_its_keys_is_told(tmp_path: Path) -> None:
    file = tmp_path / "events"
    file.write_text(initialized(serial="00" * 32))
    assert call(str(file))[1][0]["code"] == "key_wrong"


@pytest.mark.parametrize(
    "broken",
    ["{", "{}", '{"name": "x", "data": 1}', initialized(public_key="*"),
     initialized(certificate="AAAA"), event("signature.made", log_message="*")],
)  # fmt: skip
def test_a_broken_event_is_malformed(tmp_path: Path, broken: str) -> None:
    file = tmp_path / "events"
    file.write_text(broken)
    code, lines = call(str(file))
    assert (code, lines[0]["code"]) == (1, "malformed")


def test_people_get_sentences_and_a_sum() -> None:
    done = CliRunner().invoke(build("fiscal"), ["fiscal", "verify", VECTORS["A"]["qr"]])
    assert done.exit_code == 0
    assert "the signature is right" in done.stdout
    assert "passed: 1 right, 0 note, 0 undecided, 0 wrong" in done.stdout


def test_nothing_that_is_right_is_not_a_pass(tmp_path: Path) -> None:
    file = tmp_path / "empty.tar"
    file.write_bytes(b"\n")
    assert call(str(file))[0] == 1


def test_every_verdict_is_there_in_german() -> None:
    words = {sentence for _, sentence in CODES.values()} | {str(level) for level in Level}
    assert words - GERMAN.keys() == set()


def test_a_key_may_be_given_as_a_certificate(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    # Public keys can be certified by anybody; what counts here is the key.
    point = base64.b64decode(KEY)
    issuer = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([])
    certificate = x509.CertificateBuilder(
        issuer_name=name, subject_name=name, serial_number=1,
        public_key=ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point),
        not_valid_before=datetime(2021, 1, 1, tzinfo=UTC),
        not_valid_after=datetime(2022, 1, 1, tzinfo=UTC),
    ).sign(issuer, hashes.SHA256())  # fmt: skip
    file, log = tmp_path / "c.pem", tmp_path / "x.log"
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    log.write_bytes(bytes.fromhex(VECTORS["T1"]["log"]))
    _, lines = call(str(log), "--certificate", str(file))
    assert lines[0]["code"] == "signature_right"
    assert TseKey(point).serial.hex().upper() == SERIAL


# -- DSFinV-K exports ---------------------------------------------------------------------------


def exported(tmp_path: Path) -> tuple[Export, Path]:
    made, file = month(), tmp_path / "month.zip"
    file.write_bytes(made.zip())
    return made, file


def test_a_dsfinvk_export_may_be_a_zip_or_a_folder(tmp_path: Path) -> None:
    made, file = exported(tmp_path)
    folder = tmp_path / "month"
    folder.mkdir()
    for name, content in made.files().items():
        (folder / name).write_bytes(content)
    zipped, unpacked = call(str(file)), call(str(folder))
    assert zipped[0] == unpacked[0] == 0
    assert zipped[1][-1] == unpacked[1][-1]
    assert zipped[1][-1]["passed"] is True


def test_a_breach_names_closing_receipt_rule_and_difference(tmp_path: Path) -> None:
    made, file = exported(tmp_path)
    made.rows["datapayment.csv"][0]["BASISWAEH_BETRAG"] = "12,96"
    file.write_bytes(made.zip())
    code, lines = call(str(file))
    assert code == 1
    told = next(line for line in lines if line.get("code") == "paid")
    assert told["item"] == "KV-1 Z 1 KV-1-1"
    assert told["detail"] == "12,96 ≠ 12,97"


def test_a_breach_is_told_in_german(tmp_path: Path) -> None:
    made, file = exported(tmp_path)
    made.rows["transactions_tse.csv"].pop(0)
    file.write_bytes(made.zip())
    speak(["--lang", "de"])
    try:
        done = CliRunner().invoke(build("fiscal"), ["fiscal", "verify", str(file)])
    finally:
        speak(["--lang", "en"])
    assert done.exit_code == 1
    assert "gilt NICHT: jeder Bon hat seine TSE-Transaktion oder sagt, warum nicht" in done.stdout
    assert "NICHT BESTANDEN" in done.stdout


def test_an_export_is_compared_with_that_of_its_tse(tmp_path: Path) -> None:
    made, file = exported(tmp_path)
    archive = tmp_path / "tse.tar"
    with tarfile.open(archive, "w") as tar:
        for name, content in made.device.logs.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    code, lines = call(str(file), "--tar", str(archive))
    assert code == 0
    assert "tar_holds.holds" in {line.get("code") for line in lines}
    done = CliRunner().invoke(build("fiscal"), ["fiscal", "verify", str(file), "--tar", str(file)])
    assert done.exit_code != 0


def test_a_zip_that_is_none_is_malformed(tmp_path: Path) -> None:
    file = tmp_path / "x.zip"
    file.write_bytes(b"PK\x03\x04 and nothing behind")
    code, lines = call(str(file))
    assert (code, lines[0]["code"]) == (1, "malformed")
