"""What a verdict on a closing adds: the same fact under its Z number."""

from __future__ import annotations

from datetime import datetime

from fiscal_signer.events import ClosingSigned, LeftUnsigned, SignatureMade


def closing_of(
    verdict: SignatureMade | LeftUnsigned, z_number: int | None, *, now: datetime
) -> ClosingSigned:
    """The second event of a closing's verdict, which was decided at `now`."""
    told = ClosingSigned(
        closing_id=verdict.booking_id,
        store_id=verdict.store_id,
        till_id=verdict.till_id,
        z_number=z_number,
        tse_id=verdict.tse_id,
        client_id=verdict.client_id,
        verdict="unsigned",
        decided_at=now,
    )
    if isinstance(verdict, LeftUnsigned):
        return told.model_copy(update={"outage_id": verdict.outage_id})
    return told.model_copy(
        update={
            "verdict": "signed",
            "transaction_number": verdict.transaction_number,
            "signature_counter": verdict.signature_counter,
            "log_time": verdict.log_time,
        }
    )
