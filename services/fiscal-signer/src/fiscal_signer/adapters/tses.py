"""Each TSE of the chain by its kind, and what the kinds need from the program."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import httpx

from fiscal_signer.adapters.fiskaly import (
    Access,
    Cloud,
    FiskalyArchives,
    FiskalyTses,
    Limits,
    client_for,
)
from fiscal_signer.ports import Tse, TseError, TseFault, Tses
from kassenverbund.kit.chain import Chain
from kassenverbund.kit.service import FiskalyAccess

_log = logging.getLogger("fiscal_signer")

SECRET_BYTES_MAX = 4_096


class TsesByKind:
    """See `fiscal_signer.ports.Tses`. `kinds`: TSE id → kind, from `chain.yaml`."""

    def __init__(self, kinds: Mapping[str, str], tses: Mapping[str, Tses]) -> None:
        self._kinds = kinds
        self._tses = tses

    async def open(self, tse_id: str) -> Tse:
        kind = self._kinds.get(tse_id)
        if kind is None:
            raise TseFault(TseError.NOT_INITIALIZED, f"{tse_id} is not declared")
        return await self._tses[kind].open(tse_id)


@dataclass(frozen=True, slots=True)
class Fiskaly:
    """The chain's devices at fiskaly, and the line to them."""

    tses: FiskalyTses
    archives: FiskalyArchives
    client: httpx.AsyncClient | None

    async def close(self) -> None:
        if self.client is not None:
            await self.client.aclose()


def fiskaly_of(
    chain: Chain, access: FiskalyAccess | None, clock: Callable[[], datetime]
) -> Fiskaly:
    """A key that can't be read is no reason not to start: selling goes on, and the devices are
    out with that reason until the next start."""
    declared = [tse for store in chain.stores for tse in store.tses]
    tss_ids = {tse.id: tse.tss_id for tse in declared if tse.tss_id is not None}
    cloud: Cloud | None = None
    client: httpx.AsyncClient | None = None
    pins: dict[str, str] = {}
    if tss_ids and access is None:
        _log.error("TSEs of fiskaly are declared and KASSENVERBUND_FISKALY_SECRETS is not set")
    elif tss_ids and access is not None:
        try:
            keys = Access(
                api_key=_secret(access, "api_key"),
                api_secret=_secret(access, "api_secret"),
            )
            pins = {
                tse_id: _secret(access, f"admin_pin.{tse_id}")
                for tse_id in tss_ids
                if (access.secrets / f"admin_pin.{tse_id}").is_file()
            }
            limits = Limits()
            client = client_for(access.url, access.ca, limits)
            cloud = Cloud(client, keys, monotonic=time.monotonic, limits=limits)
        except (OSError, ValueError) as unreadable:
            _log.error("no access to fiskaly: %s", unreadable)
    tses = FiskalyTses(cloud, tss_ids=tss_ids, admin_pins=pins, clock=clock, new_id=uuid4)
    archives = FiskalyArchives(tses, clock=clock, monotonic=time.monotonic)
    return Fiskaly(tses, archives, client)


def _secret(access: FiskalyAccess, name: str) -> str:
    """One line of a file. Raises OSError; ValueError without what stood there."""
    raw = (access.secrets / name).read_bytes()
    text = raw[:SECRET_BYTES_MAX].decode("ascii", errors="replace").strip()
    if not text or not text.isprintable() or len(raw) > SECRET_BYTES_MAX or "\ufffd" in text:
        raise ValueError(f"the file {name} does not hold one printable line")
    return text
