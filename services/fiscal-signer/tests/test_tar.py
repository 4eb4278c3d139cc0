"""The software TSE's export, judged by code that shares nothing with it: Python's own tarfile,
`kassenverbund.fiscal`, and the command line program openssl."""

from __future__ import annotations

import base64
import io
import shutil
import subprocess
import tarfile
import tracemalloc
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from fiscal_signer.adapters.memory import MemoryDeviceStorage
from fiscal_signer.adapters.software_archives import SoftwareArchives
from fiscal_signer.country.de import log_message, tar
from fiscal_signer.events import SignatureMade, TseInitialized
from fiscal_signer.ports import TseError, TseFault
from fiscal_signer.testing import NOON, World, aborted, paired, recorded, started
from kassenverbund.fiscal.archives import Judge, verify_archive
from kassenverbund.fiscal.certificates import Certificates, read_certificates
from kassenverbund.fiscal.keys import TseKey, point_in
from kassenverbund.fiscal.receipts import read_receipt, signed_by, verify_receipt
from kassenverbund.fiscal.verdicts import Finding, Level

CURVES = ["P-256", "P-384", "brainpoolP384r1"]


async def worked(curve: str = "P-384") -> World:
    """A TSE that has signed: a till, a sale, an abort, and a sale an hour later."""
    world = World(["berlin"], curve=curve)
    await world.reactor.reaction().handle([paired()])
    await world.reactor.reaction().handle([started("b1"), recorded("b1")])
    await world.reactor.reaction().handle([started("b2"), aborted("b2")])
    world.clock.pass_by(3_600)
    later = NOON + timedelta(hours=2)
    await world.reactor.reaction().handle([started("b3"), recorded("b3", sign_by=later)])
    return world


async def exported(storage: MemoryDeviceStorage, **period: object) -> bytes:
    archive = await SoftwareArchives(storage).open("tse-berlin", **period)  # type: ignore[arg-type]  # begin, end
    return b"".join([piece async for piece in archive.pieces])


def files_of(content: bytes) -> dict[str, bytes]:
    found = {}
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for member in archive:
            opened = archive.extractfile(member)
            assert opened is not None
            found[member.name] = opened.read()
    return found


def verdicts(content: bytes, *, root: bool = True) -> list[Finding]:
    files = files_of(content)
    roots = [one for name in files if "_X509" in name for one in read_certificates(files[name])]
    trusted = [one for one in roots if one.subject == one.issuer] if root else []
    return list(verify_archive(io.BytesIO(content), "x.tar", Judge(Certificates(trusted))))


@pytest.mark.parametrize("curve", CURVES)
async def test_every_log_message_of_an_export_is_right(curve: str) -> None:
    findings = verdicts(await exported((await worked(curve)).storage))
    assert [one.code for one in findings if one.level is Level.RIGHT] == [
        *["signature_right"] * 8, "chain_right",
    ]  # fmt: skip
    # It says of itself that it is not certified: in info.csv and in its certificates.
    assert [one.code for one in findings if one.level is not Level.RIGHT] == ["not_certified"] * 2


async def test_an_export_has_the_names_of_the_standard() -> None:
    world = await worked()
    files = files_of(await exported(world.storage))
    (info,) = world.events(TseInitialized)
    noon = int(NOON.timestamp())
    names = list(files)
    assert names[:2] == ["info.csv", f"{info.serial.upper()}_X509.cer"]
    assert names[3:] == [
        f"Unixt_{noon}_Sig-1_Log-Sys_initialize.log",
        f"Unixt_{noon}_Sig-2_Log-Sys_registerClient.log",
        f"Unixt_{noon}_Sig-3_Log-Tra_No-1_Start_Client-KV-berlin-1.log",
        f"Unixt_{noon}_Sig-4_Log-Tra_No-1_Finish_Client-KV-berlin-1.log",
        f"Unixt_{noon}_Sig-5_Log-Tra_No-2_Start_Client-KV-berlin-1.log",
        f"Unixt_{noon}_Sig-6_Log-Tra_No-2_Finish_Client-KV-berlin-1.log",
        f"Unixt_{noon + 3600}_Sig-7_Log-Tra_No-3_Start_Client-KV-berlin-1.log",
        f"Unixt_{noon + 3600}_Sig-8_Log-Tra_No-3_Finish_Client-KV-berlin-1.log",
    ]


async def test_the_description_says_what_made_it() -> None:
    info = files_of(await exported((await worked()).storage))["info.csv"].decode()
    assert info == (
        '"description:","NICHT ZERTIFIZIERT - nur Test und Schulung, tse-berlin",'
        '"manufacturer:","Kassenverbund","version:","Software-TSE 1"\n'
    )


async def test_the_certificates_are_a_chain_and_named_after_their_keys() -> None:
    files = files_of(await exported((await worked()).storage))
    leaf, root = (
        x509.load_der_x509_certificate(content)
        for name, content in files.items()
        if name.endswith("_X509.cer")
    )
    leaf.verify_directly_issued_by(root)
    root.verify_directly_issued_by(root)


async def test_the_same_period_gives_the_same_bytes_also_after_a_restart() -> None:
    world = await worked()
    before = await exported(world.storage)
    world.restart("second")
    assert await exported(world.storage) == before


async def test_what_is_signed_meanwhile_is_not_in_the_export() -> None:
    world = await worked()
    before = await exported(world.storage)
    archive = await SoftwareArchives(world.storage).open("tse-berlin")
    later = NOON + timedelta(hours=2)
    await world.reactor.reaction().handle([started("b4"), recorded("b4", sign_by=later)])
    assert b"".join([piece async for piece in archive.pieces]) == before


