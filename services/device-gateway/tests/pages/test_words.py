"""Every text of the pages is there in German, and the catalogues hold nothing that nobody says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.extract import extract
from babel.messages.pofile import read_po

from device_gateway.api import pages
from device_gateway.api.pages.locales import accepted, script_texts, script_words, translations

FOLDER = Path(pages.__file__).parent
PLACES = re.compile(r"%\((\w+)\)s|\{(\w+)\}")


def said() -> Iterator[str]:
    """What templates, code and scripts say."""
    keywords = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}
    for path in sorted(FOLDER.rglob("*")):
        method = {".py": "python", ".html": "jinja2.ext:babel_extract"}.get(path.suffix)
        if method is None:
            continue
        with path.open("rb") as opened:
            options = {"trimmed": "true", "encoding": "utf-8"}
            for _, message, _, _ in extract(method, opened, keywords, (), options):
                yield message if isinstance(message, str) else str((message or [""])[0])
    yield from script_texts()


def german() -> dict[str, str]:
    """Message id → German. Two catalogues may say the same, but never two things."""
    found: dict[str, str] = {}
    for path in sorted((FOLDER / "locale" / "de").glob("*.po")):
        with path.open("rb") as opened:
            for message in read_po(opened, locale="de"):
                if not message.id:
                    continue
                key = message.id if isinstance(message.id, str) else message.id[0]
                said = message.string or ""
                text = said if isinstance(said, str) else said[-1]
                assert found.setdefault(key, text) == text, f"{key}: {text}, {found[key]}"
    return found


def test_every_text_is_there_in_german() -> None:
    known = german()
    assert sorted({text for text in said() if not known.get(text)}) == []


def test_the_catalogues_hold_nothing_that_nobody_says() -> None:
    assert sorted(german().keys() - set(said())) == []


def test_a_translation_has_the_places_of_its_text() -> None:
    def places(text: str) -> list[str]:
        return sorted(name or other for name, other in PLACES.findall(text))

    differing = [
        text
        for text, meant in german().items()
        if places(text) != places(meant) and "%(num)s" not in text
    ]
    assert differing == []


def test_scripts_are_told_their_words_in_both_languages() -> None:
    texts = script_texts()
    assert texts
    assert script_words("en") == {text: text for text in texts}
    assert all(script_words("de")[text] == german()[text] for text in texts)
    assert translations("en").gettext("Sign in") == "Sign in"


@pytest.mark.parametrize(
    ("header", "language"),
    [("de-AT,de;q=0.9,en;q=0.8", "de"), ("fr,en;q=0.5,de;q=0.4", "en"), ("fr", None), ("", None),
     ("en;q=nonsense, de", "de")],
)  # fmt: skip
def test_a_browser_is_answered_in_the_language_it_likes_best(
    header: str, language: str | None
) -> None:
    assert accepted(header) == language
