"""Exports of TSEs: what holds, and every way in which one can fail to."""

from __future__ import annotations

import base64
import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from kassenverbund.fiscal.archives import Judge, verify_archive
from kassenverbund.fiscal.asn1 import Malformed, whole, whole_number
from kassenverbund.fiscal.certificates import Certificates
from kassenverbund.fiscal.keys import TseKey
from kassenverbund.fiscal.messages import read_message
from kassenverbund.fiscal.verdicts import Finding, Level

ROOT = Path(__file__).parents[3]
VECTORS: dict[str, Any] = json.loads(
    (ROOT / "services/fiscal-signer/tests/vectors.json").read_text()
)
NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
INFO = b'"description:","x","manufacturer:","y","version:","1"\n'

# -- public log messages ----------------------------------------------------------------------


def key_of(name: str) -> TseKey:
    return TseKey(base64.b64decode(VECTORS["key_T4" if name == "T4" else "key_T1_T3"]))


def judged(content: bytes, key: TseKey) -> str:
    judge = Judge(Certificates())
    judge.certificates.add_key(key)
    _, findings = judge.message("x.log", content)
    return findings[0].code


@pytest.mark.parametrize("name", ["T1", "T2", "T3", "T4"])
def test_a_public_log_message_is_right(name: str) -> None:
    assert judged(bytes.fromhex(VECTORS[name]["log"]), key_of(name)) == "signature_right"


@pytest.mark.parametrize("name", ["T1", "T2", "T3", "T4"])
def test_no_byte_of_a_public_log_message_can_be_changed(name: str) -> None:
    content, key = bytes.fromhex(VECTORS[name]["log"]), key_of(name)
    for at in range(len(content)):
        other = bytearray(content)
        other[at] ^= 1
        assert judged(bytes(other), key) != "signature_right", at


@pytest.mark.parametrize("name", ["T1", "T2", "T3", "T4"])
def test_a_public_log_message_with_another_key_is_of_an_unknown_one(name: str) -> None:
    other = key_of("T1" if name == "T4" else "T4")
    assert judged(bytes.fromhex(VECTORS[name]["log"]), other) == "key_unknown"


def test_what_a_public_log_message_says_is_read() -> None:
    message = read_message(bytes.fromhex(VECTORS["T2"]["log"]))
    assert (message.kind, message.operation, message.client) == (
        "transaction", "FinishTransaction", "1063641",
    )  # fmt: skip
    assert (message.number, message.counter) == (1, 16)
    assert message.time == datetime(2021, 7, 28, 12, 38, 59, tzinfo=UTC)


@given(st.binary(max_size=200))
def test_bytes_are_a_message_or_malformed(content: bytes) -> None:
    try:
        read_message(content)
    except Malformed:
        return


@given(st.integers(0, 174), st.integers(0, 255))
def test_a_damaged_message_never_makes_it_stumble(at: int, byte: int) -> None:
    content = bytearray.fromhex(VECTORS["T1"]["log"])
    content[at] = byte
    judged(bytes(content), key_of("T1"))


# -- how vendors differ -------------------------------------------------------------------------


def message_of(
    *, time: bytes = b"\x02\x01\x05", data: bytes = b"\x82\x01x", kind: bytes = b"\x83\x01 "
) -> tuple[bytes, TseKey]:
    """A Finish with elements as a vendor may write them, and the key that signed it."""
    private = ec.generate_private_key(ec.SECP384R1())
    key = TseKey(point_of(private))
    signed = bytes.fromhex("020102060904007f000703070101") + whole(0x80, b"FinishTransaction")
    signed += whole(0x81, b"KV-1") + data + kind + whole_number(0x85, 223)
    signed += whole(0x04, key.serial)
    signed += whole(0x30, whole(0x06, bytes.fromhex("04007f00070101040104")))
    signed += whole_number(0x02, 7) + time
    r, s = utils.decode_dss_signature(private.sign(signed, ec.ECDSA(hashes.SHA384())))
    signature = whole(0x04, r.to_bytes(48, "big") + s.to_bytes(48, "big"))
    return whole(0x30, signed + signature), key


