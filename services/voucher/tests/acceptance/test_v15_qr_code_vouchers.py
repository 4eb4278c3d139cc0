"""V15: a QR scan fills the code without typing; a QR with a broken signature is refused."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from kassenverbund.kit.secrets import Secrets
from kassenverbund.kit.signed_qr import QrForged, store_mark, verify
from money import euro
from voucher.decider import VoucherNotUsable
from voucher.events import Terms
from voucher.events.terms import Effect, Restrictions
from voucher.qr import QrCodes


async def test_v15_a_scanned_qr_code_pays_like_the_typed_code(world: Any, secrets: Secrets) -> None:
    sold = await world.sell("v1", "50.00")
    scanned = QrCodes(secrets).of(await world.issued("v1"), sold.code)
    await world.hold(scanned, "20.00", "H1")
    assert (await world.issued("v1")).hold("H1").amount == euro("20.00")


async def test_v15_the_qr_code_says_what_a_till_without_a_line_has_to_know(
    world: Any, secrets: Secrets
) -> None:
    sold = await world.sell("v1", "50.00")
    codes = QrCodes(secrets)
    voucher = await world.issued("v1")
    keys = {
        bytes.fromhex(key.key_id): Ed25519PublicKey.from_public_bytes(b64decode(key.public_key))
        for key in codes.public_keys()
    }
    content = verify(codes.of(voucher, sold.code), keys)
    assert (content.code, content.serial) == (sold.code, voucher.serial)
    assert (content.face_minor, content.currency) == (5000, "EUR")
    assert (content.kind, content.valid_until) == ("multi_purpose", voucher.valid_until)
    assert content.offline_cap_minor == 0
    assert content.sold_in == store_mark("berlin")


CAPPED = {"offline_cap": euro("20.00")}


@pytest.mark.parametrize(
    ("terms", "cap"),
    [
        (Terms(**CAPPED), 2000),
        (Terms(), 0),
        (Terms(kind="single_purpose", vat="reduced", rate=700, dsfinvk_key=2, **CAPPED), 0),
        (Terms(funding="donated", reason="Treue", **CAPPED), 0),
        (Terms(restrictions=Restrictions(stores=("berlin",)), **CAPPED), 0),
        (Terms(restrictions=Restrictions(article_groups=("buch",)), **CAPPED), 0),
        (Terms(effect=Effect(entitlement="library_card", months=12), **CAPPED), 0),
        (Terms(restrictions=Restrictions(legal_entities=("hafen",)), **CAPPED), 2000),
    ],
)
async def test_v15_only_a_voucher_about_which_nobody_has_to_be_asked_has_a_cap(
    world: Any, secrets: Secrets, terms: Terms, cap: int
) -> None:
    sold = await world.sell("v1", "50.00")
    voucher = replace(await world.issued("v1"), terms=terms)
    codes = QrCodes(secrets)
    (key,) = codes.public_keys()
    keys = {
        bytes.fromhex(key.key_id): Ed25519PublicKey.from_public_bytes(b64decode(key.public_key))
    }
    assert verify(codes.of(voucher, sold.code), keys).offline_cap_minor == cap


async def test_v15_a_broken_signature_is_refused_and_is_no_guess(
    world: Any, secrets: Secrets
) -> None:
    sold = await world.sell("v1", "50.00")
    scanned = QrCodes(secrets).of(await world.issued("v1"), sold.code)
    forged = scanned[:-9] + ("A" if scanned[-9] != "A" else "B") + scanned[-8:]
    with pytest.raises(QrForged):
        await world.hold(forged, "20.00", "H1")
    assert world.attempts.wrongs == []


async def test_v15_a_forger_who_signs_with_a_key_of_his_own_is_refused(world: Any) -> None:
    sold = await world.sell("v1", "50.00")
    theirs = QrCodes(Secrets(root=b"f" * 32, key_id="forger"))
    with pytest.raises(QrForged):
        await world.hold(theirs.of(await world.issued("v1"), sold.code), "20.00", "H1")


async def test_v15_a_genuine_code_of_a_voucher_that_was_never_sold_pays_nothing(
    world: Any, secrets: Secrets
) -> None:
    prepared = await world.prepare("v1", "50.00")
    scanned = QrCodes(secrets).of(await world.issued("v1"), prepared.code)
    with pytest.raises(VoucherNotUsable):
        await world.hold(scanned, "20.00", "H1")
