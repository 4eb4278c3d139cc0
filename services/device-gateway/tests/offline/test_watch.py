"""The watch hears rules while it can and looks for the line; a till can ask for its state."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from device_gateway.adapters.line import Line
from device_gateway.handlers.offline_watch import REFRESH_EVERY, RETRY_AFTER, OfflineWatch
from device_gateway.ports import OfflineRules, VoucherRefused, VoucherUnreachable
from money import Money, euro

LIMITS = {"cap": euro("20.00"), "per_day": euro("90.00"), "per_till_day": euro("50.00")}


class Kept:
    def __init__(self) -> None:
        self.rules: dict[str, OfflineRules] = {}

    async def keep(self, rules: OfflineRules) -> None:
        self.rules[rules.store_id] = rules

    async def of(self, store_id: str) -> OfflineRules | None:
        return self.rules.get(store_id)


@dataclass
class Desk:
    """The voucher service as the watch asks it."""

    rig: Any
    asked: list[str] = field(default_factory=list)
    away: bool = False
    unknown: frozenset[str] = frozenset()

    async def offline_rules(self, store_id: str) -> OfflineRules:
        self.asked.append(store_id)
        if self.away:
            raise VoucherUnreachable
        if store_id in self.unknown:
            raise VoucherRefused("store.unknown", 422, "")
        return OfflineRules(
            store_id=store_id, takes=True, legal_entity_id="gmbh", sold_here=True, keys={},
            heard_at=self.rig.clock(), **LIMITS,
        )  # fmt: skip

    async def captured(self, hold_id: str, currency: str) -> Money | None:
        raise AssertionError("nothing was taken")


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def desk(rig: Any) -> Desk:
    return Desk(rig)


@pytest.fixture
def watched(rig: Any, desk: Desk, kept: Kept) -> OfflineWatch:
    """A watch over a gateway whose line is known."""
    rig.gateway = replace(rig.gateway, offline=kept, voucher_line=Line(rig.clock, lambda: 0.0))
    return OfflineWatch(rig.gateway, desk, ("berlin", "koeln"), "berlin")


async def test_rules_are_heard_at_the_start_and_again_from_time_to_time(
    rig: Any, watched: OfflineWatch, desk: Desk, kept: Kept
) -> None:
    await watched.look()
    await watched.look()
    assert desk.asked == ["berlin", "koeln"]
    rig.clock.advance(REFRESH_EVERY.total_seconds())
    await watched.look()
    assert kept.rules["koeln"].heard_at == rig.clock()


async def test_without_a_line_the_kept_rules_stay(
    rig: Any, watched: OfflineWatch, desk: Desk, kept: Kept
) -> None:
    await watched.look()
    heard_at = rig.clock()
    rig.clock.advance(REFRESH_EVERY.total_seconds())
    desk.away = True
    await watched.look()
    assert kept.rules["berlin"].heard_at == heard_at


async def test_one_store_that_the_service_does_not_know_stops_no_other(
    watched: OfflineWatch, desk: Desk, kept: Kept
) -> None:
    desk.unknown = frozenset({"berlin"})
    await watched.look()
    assert set(kept.rules) == {"koeln"}


async def test_a_store_without_rules_is_asked_about_again_soon(
    rig: Any, watched: OfflineWatch, desk: Desk, kept: Kept
) -> None:
    desk.unknown = frozenset({"berlin"})
    await watched.look()
    desk.unknown = frozenset()
    await watched.look()
    assert set(kept.rules) == {"koeln"}
    rig.clock.advance(RETRY_AFTER.total_seconds())
    await watched.look()
    assert set(kept.rules) == {"berlin", "koeln"}


async def test_where_no_store_takes_vouchers_offline_nobody_is_asked_while_the_line_is_up(
    watched: OfflineWatch, desk: Desk
) -> None:
    await OfflineWatch(watched.gateway, desk, (), "berlin").look()
    assert desk.asked == []


async def test_while_the_line_is_down_somebody_asks_whether_it_is_back(
    watched: OfflineWatch, desk: Desk, kept: Kept
) -> None:
    watched.gateway.voucher_line.silent(answers=0)  # type: ignore[union-attr]  # our line
    await OfflineWatch(watched.gateway, desk, (), "berlin").look()
    assert (desk.asked, kept.rules) == (["berlin"], {})


async def line_of(rig: Any, token: str, store: str = "berlin") -> Any:
    return await rig.http.get(
        f"/stores/{store}/v1/line", headers={"authorization": f"Bearer {token}"}
    )


async def test_a_till_sees_that_a_gateway_without_rules_takes_nothing(rig: Any, till: Any) -> None:
    answer = await line_of(rig, till.token)
    assert answer.json() == {
        "voucher": None,
        "vouchers_offline": {
            "takes": False, "cap": None, "per_day": None, "per_till_day": None,
            "sold_here": None, "heard_at": None,
        },
        "lines": [],
    }  # fmt: skip


async def test_a_till_of_another_store_does_not_see_the_line(rig: Any, till: Any) -> None:
    assert (await line_of(rig, till.token, "koeln")).status_code == 403


async def test_an_unknown_store_has_no_line(rig: Any) -> None:
    assert (await line_of(rig, "manager", "nowhere")).status_code == 404