@pytest.mark.parametrize(
    ("time", "when"),
    [
        (whole_number(0x02, 1_795_348_800), NOON),
        (whole(0x17, b"2611221200Z"), NOON),
        (whole(0x17, b"261122120000Z"), NOON),
        (whole(0x18, b"20261122120000Z"), NOON),
        (whole(0x18, b"20261122120000.250Z"), NOON + timedelta(milliseconds=250)),
    ],
)
def test_every_form_of_the_log_time_is_read(time: bytes, when: datetime) -> None:
    content, key = message_of(time=time)
    assert judged(content, key) == "signature_right"
    assert read_message(content).time == when


def test_process_data_of_indefinite_length_is_judged_over_its_own_bytes() -> None:
    content, key = message_of(data=b"\xa2\x80\x04\x02ab\x04\x01c\x00\x00")
    assert judged(content, key) == "signature_right"
    assert read_message(content).process_data == b"abc"
    again = content.replace(b"\xa2\x80\x04\x02ab\x04\x01c\x00\x00", b"\x82\x03abc")
    assert judged(b"\x30\x81" + bytes((len(again) - 3,)) + again[3:], key) == "signature_wrong"


def test_a_missing_process_type_is_legal() -> None:
    content, key = message_of(kind=b"")
    assert judged(content, key) == "signature_right"


@pytest.mark.parametrize(
    "time", [whole(0x17, b"2613221200Z"), whole(0x18, b"x"), b"", whole(0x02, b"\xff")]
)
def test_a_log_time_that_is_none_is_malformed(time: bytes) -> None:
    content, key = message_of(time=time)
    assert judged(content, key) == "malformed"


# -- a device that makes exports ----------------------------------------------------------------


@dataclass
class Device:
    """Makes what a TSE makes, from the standard's words and with nothing of ours but two
    encoders."""

    names: Sequence[str] = ("root", "issuing", "leaf")
    files: dict[str, bytes] = field(default_factory=lambda: {"info.csv": INFO})
    not_after: datetime = NOON + timedelta(days=365)
    counter: int = 0

    def __post_init__(self) -> None:
        self.keys = [ec.generate_private_key(ec.BrainpoolP384R1()) for _ in self.names]
        self.certificates = [self.certificate(at) for at in range(len(self.names))]
        self.key = self.keys[-1]
        self.serial = TseKey(point_of(self.key)).serial
        for key, certificate in zip(self.keys, self.certificates, strict=True):
            name = TseKey(point_of(key)).serial.hex().upper()
            content = certificate.public_bytes(serialization.Encoding.DER)
            self.files[f"{name}_X509.cer"] = content

    def certificate(self, at: int) -> x509.Certificate:
        issuer = max(0, at - 1)
        builder = x509.CertificateBuilder(
            issuer_name=named(self.names[issuer]),
            subject_name=named(self.names[at]),
            public_key=self.keys[at].public_key(),
            serial_number=at + 1,
            not_valid_before=NOON - timedelta(days=1),
            not_valid_after=self.not_after,
        ).add_extension(x509.BasicConstraints(at < len(self.names) - 1, None), critical=True)
        return builder.sign(self.keys[issuer], hashes.SHA384())

    def log(self, head: bytes, name: str, *, counter: int | None = None, later: int = 0) -> str:
        self.counter = counter or self.counter + 1
        time = int(NOON.timestamp()) + self.counter + later
        signed = whole(0x02, b"\x02") + head + whole(0x04, self.serial)
        signed += whole(0x30, whole(0x06, bytes.fromhex("04007f00070101040104")))
        signed += whole_number(0x02, self.counter) + whole_number(0x02, time)
        r, s = utils.decode_dss_signature(self.key.sign(signed, ec.ECDSA(hashes.SHA384())))
        signature = r.to_bytes(48, "big") + s.to_bytes(48, "big")
        file = f"Unixt_{time}_Sig-{self.counter}_Log-{name}.log"
        self.files[file] = whole(0x30, signed + whole(0x04, signature))
        return file

    def transaction(self, step: str, number: int, data: bytes = b"", **options: Any) -> str:
        head = whole(0x06, bytes.fromhex("04007f000703070101"))
        head += whole(0x80, f"{step}Transaction".encode()) + whole(0x81, b"KV-1")
        head += whole(0x82, data) + whole(0x83, b"SonstigerVorgang" if data else b"")
        head += whole_number(0x85, number)
        return self.log(head, f"Tra_No-{number}_{step}_Client-KV-1", **options)

    def system(self, operation: str) -> str:
        head = whole(0x06, bytes.fromhex("04007f000703070102"))
        head += whole(0x80, operation.encode()) + whole(0x81, b"")
        return self.log(head, f"Sys_{operation}")

    def sales(self, count: int) -> None:
        for number in range(1, count + 1):
            self.transaction("Start", number)
            self.transaction("Finish", number, b"x")

    def tar(self) -> bytes:
        made = io.BytesIO()
        with tarfile.open(fileobj=made, mode="w") as archive:
            for name, content in self.files.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
        return made.getvalue()

    @property
    def root(self) -> x509.Certificate:
        return self.certificates[0]


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def point_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    form = serialization.PublicFormat.UncompressedPoint
    return key.public_key().public_bytes(serialization.Encoding.X962, form)


