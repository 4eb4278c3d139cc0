"""Back office over PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import count
from typing import TYPE_CHECKING

import pytest

from costcenter.testing.office import Office, open_office

if TYPE_CHECKING:
    from costcenter.testing.shop import Shop

_PREFIXES = count(100)


@pytest.fixture
async def office(shop: Shop) -> AsyncIterator[Office]:
    async with open_office(shop, next(_PREFIXES)) as opened:
        yield opened
