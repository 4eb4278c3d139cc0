"""The signature algorithms and curves of the log messages (BSI TR-03111, TR-03116-5).

The name of an algorithm fixes the hash and not the curve: the curve follows from the point.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

_ECDSA = "0.4.0.127.0.7.1.1.4.1."
_ECSDSA = "0.4.0.127.0.7.1.1.4.4."

OIDS: Mapping[str, str] = {
    "ecdsa-plain-SHA224": _ECDSA + "2",
    "ecdsa-plain-SHA256": _ECDSA + "3",
    "ecdsa-plain-SHA384": _ECDSA + "4",
    "ecdsa-plain-SHA512": _ECDSA + "5",
    "ecdsa-plain-RIPEMD160": _ECDSA + "6",
    "ecdsa-plain-SHA3-224": _ECDSA + "8",
    "ecdsa-plain-SHA3-256": _ECDSA + "9",
    "ecdsa-plain-SHA3-384": _ECDSA + "10",
    "ecdsa-plain-SHA3-512": _ECDSA + "11",
    "ecsdsa-plain-SHA256": _ECSDSA + "2",
    "ecsdsa-plain-SHA384": _ECSDSA + "3",
    "ecsdsa-plain-SHA512": _ECSDSA + "4",
    "ecsdsa-plain-SHA3-256": _ECSDSA + "6",
    "ecsdsa-plain-SHA3-384": _ECSDSA + "7",
    "ecsdsa-plain-SHA3-512": _ECSDSA + "8",
}
"""Name in the QR code → object identifier in the log message."""

NAMES: Mapping[str, str] = {oid: name for name, oid in OIDS.items()}

_HASHES: Mapping[str, Callable[[], hashes.HashAlgorithm]] = {
    "ecdsa-plain-SHA224": hashes.SHA224,
    "ecdsa-plain-SHA256": hashes.SHA256,
    "ecdsa-plain-SHA384": hashes.SHA384,
    "ecdsa-plain-SHA512": hashes.SHA512,
    "ecdsa-plain-SHA3-224": hashes.SHA3_224,
    "ecdsa-plain-SHA3-256": hashes.SHA3_256,
    "ecdsa-plain-SHA3-384": hashes.SHA3_384,
    "ecdsa-plain-SHA3-512": hashes.SHA3_512,
}

_CURVES_BY_POINT: Mapping[int, tuple[Callable[[], ec.EllipticCurve], ...]] = {
    65: (ec.SECP256R1, ec.BrainpoolP256R1),
    97: (ec.BrainpoolP384R1, ec.SECP384R1),
    129: (ec.BrainpoolP512R1,),
}


class AlgorithmUnknown(ValueError):
    """The name or the point belongs to nothing that can be checked here."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve that the software TSE offers, with the algorithm it signs with."""

    make: Callable[[], ec.EllipticCurve]
    hash: Callable[[], hashes.HashAlgorithm]
    algorithm: str
    bytes: int
    """Length of one coordinate, and of r and of s."""


CURVES: Mapping[str, Curve] = {
    "P-256": Curve(ec.SECP256R1, hashes.SHA256, "ecdsa-plain-SHA256", 32),
    "P-384": Curve(ec.SECP384R1, hashes.SHA384, "ecdsa-plain-SHA384", 48),
    "brainpoolP384r1": Curve(ec.BrainpoolP384R1, hashes.SHA384, "ecdsa-plain-SHA384", 48),
}


def point_in(key: bytes) -> bytes:
    """The uncompressed point in a public key given as point or as SubjectPublicKeyInfo.

    Raises `AlgorithmUnknown` for anything else.
    """
    if key[:1] == b"\x30":  # SubjectPublicKeyInfo: the point stands at its end.
        for length in sorted(_CURVES_BY_POINT, reverse=True):
            if (
                len(key) > length
                and key[-length : -length + 1] == b"\x04"
                and (
                    # The BIT STRING before the point says how long it is (unused bits: none).
                    key[-length - 1] == 0
                )
            ):
                key = key[-length:]
                break
    if len(key) not in _CURVES_BY_POINT or key[0] != 4:
        raise AlgorithmUnknown("the public key is not an uncompressed point of a known length")
    return key


def key_of(point: bytes) -> ec.EllipticCurvePublicKey:
    """The key on the curve on which the point lies. Raises `AlgorithmUnknown`."""
    for curve in _CURVES_BY_POINT.get(len(point), ()):
        try:
            return ec.EllipticCurvePublicKey.from_encoded_point(curve(), point)
        except ValueError:
            continue
    raise AlgorithmUnknown("the public key lies on none of the curves of its length")


def serial_of(point: bytes) -> bytes:
    """The TSE's serial number: SHA-256 over the point (not over the SubjectPublicKeyInfo)."""
    return hashlib.sha256(point).digest()


def verify_plain(
    key: ec.EllipticCurvePublicKey, algorithm: str, signature: bytes, signed: bytes
) -> bool:
    """Whether `signature` (r‖s, or DER as some vendors' samples have it) fits `signed`.

    Raises `AlgorithmUnknown` for an algorithm that can't be checked here (Schnorr, RIPEMD-160).
    """
    make = _HASHES.get(algorithm)
    if make is None:
        raise AlgorithmUnknown(f"signatures of {algorithm!r} cannot be checked here")
    half = (key.curve.key_size + 7) // 8
    if len(signature) == 2 * half:
        der = encode_dss_signature(
            int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
        )
    else:
        der = signature
    try:
        key.verify(der, signed, ec.ECDSA(make()))
    except InvalidSignature:
        return False
    return True
