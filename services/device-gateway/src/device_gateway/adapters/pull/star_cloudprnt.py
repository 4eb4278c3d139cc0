"""Star CloudPRNT over HTTP: polling (POST), job (GET), confirmation (DELETE).

Source: Star Micronics, "CloudPRNT Protocol Guide" 2.4.0. Each paper goes out as a PNG of exactly
the dots that an ESC/POS printer would burn: every CloudPRNT printer takes `image/png`, and no
command language can be misunderstood. Cut and drawer are response headers. The papers of one job
(the slips of two vouchers) are fetched one after the other, so that each is cut off.
"""

from __future__ import annotations

import hashlib
from io import BytesIO
from typing import Literal
from urllib.parse import unquote

from PIL import Image

from device_gateway.adapters.virtual_printer import Paper
from device_gateway.adapters.virtual_printer.picture import dots_png

MEDIA_TYPE = "image/png"

_REASONS = {
    "410": "paper_out",
    "411": "paper_jam",
    "420": "cover_open",
    "210": "paper_near_end",
}

Outcome = Literal["printed", "refused", "unknown"]


def token_of(job_id: str, part: int) -> str:
    """`jobToken` of one paper of a job."""
    return hashlib.sha256(f"{job_id}/{part}".encode()).hexdigest()[:32]


def picture_of(papers: tuple[Paper, ...], part: int) -> bytes:
    """The paper as PNG; a dot-high white line where a job has none."""
    return dots_png(papers[part]) if papers else blank_png()


def blank_png() -> bytes:
    """White, and as small as a picture can be."""
    out = BytesIO()
    Image.new("1", (8, 1), color=1).save(out, format="PNG")
    return out.getvalue()


def headers_of(*, cut: str, drawer: bool, has_paper: bool) -> dict[str, str]:
    """What goes with the picture."""
    headers = {"Cache-Control": "no-store"}
    if has_paper:
        headers["X-Star-Cut"] = "none; feed=true" if cut == "none" else f"{cut}; feed=true"
    else:
        headers["X-Star-Cut"] = "none; feed=false"
    if drawer:
        headers["X-Star-CashDrawer"] = "start"
    return headers


def outcome_of(code: str) -> tuple[Outcome, str]:
    """What `code` of a DELETE means. `2xx`: printed. `51x` and `52x`: the printer could not fetch
    or read the job, so nothing of it was printed. Else something may be on the paper."""
    number = unquote(code).strip()[:3]
    if code.strip().upper() == "OK" or number.startswith("2"):
        return "printed", "paper_near_end" if number == "210" else ""
    if number[:2] in ("51", "52"):
        return "refused", "not_understood"
    return "unknown", _REASONS.get(number, "offline")


def reason_of(status_code: str) -> str:
    """What a poll's `statusCode` says of the printer: nothing, a warning, or why it is out."""
    number = unquote(status_code).strip()[:3]
    if number.startswith("2"):
        return "paper_near_end" if number == "210" else ""
    return _REASONS.get(number, "offline")
