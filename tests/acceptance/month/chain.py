"""The chain of the month, and what changes in its middle."""

from __future__ import annotations

from typing import Any

import yaml

from fiscal_signer.testing.fiskaly_line import TSS_ID
from kassenverbund.kit.chain import Chain
from tests.support.program import ROOT

STORES = ("berlin", "koeln", "hamburg")


def chain(*, changed: bool) -> Chain:
    """The example chain with meals and a TSE at fiskaly. `changed`: meals have the
    reduced rate, Cologne has moved house and has another TSE."""
    document: dict[str, Any] = yaml.safe_load((ROOT / "chain.yaml").read_text())
    document["vat"] += [
        {"vat": "meals", "rate": 1900, "valid_from": "2021-01-01", "label": "Speisen",
         "dsfinvk_key": 1},
        {"vat": "meals", "rate": 700, "valid_from": "2027-02-16", "label": "Speisen",
         "dsfinvk_key": 2},
    ]  # fmt: skip
    for store in document["stores"]:
        store["printers"] = []  # papers are looked at elsewhere
    berlin, koeln, hamburg = document["stores"]
    berlin["tses"].append({"id": "tse-berlin-2", "kind": "software", "curve": "P-256"})
    hamburg["tses"] = [{"id": "tse-hamburg", "kind": "fiskaly", "tss_id": str(TSS_ID)}]
    if changed:
        koeln["address"] = {"street": "Domplatz 1", "postal_code": "50667", "city": "Köln"}
        koeln["tses"] = [{"id": "tse-koeln-2", "kind": "software", "curve": "P-256"}]
    return Chain.model_validate(document)