def verify(content: bytes, *roots: x509.Certificate, **options: Any) -> list[Finding]:
    judge = Judge(Certificates(roots), **options)
    return list(verify_archive(io.BytesIO(content), "export.tar", judge))


def troubles(content: bytes, *roots: x509.Certificate, **options: Any) -> list[str]:
    return [one.code for one in verify(content, *roots, **options) if one.level != Level.RIGHT]


@pytest.fixture
def device() -> Device:
    made = Device()
    made.system("initialize")
    made.sales(3)
    return made


def test_an_export_whose_chain_leads_to_a_given_root_is_right_in_all(device: Device) -> None:
    findings = verify(device.tar(), device.root)
    assert [one.code for one in findings] == ["signature_right"] * 7 + ["chain_right"]


def test_without_a_given_root_the_own_one_is_named(device: Device) -> None:
    assert troubles(device.tar()) == ["chain_to_own_root"]


def test_the_order_of_the_files_does_not_matter(device: Device) -> None:
    device.files = dict(reversed(device.files.items()))
    assert troubles(device.tar(), device.root) == []


def test_files_may_lie_in_a_folder(device: Device) -> None:
    device.files = {f"tse/{name}": content for name, content in device.files.items()}
    assert troubles(device.tar(), device.root) == []


def test_names_longer_than_a_header_are_read(device: Device) -> None:
    device.files = {f"{'x' * 120}/{name}": content for name, content in device.files.items()}
    assert troubles(device.tar(), device.root) == []


def test_archives_of_gnu_tar_are_read(device: Device) -> None:
    device.files = {f"{'x' * 120}/{name}": content for name, content in device.files.items()}
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, content in device.files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    assert troubles(made.getvalue(), device.root) == []


@pytest.mark.parametrize(
    ("size", "code"),
    [(b"\x80" + b"\xff" * 11, "malformed"), (b"\xff" * 12, "malformed"), (b"-1\0", "malformed"),
     (b"9\0", "malformed"), (b"77777777777\0", "archive_cut")],
)  # fmt: skip
def test_an_absurd_size_is_told(device: Device, size: bytes, code: str) -> None:
    header = bytearray(tarfile.TarInfo("x").tobuf(tarfile.USTAR_FORMAT))
    header[124:136] = size.ljust(12, b"\0")
    header[148:156] = b"%06o\0 " % (sum(header[:148]) + 8 * 0x20 + sum(header[156:]))
    assert code in troubles(bytes(header) + device.tar(), device.root)


