"""V02: a voucher is issued with a VAT rate (tax on the day of sale) or without (on redemption)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from money import euro, tax_in_gross, total
from voucher.commands import Goods
from voucher.events import VoucherRedeemed

if TYPE_CHECKING:
    from services.voucher.tests.conftest import World

BOOK = Goods(gross=euro("20.00"), vat="reduced", dsfinvk_key=2)
PEN = Goods(gross=euro("30.00"), vat="standard", dsfinvk_key=1)


async def redemptions(world: World) -> list[VoucherRedeemed]:
    log = await world.store.read(after=0, records_max=1_000)
    return [entry.event for entry in log if isinstance(entry.event, VoucherRedeemed)]


async def test_v02_a_multi_purpose_voucher_is_taxed_by_what_it_buys(world: World) -> None:
    sold = await world.sell("mzg", "50.00")
    issue = sold.voucher.lots[0]
    assert issue.tax is None  # December: 0.00.
    await world.pay(sold.code, "50.00", "H1", basket=(BOOK, PEN))
    (spent,) = await redemptions(world)
    assert [use.tax for use in spent.uses] == [None]
    # January: the tax of the goods themselves.
    assert [tax_in_gross(BOOK.gross, 700), tax_in_gross(PEN.gross, 1900)] == [
        euro("1.31"), euro("4.79"),
    ]  # fmt: skip


async def test_v02_a_single_purpose_voucher_is_taxed_at_its_sale(world: World) -> None:
    sold = await world.sell(
        "ezg", "50.00", kind="single_purpose", vat="standard", goods="Schreibwaren"
    )
    assert sold.voucher.lots[0].tax == euro("7.98")  # December.
    pens = Goods(gross=euro("60.00"), vat="standard", dsfinvk_key=1)
    for number in range(10):
        await world.pay(sold.code, "5.00", f"H{number}", basket=(BOOK, pens))
    taxes = [use.tax for spent in await redemptions(world) for use in spent.uses]
    assert taxes[:3] == [euro("0.80"), euro("0.80"), euro("0.79")]
    # January: its lines carry the same rate on both sides, and all parts are the tax of the sale.
    assert total((tax for tax in taxes if tax), currency="EUR") == euro("7.98")


async def test_v02_a_single_purpose_voucher_pays_only_goods_of_its_rate(world: World) -> None:
    sold = await world.sell("ezg", "50.00", kind="single_purpose", vat="standard")
    done = await world.hold(sold.code, "50.00", "H1", "up_to", basket=(BOOK, PEN))
    hold: Any = done.state.hold("H1")
    assert hold.amount == euro("30.00")


async def test_v02_a_later_change_of_rates_does_not_touch_the_voucher(world: World) -> None:
    sold = await world.sell("ezg", "50.00", kind="single_purpose", vat="standard")
    terms = (await world.issued("ezg")).terms
    assert (terms.vat, terms.rate, terms.dsfinvk_key) == ("standard", 1900, 1)
    assert sold.voucher.terms == terms
