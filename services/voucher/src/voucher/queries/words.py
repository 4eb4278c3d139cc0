"""A voucher's facts as sentences, German and English, for people in back office."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

Language = Literal["de", "en"]

LANGUAGES: tuple[Language, ...] = ("de", "en")

# Placeholders: {amount} {balance} {at} (the store) {reason} and what the fact's detail holds.
WORDS: Mapping[str, tuple[str, str]] = {
    "voucher.issued": ("Ausgestellt über {amount}{at}", "Issued for {amount}{at}"),
    "voucher.card_prepared": (
        "Karte für den Verkauf über {amount} vorbereitet{at}",
        "Card prepared for sale of {amount}{at}",
    ),
    "voucher.activated": (
        "Verkauf gebucht, {amount} gültig{at}",
        "Sale recorded, {amount} can be used{at}",
    ),
    "voucher.activation_failed": (
        "Verkauf von {amount} gebucht, der nie vorbereitet wurde{at}: {reason}",
        "Sale of {amount} recorded that was never prepared{at}: {reason}",
    ),
    "voucher.cancelled": ("Vorbereitung verworfen: {reason}", "Preparation dropped: {reason}"),
    "voucher.top_up_prepared": (
        "Aufladung um {amount} vorbereitet{at}",
        "Top-up of {amount} prepared{at}",
    ),
    "voucher.topped_up": (
        "Um {amount} aufgeladen{at}, Guthaben {balance}",
        "Topped up by {amount}{at}, balance {balance}",
    ),
    "voucher.top_up_cancelled": ("Aufladung verworfen: {reason}", "Top-up dropped: {reason}"),
    "voucher.blocked": ("Gesperrt: {reason}", "Blocked: {reason}"),
    "voucher.unblocked": ("Entsperrt", "Unblocked"),
    "voucher.code_replaced": ("Neuer Code: {reason}", "New code: {reason}"),
    "voucher.validity_extended": (
        "Verlängert bis {valid_until}: {reason}",
        "Extended to {valid_until}: {reason}",
    ),
    "voucher.expired": (
        "Rest von {amount} ausgebucht (Verfall)",
        "Rest of {amount} written off (expired)",
    ),
    "voucher.sale_reversed": (
        "Verkauf storniert{at}, {amount} erstattet",
        "Sale reversed{at}, {amount} refunded",
    ),
    "voucher.held": ("{amount} reserviert{at}", "{amount} held{at}"),
    "voucher.hold_confirmed": ("Reservierung bestätigt", "Hold confirmed"),
    "voucher.hold_released": (
        "Reservierung von {amount} aufgehoben: {reason}",
        "Hold of {amount} released: {reason}",
    ),
    "voucher.redeemed": (
        "{amount} eingelöst{at}, Rest {balance}",
        "{amount} redeemed{at}, {balance} left",
    ),
    "voucher.capture_failed": (
        "Einlösung nicht gedeckt, es fehlen {amount}{at}: {reason}",
        "Redemption not covered, {amount} missing{at}: {reason}",
    ),
    "voucher.redemption_reversed": (
        "{amount} nach Rückgabe gutgeschrieben{at}, Guthaben {balance}",
        "{amount} put back after a return{at}, balance {balance}",
    ),
    "voucher.paid_out": ("Rest von {amount} ausgezahlt{at}", "Rest of {amount} paid out{at}"),
    "voucher.entitlement_extended": (
        "Berechtigung verlängert von {old_until} bis {new_until}{at}, keine Gebühr gebucht",
        "Entitlement extended from {old_until} to {new_until}{at}, no fee booked",
    ),
    "voucher.transferred_out": (
        "{amount} übertragen auf {to_serial}, Rest {balance}",
        "{amount} moved to {to_serial}, {balance} left",
    ),
    "voucher.transferred_in": (
        "{amount} übernommen von {from_serial}, Guthaben {balance}",
        "{amount} came from {from_serial}, balance {balance}",
    ),
    "voucher.claimed": (
        "{amount} einem Konto gutgeschrieben",
        "{amount} put on an account",
    ),
}

REASONS: Mapping[str, tuple[str, str]] = {
    "released": ("freigegeben", "let go"),
    "expired": ("abgelaufen", "ran out"),
    "aborted": ("abgebrochen", "aborted"),
    "lost": ("verloren", "lost"),
    "stolen": ("gestohlen", "stolen"),
    "fraud": ("Betrugsverdacht", "fraud"),
    "dispute": ("strittig", "disputed"),
    "other": ("anderer Grund", "other reason"),
    "reprint": ("neu gedruckt", "printed again"),
    "weak_code": ("kurzer Code ersetzt", "short code replaced"),
    "remainder": ("Restbeleg", "remainder slip"),
    "never_issued": ("nie vorbereitet", "never prepared"),
    "hold_unknown": ("Reservierung unbekannt", "hold unknown"),
    "hold_released": ("Reservierung war aufgehoben", "hold had been released"),
    "hold_expired": ("Reservierung war abgelaufen", "hold had run out"),
    "over_hold": ("mehr als reserviert", "more than was held"),
    "not_usable": ("Gutschein nicht verwendbar", "voucher cannot be used"),
}


def told(
    name: str, *, language: Language, amount: str, balance: str, store: str, reason: str,
    detail: Mapping[str, Any],
) -> str:  # fmt: skip
    """The sentence for one fact. A fact without a sentence of its own is told by its name."""
    column = LANGUAGES.index(language)
    words = WORDS.get(name)
    if words is None:
        return name
    place = (f" in {store}", f" at {store}")[column] if store else ""
    known = REASONS.get(reason)
    return words[column].format_map(
        _Filled(
            {str(key): str(value) for key, value in detail.items()}
            | {
                "amount": amount,
                "balance": balance,
                "at": place,
                "reason": known[column] if known else reason,
            }
        )
    )


class _Filled(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "–"


def shown(minor: int | None, currency: str | None, language: Language) -> str:
    """`1.234,50 EUR` or `1,234.50 EUR`."""
    if minor is None or currency is None:
        return "–"
    whole, part = divmod(abs(minor), 100)
    digits = f"{whole:,}.{part:02d}"
    if language == "de":
        digits = digits.translate(str.maketrans(",.", ".,"))
    return f"{'-' if minor < 0 else ''}{digits} {currency}"
