"""A receipt printer in software: it reads ESC/POS as a printer does, and keeps the paper.

`judge(bytes)` tells what a printer would make of a job. `VirtualPrinter` is one on a TCP port, for
the demo, for training and for tests. Nothing here imports an ESC/POS encoder.
"""

from device_gateway.adapters.virtual_printer.interpreter import Interpreter, Judged, judge
from device_gateway.adapters.virtual_printer.paper import (
    Asked,
    Barcode,
    CodePage,
    Cut,
    Drawer,
    Fact,
    Image,
    Overflow,
    Paper,
    Profile,
    Qr,
    Reset,
    Run,
    Style,
    Text,
    Unknown,
)
from device_gateway.adapters.virtual_printer.picture import png
from device_gateway.adapters.virtual_printer.server import Mode, VirtualPrinter
from device_gateway.adapters.virtual_printer.status import Sensors

__all__ = [
    "Asked",
    "Barcode",
    "CodePage",
    "Cut",
    "Drawer",
    "Fact",
    "Image",
    "Interpreter",
    "Judged",
    "Mode",
    "Overflow",
    "Paper",
    "Profile",
    "Qr",
    "Reset",
    "Run",
    "Sensors",
    "Style",
    "Text",
    "Unknown",
    "VirtualPrinter",
    "judge",
    "png",
]
