"""The whole table."""

from __future__ import annotations

from kassenverbund.kit.fiscal_cases.cash import CASH, PAYMENTS, PROCESSES, RECEIVABLES
from kassenverbund.kit.fiscal_cases.fees import FEES
from kassenverbund.kit.fiscal_cases.goods import SALES, VOUCHERS
from kassenverbund.kit.fiscal_cases.model import FiscalCase

TABLE: tuple[FiscalCase, ...] = (
    *SALES, *VOUCHERS, *FEES, *RECEIVABLES, *PAYMENTS, *CASH, *PROCESSES,
)  # fmt: skip
"""Every case that DSFinV-K and the domain know, also those that this version records none of."""

BY_NAME: dict[str, FiscalCase] = {case.name: case for case in TABLE}
