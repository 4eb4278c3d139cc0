"""The scene: vouchers sold in one store pay in another, two tills want the same one at once.

The scene checks what it sees and raises `SceneFailed` with a sentence where the program did not
keep its word; it is a test as much as a demonstration.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from events.store.contract import Verdict
from kassenverbund.demo.lunch import lunch, open_center
from kassenverbund.demo.till import DemoTill, article, by_voucher, cash, voucher_sale

PAPER_WAIT_S = 20.0
"""How long a receipt may take to come out of a virtual printer before the scene fails."""

SETTLED_WAIT_S = 20.0
"""How long the last payments may take to reach the voucher service's books."""

STORES = ("berlin", "koeln", "hamburg")


SUMS = ("issued", "redeemed", "cancelled", "balance")


class SceneFailed(Exception):
    """The program did not do what it promises. The message says what."""


@dataclass(frozen=True)
class Stage:
    """What the scene needs from whoever plays it."""

    client: httpx.AsyncClient
    """Base URL of the running program, its certificate trusted."""
    token: Callable[[str], str]
    """A bearer token for a role (`manager`, `auditor`, `back_office`)."""
    verify: Callable[[], Awaitable[Sequence[Verdict]]]
    """Proves every log whole."""
    papers: Path | None
    """Where the virtual printers keep their paper; None: there are none to look at."""
    tell: Callable[[str, dict[str, Any] | None], None] = lambda _sentence, _answer: None
    """Called with each sentence of the scene and the till API's answer, as it was."""


@dataclass
class Played:
    bookings: list[dict[str, Any]] = field(default_factory=list)
    tills: list[DemoTill] = field(default_factory=list)
    verdicts: Sequence[Verdict] = ()
    sums: dict[str, int] = field(default_factory=dict)
    """`SUMS` over all vouchers and legal entities, in cents."""
    papers: list[Path] = field(default_factory=list)
    left_code: str = ""
    """The code of a voucher with 45.00 left, for the curl line to go on with."""


async def play(stage: Stage) -> Played:
    """Play the scene once. Every call gives the scene new keys, so it may be played again."""
    scene = _Scene(stage, Played(), run=uuid4().hex[:8])
    await scene.pair_two_tills_per_store()
    await scene.fifty_sold_in_berlin_pays_five_in_koeln()
    await scene.five_pays_five_and_is_spent()
    await scene.ten_leaves_six_of_sixteen_open()
    await scene.two_tills_want_the_same_ten()
    await scene.a_lunch_on_a_cost_center()
    await scene.every_booking_is_signed_in_order()
    await scene.every_receipt_is_on_paper()
    await scene.the_logs_are_whole_and_the_sums_agree()
    return scene.played


