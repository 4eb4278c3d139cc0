"""python-escpos, brought in without what its import does on the side.

Release 3.1 configures the root logger when it is imported, leaves a temporary folder behind at
every start, and unpickles a cache from a folder that an environment variable names: whoever can
write there runs code here. So it is imported once, late, with its temporary folder inside one that
is removed again, without that variable, and the root logger is put back as it was.
"""

from __future__ import annotations

import logging
import os
import tempfile
from functools import lru_cache
from typing import Any

_CACHE_VARIABLES = ("ESCPOS_CAPABILITIES_PICKLE_DIR", "ESCPOS_CAPABILITIES_FILE")


@lru_cache(maxsize=1)
def dummy_class() -> Any:
    """`escpos.printer.Dummy`: the class that collects bytes and sends nothing anywhere."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    hidden = {name: os.environ.pop(name) for name in _CACHE_VARIABLES if name in os.environ}
    before = tempfile.tempdir
    try:
        with tempfile.TemporaryDirectory(prefix="escpos-") as folder:
            tempfile.tempdir = folder
            from escpos.printer import Dummy
    finally:
        tempfile.tempdir = before
        os.environ.update(hidden)
        root.handlers[:] = handlers
        root.setLevel(level)
    return Dummy
