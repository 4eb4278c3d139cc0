"""Public keys and signatures of TSEs (BSI TR-03111: plain r‖s; TR-03116-5: algorithms)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

_PLAIN: Final = bytes.fromhex("04007f000701010401")
"""0.4.0.127.0.7.1.1.4.1: ECDSA with plain signatures; one more byte names the hash."""

_HASHES: Final[Mapping[str, tuple[int, Callable[[], hashes.HashAlgorithm]]]] = {
    "SHA224": (2, hashes.SHA224),
    "SHA256": (3, hashes.SHA256),
    "SHA384": (4, hashes.SHA384),
    "SHA512": (5, hashes.SHA512),
    "SHA3-224": (8, hashes.SHA3_224),
    "SHA3-256": (9, hashes.SHA3_256),
    "SHA3-384": (10, hashes.SHA3_384),
    "SHA3-512": (11, hashes.SHA3_512),
}

_PREFIX: Final = "ecdsa-plain-"

_CURVES: Final[Mapping[int, tuple[Callable[[], ec.EllipticCurve], ...]]] = {
    65: (ec.SECP256R1, ec.BrainpoolP256R1),
    97: (ec.SECP384R1, ec.BrainpoolP384R1),
    129: (ec.BrainpoolP512R1,),
}
"""By the length of the uncompressed point. The algorithm's name does not fix the curve."""


class Undecidable(ValueError):
    """A signature of a kind that can't be checked here; the text says which."""


class KeyUnreadable(ValueError):
    """The bytes are no public key of a TSE."""


def oid_of(algorithm: str) -> bytes:
    """The value of the algorithm's object identifier. Raises `Undecidable`."""
    known = _HASHES.get(algorithm.removeprefix(_PREFIX))
    if known is None or not algorithm.startswith(_PREFIX):
        raise Undecidable(f"signatures of {algorithm[:40]!r} cannot be checked here")
    return _PLAIN + bytes((known[0],))


def algorithm_of(oid: bytes) -> str:
    """The name of an algorithm; its identifier in hex where it has none here."""
    for name, (number, _) in _HASHES.items():
        if oid == _PLAIN + bytes((number,)):
            return _PREFIX + name
    return oid.hex()


class TseKey:
    """A TSE's public key. Raises `KeyUnreadable` for a point on no known curve."""

    def __init__(self, point: bytes) -> None:
        self.serial = hashlib.sha256(point).digest()
        """The TSE's serial number: the hash of the point, not of the SubjectPublicKeyInfo."""
        self._key = _on_its_curve(point)
        self.curve = self._key.curve.name

    def fits(self, algorithm: str, signature: bytes, signed: bytes) -> bool:
        """Whether this key made `signature` over `signed`. Raises `Undecidable`."""
        oid_of(algorithm)
        make = _HASHES[algorithm.removeprefix(_PREFIX)][1]
        half = (self._key.curve.key_size + 7) // 8
        if len(signature) == 2 * half:
            r, s = (int.from_bytes(part, "big") for part in (signature[:half], signature[half:]))
            signature = utils.encode_dss_signature(r, s)
        # Of any other length it may be DER, as some vendors' samples are.
        try:
            self._key.verify(signature, signed, ec.ECDSA(make()))
        except InvalidSignature:
            return False
        return True


def _on_its_curve(point: bytes) -> ec.EllipticCurvePublicKey:
    for curve in _CURVES.get(len(point), ()):
        try:
            return ec.EllipticCurvePublicKey.from_encoded_point(curve(), point)
        except ValueError:
            continue
    raise KeyUnreadable("the public key lies on no curve of a TSE")


def point_in(key: bytes) -> bytes:
    """The uncompressed point in a key that is one, or that is a SubjectPublicKeyInfo (its last
    bytes are the point). Raises `KeyUnreadable`."""
    if key[:1] == b"\x04" and len(key) in _CURVES:
        return key
    if key[:1] == b"\x30":
        for length in _CURVES:
            # 03 len 00 04…: a BIT STRING with no unused bits, and the point in it.
            if len(key) > length + 2 and key[-length - 1 : -length + 1] == b"\x00\x04":
                return key[-length:]
    raise KeyUnreadable("the public key is not an uncompressed point of a known length")
