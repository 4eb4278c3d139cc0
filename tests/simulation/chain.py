"""The chain of the simulation: three stores, one TSE each."""

from __future__ import annotations

from typing import Any

from kassenverbund.kit.chain import Chain

STORES = ("berlin", "koeln", "mainz")
TILLS = tuple(f"{store}-{number}" for store in STORES for number in (1, 2))


def store_of(till_id: str) -> str:
    return till_id.rpartition("-")[0]


def tse_of(store_id: str) -> str:
    return f"tse-{store_id}"


def chain() -> Chain:
    address = {"street": "Weg 1", "postal_code": "10435", "city": "Berlin"}
    document: dict[str, Any] = {
        "id": "kette",
        "name": "Kette",
        "legal_entities": [
            {"id": "gmbh", "name": "Kette GmbH", "address": address, "vat_id": "DE123456789"}
        ],
        "stores": [
            {
                "id": name,
                "name": f"Laden {name}",
                "legal_entity": "gmbh",
                "address": address,
                "tses": [{"id": tse_of(name)}],
                "printers": [{"id": f"bon-{name}", "virtual": True}],
            }
            for name in STORES
        ],
        "vat": [
            {"vat": "standard", "rate": 1900, "valid_from": "2021-01-01",
             "label": "Regelsteuersatz", "dsfinvk_key": 1},
            {"vat": "reduced", "rate": 700, "valid_from": "2021-01-01", "label": "ermäßigt",
             "dsfinvk_key": 2},
            {"vat": "zero", "rate": 0, "valid_from": "2021-01-01", "label": "nicht steuerbar",
             "dsfinvk_key": 5},
        ],
        "means_of_payment": [
            {"kind": "cash", "name": "Bar", "fiscal": "Bar"},
            {"kind": "card", "name": "Karte", "fiscal": "Unbar"},
            {"kind": "voucher", "name": "Gutschein", "fiscal": "Keine"},
        ],
    }  # fmt: skip
    return Chain.model_validate(document)
