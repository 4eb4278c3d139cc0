"""`make demo`: the main job on real parts, on both buses (issue 2, §5.1)."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.program import Program


def test_the_demo_sells_redeems_signs_prints_and_ends_with_whole_logs(
    tmp_path: Path, bus: str
) -> None:
    stage = Program(tmp_path)

    done = stage.cli("demo", "--json", "--bus", bus, timeout_s=170)

    assert done.returncode == 0, done.stderr[-3000:]
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    bookings = [line for line in lines if "booking_id" in line]
    assert [booking["total"]["amount"] for booking in bookings] == [
        5000, 500, 500, 500, 1000, 1600, 1000, 1000, 980,
    ]  # fmt: skip
    assert all(booking["state"] == "signed" for booking in bookings)
    assert all(booking["signature"]["qr"].startswith("V0;") for booking in bookings)
