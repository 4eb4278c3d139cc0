"""A connection to PostgreSQL that can be cut at a chosen moment."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from sqlalchemy.engine import make_url


@dataclass
class Proxy:
    """`url` leads to the server through this process."""

    url: str
    cut_after: bytes | None = None
    """When the client sends these bytes, they are passed on, and every connection is cut as soon as
    the server has answered them; the answer is kept back. Once, then None again."""
    cut_before: bytes | None = None
    """When the client sends these bytes, they are kept back and every connection is cut."""
    refuse: bool = False
    """True: nobody can connect."""
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _keep_back: bool = False

    def cut(self) -> None:
        """Every connection ends now."""
        for writer in list(self._open):
            writer.transport.abort()

    def _pass_on(self, data: bytes) -> bool:
        """Whether what the client sends may go to the server."""
        if self.cut_before is not None and self.cut_before in data:
            self.cut_before = None
            self.cut()
            return False
        if self.cut_after is not None and self.cut_after in data:
            self.cut_after = None
            self._keep_back = True
        return True

    def _hand_back(self) -> bool:
        """Whether what the server answers may go to the client."""
        if self._keep_back:
            self._keep_back = False
            self.cut()
            return False
        return True


@asynccontextmanager
async def proxied(database_url: str) -> AsyncIterator[Proxy]:
    """A proxy before the server of `database_url` (TCP or a Unix socket)."""
    at = make_url(database_url)
    host = at.query.get("host")
    port = at.port or 5432
    proxy = Proxy("")

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(host, str) and host.startswith("/"):
            return await asyncio.open_unix_connection(PurePosixPath(host) / f".s.PGSQL.{port}")
        return await asyncio.open_connection(at.host or "localhost", port)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if proxy.refuse:
            writer.transport.abort()
            return
        up_reader, up_writer = await connect()
        proxy._open |= {writer, up_writer}

        async def to_server() -> None:
            while (data := await reader.read(65536)) and proxy._pass_on(data):
                up_writer.write(data)
            up_writer.close()

        async def to_client() -> None:
            while (data := await up_reader.read(65536)) and proxy._hand_back():
                writer.write(data)
            writer.close()

        with suppress(OSError):
            await asyncio.gather(to_server(), to_client())
        proxy._open -= {writer, up_writer}

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    here = server.sockets[0].getsockname()[1]
    proxy.url = (
        at.set(host="127.0.0.1", port=here, query={"sslmode": "disable"})
    ).render_as_string(hide_password=False)
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut()
