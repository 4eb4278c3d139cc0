"""Templates and presets: what is warned about, what is refused, what changes at once."""

from __future__ import annotations

from datetime import date

import pytest

from money import euro
from voucher.decider.catalogue import (
    BELOW_THREE_YEARS,
    PairDiffers,
    PresetsImpossible,
    PriceImpossible,
    RateUnknown,
    TemplateUnknown,
    TemplateWithdrawn,
    ValidityTooShort,
)
from voucher.events import Terms, Validity
from voucher.handlers.names import StoreUnknown
from voucher.testing.office import Office

# The rate on the day of definition is looked up; what the caller says about it does not count.
SINGLE = Terms(kind="single_purpose", vat="standard", rate=0, dsfinvk_key=9, goods="Hörbücher")
GIVEN = Terms(funding="donated", reason="Sommerfest")


async def test_a_template_keeps_what_it_was_given(office: Office) -> None:
    await office.template(value="50.00", price="45.00")
    template = await office.catalogue.find("gift")
    assert (template.value, template.price) == (euro("50.00"), euro("45.00"))
    assert template.terms.template_id == "gift"


async def test_the_usual_validity_is_the_end_of_the_third_year(office: Office) -> None:
    defined = await office.template()
    assert defined.warnings == ()
    assert defined.template.valid_until(date(2026, 3, 14)) == date(2029, 12, 31)


@pytest.mark.parametrize(
    ("validity", "last"),
    [
        (Validity(kind="months", months=12), date(2025, 2, 28)),
        (Validity(kind="months", months=11), date(2025, 1, 29)),
        (Validity(kind="end_of_year", years=0), date(2024, 12, 31)),
        (Validity(kind="fixed", until=date(2030, 6, 30)), date(2030, 6, 30)),
    ],
)
async def test_a_validity_counts_from_the_day_of_sale(
    office: Office, validity: Validity, last: date
) -> None:
    defined = await office.template(terms=GIVEN, validity=validity)
    assert defined.template.valid_until(date(2024, 2, 29)) == last


@pytest.mark.parametrize(
    "validity",
    [
        Validity(kind="end_of_year", years=2),
        Validity(kind="months", months=12),
        Validity(kind="months", months=35),
        Validity(kind="fixed", until=date(2027, 11, 22)),
    ],
)
async def test_less_than_three_years_is_warned_about(office: Office, validity: Validity) -> None:
    defined = await office.template(validity=validity)
    assert defined.warnings == (BELOW_THREE_YEARS,)


@pytest.mark.parametrize(
    "validity",
    [
        Validity(kind="end_of_year", years=0),
        Validity(kind="months", months=11),
        Validity(kind="months"),
        Validity(kind="fixed"),
        Validity(kind="fixed", until=date(2027, 11, 21)),
        Validity(kind="fixed", until=date(9999, 12, 31)),
    ],
)
async def test_less_than_a_year_is_refused_for_what_is_bought(
    office: Office, validity: Validity
) -> None:
    with pytest.raises(ValidityTooShort):
        await office.template(validity=validity)


async def test_what_is_given_away_may_expire_soon(office: Office) -> None:
    validity = Validity(kind="fixed", until=date(2026, 12, 24))
    assert (await office.template(terms=GIVEN, validity=validity)).warnings == ()


async def test_a_price_above_the_face_value_is_refused(office: Office) -> None:
    with pytest.raises(PriceImpossible):
        await office.template(value="50.00", price="50.01")


async def test_a_price_without_a_face_value_is_refused(office: Office) -> None:
    with pytest.raises(PriceImpossible):
        await office.template(price="10.00")


async def test_what_is_given_away_has_no_price(office: Office) -> None:
    with pytest.raises(PriceImpossible):
        await office.template(terms=GIVEN, value="10.00", price="1.00")


async def test_a_single_purpose_template_takes_the_rate_of_the_chain(office: Office) -> None:
    terms = (await office.template(terms=SINGLE)).template.terms
    assert (terms.rate, terms.dsfinvk_key) == (1900, 1)


async def test_a_voucher_takes_the_rate_of_its_own_day(office: Office) -> None:
    template = (await office.template(terms=SINGLE)).template
    assert template.terms_on({"standard": (1600, 1)}).rate == 1600


async def test_a_rate_that_the_chain_does_not_have_is_refused(office: Office) -> None:
    with pytest.raises(RateUnknown):
        await office.template(terms=SINGLE.model_copy(update={"vat": "luxury"}))


async def test_articles_of_a_template_carry_its_vat(office: Office) -> None:
    with pytest.raises(PairDiffers, match="GV sells with VAT standard"):
        await office.template(pair=("standard", "standard"))


async def test_the_same_definition_again_changes_nothing(office: Office) -> None:
    await office.template()
    before = await office.store.head()
    await office.template()
    assert await office.store.head() == before


async def test_a_withdrawn_template_is_not_sold(office: Office) -> None:
    await office.template(active=False)
    with pytest.raises(TemplateWithdrawn):
        await office.catalogue.find("gift")
    assert not (await office.catalogue.known("gift")).active


async def test_an_unknown_template_is_not_found(office: Office) -> None:
    with pytest.raises(TemplateUnknown):
        await office.catalogue.find("gift")


async def test_presets_of_an_unknown_store_are_refused(office: Office) -> None:
    with pytest.raises(StoreUnknown):
        await office.catalogue.set_presets(
            office.ask(), scope="atlantis", values=(euro("10.00"),), template_id=None
        )


async def test_a_preset_is_there_once(office: Office) -> None:
    with pytest.raises(PresetsImpossible):
        await office.catalogue.set_presets(
            office.ask(), scope="chain", values=(euro("10.00"), euro("10.00")), template_id=None
        )


async def test_presets_of_a_template_have_its_value(office: Office) -> None:
    await office.template(value="50.00")
    with pytest.raises(PresetsImpossible):
        await office.catalogue.set_presets(
            office.ask(), scope="chain", values=(euro("25.00"),), template_id="gift"
        )
