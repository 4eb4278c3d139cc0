"""Programs that nobody here wrote, and what they have to be handed."""

from __future__ import annotations

import base64
import shutil
import subprocess
import warnings
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from lxml import etree

from kassenverbund.fiscal.keys import TseKey
from kassenverbund.fiscal.receipts import Receipt, signed_by

DTD = "gdpdu-01-09-2004.dtd"
_AMBIGUOUS = "(Name, Command*, Table*, Command*, AcceptNoTables?)"
_CLEAR = "(Name, Command*, (Table+, Command*)?, AcceptNoTables?)"

_CURVES: Mapping[int, ec.EllipticCurve] = {65: ec.SECP256R1(), 97: ec.SECP384R1()}


def openssl_verifies(
    folder: Path, row: Mapping[str, str], tse: Mapping[str, str], client: str
) -> bool:
    """Whether openssl finds the signature of a row of transactions_tse.csv right, over the bytes
    that the row and the till's serial number make."""
    point = base64.b64decode(tse["TSE_PUBLIC_KEY"])
    signature = base64.b64decode(row["TSE_TA_SIG"])
    receipt = Receipt(
        client=client,
        process_type=row["TSE_TA_VORGANGSART"],
        process_data=row["TSE_VORGANGSDATEN"],
        number=int(row["TSE_TANR"]),
        counter=int(row["TSE_TA_SIGZ"]),
        time=datetime.fromisoformat(row["TSE_TA_ENDE"]),
        algorithm=tse["TSE_SIG_ALGO"],
        time_format=tse["TSE_ZEITFORMAT"],
        signature=signature,
        key=point,
    )
    key = ec.EllipticCurvePublicKey.from_encoded_point(_CURVES[len(point)], point)
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    (folder / "key.pem").write_bytes(key.public_bytes(serialization.Encoding.PEM, form))
    half = len(signature) // 2
    r, s = (int.from_bytes(part, "big") for part in (signature[:half], signature[half:]))
    (folder / "signature.der").write_bytes(utils.encode_dss_signature(r, s))
    digest = tse["TSE_SIG_ALGO"].removeprefix("ecdsa-plain-").lower()
    for signed in signed_by(receipt, TseKey(point).serial):
        (folder / "signed.bin").write_bytes(signed)
        done = subprocess.run(
            ["openssl", "dgst", f"-{digest}", "-verify", "key.pem", "-signature", "signature.der",
             "signed.bin"],
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode == 0 and "Verified OK" in done.stdout:
            return True
    return False


def index_faults(folder: Path) -> str:
    """What xmllint has to say against index.xml; lxml where there is no xmllint, and that is told
    as a warning. Empty: nothing."""
    told = _faults(folder, folder / DTD)
    if "deterministic" in told:
        # Since 2.14 libxml2 refuses the authority's own words for Media. These say the same.
        text = (folder / DTD).read_text()
        assert text.count(_AMBIGUOUS) == 1
        same = folder.parent / "deterministic.dtd"
        same.write_text(text.replace(_AMBIGUOUS, _CLEAR))
        told = _faults(folder, same)
    return told


def _faults(folder: Path, dtd: Path) -> str:
    if shutil.which("xmllint") is None:
        warnings.warn("xmllint is missing: lxml has judged index.xml instead", stacklevel=3)
        judge = etree.DTD(str(dtd))
        valid = judge.validate(etree.parse(str(folder / "index.xml")))
        return "" if valid else str(judge.error_log)
    done = subprocess.run(
        ["xmllint", "--noout", "--dtdvalid", str(dtd), "index.xml"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return "" if done.returncode == 0 else done.stderr
