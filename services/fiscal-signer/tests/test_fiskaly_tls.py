"""The line to fiskaly is TLS, and the other end has to be the right one."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from fiscal_signer.adapters.fiskaly import client_for
from fiscal_signer.ports import TseError, TseFault
from fiscal_signer.testing import Clock
from fiscal_signer.testing.fiskaly_line import LIMITS, TSE, devices_of


def certificate_for(address: str, folder: Path) -> Path:
    """A certificate that vouches for itself, with its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path = folder / f"{address}.pem"
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + pem)
    return path


@pytest_asyncio.fixture(params=["127.0.0.1", "127.0.0.2"])
async def server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[str, Path]]:
    """A TLS server at 127.0.0.1 that counts what it gets, and its certificate's file. The second
    certificate is for another address."""
    pem = certificate_for(request.param, tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 401 No\r\ncontent-length: 2\r\n\r\n{}")
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    port = listening.sockets[0].getsockname()[1]
    yield f"https://127.0.0.1:{port}/api/v2", pem
    listening.close()


async def fault_at(url: str, ca: Path | None) -> TseError:
    async with client_for(url, ca, LIMITS) as client:
        tse = await devices_of(client, clock=Clock(), monotonic=lambda: 0.0).open(TSE)
        with pytest.raises(TseFault) as fault:
            await tse.info()
    return fault.value.code


async def test_a_server_that_nobody_vouches_for_gets_no_key(server: tuple[str, Path]) -> None:
    url, _ = server
    assert await fault_at(url, None) is TseError.UNREACHABLE


async def test_a_server_is_believed_by_the_given_ca_and_its_address(
    server: tuple[str, Path],
) -> None:
    url, pem = server
    right = pem.name == "127.0.0.1.pem"
    expected = TseError.USER_NOT_AUTHENTICATED if right else TseError.UNREACHABLE
    assert await fault_at(url, pem) is expected
