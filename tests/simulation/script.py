"""A day in the chain, drawn from one seed: what the tills ask, who works when, what breaks."""

from __future__ import annotations

import random
from decimal import Decimal

from device_gateway.commands import NewLine
from device_gateway.events import SoldTerms
from device_gateway.handlers.tendered import TenderedPayment
from money import Money
from tests.simulation.chain import STORES, TILLS, tse_of
from tests.simulation.checks import always, at_rest
from tests.simulation.processes import Breakable
from tests.simulation.world import PLACES, WORKS, Request, World

STEPS = range(50, 90)
FAULT_RATES = (0.0, 0.01, 0.03, 0.08)
WAITS_S = (0.4, 3.0, 10.0, 40.0, 310.0, 1900.0)
WAIT_WEIGHTS = (30, 25, 20, 10, 4, 1)
PRICES = (1, 99, 500, 1000, 1999, 2500)
UNKNOWN_CODE = "V000-0000-0000-0000"


def euros(minor: int) -> Money:
    return Money(amount=minor, currency="EUR")


def article(minor: int) -> NewLine:
    return NewLine("article", "978-3", "Buch", Decimal(1), euros(minor), "reduced")


def voucher_sale(minor: int) -> NewLine:
    return NewLine("voucher_sale", None, "Gutschein", Decimal(1), euros(minor), "zero")


def cash(minor: int | None) -> TenderedPayment:
    return TenderedPayment("cash", None if minor is None else euros(minor))


def card() -> TenderedPayment:
    """As much as is open."""
    return TenderedPayment("card", None)


def voucher(code: str, minor: int | None = None) -> TenderedPayment:
    return TenderedPayment("voucher", None if minor is None else euros(minor), code)


def single_purpose_sale(minor: int) -> NewLine:
    """Taxed as the articles are, so it may pay for them."""
    terms = SoldTerms(kind="single_purpose", goods="Bücher")
    price = euros(minor)
    return NewLine("voucher_sale", None, "Gutschein", Decimal(1), price, "reduced", voucher=terms)


def together(codes: tuple[str, ...]) -> TenderedPayment:
    return TenderedPayment("voucher", None, None, codes)


