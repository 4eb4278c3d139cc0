"""Which printer a paper comes out of."""

from __future__ import annotations

from device_gateway.events import (
    BookingOrdered,
    MasterDataChanged,
    OrderedLine,
    PrinterPurpose,
    StorePrinter,
)


def printer_for(
    master_data: MasterDataChanged, till_id: str, purpose: PrinterPurpose
) -> StorePrinter | None:
    """The till's own printer for it, else the first that prints it for every till of the store.
    Vouchers go to the receipt printer where nobody prints vouchers."""
    meant = [printer for printer in master_data.printers if purpose in printer.purposes]
    own = (printer for printer in meant if printer.till_id == till_id)
    shared = (printer for printer in meant if printer.till_id is None)
    found = next(own, None) or next(shared, None)
    if found is None and purpose == "vouchers":
        return printer_for(master_data, till_id, "receipt")
    return found


def ordered_at(
    ordered: BookingOrdered, master_data: MasterDataChanged
) -> list[tuple[StorePrinter, tuple[OrderedLine, ...]]]:
    """What each printer of the kitchen prints of an order: the lines of its article groups, or all
    where it names none."""
    found = []
    for printer in master_data.printers:
        lines = tuple(
            line for line in ordered.lines if does(printer, ordered.till_id, line.article_group)
        )
        if lines:
            found.append((printer, lines))
    return found


def does(printer: StorePrinter, till_id: str, article_group: str | None) -> bool:
    """Whether the printer prints what has to be done for an article ordered at the till."""
    return (
        "orders" in printer.purposes
        and printer.till_id in (None, till_id)
        and (not printer.article_groups or article_group in printer.article_groups)
    )
