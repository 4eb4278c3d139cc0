"""German for `cashiers`."""

from __future__ import annotations

from collections.abc import Mapping

CASHIERS_GERMAN: Mapping[str, str] = {
    "People who sign in at tills.": "Personen, die sich an Kassen anmelden.",
    "Who may sign in at the tills of a store.": (
        "Wer sich an den Kassen einer Filiale anmelden darf."
    ),
    "Enroll a person, or change one; the PIN is asked for here, never given as an argument.": (
        "Eine Person aufnehmen oder ändern; die PIN wird hier erfragt, nie als Argument gegeben."
    ),
    "Remove a person: name and PIN are wiped.": (
        "Eine Person entfernen: Name und PIN werden gelöscht."
    ),
    "id of the person, as it stands in bookings": "Kennung der Person, wie sie in Vorgängen steht",
    "what the person is called at the till": "wie die Person an der Kasse heißt",
    "the store (otherwise the chain's first)": "die Filiale (sonst die erste der Kette)",
    "cashier, senior or manager": "cashier, senior oder manager",
    "in all stores of the chain": "in allen Filialen der Kette",
    "without asking for a PIN: whoever has a card, or keeps the PIN": (
        "ohne nach einer PIN zu fragen: wer eine Karte hat oder seine PIN behält"
    ),
    "PIN (4 to 12 digits)": "PIN (4 bis 12 Ziffern)",
    "once more": "noch einmal",
    "these were not the same": "das war nicht dasselbe",
    "a PIN has 4 to 12 digits": "eine PIN hat 4 bis 12 Ziffern",
    "nobody is enrolled": "niemand ist aufgenommen",
    "enrolled": "aufgenommen",
    "removed": "entfernt",
    "Role": "Rolle",
    "Stores": "Filialen",
    "Card": "Karte",
    "yes": "ja",
    "no": "nein",
}
