"""Drivers of scanners and card readers: serial lines, keyboards (evdev), PC/SC.

evdev and pyscard are compiled from their sources and optional (`make readers`); without them such a
device is away with the reason `not_installed`.
"""

from __future__ import annotations

from collections.abc import Mapping

from device_gateway.adapters.readers.pcsc import CardReader
from device_gateway.adapters.readers.serial_line import SerialScanner
from device_gateway.adapters.readers.wedge import WedgeScanner
from device_gateway.devices.ports import DriverOf
from device_gateway.events import DeviceKind

READERS: Mapping[DeviceKind, DriverOf] = {
    "serial_scanner": SerialScanner,
    "wedge_scanner": WedgeScanner,
    "card_reader": CardReader,
}
