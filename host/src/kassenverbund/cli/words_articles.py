"""German for `articles`."""

from __future__ import annotations

from collections.abc import Mapping

ARTICLES_GERMAN: Mapping[str, str] = {
    "What the chain sells.": "Was die Kette verkauft.",
    "List articles from a CSV file or JSON lines: 1,000 rows at a time, all or none of them.": (
        "Artikel aus einer CSV-Datei oder JSON-Zeilen aufnehmen: je 1.000 Zeilen, alle oder keine."
    ),
    "CSV or .jsonl in UTF-8": "CSV oder .jsonl in UTF-8",
    "a store whose VAT keys count (otherwise the first)": (
        "eine Filiale, deren Steuerschlüssel gelten (sonst die erste)"
    ),
    "articles": "Artikel",
    "of them new or changed": "davon neu oder geändert",
    "row": "Zeile",
    "rows before are taken over": "Zeilen davor sind übernommen",
    "An assortment and touch keys to try the web till with": (
        "Ein Sortiment und Tasten, um die Web-Kasse auszuprobieren"
    ),
}
