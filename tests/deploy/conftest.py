"""The rendered Kubernetes files, read once."""

from __future__ import annotations

from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
import yaml

K8S = Path(__file__).parents[2] / "deploy" / "k8s"
OVERLAYS = ("single-node", "cluster")

Resource = dict[str, Any]


def rendered(overlay: str) -> list[Resource]:
    """A copy of the overlay's resources; a test may change it."""
    return deepcopy(_parsed(overlay))


@lru_cache(maxsize=len(OVERLAYS))
def _parsed(overlay: str) -> list[Resource]:
    text = (K8S / "rendered" / f"{overlay}.yaml").read_text("utf-8")
    return [document for document in yaml.safe_load_all(text) if document]


@pytest.fixture(params=OVERLAYS)
def resources(request: pytest.FixtureRequest) -> list[Resource]:
    """Every resource of one overlay."""
    return rendered(request.param)


@pytest.fixture
def cluster() -> list[Resource]:
    return rendered("cluster")
