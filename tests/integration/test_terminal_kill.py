"""kill -9 of the whole program while a customer stands at the card terminal: nobody asks for the
money twice, and what the terminal did is found."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
import pytest_asyncio

from device_gateway.adapters.zvt import messages
from device_gateway.testing.terminal import TerminalSimulator
from tests.support.program import Program
from tests.support.shop import DemoTill, article, cash, pair_tills

pytestmark = pytest.mark.proof

STORE, TERMINAL, MINOR = "berlin", "ec-1", 2889
FOUND_WAIT_S = 60.0
"""The lease of the process that was killed runs out, and the recovery comes round."""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    made = Program(tmp_path_factory.mktemp("terminal"))
    yield made
    made.stop()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def terminal() -> AsyncIterator[TerminalSimulator]:
    zone = ZoneInfo("Europe/Berlin")
    async with TerminalSimulator(clock=lambda: datetime.now(zone)) as made:
        yield made


@dataclass
class Killed:
    """A program that was started anew after it had asked the terminal."""

    program: Program
    till: DemoTill
    terminal: TerminalSimulator
    key: str

    @property
    def asked(self) -> int:
        """How often the terminal was asked for money in all."""
        return self.terminal.heard.count(messages.AUTHORISATION)

    async def call(self, path: str, body: Any, *, key: str, method: str = "POST") -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.till.token}", "Idempotency-Key": key}
        url = f"/stores/{STORE}/v1/tills/{self.till.till_id}/bookings{path}"
        async with self.program.client() as client:
            return await client.request(method, url, json=body, headers=headers)

    async def sell(self) -> httpx.Response:
        return await self.call("", _sale(), key=self.key)

    async def until_known(self) -> dict[str, Any]:
        """The booking's answer once the terminal's part in it is settled. Raises TimeoutError."""
        async with asyncio.timeout(FOUND_WAIT_S):
            while True:
                answer = (await self.sell()).json()
                if answer.get("recorded_at") or answer.get("code") == "payment.unknown":
                    return dict(answer)
                await asyncio.sleep(1)


def _sale() -> dict[str, Any]:
    payment = {"kind": "card", "terminal": TERMINAL}
    return {"lines": [article("Bildband", MINOR)], "payments": [payment], "finish": True}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def till(program: Program, terminal: TerminalSimulator) -> DemoTill:
    program.start()
    await program.ready()
    manager = program.token("manager")
    async with program.client() as client:
        (found,) = await pair_tills(client, manager=manager, stores=[STORE], each=1)
        paired = await client.put(
            f"/stores/{STORE}/v1/devices/{TERMINAL}",
            json={"kind": "card_terminal", "name": "Terminal", "address": terminal.address},
            headers={"Authorization": f"Bearer {manager}", "Idempotency-Key": "terminal"},
        )
        assert paired.status_code == 200, paired.text
        await _connected(client, manager)
    return found


async def _connected(client: httpx.AsyncClient, manager: str) -> None:
    """Until the gateway knows its new terminal. Raises TimeoutError."""
    async with asyncio.timeout(FOUND_WAIT_S):
        while True:
            told = await client.get(
                f"/stores/{STORE}/v1/devices", headers={"Authorization": f"Bearer {manager}"}
            )
            if any(each["state"] == "connected" for each in told.json()["devices"]):
                return
            await asyncio.sleep(0.2)


async def killed(program: Program, till: DemoTill, terminal: TerminalSimulator, key: str) -> Killed:
    """Sell, and end the program while the terminal holds its answer back."""
    terminal.began.clear()
    terminal.let_go.clear()
    terminal.acts[:] = ["hold"]
    made = Killed(program, till, terminal, key)
    selling = asyncio.create_task(made.sell())
    asked = asyncio.create_task(terminal.began.wait())
    await asyncio.wait({selling, asked}, return_when=asyncio.FIRST_COMPLETED)
    assert not selling.done(), selling.result().text
    program.kill_everything()
    with pytest.raises(httpx.TransportError):
        await selling
    return made


async def test_a_payment_that_the_terminal_made_meanwhile_is_found_and_never_made_again(
    program: Program, till: DemoTill, terminal: TerminalSimulator
) -> None:
    sale = await killed(program, till, terminal, "paid")
    terminal.let_go.set()  # The customer's card is debited; there is nobody to be told.
    program.start()
    await program.ready()
    sold = await sale.until_known()
    assert sold["state"] in ("recorded", "signed", "unsigned"), sold
    assert (terminal.debits, sale.asked) == ([MINOR], 1)
    assert messages.REPEAT_RECEIPT in terminal.heard


async def test_a_payment_that_nobody_made_stays_with_a_person_and_the_sale_can_be_paid_in_cash(
    program: Program, till: DemoTill, terminal: TerminalSimulator
) -> None:
    debits, asked = list(terminal.debits), terminal.heard.count(messages.AUTHORISATION)
    sale = await killed(program, till, terminal, "left")
    program.start()
    await program.ready()
    told = await sale.until_known()
    assert told["code"] == "payment.unknown", told
    assert (terminal.debits, sale.asked) == (debits, asked + 1)

    path = f"/{told['booking_id']}"
    resolved = await sale.call(
        f"{path}/payments/{told['payment_id']}/resolve",
        {"outcome": "not_taken", "reason": "steht nicht im Journal"},
        key="resolve",
    )
    assert resolved.status_code == 200, resolved.text
    await sale.call(f"{path}/payments", {"payments": [cash(MINOR)]}, key="cash")
    sold = await sale.call(f"{path}/finish", {}, key="finish")
    assert sold.json()["recorded_at"], sold.text
    assert (terminal.debits, sale.asked) == (debits, asked + 1)