def test_an_isolated_finish_is_legal(device: Device) -> None:
    for name in list(device.files):
        if "Sig-1_" in name or "Sig-2_" in name:
            del device.files[name]
    assert troubles(device.tar(), device.root) == []


def test_a_changed_byte_is_found_in_its_file(device: Device) -> None:
    name = next(one for one in device.files if "Sig-5_" in one)
    content = bytearray(device.files[name])
    content[content.index(b"\x82\x01x") + 2] ^= 1
    device.files[name] = bytes(content)
    wrong = [one for one in verify(device.tar(), device.root) if one.level is Level.WRONG]
    assert [(one.item, one.code) for one in wrong] == [(name, "signature_wrong")]


def test_a_missing_log_message_is_a_gap(device: Device) -> None:
    del device.files[next(one for one in device.files if "Sig-3_" in one)]
    findings = {one.code: one.detail for one in verify(device.tar(), device.root)}
    assert findings["counter_gap"] == "3"


def test_a_filtered_export_may_have_gaps(device: Device) -> None:
    del device.files[next(one for one in device.files if "Sig-3_" in one)]
    content = device.tar()
    assert "gaps_by_filter" in troubles(content, device.root, filtered=True)
    assert all(one.passed for one in verify(content, device.root, filtered=True))


def test_a_counter_used_twice_is_told(device: Device) -> None:
    device.transaction("Start", 4, counter=7, later=1)
    assert troubles(device.tar(), device.root) == ["counter_twice", "transactions_open"]


def test_a_time_that_goes_back_is_told(device: Device) -> None:
    device.transaction("Start", 4)
    device.transaction("Finish", 4, b"x", later=-100)
    assert troubles(device.tar(), device.root) == ["time_backwards"]


def test_missing_transaction_numbers_are_told(device: Device) -> None:
    device.transaction("Start", 6)
    device.transaction("Finish", 6, b"x")
    assert troubles(device.tar(), device.root) == ["transaction_gap"]


def test_a_transaction_that_ends_twice_is_told(device: Device) -> None:
    device.transaction("Finish", 3, b"x")
    assert troubles(device.tar(), device.root) == ["transaction_twice"]


def test_a_transaction_that_did_not_end_is_noted(device: Device) -> None:
    device.transaction("Start", 4)
    assert troubles(device.tar(), device.root) == ["transactions_open"]


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [("Sig-5_", "Sig-9_", "signature counter"), ("No-2_F", "No-7_F", "transaction number"),
     ("2_Finish", "2_Start", "operation"), ("Finish_Client-KV-1", "Finish_Client-KV-2", "client"),
     ("Unixt_1", "Unixt_2", "time"), ("Tra_No-2_Finish_Client-KV-1", "Sys_x", "kind")],
)  # fmt: skip
def test_a_name_that_says_something_else_is_told(
    device: Device, old: str, new: str, what: str
) -> None:
    name = next(one for one in device.files if "Sig-5_" in one)
    device.files[name.replace(old, new)] = device.files.pop(name)
    wrong = [one for one in verify(device.tar(), device.root) if one.level is Level.WRONG]
    assert [(one.code, one.detail) for one in wrong] == [("name_differs", what)]


def test_a_name_of_another_form_is_noted(device: Device) -> None:
    name = next(one for one in device.files if "Sig-5_" in one)
    device.files["five.log"] = device.files.pop(name)
    assert troubles(device.tar(), device.root) == ["name_unusual"]


def test_an_empty_log_file_is_malformed(device: Device) -> None:
    device.files[next(one for one in device.files if "Sig-7_" in one)] = b""
    assert "malformed" in troubles(device.tar(), device.root)


def test_without_its_certificate_nothing_of_a_device_is_right(device: Device) -> None:
    del device.files[f"{device.serial.hex().upper()}_X509.cer"]
    assert troubles(device.tar(), device.root) == ["key_unknown"] * 7


