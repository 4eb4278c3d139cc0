"""What a refusal says to the person at the till, by its code: what is the matter, and what to do.

Codes without a text are shown with their title, so that an operator can look them up.
"""

from __future__ import annotations

from collections.abc import Mapping

from device_gateway.api.pages.locales import N_

REFUSALS: Mapping[str, str] = {
    "approval.not_valid": N_("This approval is used up or too old. Ask for a new one."),
    "auth.foreign_origin": N_("This page is out of date. Load it again."),
    "auth.foreign_till": N_("This browser belongs to another till."),
    "auth.forbidden": N_("This till may not do this."),
    "booking.unknown": N_("There is no such receipt at this till. Check the number."),
    "cash.refused": N_("This amount cannot be moved. Enter an amount above zero."),
    "cashier.locked": N_("Too many wrong entries. Wait five minutes, or ask somebody else."),
    "cashier.not_recognized": N_("This number and PIN, or this card, do not fit. Try again."),
    "clock.behind": N_("The clock of this till's computer runs behind. Call your technician."),
    "closing.unknown": N_("This till has no closing with this number."),
    "currency.unknown": N_("This store does not take this currency."),
    "field.invalid": N_("Something in this form is missing or cannot be read. Check your entry."),
    "idempotency_key.missing": N_("This page is out of date. Load it again."),
    "idempotency_key.reused": N_(
        "This was done already, with other entries. Load the page again and look at it."
    ),
    "lost_race": N_("Something changed at the same moment. Try again."),
    "pairing.rate_limited": N_("Too many tries. Wait a moment before you type the code again."),
    "pairing.unknown": N_(
        "This code is not valid. It works once, for ten minutes. Ask for a new one."
    ),
    "printer.unknown": N_("This store has no such printer."),
    "printer.queue_full": N_("The printer has too much waiting. See to it, then try again."),
    "request.invalid": N_("Something in this form is missing or cannot be read. Check your entry."),
    "scan.unknown": N_("This scan is no longer there. Scan again."),
    "store.unknown": N_("There is no such store. Check the address."),
    "till.bookings_open": N_("Sales are still open. Finish or abort them first."),
    "till.cash_short": N_("The drawer does not hold so much cash."),
    "till.not_open": N_("The till is not open. Open it first."),
    "till.open_already": N_("The till is open already."),
    "till.revoked": N_("This till was revoked. Pair it again."),
    "till.right_missing": N_("You may not do this. Somebody with the right can approve it."),
    "till.sign_in_needed": N_("Sign in first."),
    "till.shift_moved": N_("The shift has just changed. Try again."),
    "unavailable": N_("Something is not reachable right now. Try again in a moment."),
}

RIGHTS: Mapping[str, str] = {
    "void_line": N_("Take a line out of a sale"),
    "void_sale": N_("Abort a sale"),
    "price_change": N_("Change a price"),
    "discount": N_("Give a discount"),
    "waive": N_("Waive a fee"),
    "return": N_("Take goods back"),
    "cancel": N_("Cancel a receipt"),
    "cash_move": N_("Move cash"),
    "close": N_("Close the till"),
    "x_report": N_("See the X report"),
    "open_drawer": N_("Open the drawer"),
    "training": N_("Switch training on"),
    "override_limit": N_("Exceed a limit"),
    "resolve_card": N_("Decide an uncertain card payment"),
    "on_account": N_("Sell on account"),
    "reprint": N_("Print a copy"),
}
"""What a right lets do, for the person who is asked to lend it."""