class Script:
    """Draws one step after the other and plays it. `all_kinds`: single-purpose vouchers too, and
    several on one payment."""

    def __init__(self, world: World, *, all_kinds: bool = False) -> None:
        self._world = world
        self._all_kinds = all_kinds
        self._chance: random.Random = world.chance
        self._asked = 0

    def open_shop(self) -> None:
        """Some customers have a voucher already."""
        calm, self._world.faults.calm = self._world.faults.calm, True
        sold = [voucher_sale(value) for value in (500, 2500, 5000)]
        if self._all_kinds:
            sold += [single_purpose_sale(1000), single_purpose_sale(5000)]
        for line in sold:
            self._asked += 1
            lines, payments = (line,), (card(),)
            request = Request(
                self._chance.choice(TILLS), "sell", f"k{self._asked}", "", lines, payments, True
            )
            self._world.run(self._world.ask(request, 0))
        self._world.run(self._world.quiet())
        self._world.faults.calm = calm

    def step(self) -> None:
        name = self._chance.choices(
            ("ask", "together", "repeat", "work", "print", "wait", "late", "device", "bus",
             "crash"),
            (24, 6, 6, 46, 6, 8, 3, 3, 2, 3),
        )[0]  # fmt: skip
        getattr(self, f"_{name}")()

    def _ask(self) -> None:
        self._world.run(self._world.ask(self._request(), self._chance.randrange(2)))

    def _together(self) -> None:
        """Two or three requests at once, sometimes the same one at two processes."""
        requests = [self._request() for _ in range(self._chance.randint(1, 2))]
        requests.append(self._chance.choice(requests))
        self._world.run(
            self._world.together([(each, self._chance.randrange(2)) for each in requests])
        )

    def _repeat(self) -> None:
        if self._world.requests:
            request = self._chance.choice(self._world.requests[-8:])
            self._world.run(self._world.ask(request, self._chance.randrange(2)))

    def _work(self) -> None:
        for _ in range(self._chance.randint(1, 6)):
            place, what = self._chance.choice(PLACES), self._chance.choice(WORKS[:2])
            if self._chance.random() < 0.15:
                what = "tidy"
            self._world.run(self._world.work(place, what))

    def _print(self) -> None:
        self._world.run(self._world.print())

    def _wait(self) -> None:
        seconds = self._chance.choices(WAITS_S, WAIT_WEIGHTS)[0]
        self._world.run(self._world.wait(seconds))

    def _late(self) -> None:
        if self._world.late:
            self._world.run(self._world.deliver_late())

    def _device(self) -> None:
        on = self._chance.random() < 0.6
        tse_id = tse_of(self._chance.choice(STORES))
        if self._world.faults.rate:
            self._world.ground.devices.switch(tse_id, on=on)

    def _bus(self) -> None:
        away = self._world.faults.rate > 0 and self._chance.random() < 0.3
        self._world.ground.bus.away = away

    def _crash(self) -> None:
        if self._world.faults.rate:
            self._world.run(self._world.crash(self._chance.choice(PLACES)))

    def _request(self) -> Request:
        self._asked += 1
        key = f"k{self._asked}"
        still_open = [
            each.started
            for each in self._world.ground.bookings.all().values()
            if each.open and each.started is not None
        ]
        if still_open and self._chance.random() < 0.55:
            started = self._chance.choice(still_open)
            what = self._chance.choices(("pay", "finish", "abort"), (5, 4, 1))[0]
            payments = tuple(self._payment() for _ in range(what == "pay"))
            return Request(started.till_id, what, key, started.booking_id, payments=payments)
        till_id = self._chance.choice(TILLS)
        if self._chance.random() < 0.2:
            return self._no_sale(till_id, key)
        if self._chance.random() < 0.1:
            lines = [article(self._chance.choice(PRICES))]
            finish = self._chance.random() < 0.7
            return Request(till_id, "sell", key, "", tuple(lines), (card(),), finish, training=True)
        sells = self._chance.random() < 0.25
        lines = [voucher_sale(self._chance.choice(PRICES))] if sells else []
        if sells and self._all_kinds and self._chance.random() < 0.5:
            lines = [single_purpose_sale(self._chance.choice(PRICES))]
        if not sells or self._chance.random() < 0.3:
            lines.append(article(self._chance.choice(PRICES)))
        payments = tuple(self._payment() for _ in range(self._chance.randint(0, 3)))
        if self._chance.random() < 0.5:
            payments += (card(),)
        finish = self._chance.random() < 0.7
        return Request(till_id, "sell", key, "", tuple(lines), payments, finish)

    def _no_sale(self, till_id: str, key: str) -> Request:
        """A closing (mostly after what is open was aborted, sometimes counted), a cash move, an
        order."""
        what = self._chance.choice(("close", "close", "move", "order"))
        amount: Money | None = None
        if what == "move" or (what == "close" and self._chance.random() < 0.3):
            amount = euros(self._chance.choice(PRICES))
        finish = self._chance.random() < 0.7
        return Request(till_id, what, key, finish=finish, amount=amount)

    def _payment(self) -> TenderedPayment:
        known = self._world.codes
        if self._all_kinds and len(known) > 1 and self._chance.random() < 0.3:
            return together(tuple(self._chance.sample(known, min(len(known), 3))))
        if self._world.codes and self._chance.random() < 0.65:
            # The newest vouchers are fought for by several tills.
            code = self._chance.choice(self._world.codes[:3] + self._world.codes[-3:])
            return voucher(code, self._chance.choice((None, None, 1, 300)))
        if self._chance.random() < 0.05:
            return voucher(UNKNOWN_CODE)
        return self._chance.choice((cash(5000), cash(100), card()))


def play(seed: int, *, breakable: Breakable | None = None, all_kinds: bool = False) -> World:
    """One seed to its end. Raises `Broken`, or whatever no process may raise."""
    before = random.getstate()
    random.seed(seed)  # The jitter of retries is drawn there.
    try:
        return _play(seed, breakable, all_kinds)
    finally:
        random.setstate(before)


def _play(seed: int, breakable: Breakable | None, all_kinds: bool) -> World:
    chance = random.Random(f"rate/{seed}")
    world = World(seed, rate=chance.choice(FAULT_RATES), breakable=breakable)
    try:
        script = Script(world, all_kinds=all_kinds)
        script.open_shop()
        for _ in range(world.chance.choice(STEPS)):
            script.step()
            always(world)
        world.run(world.heal())
        at_rest(world)
    finally:
        world.close()
    return world
