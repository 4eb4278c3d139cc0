"""The part of `chain.yaml` that declares printers, and the pictures on top of receipts."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from kassenverbund.kit.chain_policies import Part
from kassenverbund.kit.text import Identifier

LOGO_BYTES_MAX = 48 * 1024
LOGO_WIDTH_MAX = 1_000
LOGO_HEIGHT_MAX = 600
LOGOS_MAX = 20

VOUCHER_PRINTER = "gutscheindruck"
"""A printer of this name prints vouchers, and needs nothing but its address."""

CODE_PAGE_NUMBERS = {"CP858": 19, "CP1252": 16, "ISO-8859-15": 40}
"""Epson's numbers (`ESC t n`); other makers number differently."""

_DOTS = {32: 384, 42: 512, 48: 576}
"""At 203 (42 columns: 180) dots per inch, on 58 mm and 80 mm paper."""

_PNG = b"\x89PNG\r\n\x1a\n"


def _checked_logo(text: str) -> str:
    try:
        png = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("a logo is a PNG picture in base64") from None
    if len(png) > LOGO_BYTES_MAX:
        raise ValueError(f"a logo has at most {LOGO_BYTES_MAX} bytes")
    if not png.startswith(_PNG) or png[12:16] != b"IHDR" or len(png) < 33:
        raise ValueError("a logo is a PNG picture in base64")
    width, height = int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")
    if not (0 < width <= LOGO_WIDTH_MAX and 0 < height <= LOGO_HEIGHT_MAX):
        raise ValueError(f"a logo is at most {LOGO_WIDTH_MAX} x {LOGO_HEIGHT_MAX} dots large")
    return text


Logo = Annotated[str, Field(max_length=2 * LOGO_BYTES_MAX), AfterValidator(_checked_logo)]
"""A PNG picture in base64."""


def logo_png(logo: str) -> bytes:
    """The picture of a checked `Logo`."""
    return base64.b64decode("".join(logo.split()))


def logo_mark(name: str, logo: str) -> str:
    """By what an event names this very picture."""
    return f"{name}:{hashlib.sha256(logo_png(logo)).hexdigest()[:16]}"


Device = Annotated[str, Field(max_length=200, pattern=r"^/dev/[A-Za-z0-9_][A-Za-z0-9_./:+-]*$")]


class Printer(Part):
    """A printer of a store. Without one, a receipt is given as HTML.

    Exactly one of `host` (TCP), `device` (USB or serial), `pull` (the printer asks us) and
    `virtual` says how it is reached. `dots` and `codepage_number` follow `columns` and `codepage`
    where they are not given; 32 columns are 58 mm paper.
    """

    id: Identifier
    till: Identifier | None = None
    """The till that prints here; None: every till of the store."""
    host: Annotated[str, Field(min_length=1, max_length=253, pattern=r"^[!-~]+$")] | None = None
    port: Annotated[int, Field(ge=1, le=65535)] = 9100
    device: (
        Annotated[str, Field(max_length=200, pattern=r"^/dev/[A-Za-z0-9_][A-Za-z0-9_./:+-]*$")]
        | None
    ) = None
    """`/dev/usb/lp0`, or a serial line by its name in `/dev/serial/by-id`."""
    baudrate: Annotated[int, Field(ge=1200, le=921_600)] | None = None
    """Of a serial line; None: the device is no serial line."""
    pull: Literal["epson_sdp", "star_cloudprnt"] | None = None
    """The printer asks for its jobs: Epson Server Direct Print, Star CloudPRNT."""
    pull_id: Identifier | None = None
    """By what it presents itself. Another one makes its password worthless and gives a new one."""
    virtual: bool = False
    """True: the program itself plays the printer (demo, training) and keeps the paper."""
    purposes: Annotated[
        tuple[Literal["receipt", "vouchers", "orders"], ...], Field(min_length=1, max_length=3)
    ] = ("receipt",)
    """`vouchers`: slips of vouchers come out here; `orders`: what a kitchen has to do."""
    article_groups: Annotated[tuple[Identifier, ...], Field(max_length=100)] = ()
    """Of orders, the lines of these groups alone; none: all."""
    columns: Literal[32, 42, 48] = 48
    codepage: Literal["CP858", "CP1252", "ISO-8859-15"] = "CP858"
    codepage_number: Annotated[int, Field(ge=0, le=255)] = 19
    qr: Literal["native", "image"] = "native"
    dots: Annotated[int, Field(ge=200, le=1000)] = 576
    cut: Literal["full", "partial", "none"] = "full"
    drawer_pin: Literal[2, 5] | None = None
    """Where the cash drawer is connected; None: there is none, and no pulse is ever sent."""
    confirm_by: Literal["process_id", "sensor", "none"] = "sensor"
    """How the printer is asked whether a job is on paper: `GS ( H`, `GS r 1`, or not at all."""
    logo: Identifier | None = None
    """Name of a picture in `logos`."""

    @model_validator(mode="before")
    @classmethod
    def _what_follows(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        follows: dict[str, Any] = {}
        if "dots" not in data and data.get("columns") in _DOTS:
            follows["dots"] = _DOTS[data["columns"]]
        if "codepage_number" not in data and data.get("codepage") in CODE_PAGE_NUMBERS:
            follows["codepage_number"] = CODE_PAGE_NUMBERS[data["codepage"]]
        if "purposes" not in data and str(data.get("id", "")).lower() == VOUCHER_PRINTER:
            follows["purposes"] = ["vouchers"]
        return {**follows, **data}

    @model_validator(mode="after")
    def _reachable(self) -> Printer:
        ways = (self.virtual, self.host is not None, self.device is not None, self.pull is not None)
        if sum(ways) != 1:
            raise ValueError("a printer has one of `host`, `device`, `pull` and `virtual: true`")
        if (self.pull is None) != (self.pull_id is None):
            raise ValueError("`pull_id` belongs to `pull`, and that needs it")
        if self.baudrate is not None and self.device is None:
            raise ValueError("`baudrate` belongs to a `device`")
        if self.article_groups and "orders" not in self.purposes:
            raise ValueError("`article_groups` belong to the purpose `orders`")
        return self