def test_the_certificate_of_another_device_does_not_help(device: Device) -> None:
    name, other = f"{device.serial.hex().upper()}_X509.cer", Device()
    device.files[name] = other.certificates[-1].public_bytes(serialization.Encoding.DER)
    assert troubles(device.tar(), device.root) == ["certificate_name_differs"] + ["key_unknown"] * 7


def test_certificates_may_be_pem(device: Device) -> None:
    name = f"{device.serial.hex().upper()}_X509.cer"
    pem = device.certificates[-1].public_bytes(serialization.Encoding.PEM)
    device.files[name.lower().replace(".cer", ".pem")] = pem
    del device.files[name]
    assert troubles(device.tar(), device.root) == []


def test_a_chain_with_a_missing_link_is_not_passed(device: Device) -> None:
    issuing = TseKey(point_of(device.keys[1])).serial.hex().upper()
    del device.files[f"{issuing}_X509.cer"]
    assert troubles(device.tar(), device.root) == ["chain_incomplete"]


def test_a_forged_issuer_is_found_out(device: Device) -> None:
    issuing = TseKey(point_of(device.keys[1])).serial.hex().upper()
    forged = Device().certificates[1].public_bytes(serialization.Encoding.DER)
    device.files[f"{issuing}_X509.cer"] = forged
    assert troubles(device.tar(), device.root) == ["chain_broken"]


def test_a_leaf_may_not_issue_certificates() -> None:
    device = Device(names=("root", "leaf", "below"))
    device.certificates[1] = x509.CertificateBuilder(
        issuer_name=named("root"), subject_name=named("leaf"), serial_number=9,
        public_key=device.keys[1].public_key(), not_valid_before=NOON - timedelta(days=1),
        not_valid_after=NOON + timedelta(days=1),
    ).sign(device.keys[0], hashes.SHA384())  # fmt: skip
    name = TseKey(point_of(device.keys[1])).serial.hex().upper()
    content = device.certificates[1].public_bytes(serialization.Encoding.DER)
    device.files[f"{name}_X509.cer"] = content
    device.sales(1)
    assert troubles(device.tar(), device.root) == ["chain_broken"]


def test_another_root_than_the_given_one_is_wrong(device: Device) -> None:
    assert troubles(device.tar(), Device(names=("other",)).root) == ["root_wrong"]


def test_a_certificate_that_had_run_out_is_told() -> None:
    device = Device(not_after=NOON + timedelta(seconds=4))
    device.sales(3)
    assert troubles(device.tar(), device.root) == ["certificate_not_valid"] * 3


def test_another_device_than_the_expected_one_is_wrong(device: Device) -> None:
    assert troubles(device.tar(), device.root, expected=[bytes(32)]) == ["key_wrong"] * 7


@pytest.mark.parametrize("rest", [512, 1_000, 3_000])
def test_an_archive_that_was_cut_is_told(device: Device, rest: int) -> None:
    content = device.tar().rstrip(b"\0")
    assert "archive_cut" in troubles(content[:-rest], device.root)


def test_a_damaged_header_is_told(device: Device) -> None:
    content = bytearray(device.tar())
    content[512 * 2 + 3] ^= 1
    assert "malformed" in troubles(bytes(content), device.root)


def test_what_an_export_lacks_is_noted() -> None:
    assert troubles(Device(files={}).tar()) == ["info_missing", "no_logs"]


def test_a_file_that_does_not_belong_is_noted(device: Device) -> None:
    device.files["holiday.jpg"] = b"x"
    assert troubles(device.tar(), device.root) == ["file_unexpected"]


def test_who_says_not_certified_is_quoted(device: Device) -> None:
    device.files["info.csv"] = INFO.replace(b'"x"', b'"NICHT ZERTIFIZIERT"')
    assert troubles(device.tar(), device.root) == ["not_certified"]


@given(st.binary(max_size=2_000))
def test_no_bytes_make_it_stumble(content: bytes) -> None:
    assert not any(one.level is Level.RIGHT for one in verify(content))
