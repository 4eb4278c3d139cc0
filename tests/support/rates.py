"""An outside service that tells VAT rates, over real HTTP on a socket of this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

STANDARD = {"vat": "standard", "rate": 1900, "valid_from": "2007-01-01"}
REDUCED = {"vat": "reduced", "rate": 700, "valid_from": "1983-07-01"}


class RateService:
    """Answers every `GET` with what it was last told to answer."""

    def __init__(self) -> None:
        self.body = b""
        self.status = 200
        self.headers: dict[str, str] = {}
        self.asked = 0
        self.tells(STANDARD, REDUCED)
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                service.asked += 1
                self.send_response(service.status)
                self.send_header("content-length", str(len(service.body)))
                for name, value in service.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(service.body)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing: the tests ask for `asked`."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/de.json"

    def tells(self, *rates: dict[str, Any], country: str = "DE") -> None:
        self.body = json.dumps({"country": country, "rates": rates}).encode()

    def stop(self) -> None:
        """Nobody listens there any more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def rate_service() -> Iterator[RateService]:
    service = RateService()
    try:
        yield service
    finally:
        service.stop()
