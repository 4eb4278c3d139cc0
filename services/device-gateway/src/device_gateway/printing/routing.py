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
        if "orders" not in printer.purposes or printer.till_id not in (None, ordered.till_id):
            continue
        groups = printer.article_groups
        lines = tuple(line for line in ordered.lines if not groups or line.article_group in groups)
        if lines:
            found.append((printer, lines))
    return found
