"""Histories that the model itself makes: clients with random requests under a random schedule."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hypothesis import strategies as st

from tests.linearizability.clerk import (
    Capture,
    Confirm,
    Done,
    Hold,
    LookUp,
    No,
    Redeem,
    Release,
    Request,
    Seen,
    Voucher,
    apply,
)
from tests.linearizability.model import Call, of

VALUE = 120
AMOUNTS = (2, 10, 30, 60, 100)
"""Even, and enough for a few: there have to be refusals."""

__all__ = ["VALUE", "Call", "History", "Planned", "calls", "mutated", "played"]


@dataclass(frozen=True, slots=True)
class Planned:
    """One request of one client, with how long everything takes."""

    client: int
    request: Request
    idle_s: int
    until_effect_s: int
    until_answer_s: int
    fate: str
    """`answered`; `lost`: it happens, the answer is lost; `never`: it does not happen."""
    judged_early: bool
    """Whether the service looks at its clock when it is asked, or when it decides."""


History = Sequence[Planned]


def _request(
    client: int, number: int, kind: str, amount: int, exact: bool, lasts_s: int
) -> Request:
    id = f"{client}-{number // 3}"  # A few requests in a row are about one payment.
    match kind:
        case "redeem":
            return Redeem(id, amount, exact)
        case "hold":
            return Hold(id, amount, exact, float(lasts_s))
        case "confirm":
            return Confirm(id)
        case "release":
            return Release(id)
        case "capture":
            return Capture(id, amount)
        case _:
            return LookUp()


KINDS = ("redeem", "hold", "hold", "confirm", "release", "capture", "look")


@st.composite
def calls(draw: st.DrawFn, *, clients: int, each: int) -> History:
    """Up to `clients` clients with up to `each` requests."""
    plan: list[Planned] = []
    for client in range(draw(st.integers(1, clients))):
        for number in range(draw(st.integers(1, each))):
            request = _request(
                client,
                number,
                draw(st.sampled_from(KINDS)),
                draw(st.sampled_from(AMOUNTS)),
                draw(st.booleans()),
                draw(st.sampled_from((3, 8, 300))),
            )
            plan.append(
                Planned(
                    client,
                    request,
                    draw(st.integers(0, 3)),
                    draw(st.integers(0, 3)),
                    draw(st.integers(0, 3)),
                    draw(st.sampled_from(("answered",) * 6 + ("lost", "never"))),
                    draw(st.booleans()),
                )
            )
    return plan


def played(plan: History) -> list[Call]:
    """What the clients see when a careful clerk decides everything at its moment of effect."""
    timed = sorted(_timed(plan), key=lambda entry: entry[2])
    voucher = Voucher(VALUE)
    seen: list[Call] = []
    for planned, invoked, effect, answered in timed:
        client = f"client-{planned.client}"
        if planned.fate == "never":
            seen.append(of(planned.request, invoked, client=client))
            continue
        now = invoked if planned.judged_early else effect
        lapsed = frozenset(
            kept.id for kept in voucher.open if kept.state == "held" and kept.until <= now
        )
        voucher, answer = apply(voucher, planned.request, lapsed)
        if isinstance(planned.request, Hold) and isinstance(answer, Done):
            kept = voucher.known(planned.request.id)
            assert kept is not None
            until = kept.until
            if kept.state == "held" and until == math.inf:
                until = now + planned.request.lasts_s
                ending = replace(kept, until=until)
                voucher = replace(voucher, open=voucher.open - {kept} | {ending})
                answer = replace(answer, until=until)
        if planned.fate == "lost":
            seen.append(of(planned.request, invoked, client=client))
        else:
            seen.append(of(planned.request, invoked, answer, answered, client=client))
    return sorted(seen, key=lambda call: call.invoked)


def _timed(plan: History) -> list[tuple[Planned, float, float, float]]:
    clocks: dict[int, float] = {}
    timed = []
    for place, planned in enumerate(plan):
        # A little apart each, so that no two things happen at the very same instant.
        invoked = clocks.get(planned.client, 0.0) + planned.idle_s + 1 + place / 1000
        effect = invoked + planned.until_effect_s + 0.0003
        answered = effect + planned.until_answer_s + 0.0003
        clocks[planned.client] = answered
        timed.append((planned, invoked, effect, answered))
    return timed


def mutated(call: Call) -> Call | None:
    """The same call with an answer that cannot be: an odd amount. None: it names no amount."""
    match call.answer:
        case Seen():
            return replace(call, answer=replace(call.answer, balance=call.answer.balance + 1))
        case Done():
            return replace(call, answer=replace(call.answer, left=call.answer.left + 1))
        case No(code, int(available)):
            return replace(call, answer=No(code, available + 1))
        case _:
            return None
