"""The ways in which the gateway says no. Codes are part of the till API and stay."""

from __future__ import annotations

from events import DomainError


class StoreUnknown(DomainError):
    code = "store.unknown"
    status = 404
    title = "This chain has no such store"


class TillUnknown(DomainError):
    code = "till.unknown"
    status = 404
    title = "This store has no such till"


class TillRevokedAlready(DomainError):
    code = "till.revoked"
    status = 409
    title = "This till was revoked; pair it again"


class TillTaken(DomainError):
    code = "till.taken"
    status = 409
    title = "A till of another store has this id"


class TillDeclared(DomainError):
    code = "till.declared"
    status = 409
    title = "The chain file declares this unattended till; take it out there"


class ActTooOften(DomainError):
    code = "till.too_often"
    status = 429
    title = "This till asks too often; wait a moment"


class ClockBehind(DomainError):
    code = "clock.behind"
    status = 503
    title = "The clock is behind what was recorded last: set it, nothing is recorded until then"


class UnattendedUnknown(DomainError):
    code = "unattended.unknown"
    status = 404
    title = "This store has no such unattended till"


class NoCashUnattended(DomainError):
    code = "unattended.no_cash"
    status = 422
    title = "Nobody is there to take or give cash"


class TseUnknown(DomainError):
    code = "tse.unknown"
    status = 422
    title = "The chain declares no such TSE for this store"


class TillNotOpen(DomainError):
    code = "till.not_open"
    title = "This till has no open shift"


class TillOpenAlready(DomainError):
    """`shift` says which one."""

    code = "till.open_already"
    title = "This till has an open shift; close it first"


class ShiftMoved(DomainError):
    """The shift was closed, or opened, at this moment; the caller is served by the next one."""

    code = "till.shift_moved"
    title = "The till's shift has just changed; ask again"


class BookingsOpen(DomainError):
    """`bookings` names them. Finish or abort them, or close with `abort_open`."""

    code = "till.bookings_open"
    title = "This till has open bookings"


class CashShort(DomainError):
    """`in_drawer` is what the drawer holds by the books."""

    code = "till.cash_short"
    title = "The drawer does not hold so much cash"


class CashMoveRefused(DomainError):
    code = "cash.refused"
    status = 422
    title = "This is no amount that can be moved"


class ClosingUnknown(DomainError):
    code = "closing.unknown"
    status = 404
    title = "This till has no closing of this number"


class PairingUnknown(DomainError):
    """Unknown, used and expired codes get the same answer."""

    code = "pairing.unknown"
    status = 404
    title = "This pairing code is not valid"


class PairingTooOften(DomainError):
    """`retry_after_s` says when the next try is taken."""

    code = "pairing.rate_limited"
    status = 429
    title = "Too many tries to pair; wait and try again"


class BookingUnknown(DomainError):
    code = "booking.unknown"
    status = 404
    title = "This till has no such booking"


class BookingExists(DomainError):
    code = "booking.exists"
    title = "This booking was started already"


class BookingIsRecorded(DomainError):
    code = "booking.recorded"
    title = "This booking is recorded and stays as it is; a correction is a new booking"


class BookingIsAborted(DomainError):
    code = "booking.aborted"
    title = "This booking was aborted"


class BookingEmpty(DomainError):
    code = "booking.empty"
    title = "A booking needs at least one line"


class BookingTooLarge(DomainError):
    code = "booking.too_large"
    status = 422
    title = "A booking cannot hold this much"


class BookingChanged(DomainError):
    """Something was added while the booking was being finished."""

    code = "booking.changed"
    title = "The booking was changed while it was finished; finish it again"


class OpenAmount(DomainError):
    """`open_amount` is still to pay; the booking stays open."""

    code = "booking.open_amount"
    title = "An amount is still open"


class BookingNegative(DomainError):
    """More was taken off than there is; a payout is a booking of another kind."""

    code = "booking.negative"
    status = 422
    title = "A booking's total is never below zero"


class LineNotPrepared(DomainError):
    """`lines` names them. The till repeats the request that held the code, or aborts."""

    code = "line.not_prepared"
    title = "The voucher service has not agreed to a line yet"


class VoucherDiffers(DomainError):
    """The voucher service's terms are not those of the line: price, kind or VAT."""

    code = "voucher.differs"
    title = "This voucher has other terms than the line that sells it"


class VatUnknown(DomainError):
    code = "vat.unknown"
    status = 422
    title = "This VAT key is not in the chain's table"


class LineRefused(DomainError):
    code = "line.refused"
    status = 422
    title = "A line breaks a rule"


