"""What a scan is. The first rule that fits names itself in the result; bare digits are never
guessed, and only a tender mode lets anything pay."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from device_gateway.codes import aim as symbologies
from device_gateway.codes.gs1 import GS, elements_of, link_of
from device_gateway.codes.numbers import is_digits, isbn_of, number_of, with_addon
from device_gateway.codes.scanned import (
    Action,
    Alternative,
    Classified,
    Kind,
    Mode,
    Scanned,
)
from device_gateway.codes.uid import canonical, is_random
from kassenverbund.kit import code_format
from kassenverbund.kit.chain_codes import CodePattern, CodeTarget
from kassenverbund.kit.signed_qr import looks_signed

BYTES_MAX = 512
OWN_TYPED_MAX = 64
"""A longer text is no own code that somebody typed."""

_OWN_KINDS: Mapping[str, Kind] = {
    code_format.VOUCHER: "own_voucher",
    code_format.CARD: "own_card",
    code_format.PICK_UP: "own_pickup",
}

_MEANT_BY_MODE: Mapping[Mode, CodeTarget] = {
    "tender_voucher": "voucher",
    "tender_center": "center",
    "customer": "card",
    "pickup": "pickup",
}
"""What a person who waits for it takes an unknown number for: he has said so."""

_ACTS: Mapping[CodeTarget, Mapping[Mode, Action]] = {
    "voucher": {"idle": "show", "item": "show", "customer": "show", "tender_voucher": "pay"},
    "card": {
        "idle": "show", "item": "show", "customer": "identify",
        "tender_voucher": "pay", "tender_center": "pay",
    },
    "center": {"idle": "show", "item": "show", "tender_center": "pay"},
    "pickup": {"idle": "show", "item": "show", "pickup": "pick_up"},
    "article": {"idle": "add_line", "item": "add_line"},
}  # fmt: skip
"""What may happen by itself; where nothing stands, the till refuses."""

_TARGET_OF: Mapping[Kind, CodeTarget] = {
    "own_voucher": "voucher",
    "own_card": "card",
    "own_center": "center",
    "own_pickup": "pickup",
    "article": "article",
    "gs1": "article",
}


def classify(raw: Scanned, mode: Mode, rules: Sequence[CodePattern] = ()) -> Classified:
    """Total: every text has a result, also one that nobody should have sent."""
    if raw.source == "card":
        return _card(raw.text, mode)
    if (fault := _fault(raw.text)) is not None:
        return _refused("unknown", fault)
    aim, text = raw.aim, raw.text
    if aim is None or not symbologies.is_identifier(aim):
        aim, text = symbologies.split(text)
    text = unicodedata.normalize("NFC", text.strip(" \t\r\n"))
    if not text:
        return _refused("unknown", "empty")
    return (
        _own(text, mode)
        or _external(text, mode, rules)
        or _goods(text, aim, mode)
        or _digits(text, mode)
        or _address(text)
        or _unknown(text, mode)
    )


def answered(text: str, target: CodeTarget, mode: Mode) -> Classified:
    """A person has said what an open scan is. He may let it pay only where it may pay by itself;
    elsewhere it is shown, and the sale goes on from there."""
    number = number_of(text) if target == "article" else None
    value = text if number is None else number.gtin
    kind: Kind = {"article": "article", "center": "own_center"}.get(target, "external")  # type: ignore[assignment]  # both are kinds
    return Classified(
        kind, value, "sure", "asked", _act(target, mode), target=target,
        secret=target not in ("article", "center"),
        label=value if target in ("article", "center") else "",
    )  # fmt: skip


def _fault(text: str) -> str | None:
    if not text.strip():
        return "empty"
    if len(text.encode(errors="surrogatepass")) > BYTES_MAX:
        return "too_long"
    for character in text.strip("\r\n\t "):
        if character != GS and unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn"):
            return "control_characters"
    return None


def _card(text: str, mode: Mode) -> Classified:
    uid = canonical(text)
    if uid is None:
        return _refused("unknown", "uid_damaged")
    if is_random(uid):
        # It is another one at the next tap: nothing can be found by it.
        return _refused("unknown", "uid_random")
    return Classified("own_card", uid, "sure", "uid", _act("card", mode))


def _own(text: str, mode: Mode) -> Classified | None:
    if looks_signed(text):
        code = text.strip().upper()
        return Classified("own_voucher", code, "sure", "signed_qr", _act("voucher", mode))
    if text.upper().startswith(code_format.CENTER_PREFIX):
        number = code_format.center_of(text)
        if number is None:
            return _refused("own_damaged", "center_label")
        return Classified(
            "own_center", number, "sure", "center_label", _act("center", mode),
            secret=False, label=number,
        )  # fmt: skip
    if len(text) > OWN_TYPED_MAX:
        return None
    code = code_format.as_typed(text)
    if not code_format.looks_own(code):
        return None
    if not code_format.is_whole(code):
        return _refused("own_damaged", "check_symbol")
    kind = _OWN_KINDS[code[0]]
    return Classified(
        kind, code, "sure", "own_code", _act(_TARGET_OF[kind], mode), label=f"…{code[-4:]}"
    )


def _external(text: str, mode: Mode, rules: Sequence[CodePattern]) -> Classified | None:
    for rule in rules:
        value = rule.value_in(text)
        if value is not None:
            open_to_all = rule.target in ("article", "center")
            return Classified(
                "external", value, "sure", rule.name, _act(rule.target, mode),
                target=rule.target, secret=not open_to_all, label=value if open_to_all else "",
            )  # fmt: skip
    return None


def _goods(text: str, aim: str | None, mode: Mode) -> Classified | None:
    """Goods whose symbology, spelling or separators say that they are goods."""
    elements = elements_of(text, aim) or link_of(text)
    if elements is not None:
        rule = "digital_link" if text.lower().startswith("http") else "gs1"
        if elements.gtin is None:
            # A coupon, a parcel, a slip: nothing here knows what to do with it.
            return Classified(
                "gs1", "", "sure", rule, "refuse", secret=False, elements=elements.values
            )
        return Classified(
            "gs1", elements.gtin, "sure", rule, _act("article", mode),
            secret=False, label=elements.gtin, elements=elements.values,
        )  # fmt: skip
    if aim in symbologies.EAN:
        number = number_of(text) or with_addon(text)
        if number is None:
            return _refused("unknown", "check_digit")
        addon = {} if number.addon is None else {"addon": number.addon}
        return _article(number.gtin, number.rule, mode, sure=True, elements=addon)
    if not is_digits(text):
        number = isbn_of(text)
        return None if number is None else _article(number.gtin, number.rule, mode, sure=True)
    return None


def _digits(text: str, mode: Mode) -> Classified | None:
    """Digits of which nothing says what they are: what the till waits for decides, or a person."""
    if not is_digits(text):
        return None
    meant = _MEANT_BY_MODE.get(mode)
    if meant is not None:
        return _meant(text, meant, mode)
    number = number_of(text)
    if number is not None and (mode == "item" or len(text) == 13):
        return _article(number.gtin, number.rule, mode, sure=False)
    if len(text) == 13:
        return _refused("unknown", "check_digit")
    choices = [Alternative("article", "article"), Alternative("external", "voucher")]
    choices.insert(1, Alternative("own_center", "center"))
    return Classified("ask", text, "open", "digits", "ask", alternatives=tuple(choices))


def _address(text: str) -> Classified | None:
    """An address is named by its host and never asked for."""
    if not text.lower().startswith(("https://", "http://")):
        return None
    try:
        host = urlsplit(text).hostname or ""
    except ValueError:
        host = ""
    return Classified("url", text, "sure", "url", "refuse", label=host[:60])


def _unknown(text: str, mode: Mode) -> Classified:
    """A code of another system may be a voucher's or a card's that was taken over: who waits for
    one gets it tried."""
    meant = _MEANT_BY_MODE.get(mode)
    if meant is not None and GS not in text:
        return _meant(text, meant, mode)
    return Classified("unknown", text, "open", "unknown", "refuse")


def _meant(text: str, target: CodeTarget, mode: Mode) -> Classified:
    action = _act(target, mode)
    rule = f"mode:{mode}"
    if target == "center":
        return Classified(
            "own_center", text, "likely", rule, action, secret=False, label=text
        ) if is_digits(text) else Classified(
            "external", text, "likely", rule, action, target="card"
        )  # fmt: skip
    return Classified("external", text, "likely", rule, action, target=target)


def _article(
    gtin: str, rule: str, mode: Mode, *, sure: bool, elements: Mapping[str, str] | None = None
) -> Classified:
    return Classified(
        "article", gtin, "sure" if sure else "likely", rule, _act("article", mode),
        secret=False, label=gtin, elements=elements or {},
    )  # fmt: skip


def _act(target: CodeTarget, mode: Mode) -> Action:
    return _ACTS[target].get(mode, "refuse")


def _refused(kind: Kind, rule: str) -> Classified:
    return Classified(kind, "", "sure", rule, "refuse", secret=False)
