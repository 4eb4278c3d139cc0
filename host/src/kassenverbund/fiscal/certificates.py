"""The certificates of TSEs: whose key is it, and does the chain lead to a root."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from kassenverbund.fiscal.asn1 import Malformed
from kassenverbund.fiscal.keys import KeyUnreadable, TseKey
from kassenverbund.fiscal.verdicts import Finding

CHAIN_MAX = 8
NOT_CERTIFIED = "NICHT ZERTIFIZIERT"


def read_certificates(content: bytes) -> list[x509.Certificate]:
    """X.509 in PEM (one or more) or DER. Raises `Malformed`."""
    try:
        if content.lstrip()[:10] == b"-----BEGIN":
            return x509.load_pem_x509_certificates(content)
        return [x509.load_der_x509_certificate(content)]
    except ValueError as broken:
        raise Malformed("not an X.509 certificate") from broken


def key_in(certificate: x509.Certificate) -> TseKey | None:
    """The key of a TSE, None for any other kind of key (an authority may have one)."""
    try:
        key = certificate.public_key()
        if not isinstance(key, ec.EllipticCurvePublicKey):
            return None
        form = serialization.PublicFormat.UncompressedPoint
        return TseKey(key.public_bytes(serialization.Encoding.X962, form))
    except (ValueError, KeyUnreadable):
        return None


class Certificates:
    """All that is known. `roots` are trusted, from outside of what is checked."""

    def __init__(self, roots: Iterable[x509.Certificate] = ()) -> None:
        self._roots = tuple(roots)
        self._known: list[x509.Certificate] = list(self._roots)
        self._keys: dict[bytes, TseKey] = {}
        self._leaves: dict[bytes, x509.Certificate] = {}

    def add(self, certificate: x509.Certificate) -> TseKey | None:
        """Answers the key in it."""
        key = key_in(certificate)
        if key is not None:
            self._keys[key.serial] = key
            self._leaves.setdefault(key.serial, certificate)
        if certificate not in self._known:
            self._known.append(certificate)
        return key

    def add_key(self, key: TseKey) -> None:
        """A key without a certificate."""
        self._keys[key.serial] = key

    def key(self, serial: bytes) -> TseKey | None:
        return self._keys.get(serial)

    def findings(
        self, item: str, serial: bytes, times: tuple[datetime, datetime], *, complete: bool
    ) -> Iterator[Finding]:
        """What is to be said of the chain of a key that signed between these `times`. `complete`:
        all of the chain should be there."""
        missing = "chain_incomplete" if complete or self._roots else "chain_elsewhere"
        leaf = self._leaves.get(serial)
        if leaf is None:
            yield Finding(item, missing)
            return
        chain, fault = self._chain(leaf)
        for certificate in chain:
            name = certificate.subject.rfc4514_string()
            if times[0] < certificate.not_valid_before_utc.replace(microsecond=0):
                yield Finding(item, "certificate_not_valid", f"{name}: {times[0].isoformat()}")
            elif times[1] > certificate.not_valid_after_utc:
                yield Finding(item, "certificate_not_valid", f"{name}: {times[1].isoformat()}")
        if any(NOT_CERTIFIED in one.subject.rfc4514_string() for one in chain):
            yield Finding(item, "not_certified")
        end = chain[-1].issuer.rfc4514_string()
        if fault:
            yield Finding(item, missing if fault == "chain_incomplete" else fault, end)
        elif not self._roots:
            yield Finding(item, "chain_to_own_root", end)
        else:
            yield Finding(item, "chain_right" if chain[-1] in self._roots else "root_wrong", end)

    def _chain(self, leaf: x509.Certificate) -> tuple[Sequence[x509.Certificate], str]:
        """From the leaf as far up as it holds, and why it ends before a root."""
        chain = [leaf]
        while len(chain) <= CHAIN_MAX:
            top = chain[-1]
            if top in self._roots or (top.issuer == top.subject and _issued(top, top)):
                return chain, ""
            named = [one for one in self._known if one.subject == top.issuer and one is not top]
            issuer = next((one for one in named if is_authority(one) and _issued(top, one)), None)
            if issuer is None or issuer in chain:
                forged = bool(named) or top.issuer == top.subject
                return chain, "chain_broken" if forged else "chain_incomplete"
            chain.append(issuer)
        return chain, "chain_broken"


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def is_authority(certificate: x509.Certificate) -> bool:
    """Whether it may issue others."""
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except (x509.ExtensionNotFound, ValueError):
        return False
    return constraints.value.ca
