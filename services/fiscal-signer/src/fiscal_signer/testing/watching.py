"""The watch over the devices of a `World`, whose clock is moved."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from fiscal_signer.events import OutageBegan, OutageEnded
from fiscal_signer.handlers import Breaker, Caretaker, UpkeepSettings, Ward, Watch
from fiscal_signer.testing import World


def watch_over(
    world: World, tse_id: str = "tse-berlin", *, clock: Callable[[], datetime] | None = None
) -> Watch:
    """As the service has it, for one device, without read models."""
    driver = world.drivers[tse_id]
    keeper = Caretaker(
        driver,
        store_id=driver.store_id,
        store=world.store,
        clock=world.clock,
        settings=UpkeepSettings(),
    )

    async def out() -> list[str]:
        began = {event.outage_id for event in world.events(OutageBegan)}
        ended = {event.outage_id for event in world.events(OutageEnded)}
        return [tse_id] if began - ended else []

    ward = Ward(driver, Breaker(world.settings), keeper)
    return Watch({tse_id: ward}, out=out, clock=clock or world.clock, away=(OSError,))
