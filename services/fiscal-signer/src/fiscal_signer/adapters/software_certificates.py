"""The certificates of the software TSEs: a root of the chain's own, and one per device below it.

Their subjects say that nobody certified anything. The root's key follows from the key that seals
the devices' keys, so a chain has one root for all of its devices and nothing more to keep.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.x509.oid import NameOID

from fiscal_signer.country.de.algorithms import serial_of

NOT_CERTIFIED = "NICHT ZERTIFIZIERT - nur Test und Schulung"
CERTIFICATE_YEARS = 8
ROOT_NAME = "Software-TSE Wurzel"

_ROOT_FROM = datetime(2020, 1, 1, tzinfo=UTC)
_ROOT_TO = datetime(2060, 1, 1, tzinfo=UTC)
_PURPOSE = b"fiscal_signer.software_tse.root"
_P384_ORDER = int(
    "ffffffffffffffffffffffffffffffffffffffffffffffff"
    "c7634d81f4372ddf581a0db248b0a77aecec196accc52973",
    16,
)
_SEED_BYTES = 64
"""16 more than the order has, so that no key is likelier than another."""


@dataclass(frozen=True, slots=True)
class Authority:
    """What issues the devices' certificates."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)


def authority_of(sealing_key: bytes) -> Authority:
    """The root of all devices under one sealing key; the same bytes each time."""
    seed = HKDF(hashes.SHA512(), _SEED_BYTES, salt=None, info=_PURPOSE).derive(sealing_key)
    number = int.from_bytes(seed, "big") % (_P384_ORDER - 1) + 1
    key = ec.derive_private_key(number, ec.SECP384R1())
    name = _name(ROOT_NAME)
    builder = _builder(name, name, key.public_key(), _ROOT_FROM, _ROOT_TO, authority=True)
    return Authority(key, builder.sign(key, hashes.SHA384(), ecdsa_deterministic=True))


def certificate_for(
    authority: Authority, key: ec.EllipticCurvePublicKey, *, now: datetime
) -> bytes:
    """DER; the subject names the TSE's serial number."""
    subject = _name(serial_of(_point(key)).hex())
    until = now + timedelta(days=365 * CERTIFICATE_YEARS)
    issuer = authority.certificate.subject
    builder = _builder(subject, issuer, key, now, until, authority=False)
    certificate = builder.sign(authority.key, hashes.SHA384(), ecdsa_deterministic=True)
    return certificate.public_bytes(serialization.Encoding.DER)


def _name(common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, NOT_CERTIFIED),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    form = serialization.PublicFormat.UncompressedPoint
    return key.public_bytes(serialization.Encoding.X962, form)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey,
    begin: datetime,
    end: datetime,
    *,
    authority: bool,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(int.from_bytes(serial_of(_point(key))[:8], "big") | 1)
        .not_valid_before(begin)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    )