class CurrencyUnknown(DomainError):
    code = "currency.unknown"
    status = 422
    title = "This store does not sell in this currency"


class MeansUnknown(DomainError):
    code = "payment.kind_unknown"
    status = 422
    title = "This store does not take this means of payment"


class PaymentExceedsOpen(DomainError):
    """Only cash may be more than what is open."""

    code = "payment.exceeds_open"
    title = "This payment is more than what is open"


class PaymentOutOfRange(DomainError):
    code = "payment.out_of_range"
    status = 422
    title = "A payment is above nothing and within the limit of a booking"


class NothingOpen(DomainError):
    code = "payment.nothing_open"
    title = "Nothing is open to be paid"


class CardAtTerminal(DomainError):
    """`payment_id`; `payment_state` is `requested` (the terminal works on it), or `unknown`: a
    person looks into the terminal's journal and resolves it."""

    code = "payment.at_terminal"
    title = "A card payment waits for the terminal, or for somebody who says what it did"


class CardTaken(DomainError):
    """`taken` is what has to go back to the card first."""

    code = "payment.card_taken"
    title = "A card terminal took money for this booking"


class NotUnknown(DomainError):
    """`state` says what it is."""

    code = "payment.not_unknown"
    title = "There is nothing to resolve about this payment"


class OfflineUnsigned(DomainError):
    """A typed code proves nothing, and nobody can be asked."""

    code = "voucher.offline_unsigned"
    title = "The voucher service does not answer; without it only a scanned QR code is taken"


class OfflineOneByOne(DomainError):
    code = "voucher.offline_one_by_one"
    title = "The voucher service does not answer; without it vouchers are taken one by one"


class OfflineNotTaken(DomainError):
    """`reason`: terms, issuer, store, expired or currency."""

    code = "voucher.offline_not_taken"
    title = "The voucher service does not answer; without it this voucher is not taken"


class OfflineCapReached(DomainError):
    """`cap` is what one voucher may pay until the voucher service knows of it."""

    code = "voucher.offline_cap"
    title = "The voucher service does not answer; this voucher has paid all that it may without it"


class OfflineDayFull(DomainError):
    code = "voucher.offline_day_full"
    title = "The voucher service does not answer; today no more is taken by voucher without it"


class VoucherBuysVoucher(DomainError):
    code = "payment.voucher_buys_voucher"
    title = "A voucher cannot pay for a voucher"


class ChargeBuysVoucher(DomainError):
    """Nor for a top-up: untaxed lines and goods never stand on the same invoice."""

    code = "charge.buys_voucher"
    title = "A cost center cannot pay for a voucher"


class AccountBuysVoucher(DomainError):
    """Goods alone are delivered on account; `open_to_account` is what they leave."""

    code = "payment.account_buys_voucher"
    title = "A voucher, a top-up or a tip is not sold on account"


class TrainingOnly(DomainError):
    """Articles, tips and deposits, paid in cash or by card: what leaves no trace elsewhere."""

    code = "training.refused"
    status = 422
    title = "A training takes no vouchers, no cost centers and nothing back"


class ReturnNotPossible(DomainError):
    """`reason`: no_sale, cancelled, article_vouchers or line."""

    code = "return.not_possible"
    title = "This cannot be returned line by line"


class ReturnTooMuch(DomainError):
    """`returnable` is what may still come back of the line."""

    code = "return.too_much"
    title = "More would come back than was sold"


class NotCancellable(DomainError):
    """`reason`: kind, top_up or voucher_value."""

    code = "cancellation.not_possible"
    title = "This booking cannot be cancelled as a whole"


class CancelledBefore(DomainError):
    """`by` is the booking that took it back."""

    code = "cancellation.done"
    title = "This booking was cancelled already"


class ReturnedInPart(DomainError):
    """`by` is a booking that took a part of it back. The rest comes back by lines."""

    code = "cancellation.returned_in_part"
    title = "Goods of this booking came back already"


class CancellationNeedsCodes(DomainError):
    """`lines` sold vouchers: they come back with their codes, unspent, or not at all."""

    code = "cancellation.needs_codes"
    status = 422
    title = "The booking sold vouchers: send their codes"


class NotRestorable(DomainError):
    """`restorable` is what the voucher service says may still go back to the voucher."""

    code = "voucher.not_restorable"
    title = "A voucher that paid for this cannot get it back now; try again in a moment"


class OrderRefused(DomainError):
    code = "order.refused"
    status = 422
    title = "A line of an order breaks a rule"
