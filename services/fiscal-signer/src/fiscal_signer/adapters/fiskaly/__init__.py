"""A certified TSE in the cloud: fiskaly SIGN DE v2 over HTTP.

Facts about the interface: fiskaly SIGN DE API, version 2.1.35 (its OpenAPI document and the texts
in it), https://developer.fiskaly.com/sign-de, and the client of fiskaltrust/middleware, read for
what it sends. Nothing of it was copied.

`cloud.py` speaks HTTP, `errors.py` says what a refusal means here, `wire.py` reads the answers,
`logs.py` makes log messages of them whose signatures were checked, `device.py` and
`history.py` are the port, `exports.py` its archives, `tses.py` finds the devices.
"""

from fiscal_signer.adapters.fiskaly.cloud import Access, Cloud, Limits, client_for
from fiscal_signer.adapters.fiskaly.device import FiskalyTse
from fiscal_signer.adapters.fiskaly.exports import FiskalyArchives, Patience
from fiscal_signer.adapters.fiskaly.tses import FiskalyTses

__all__ = [
    "Access", "Cloud", "FiskalyArchives", "FiskalyTse", "FiskalyTses", "Limits", "Patience",
    "client_for",
]  # fmt: skip
