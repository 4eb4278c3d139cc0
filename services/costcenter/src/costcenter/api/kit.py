"""What routes of this service share beside `kassenverbund.kit.routes`: codes and months."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends
from pydantic import AfterValidator, SecretStr, StringConstraints

from costcenter.codes import CODE_MAX
from kassenverbund.kit.auth import Caller
from kassenverbund.kit.routes import Asked, reads, writes


def _short(code: SecretStr) -> SecretStr:
    if not 1 <= len(code.get_secret_value()) <= CODE_MAX:
        raise ValueError(f"a code has 1 to {CODE_MAX} characters")
    return code


Code = Annotated[SecretStr, AfterValidator(_short)]
"""As scanned. It shows as asterisks wherever a body is printed."""

Month = Annotated[str, StringConstraints(pattern=r"^20\d\d-(0[1-9]|1[0-2])$")]

Counter = Annotated[Asked, Depends(writes("service", "manager", "back_office"))]
Desk = Annotated[Caller, Depends(reads("service", "cashier", "manager", "back_office"))]
