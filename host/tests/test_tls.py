"""Certificates of our own: trusted through their CA, renewed in time, keys for us alone."""

from __future__ import annotations

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from pydantic import ValidationError

from kassenverbund.settings import Settings
from kassenverbund.tls import CERTIFICATE_VALID, self_made, server_tls

NAMES = ["localhost", "127.0.0.1", "kasse.example"]
NOW = datetime.now(UTC)


def handshake(folder: Path, name: str) -> None:
    """A real TLS handshake over a socket pair; raises where `name` or the CA does not fit."""
    certificate, key, ca = self_made(folder, NAMES, now=NOW)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate, key)
    ours, theirs = socket.socketpair()

    def serve() -> None:
        try:
            serving.wrap_socket(theirs, server_side=True).close()
        except OSError:
            theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        context = ssl.create_default_context(cafile=str(ca))
        context.wrap_socket(ours, server_hostname=name).close()
    finally:
        ours.close()
        thread.join(10)


@pytest.mark.parametrize("name", NAMES)
def test_a_caller_that_trusts_the_ca_accepts_each_name(tmp_path: Path, name: str) -> None:
    handshake(tmp_path, name)


def test_another_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(tmp_path, "other.example")


def test_a_second_start_keeps_ca_and_certificate(tmp_path: Path) -> None:
    first = [path.read_bytes() for path in self_made(tmp_path, NAMES, now=NOW)]
    second = [path.read_bytes() for path in self_made(tmp_path, NAMES, now=NOW)]

    assert first == second


@pytest.mark.parametrize(
    ("names", "later"),
    [([*NAMES, "new.example"], timedelta(0)), (NAMES, CERTIFICATE_VALID - timedelta(days=10))],
)
def test_a_certificate_that_lacks_a_name_or_soon_expires_is_made_anew(
    tmp_path: Path, names: list[str], later: timedelta
) -> None:
    old, _, ca = (path.read_bytes() for path in self_made(tmp_path, NAMES, now=NOW))
    certificate, _, ca_path = self_made(tmp_path, names, now=NOW + later)

    assert certificate.read_bytes() != old
    assert ca_path.read_bytes() == ca
    x509.load_pem_x509_certificate(certificate.read_bytes()).verify_directly_issued_by(
        x509.load_pem_x509_certificate(ca)
    )


def test_a_torn_file_is_made_anew(tmp_path: Path) -> None:
    certificate, _, _ = self_made(tmp_path, NAMES, now=NOW)
    certificate.write_bytes(b"-----BEGIN")

    handshake(tmp_path, "localhost")


def test_keys_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    self_made(tmp_path, NAMES, now=NOW)

    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("*.key")} == {0o600}


def test_plain_http_beyond_localhost_is_refused() -> None:
    with pytest.raises(ValidationError, match="plain HTTP only on localhost"):
        Settings(host="0.0.0.0", tls="off")


def test_plain_http_on_localhost_needs_no_certificate(tmp_path: Path) -> None:
    assert server_tls(Settings(host="127.0.0.1", tls="off", var=tmp_path)) is None


def test_given_files_are_used_as_they_are(tmp_path: Path) -> None:
    certificate, key, _ = self_made(tmp_path, NAMES, now=NOW)

    found = server_tls(Settings(tls="given", tls_certificate=certificate, tls_key=key))

    assert found is not None
    assert (found.certificate, found.key) == (certificate, key)
