"""Languages of the pages: catalogues, how money and times are written, how money is read.

Message ids are the English texts. German stands in `locale/de/*.po`, one catalogue per topic, so
that two topics do not touch one file; `tests/pages/test_words.py` finds what is missing or left
over. Error and event codes are not translated.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime, format_time
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal
from babel.support import NullTranslations, Translations

from money import Money

FOLDER = Path(__file__).parent / "locale"
ASSETS = Path(__file__).parent / "assets"
LANGUAGES = ("de", "en")
"""The first one is shown to whoever asks for none of them."""

FORMATS: Mapping[str, str] = {"de": "de_DE", "en": "en_IE"}
"""As the receipts write (`receipt.words`)."""

DATES: Mapping[str, str] = {"de": "dd.MM.yyyy", "en": "dd/MM/yyyy"}

AMOUNT_MAX = 10_000_000_00
"""Minor units. Nobody types more at a till; whoever does has scanned something into the field."""

_SAID = re.compile(r"""\bsay\(\s*"((?:[^"\\]|\\.)+)\"""")


def N_(text: str) -> str:  # noqa: N802  (the mark that extractors look for)
    """Marks a text that is translated where it is shown."""
    return text


@lru_cache(maxsize=len(LANGUAGES))
def translations(language: str) -> NullTranslations:
    """The catalogues of a language, joined. English: the ids themselves."""
    whole = Catalog(locale=language)
    for path in sorted((FOLDER / language).glob("*.po")):
        with path.open("rb") as opened:
            for message in read_po(opened, locale=language):
                if message.id and message.string:
                    whole.add(message.id, message.string)
    if not len(whole):
        return NullTranslations()
    packed = BytesIO()
    write_mo(packed, whole)
    packed.seek(0)
    return Translations(packed)


def say(language: str, text: str) -> str:
    """`text` in a language; itself where the catalogue lacks it."""
    return str(translations(language).gettext(text))


@lru_cache(maxsize=1)
def script_texts() -> tuple[str, ...]:
    """What our scripts say, each as `say("…")` with a literal."""
    found = set[str]()
    for path in sorted(ASSETS.glob("*.js")):
        if not path.name.endswith(".min.js"):
            found.update(_SAID.findall(path.read_text(encoding="utf-8")))
    return tuple(sorted(found))


def script_words(language: str) -> dict[str, str]:
    """The scripts' texts in a language."""
    return {text: say(language, text) for text in script_texts()}


def accepted(header: str) -> str | None:
    """The first language of `Accept-Language` that we have. None: none of them."""
    weighed = list[tuple[float, int, str]]()
    for at, part in enumerate(header.split(",")[:20]):
        name, _, weight = part.strip().partition(";q=")
        language = name.split("-")[0].lower()
        if language in LANGUAGES:
            try:
                weighed.append((-float(weight or 1), at, language))
            except ValueError:
                continue
    return min(weighed)[2] if weighed else None


def money(amount: Money, language: str) -> str:
    """`19,99 €` with the no-break space of the locale; a minus is a minus sign, not a hyphen."""
    return format_currency(amount.as_decimal(), amount.currency, locale=FORMATS[language])


def plain(amount: Money, language: str) -> str:
    """`19,99`: for a field, or under a heading that names the currency."""
    return format_decimal(amount.as_decimal(), format="0.00", locale=FORMATS[language])


def instant(at: datetime, time_zone: str, language: str) -> str:
    """`22.11.2026 14:05`, in the store's time zone."""
    zone, where = ZoneInfo(time_zone), FORMATS[language]
    return str(format_datetime(at, f"{DATES[language]} HH:mm", tzinfo=zone, locale=where))


def clock(at: datetime, time_zone: str, language: str) -> str:
    """`14:05`."""
    zone, where = ZoneInfo(time_zone), FORMATS[language]
    return str(format_time(at, "HH:mm", tzinfo=zone, locale=where))


def day(on: date, language: str) -> str:
    """`22.11.2026`."""
    return str(format_date(on, DATES[language], locale=FORMATS[language]))


class NoAmount(ValueError):
    """This text is no amount of money, or a doubtful one."""


def amount_of(text: str, currency: str, language: str) -> Money:
    """What somebody typed as money: `12,5`, `12.50`, `1.234,50`, `1234` (whole units).

    Both signs may stand for the decimals, as both lie on number pads; where both occur the last
    one does. One sign alone with exactly three digits behind it is read as the locale writes it.
    Raises `NoAmount` for anything else, also for more than two decimals.
    """
    typed = re.sub(r"[\s\u00a0\u202f€']", "", text)
    if not re.fullmatch(r"-?[0-9.,]{1,20}", typed) or not re.search(r"[0-9]", typed):
        raise NoAmount(text)
    sign, digits = (-1, typed[1:]) if typed.startswith("-") else (1, typed)
    mark = _decimal_mark(digits, "," if language == "de" else ".")
    whole, _, decimals = digits.rpartition(mark) if mark else (digits, "", "")
    group = "." if mark == "," else ","
    if not re.fullmatch(rf"[0-9]*|[0-9]{{1,3}}(?:[{group}.,][0-9]{{3}})+", whole):
        raise NoAmount(text)
    plain_digits = re.sub(r"[.,]", "", whole) or "0"
    if not re.fullmatch(r"[0-9]{0,2}", decimals):
        raise NoAmount(text)
    minor = int(plain_digits + decimals.ljust(2, "0"))
    if minor > AMOUNT_MAX:
        raise NoAmount(text)
    return Money(amount=sign * minor, currency=currency)


def _decimal_mark(digits: str, own: str) -> str:
    """Which of the signs stands before the decimals; empty: none."""
    marks = [sign for sign in digits if sign in ".,"]
    if not marks:
        return ""
    last = marks[-1]
    if len(set(marks)) == 2:
        return last if marks.count(last) == 1 else "?"
    if len(marks) > 1:
        return ""  # 1.234.567: groups only
    grouped = re.fullmatch(rf"[1-9][0-9]{{0,2}}\{last}[0-9]{{3}}", digits)
    return "" if grouped and last != own else last
