"""What events are made of."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Verdict = Literal["signed", "unsigned"]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
