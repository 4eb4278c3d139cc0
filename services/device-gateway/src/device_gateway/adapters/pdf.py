"""A paper as PDF: the rows that a printer shows, on a page of the paper's width.

Set by typst, which belongs to the extra `pdf` and is asked for when it is needed. Every text
reaches it as data (a JSON value), never as source: no name can become a command of the typesetter.
"""

from __future__ import annotations

import json
from functools import lru_cache
from io import BytesIO
from typing import Any, Literal, assert_never

import segno

from device_gateway.receipt.grid import Grid, QrRow, Row
from events import DomainError

PAPER_MM = {32: 58.0, 42: 80.0, 48: 80.0}
PRINTED_MM = {32: 48.0, 42: 72.0, 48: 72.0}
"""Width of the paper and of what is printed on it."""

QR_QUIET = 4

_SOURCE = """
#let paper = json(bytes(sys.inputs.paper))
#set document(title: paper.title, date: none)
#set page(
  width: paper.width * 1mm, height: auto,
  margin: (x: (paper.width - paper.printed) * 0.5mm, y: 6mm),
)
#let size = paper.printed * 1mm / paper.columns / 0.60205
#set text(font: "DejaVu Sans Mono", size: size, hyphenate: false, fallback: true)
#set par(leading: 0pt, spacing: 0pt)
#let cell = size * 0.60205
#let line(row) = {
  let tall = row.style == "tall" or row.style == "big"
  let wide = row.style == "big"
  let weight = if row.style == "normal" { "regular" } else { "bold" }
  let cells = if wide { 2 } else { 1 }
  // As wide as it likes: a row was made to fit, and must not be broken for a hair's breadth.
  let it = box(width: 400mm, text(weight: weight, row.text))
  let grown = scale(
    x: cells * 100%, y: if tall { 200% } else { 100% }, origin: left + horizon, it,
  )
  let before = if row.centred {
    calc.floor((paper.columns / cells - row.cells) / 2) * cell * cells
  } else { 0mm }
  block(
    width: 100%, height: size * (if tall { 2.5 } else { 1.3 }), spacing: 0pt,
    align(horizon, move(dx: before, grown)),
  )
}
#for row in paper.rows {
  if row.kind == "qr" {
    let width = calc.min(row.mm, paper.printed) * 1mm
    align(center, image(bytes(row.svg), format: "svg", width: width))
  } else { line(row) }
}
"""


class PdfNotInstalled(DomainError):
    """The typesetter is not part of this installation (extra `pdf`)."""

    code = "receipt.no_pdf"
    status = 501
    title = "This installation makes no PDF: install the extra `pdf` of the device gateway"


def grid_pdf(grid: Grid, *, title: str = "") -> bytes:
    """The rows of `grid` on one page as long as they need. Costs about 50 ms: call it in a thread.

    Raises `PdfNotInstalled`.
    """
    return _set(grid, title=title, form="pdf")


def grid_png(grid: Grid, *, title: str = "") -> bytes:
    """The same page as a picture, for a look at it."""
    return _set(grid, title=title, form="png")


def _set(grid: Grid, *, title: str, form: Literal["pdf", "png"]) -> bytes:
    try:
        import typst
    except ImportError:
        raise PdfNotInstalled from None
    paper = {
        "title": title,
        "columns": grid.columns,
        "width": PAPER_MM[grid.columns],
        "printed": PRINTED_MM[grid.columns],
        "rows": [_row(row) for row in grid.rows],
    }
    inputs = {"paper": json.dumps(paper, ensure_ascii=False)}
    made = typst.compile(
        _SOURCE.encode(), format=form, sys_inputs=inputs, ppi=203 if form == "png" else None
    )
    assert isinstance(made, bytes)  # One page, for its height is free.
    return made


def _row(row: Row | QrRow) -> dict[str, Any]:
    match row:
        case Row():
            return {
                "kind": "text",
                "text": row.text.text,
                "cells": len(row.text),
                "style": row.style,
                "centred": row.centred,
            }
        case QrRow():
            svg, modules = _qr(row.content)
            return {"kind": "qr", "svg": svg, "mm": modules * row.dots * 25.4 / 203}
        case _:
            assert_never(row)


@lru_cache(maxsize=64)
def _qr(content: str) -> tuple[str, int]:
    code = segno.make_qr(content, error="m", mode="byte", boost_error=False)
    out = BytesIO()
    code.save(out, kind="svg", border=QR_QUIET, xmldecl=False, svgns=True, nl=False)
    return out.getvalue().decode(), int(code.symbol_size(border=QR_QUIET)[0])
