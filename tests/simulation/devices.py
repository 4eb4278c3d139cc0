"""The TSEs and printers of the simulation. They outlive every process, as real ones do."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from device_gateway.events import BookingOrdered, MasterDataChanged, Record
from device_gateway.ports import ReceiptOrder, SoldVoucher
from fiscal_signer.adapters.software_tses import SoftwareTses
from fiscal_signer.ports import (
    Chore,
    DeviceAnswer,
    DeviceStep,
    Figures,
    Signed,
    Tse,
    TseError,
    TseFault,
    TseInfo,
)
from tests.simulation.faults import SLOW_S, Faults, Mortal, die, die_if_dead


@dataclass
class Devices:
    """`fiscal_signer.ports.Tses`: the real software TSEs, each of which may be out."""

    inner: SoftwareTses
    faults: Faults
    out: set[str] = field(default_factory=set)
    ever_out: set[str] = field(default_factory=set)
    """TSEs of which a process had reason to believe that they were out."""

    def of(self, process: Mortal) -> _Tses:
        return _Tses(self, process)

    def switch(self, tse_id: str, *, on: bool) -> None:
        if on:
            self.out.discard(tse_id)
        else:
            self.out.add(tse_id)
            self.ever_out.add(tse_id)


@dataclass
class _Tses:
    devices: Devices
    process: Mortal

    async def open(self, tse_id: str) -> Tse:
        die_if_dead(self.process)
        if tse_id in self.devices.out:
            raise TseFault(TseError.UNREACHABLE, "it is out")
        return _Device(self.devices, self.process, tse_id, await self.devices.inner.open(tse_id))


@dataclass
class _Device:
    devices: Devices
    process: Mortal
    tse_id: str
    inner: Tse

    def _reach(self) -> None:
        die_if_dead(self.process)
        if self.tse_id in self.devices.out:
            raise TseFault(TseError.UNREACHABLE, "it is out")

    async def info(self) -> TseInfo:
        self._reach()
        return await self.inner.info()

    async def execute(self, steps: Sequence[DeviceStep]) -> Sequence[DeviceAnswer]:
        self._reach()
        fault = self.devices.faults.draw("device")
        if fault == "crash_before":
            die(self.process)
        if fault is not None:
            self.devices.ever_out.add(self.tse_id)
        if fault == "refused":
            raise TseFault(TseError.STORAGE_FAILURE, "told to fail")
        if fault == "half":
            await self.inner.execute(steps[: len(steps) // 2])
            raise TseFault(TseError.STORAGE_FAILURE, "told to fail half-way")
        answers = await self.inner.execute(steps)
        if fault == "crash_after":
            die(self.process)
        if fault == "lost":
            raise TseFault(TseError.UNREACHABLE, "told to lose the answer")
        if fault == "slow":
            await asyncio.sleep(SLOW_S)
        return answers

    async def logs_after(self, signature_counter: int) -> Sequence[Signed]:
        self._reach()
        return await self.inner.logs_after(signature_counter)

    async def open_transactions(self) -> dict[int, str]:
        self._reach()
        return await self.inner.open_transactions()

    async def figures(self) -> Figures:
        self._reach()
        return await self.inner.figures()

    async def tend(self, chore: Chore) -> bool:
        self._reach()
        return await self.inner.tend(chore)


@dataclass(frozen=True, slots=True)
class Paper:
    """One piece of paper that came out of a printer."""

    booking_id: str
    job_id: str
    order: ReceiptOrder
    codes: tuple[str | None, ...] = ()


@dataclass
class Printers:
    """The print queues and printers of all stores: each job once, each on one paper."""

    queued: dict[str, Paper] = field(default_factory=dict)
    papers: list[Paper] = field(default_factory=list)

    def print(self) -> Paper | None:
        """The next job comes out."""
        printed = {paper.job_id for paper in self.papers}
        for job_id, paper in self.queued.items():
            if job_id not in printed:
                self.papers.append(paper)
                return paper
        return None


@dataclass
class Desk:
    """`device_gateway.ports.ReceiptDesk` of one process, before the printers of the chain."""

    printers: Printers
    process: Mortal
    faults: Faults

    def text(self, order: ReceiptOrder) -> str:
        process = order.booking
        return f"{process.booking_id} {process.total if isinstance(process, Record) else ''}"

    def html(self, order: ReceiptOrder) -> str:
        return self.text(order)

    def escpos(self, order: ReceiptOrder) -> bytes:
        return self.text(order).encode()

    def pdf(self, order: ReceiptOrder) -> bytes:
        return self.text(order).encode()

    async def enqueue_order_slips(
        self, ordered: BookingOrdered, master_data: MasterDataChanged, *, job_id: str
    ) -> bool:
        return False

    async def repeat_order_slip(
        self,
        ordered: BookingOrdered,
        master_data: MasterDataChanged,
        *,
        printer_id: str,
        job_id: str,
    ) -> bool:
        return False

    def has_drawer(self, master_data: MasterDataChanged, till_id: str) -> bool:
        return True

    async def enqueue(self, order: ReceiptOrder, *, job_id: str) -> bool:
        return await self._queue(Paper(order.booking.booking_id, job_id, order))

    async def enqueue_voucher_slips(
        self, order: ReceiptOrder, *, job_id: str, vouchers: Sequence[SoldVoucher]
    ) -> bool:
        codes = tuple(voucher.code for voucher in vouchers)
        return await self._queue(Paper(order.booking.booking_id, job_id, order, codes))

    async def enqueue_remainder_slips(
        self, order: ReceiptOrder, *, job_id: str, vouchers: Sequence[SoldVoucher]
    ) -> bool:
        return await self.enqueue_voucher_slips(order, job_id=job_id, vouchers=vouchers)

    async def _queue(self, paper: Paper) -> bool:
        async def queue() -> bool:
            new = paper.job_id not in self.printers.queued
            self.printers.queued.setdefault(paper.job_id, paper)
            return new

        return await self.faults.around(self.process, "desk", queue)