@pytest.mark.parametrize(
    ("begin_s", "end_s", "counters"),
    [(None, None, (1, 8)), (None, 1, (1, 6)), (1, None, (7, 8)), (0, 3_600, (1, 6)),
     (3_600, 3_601, (7, 8)), (1, 3_600, (7, 6)), (4_000, None, (9, 8)), (None, -5, (1, 0))],
)  # fmt: skip
async def test_a_period_takes_from_its_begin_to_before_its_end(
    begin_s: int | None, end_s: int | None, counters: tuple[int, int]
) -> None:
    world = await worked()
    archive = await SoftwareArchives(world.storage).open(
        "tse-berlin",
        begin=None if begin_s is None else NOON + timedelta(seconds=begin_s),
        end=None if end_s is None else NOON + timedelta(seconds=end_s),
    )
    content = b"".join([piece async for piece in archive.pieces])
    assert archive.label == f"{counters[0]}-{counters[1]}"
    logs = [name for name in files_of(content) if name.endswith(".log")]
    assert len(logs) == counters[1] - counters[0] + 1
    assert all(one.passed for one in verdicts(content))


async def test_a_log_message_that_was_lost_shows_in_the_export() -> None:
    world = await worked()
    del world.storage.logs["tse-berlin"][4]
    wrong = [one for one in verdicts(await exported(world.storage)) if one.level is Level.WRONG]
    assert [(one.code, one.detail) for one in wrong] == [("counter_gap", "4")]


async def test_a_device_that_was_never_set_up_has_no_export() -> None:
    with pytest.raises(TseFault) as fault:
        await SoftwareArchives(MemoryDeviceStorage()).open("tse-none")
    assert fault.value.code is TseError.NOT_INITIALIZED


async def test_memory_does_not_grow_with_the_export() -> None:
    world = await worked()
    logs, count = world.storage.logs["tse-berlin"], 4_000
    # One message under many counters: it is the size that counts here.
    logs.update(dict.fromkeys(range(9, count + 1), logs[8]))
    memory = world.storage.devices["tse-berlin"]
    world.storage.devices["tse-berlin"] = replace(memory, signature_counter=count)
    archive = await SoftwareArchives(world.storage).open("tse-berlin")
    tracemalloc.start()
    try:
        size = sum([len(piece) async for piece in archive.pieces])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size > 4_000_000
    assert peak < 1_500_000


@pytest.mark.parametrize("length", [1, 99, 100, 101, 300])
@pytest.mark.parametrize("size", [0, 1, 511, 65_536])
def test_headers_are_those_of_pythons_tarfile(length: int, size: int) -> None:
    entry = tarfile.TarInfo("a" * length)
    entry.size, entry.mtime, entry.mode = size, int(NOON.timestamp()), 0o444
    assert tar.header(entry.name, size, entry.mtime) == entry.tobuf(tarfile.PAX_FORMAT)


def test_a_name_never_leads_out_of_the_archive() -> None:
    log = log_message.parse(
        log_message.whole(
            log_message.transaction_signed(
                operation=log_message.FINISH, client_id="../../KV:1", process_type="",
                process_data=b"", transaction_number=1, serial=bytes(32),
                algorithm="ecdsa-plain-SHA256", signature_counter=2,
                log_time=log_message.time_element(NOON, log_message.UNIX_TIME),
            ),
            bytes(64),
        )
    )  # fmt: skip
    assert tar.log_name(log).endswith("_Log-Tra_No-1_Finish_Client-.._.._KV_1.log")


# -- from the log to the receipt and back ----------------------------------------------------


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the program openssl")
@pytest.mark.parametrize("curve", CURVES)
async def test_openssl_accepts_what_the_receipt_code_leads_back_to(
    curve: str, tmp_path: Path
) -> None:
    world = await worked(curve)
    for made in world.events(SignatureMade):
        receipt = read_receipt(made.qr)
        key = TseKey(point_in(receipt.key))
        signed = next(signed_by(receipt, key.serial))
        log = log_message.parse(base64.b64decode(made.log_message))
        assert signed == log.signed
        assert openssl_accepts(tmp_path, world, made, signed, receipt.signature)
        assert not openssl_accepts(tmp_path, world, made, signed + b"x", receipt.signature)


def openssl_accepts(
    folder: Path, world: World, made: SignatureMade, signed: bytes, signature: bytes
) -> bool:
    memory = world.storage.devices[made.tse_id]
    certificate = x509.load_der_x509_certificate(memory.certificate)
    half = len(signature) // 2
    r, s = (int.from_bytes(part, "big") for part in (signature[:half], signature[half:]))
    (folder / "signed").write_bytes(signed)
    (folder / "signature").write_bytes(encode_dss_signature(r, s))
    (folder / "key").write_bytes(
        certificate.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    digest = "-sha256" if made.algorithm.endswith("256") else "-sha384"
    done = subprocess.run(
        ["openssl", "dgst", digest, "-verify", "key", "-signature", "signature", "signed"],
        cwd=folder, capture_output=True, check=False, timeout=30,
    )  # fmt: skip
    return done.returncode == 0 and done.stdout.strip() == b"Verified OK"


@pytest.mark.parametrize("curve", CURVES)
async def test_every_receipt_code_is_right_for_the_other_verifier_too(curve: str) -> None:
    world = await worked(curve)
    codes = [made.qr for made in world.events(SignatureMade)]
    assert len(codes) == 3
    for code in codes:
        assert [one.code for one in verify_receipt(code, "x")] == ["signature_right"]
