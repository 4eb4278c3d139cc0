"""A stored-value account: credit of a known person or of a card's bearer, and open fees.

Balance is what the issuer owes: the sum of the lots. Available is what the next payment can use:
purchased credit that is not tied to fees, in time, less what open holds and settlements keep.
"""

from events import Decider
from voucher.decider.account.commands import AccountCommand
from voucher.decider.account.decide import decide
from voucher.decider.account.evolve import evolve
from voucher.decider.account.state import Account, Unopened

ACCOUNT: Decider[AccountCommand, Account] = Decider(
    initial=Unopened(), decide=decide, evolve=evolve
)

__all__ = ["ACCOUNT", "Account", "AccountCommand", "Unopened"]
