"""Signs the QR codes of vouchers. The key comes from the chain's root key, so that each process of
the service signs alike; gateways get the public half only."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from kassenverbund.kit.secrets import Secrets
from kassenverbund.kit.signed_qr import (
    VoucherQr,
    issuer_mark,
    key_id,
    looks_signed,
    sign,
    store_mark,
    verify,
)
from voucher import codes
from voucher.decider import Issued
from voucher.events import Terms

_SERIAL = re.compile(rf"GS(-[{codes.ALPHABET}]{{4}}){{3}}")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """For gateways: with it they know a genuine code, and can make none."""

    key_id: str
    """Hex."""
    algorithm: str
    public_key: str
    """The 32 raw bytes, base64."""


def _offline_cap(terms: Terms) -> int:
    """Minor units. A store without a line asks nobody, so what a voucher pays for, where it does
    and whether it is a tender at all must need no asking."""
    asks = terms.restrictions.stores or terms.restrictions.article_groups or terms.effect
    plain = (terms.kind, terms.funding) == ("multi_purpose", "purchased") and not asks
    return terms.offline_cap.amount if plain and terms.offline_cap is not None else 0


class QrCodes:
    """Makes and reads the signed codes of one chain."""

    def __init__(self, secrets: Secrets) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(secrets.key("voucher.qr"))
        self._keys: dict[bytes, Ed25519PublicKey] = {
            key_id(self._key.public_key()): self._key.public_key()
        }

    def of(self, voucher: Issued, code: str) -> str:
        """The text for a voucher's QR code. A code of another system is printed as it is, and so is
        the code of a voucher that kept the serial of one: a signed text has room for ours."""
        ours = _SERIAL.fullmatch(voucher.serial) is not None
        if not ours or len(code) != codes.LENGTH or voucher.valid_until is None:
            return code
        return sign(
            VoucherQr(
                code=code,
                serial=voucher.serial,
                issuer=issuer_mark(voucher.legal_entity_id),
                kind=voucher.terms.kind,
                face_minor=voucher.value.amount,
                currency=voucher.value.currency,
                offline_cap_minor=_offline_cap(voucher.terms),
                valid_until=voucher.valid_until,
                sold_in=store_mark(voucher.past.sold_in),
            ),
            self._key,
        )

    def code_in(self, typed: str) -> str:
        """What stands in a scan: the code of a signed one, anything else as it came.

        Raises `QrForged` for a broken signature; that costs no attempt, as it is no guess.
        """
        return verify(typed, self._keys).code if looks_signed(typed) else typed

    def public_keys(self) -> tuple[PublicKey, ...]:
        """All keys whose codes are still out there."""
        return tuple(
            PublicKey(
                key_id=kid.hex(),
                algorithm="Ed25519",
                public_key=base64.b64encode(
                    key.public_bytes(Encoding.Raw, PublicFormat.Raw)
                ).decode(),
            )
            for kid, key in self._keys.items()
        )
