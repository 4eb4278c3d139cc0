"""TLS from the first day: a CA and a server certificate of our own under `var/tls`, or given ones.

The self-made CA is for one machine and its tills: they trust `ca.pem`. Its key never leaves the
folder (mode 0600). The server's certificate is made anew before it expires, or when it does not
name an address that it has to.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from kassenverbund.settings import Settings

CA_VALID = timedelta(days=3650)
CERTIFICATE_VALID = timedelta(days=397)
RENEW_BEFORE = timedelta(days=30)
CLOCK_SKEW = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class ServerTls:
    """Files for the server, and what callers have to trust."""

    certificate: Path
    key: Path
    ca: Path | None
    """The self-made CA; None: the certificate was given, callers trust it already."""
    client_ca: Path | None


def server_tls(settings: Settings) -> ServerTls | None:
    """What the server needs for HTTPS, made where it is missing; None: plain HTTP on localhost."""
    if settings.tls == "off":
        return None
    if settings.tls == "given":
        assert settings.tls_certificate is not None  # Settings refused anything else
        assert settings.tls_key is not None
        return ServerTls(
            settings.tls_certificate, settings.tls_key, settings.peer_ca, settings.tls_client_ca
        )
    folder = settings.var / "tls"
    names = {"localhost", "127.0.0.1", "::1", socket.gethostname(), *settings.tls_names}
    if settings.host not in ("0.0.0.0", "::"):  # noqa: S104  (compared, not bound)
        names.add(settings.host)
    certificate, key, ca = self_made(folder, names, now=datetime.now(UTC))
    return ServerTls(certificate, key, ca, settings.tls_client_ca)


def peer_context(settings: Settings) -> ssl.SSLContext:
    """How this program checks other services, and shows them who it is."""
    context = ssl.create_default_context(cafile=str(settings.peer_ca) if settings.peer_ca else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.peer_certificate:
        context.load_cert_chain(settings.peer_certificate, settings.peer_key)
    return context


def self_made(folder: Path, names: Iterable[str], *, now: datetime) -> tuple[Path, Path, Path]:
    """`(certificate, key, ca)` under `folder`, kept while they are good for `names`."""
    folder.mkdir(parents=True, exist_ok=True)
    ca_path, ca_key_path = folder / "ca.pem", folder / "ca.key"
    certificate_path, key_path = folder / "server.pem", folder / "server.key"
    wanted = sorted(set(names))
    if not (ca_path.exists() and ca_key_path.exists()):
        key = ec.generate_private_key(ec.SECP256R1())
        write_secret(ca_key_path, _pem_of(key))
        _replace(ca_path, _ca(key, now).public_bytes(serialization.Encoding.PEM))
    if not _good(certificate_path, key_path, ca_path, wanted, now):
        ca = x509.load_pem_x509_certificate(ca_path.read_bytes())
        ca_key = serialization.load_pem_private_key(ca_key_path.read_bytes(), password=None)
        assert isinstance(ca_key, ec.EllipticCurvePrivateKey)  # we made it
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _server(key, wanted, ca, ca_key, now)
        write_secret(key_path, _pem_of(key))
        _replace(certificate_path, certificate.public_bytes(serialization.Encoding.PEM))
    return certificate_path, key_path, ca_path


def _good(certificate: Path, key: Path, ca: Path, wanted: list[str], now: datetime) -> bool:
    if not (certificate.exists() and key.exists()):
        return False
    try:
        found = x509.load_pem_x509_certificate(certificate.read_bytes())
        found.verify_directly_issued_by(x509.load_pem_x509_certificate(ca.read_bytes()))
        private = serialization.load_pem_private_key(key.read_bytes(), password=None)
    except Exception:
        return False  # a torn or foreign file: made anew
    if private.public_key() != found.public_key():
        return False
    if found.not_valid_after_utc - RENEW_BEFORE < now:
        return False
    alternative = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {_general(name) for name in wanted} <= set(alternative)


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _ca(key: ec.EllipticCurvePrivateKey, now: datetime) -> x509.Certificate:
    subject = x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, "Kassenverbund CA (this machine)")]
    )
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(now + CA_VALID)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _server(
    key: ec.EllipticCurvePrivateKey,
    names: list[str],
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> x509.Certificate:
    issued_by = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kassenverbund")]))
        .issuer_name(ca.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCK_SKEW)
        .not_valid_after(min(now + CERTIFICATE_VALID, ca.not_valid_after_utc))
        .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(issued_by, critical=False)
        .sign(ca_key, hashes.SHA256())
    )


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _pem_of(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def write_secret(path: Path, content: bytes) -> None:
    """Write a file that only this user can read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _replace(path, content, mode=0o600)


def _replace(path: Path, content: bytes, *, mode: int = 0o644) -> None:
    new = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