@dataclass
class _Scene:
    stage: Stage
    played: Played
    run: str
    steps: int = 0

    def key(self) -> str:
        self.steps += 1
        return f"demo-{self.run}-{self.steps}"

    def till(self, store: str, number: int) -> DemoTill:
        return [till for till in self.played.tills if till.store == store][number - 1]

    def booked(self, sentence: str, answer: dict[str, Any]) -> dict[str, Any]:
        _expect(answer["state"] == "signed", f"{sentence}: the booking is {answer['state']}")
        self.played.bookings.append(answer)
        self.stage.tell(sentence, answer)
        return answer

    async def sell_voucher(self, till: DemoTill, amount: int, sentence: str) -> str:
        answer = self.booked(
            sentence,
            await till.sell([voucher_sale(amount)], [cash(amount)], key=self.key()),
        )
        return str(answer["vouchers"][0]["code"])

    async def pair_two_tills_per_store(self) -> None:
        manager = self.stage.token("manager")
        for store in STORES:
            for number in (1, 2):
                self.played.tills.append(
                    await DemoTill.pair(
                        self.stage.client,
                        store=store,
                        name=f"Kasse {number}",
                        manager=manager,
                        key=self.key(),
                    )
                )
        self.stage.tell("Two tills are paired in each of three stores.", None)

    async def fifty_sold_in_berlin_pays_five_in_koeln(self) -> None:
        code = await self.sell_voucher(
            self.till("berlin", 1), 5000, "Berlin, till 1 sells a voucher of 50.00 for cash."
        )
        answer = self.booked(
            "Köln, till 2 takes 5.00 from it: 45.00 remain.",
            await self.till("koeln", 2).sell(
                [article("Taschenbuch Reisen", 500)], [by_voucher(code)], key=self.key()
            ),
        )
        _expect(_remaining(answer) == 4500, f"45.00 should remain, not {_remaining(answer)}")
        _expect("45,00" in answer["receipt"]["text"], "the receipt does not show 45,00")
        self.played.left_code = code

    async def five_pays_five_and_is_spent(self) -> None:
        code = await self.sell_voucher(
            self.till("hamburg", 1), 500, "Hamburg, till 1 sells a voucher of 5.00."
        )
        answer = self.booked(
            "It pays 5.00 at till 2 and is spent.",
            await self.till("hamburg", 2).sell(
                [article("Postkarten-Set", 500, vat="standard")], [by_voucher(code)],
                key=self.key(),
            ),
        )  # fmt: skip
        _expect(_remaining(answer) == 0, "the voucher of 5.00 should be spent")

    async def ten_leaves_six_of_sixteen_open(self) -> None:
        code = await self.sell_voucher(
            self.till("koeln", 1), 1000, "Köln, till 1 sells a voucher of 10.00."
        )
        till = self.till("berlin", 2)
        booking = await till.open([article("Roman gebunden", 1600)], key=self.key())
        part = await till.pay(booking["booking_id"], [by_voucher(code)], key=self.key())
        _expect(part["open_amount"]["amount"] == 600, f"6.00 should be open: {part['open_amount']}")
        self.stage.tell("Berlin, till 2: 16.00 paid with it leaves 6.00 open.", None)
        await till.pay(booking["booking_id"], [cash(1000)], key=self.key())
        answer = self.booked(
            "The customer gives 10.00 in cash and gets 4.00 back.",
            await till.finish(booking["booking_id"], key=self.key()),
        )
        _expect(answer["change"]["amount"] == 400, f"change should be 4.00: {answer['change']}")

    async def two_tills_want_the_same_ten(self) -> None:
        code = await self.sell_voucher(
            self.till("berlin", 1), 1000, "Berlin, till 1 sells another voucher of 10.00."
        )
        rivals = (self.till("berlin", 2), self.till("koeln", 1))
        booked = [
            await till.open([article("Bildband Küste", 1000)], key=self.key()) for till in rivals
        ]
        keys = [self.key() for _ in rivals]
        answers = await asyncio.gather(
            *(
                till.pay(booking["booking_id"], [by_voucher(code)], key=key)
                for till, booking, key in zip(rivals, booked, keys, strict=True)
            ),
            return_exceptions=True,
        )
        winners = [
            index
            for index, answer in enumerate(answers)
            if isinstance(answer, dict) and answer["open_amount"]["amount"] == 0
        ]
        _expect(len(winners) == 1, f"exactly one till should get the voucher: {answers}")
        for index, till in enumerate(rivals):
            booking_id = booked[index]["booking_id"]
            if index in winners:
                self.booked(
                    f"Two tills want it at once: {till.store} gets it.",
                    await till.finish(booking_id, key=self.key()),
                )
            else:
                await till.abort(booking_id, key=self.key())
                self.stage.tell(f"The other, {till.store}, hears no and aborts its booking.", None)

    async def a_lunch_on_a_cost_center(self) -> None:
        # A number of its own, so that the scene may be played again.
        number = str(int(self.run, 16))
        await open_center(
            self.stage.client, self.stage.token("back_office"), number=number, key=self.key()
        )
        self.stage.tell("Firma A gets a cost center with 7.60 left in its month.", None)
        till = self.till("berlin", 1)
        answer = self.booked(
            "A lunch of 9.80: 7.60 on the cost center, 2.20 by card.",
            await lunch(till, number=number, keys=(self.key(), self.key(), self.key())),
        )
        paid = [
            payment["amount"]["amount"]
            for payment in answer["payments"]
            if payment["state"] in ("held", "settled")
        ]
        _expect(paid == [760, 220], f"7.60 and 2.20 should be paid: {paid}")
        _expect("Rechnung folgt" in answer["receipt"]["text"], "the receipt is no slip")

    async def every_booking_is_signed_in_order(self) -> None:
        auditor = {"Authorization": f"Bearer {self.stage.token('auditor')}"}
        seen: dict[str, list[tuple[int, str]]] = {}
        for booking in self.played.bookings:
            signature = booking["signature"]
            checked = await self.stage.client.post(
                "/fiscal-signer/v1/qr-checks", json={"qr": signature["qr"]},
                headers={**auditor, "Idempotency-Key": self.key()},
            )  # fmt: skip
            _expect(
                checked.status_code == 200 and checked.json().get("valid") is True,
                f"the signature of booking {booking['number']} is not valid: {checked.text}",
            )
            seen.setdefault(signature["tse_serial"], []).append(
                (signature["signature_counter"], booking["booking_id"])
            )
        for serial, counters in seen.items():
            _expect(
                counters == sorted(counters) and len(counters) == len(set(counters)),
                f"TSE {serial[:8]}… did not sign in the order of the bookings",
            )
        self.stage.tell("Every QR code verifies; each TSE signed in the order of events.", None)

    async def every_receipt_is_on_paper(self) -> None:
        if self.stage.papers is None:
            return
        folder, wanted = self.stage.papers, len(self.played.bookings)
        loop = asyncio.get_running_loop()
        deadline = loop.time() + PAPER_WAIT_S
        missing = self.played.bookings
        while loop.time() < deadline:
            papers = {path: path.read_text() for path in sorted(folder.rglob("*.txt"))}
            missing = [
                booking
                for booking in self.played.bookings
                if not any(_is_of(booking, text) for text in papers.values())
            ]
            if not missing:
                self.played.papers = list(papers)
                self.stage.tell(f"All {wanted} receipts came out of the virtual printers.", None)
                return
            await asyncio.sleep(0.1)
        raise SceneFailed(f"{len(missing)} of {wanted} receipts never came out of a printer")

    async def the_logs_are_whole_and_the_sums_agree(self) -> None:
        self.played.verdicts = await self.stage.verify()
        for verdict in self.played.verdicts:
            _expect(verdict.whole, f"the log of {verdict.service} is broken: {verdict.faults}")
        for owed in await self._settled_liability():
            for name in SUMS:
                self.played.sums[name] = self.played.sums.get(name, 0) + owed[name]["amount"]
        issued, redeemed, cancelled, balance = (self.played.sums[name] for name in SUMS)
        _expect(
            issued == redeemed + cancelled + balance,
            f"issued {issued} is not redeemed {redeemed} + cancelled {cancelled}"
            f" + balance {balance}",
        )

    async def _settled_liability(self) -> list[dict[str, Any]]:
        """The voucher service's books once every recorded payment has reached them."""
        token = self.stage.token("back_office")
        async with asyncio.timeout(SETTLED_WAIT_S):
            while True:
                answer = await self.stage.client.get(
                    "/voucher/v1/liability", headers={"Authorization": f"Bearer {token}"}
                )
                _expect(answer.status_code == 200, f"no liability report: {answer.text}")
                entries: list[dict[str, Any]] = answer.json()["entries"]
                if not any(owed["held"]["amount"] or owed["pending"]["amount"] for owed in entries):
                    return entries
                await asyncio.sleep(0.1)


def _remaining(answer: dict[str, Any]) -> int:
    return int(answer["payments"][0]["voucher_remaining"]["amount"])


def _is_of(booking: dict[str, Any], paper: str) -> bool:
    """Whether a paper is the receipt of this booking: it carries its QR code."""
    return str(booking["signature"]["qr"]) in paper


def _expect(holds: bool, otherwise: str) -> None:
    if not holds:
        raise SceneFailed(otherwise)
