"""The played fiskaly cloud as a process: slow, sometimes silent, sometimes out.

python -m tests.endurance.cloud FOLDER PORT SEED
"""

from __future__ import annotations

import asyncio
import random
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import uvicorn
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from fiscal_signer.testing.fiskaly import Fault, FiskalyCloud, Refusal
from tests.endurance.ground import FISKALY, KEY, SECRET, TSES, Folder

SLOW_S = 0.012
"""The longest delay of an answer that comes."""

FAULTS: tuple[tuple[str, float, Refusal | None], ...] = (
    ("lose", 0.004, None),
    ("break", 0.012, None),
    ("stall", 0.003, None),
    ("refuse", 0.006, Refusal(500, "E_UNEXPECTED")),
    ("refuse", 0.004, Refusal(429, "E_TOO_MANY_REQUESTS", retry_after=1)),
)
"""Kind, how likely at each call that signs, and what is answered."""


class RoughCloud(FiskalyCloud):
    """Faults are drawn for calls that sign; `GET /truth/{tss}` says what a TSS really did."""

    def __init__(self, folder: Folder, seed: int) -> None:
        super().__init__(lambda: datetime.now(UTC), key=KEY, secret=SECRET)
        self._folder = folder
        self._chance = random.Random(seed)
        self._names = {str(tse.tss_id): tse.tse_id for tse in TSES if tse.kind == FISKALY}
        for tss_id in self._names:
            self.tss(UUID(tss_id))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if path.startswith("/truth/"):
            await JSONResponse(self._truth(path.removeprefix("/truth/")))(scope, receive, send)
            return
        self.slow_s = 0.0 if self._folder.calm else self._chance.random() * SLOW_S
        await super().__call__(scope, receive, send)

    def _due(self, method: str, path: str) -> Fault | None:
        tse_id = self._names.get(path.split("/")[1])
        if tse_id is not None and self._folder.is_away(tse_id):
            return Fault("refuse", Refusal(500, "E_UNEXPECTED"))
        if self._folder.calm or method != "PUT" or "/tx/" not in path:
            return None
        at = self._chance.random()
        for kind, share, refusal in FAULTS:
            at -= share
            if at < 0:
                self._folder.struck(f"fiskaly {refusal.status if refusal else kind}")
                return Fault(kind, refusal)
        return None

    def _truth(self, tss_id: str) -> dict[str, Any]:
        tss = self.tsses[tss_id]
        return {
            "public_key": tss.point.hex(),
            "counter": tss.counter,
            "logs": {
                str(revision["signature"]["counter"]): revision["raw_log"].hex()
                for tx in tss.txs
                for revision in tx.revisions
            },
        }


async def serve(folder: Path, port: int, seed: int) -> None:
    cloud = RoughCloud(Folder(folder), seed)
    config = uvicorn.Config(cloud, port=port, log_level="error", lifespan="off", access_log=False)
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
