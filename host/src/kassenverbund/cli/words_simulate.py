"""German for `simulate-store`."""

from __future__ import annotations

from collections.abc import Mapping

SIMULATE_GERMAN: Mapping[str, str] = {
    "Behave like the tills of a store, and measure.": (
        "Sich wie die Kassen einer Filiale verhalten, und messen."
    ),
    "the store's id": "Kennung der Filiale",
    "so many tills": "so viele Kassen",
    "acts per second, all tills together": "Vorgänge je Sekunde, alle Kassen zusammen",
    "seconds": "Sekunden",
    "the same seed draws the same acts": "derselbe Startwert zieht dieselben Vorgänge",
    "evenly, not by chance": "gleichmäßig statt zufällig verteilt",
    "weights, for example cash=5,card=3,voucher=1": (
        "Gewichte, zum Beispiel cash=5,card=3,voucher=1"
    ),
    "number of a cost center to charge": "Nummer einer Kostenstelle, die belastet wird",
    "wait for the signature, seconds": "auf die Signatur warten, Sekunden",
    "ask again for so many seconds where nobody answers": (
        "so viele Sekunden lang wiederholen, wo niemand antwortet"
    ),
    "the gateway (otherwise the one on this machine)": (
        "das Gateway (sonst das auf diesem Rechner)"
    ),
    "PEM of the CA to trust": "PEM der CA, der vertraut wird",
    "TILL=TOKEN of a paired till; may be repeated": (
        "KASSE=TOKEN einer gekoppelten Kasse; mehrfach möglich"
    ),
    "Acts": "Vorgänge",
    "Act": "Vorgang",
    "acts in": "Vorgänge in",
    "count": "Anzahl",
    "all": "alle",
    "cash": "bar",
    "card": "Karte",
    "voucher_sale": "Gutschein verkauft",
    "voucher": "mit Gutschein",
    "center": "Kostenstelle",
    "return": "Rücknahme",
    "abort": "Abbruch",
    "refused": "abgelehnt",
    "Refused": "Abgelehnt",
    "Errors": "Fehler",
    "Times count from the moment at which an act was due.": (
        "Die Zeiten zählen ab dem Augenblick, in dem ein Vorgang fällig war."
    ),
}
