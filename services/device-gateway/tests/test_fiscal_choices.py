"""The chain's choices of fiscal cases travel in the store's declaration."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from device_gateway.decider.choices import choices_in
from device_gateway.decider.fiscal import named_lines
from device_gateway.events import FiscalChoice
from device_gateway.handlers.stores import declare_stores, master_data_of
from device_gateway.receipt import examples
from kassenverbund.chain_file import load_chain
from kassenverbund.kit.chain import Chain
from kassenverbund.kit.fiscal_cases import DEFAULTS
from kassenverbund.policies.log import since_when

ROOT = Path(__file__).parents[3]
REFUNDED = "fiscal.voucher.multi_purpose.refunded"
NOW = datetime(2026, 11, 22, tzinfo=UTC)


def chain(**cases: object) -> Chain:
    declared = load_chain(ROOT / "chain.yaml").model_dump(mode="json")
    return Chain.model_validate({**declared, "fiscal_cases": cases})


def test_a_choice_of_the_file_is_in_force_at_the_till_from_its_day_on() -> None:
    file = chain(**{REFUNDED: {"choice": "new_sale", "valid_from": "2027-01-01"}})
    choices = choices_in(master_data_of(file, file.stores[0], NOW))

    assert choices.option(REFUNDED, date(2026, 12, 31)).gv_typ == "MehrzweckgutscheinEinloesung"
    assert choices.option(REFUNDED, date(2027, 1, 1)).gv_typ == "MehrzweckgutscheinKauf"


def test_without_a_choice_the_declaration_says_nothing() -> None:
    file = chain()
    declared = master_data_of(file, file.stores[0], NOW)

    assert "fiscal_choices" not in declared.model_dump(mode="json")
    assert choices_in(declared) is DEFAULTS


def test_a_choice_that_this_version_does_not_know_stops_no_till() -> None:
    strange = (FiscalChoice(case="fiscal.new", choice="x"), FiscalChoice(case=REFUNDED, choice="x"))
    declared = examples.store().model_copy(update={"fiscal_choices": strange})

    assert choices_in(declared).option(REFUNDED, NOW.date()).name == "reversed_redemption"


def test_what_is_recorded_follows_the_choice_of_its_day() -> None:
    back = examples.line("Gutschein", "5.00", vat="zero").model_copy(
        update={"kind": "voucher_redemption_reversal"}
    )
    file = chain(**{REFUNDED: {"choice": "new_sale", "valid_from": "2027-01-01"}})
    choices = choices_in(master_data_of(file, file.stores[0], NOW))

    (before,) = named_lines([back], choices, date(2026, 12, 31))
    (after,) = named_lines([back], choices, date(2027, 1, 1))
    assert (before.case, after.case) == ("MehrzweckgutscheinEinloesung", "MehrzweckgutscheinKauf")


async def test_the_annex_knows_since_when_a_store_works_so(rig: Any) -> None:
    file = chain()
    moved = file.stores[0].address.model_copy(update={"street": "Neu 1"})
    berlin = file.stores[0].model_copy(update={"address": moved})
    await declare_stores(rig.gateway, file)
    first = rig.clock().date()
    rig.clock.advance(40 * 86_400)
    changed = file.model_copy(update={"stores": (berlin, *file.stores[1:])})
    await declare_stores(rig.gateway, changed)

    found = await since_when(rig.gateway.store, ["berlin", "koeln", "nowhere"])

    assert found["berlin", "address"] == rig.clock().date()
    assert found["berlin", "vat"] == first
    assert found["koeln", "address"] == first
    assert ("nowhere", "address") not in found
