"""A virtual printer as a process of its own: `python -m …virtual_printer FOLDER NAME DOTS`.

It prints its port on standard output and ends when its standard input does: with the program that
started it, however that ended. Reading ESC/POS and drawing paper is a real printer's work; done
inside the program it would take the time of the tills.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from device_gateway.adapters.virtual_printer.paper import Profile
from device_gateway.adapters.virtual_printer.server import VirtualPrinter

NICENESS = 19


async def main(folder: Path, name: str, dots: int) -> None:
    loop = asyncio.get_running_loop()
    asker = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(asker), sys.stdin)
    async with VirtualPrinter(folder, name=name, profile=Profile(dots=dots)) as printer:
        sys.stdout.write(f"{printer.port}\n")
        sys.stdout.flush()
        await asker.read()


if __name__ == "__main__":
    os.nice(NICENESS)
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
