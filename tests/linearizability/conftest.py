"""Where histories go that cannot be explained."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.program import ROOT


@pytest.fixture(scope="session")
def artefacts() -> Path:
    """A folder that outlives the run; CI keeps it."""
    folder = ROOT / "artefacts" / "linearizability"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
