"""One signed POST to an address that somebody typed in.

Signature and headers as in Standard Webhooks (www.standardwebhooks.com): HMAC-SHA-256 over
`id.timestamp.body`. Server-side request forgery is met by resolving the name here, refusing every
address that is not public, and connecting to exactly the address that was looked at; redirects are
not followed, proxies of the environment are not used, the answer's body is not read.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import httpx

from events import DomainError
from voucher.webhook_ports import Answered

SEND_S = 10.0
"""How long one attempt may take in all."""

URL_MAX = 500

SECRET_BYTES_MIN = 24

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Awaitable[Sequence[Address]]]


class UrlRefused(DomainError):
    code = "webhook.url"
    status = 422
    title = "A webhook goes to a public https address without user name and fragment"


def checked_url(url: str, *, private_allowed: bool) -> httpx.URL:
    """Raises `UrlRefused`. What a name leads to is looked at at every delivery."""
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise UrlRefused from None
    plain = parsed.scheme == "https" and parsed.host and not parsed.userinfo
    if not plain or parsed.fragment or len(url) > URL_MAX:
        raise UrlRefused
    literal = _literal(parsed.host)
    if literal is not None and not private_allowed and not public(literal):
        raise UrlRefused
    return parsed


def public(address: Address) -> bool:
    """Whether an address is one of the open internet, also behind a mapped or translated form."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if inner is None and address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return public(inner)
    return address.is_global and not address.is_multicast and not address.is_reserved


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


async def resolve(host: str, port: int) -> Sequence[Address]:
    """By the system's resolver. Raises OSError."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [ipaddress.ip_address(entry[4][0]) for entry in found]


def signature(secret: bytes, message_id: str, timestamp: int, body: str) -> str:
    """`v1,<base64>` over `id.timestamp.body`."""
    signed = f"{message_id}.{timestamp}.{body}".encode()
    return "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()


class HttpsWire:
    """See `voucher.webhook_ports.WebhookWire`."""

    def __init__(
        self,
        *,
        private_allowed: bool = False,
        trust: ssl.SSLContext | None = None,
        resolve: Resolve = resolve,
        send_s: float = SEND_S,
    ) -> None:
        self._private_allowed = private_allowed
        self._trust = trust or ssl.create_default_context()
        self._resolve = resolve
        self._send_s = send_s

    async def send(
        self, url: str, *, secret: bytes, message_id: str, body: str, now: datetime
    ) -> Answered:
        try:
            async with asyncio.timeout(self._send_s):
                return await self._send(url, secret, message_id, body, int(now.timestamp()))
        except TimeoutError:
            return Answered(fault="timeout")
        except UrlRefused:
            return Answered(fault="address_refused")
        except OSError as fault:
            return Answered(fault=f"unreachable: {type(fault).__name__}")
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as fault:
            # ValueError: a name that the resolver cannot even spell. The name of the fault only:
            # its text may repeat the URL's query.
            return Answered(fault=f"failed: {type(fault).__name__}")

    async def _send(
        self, url: str, secret: bytes, message_id: str, body: str, timestamp: int
    ) -> Answered:
        target = checked_url(url, private_allowed=self._private_allowed)
        address = await self._address(target)
        headers = {
            "host": target.netloc.decode("ascii"),
            "content-type": "application/cloudevents+json; charset=utf-8",
            "user-agent": "kassenverbund-webhooks",
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(secret, message_id, timestamp, body),
        }
        # A connection of its own: kept ones are told apart by address, and two names may share one.
        async with httpx.AsyncClient(
            verify=self._trust, trust_env=False, follow_redirects=False, timeout=self._send_s
        ) as client:
            request = client.build_request(
                "POST",
                target.copy_with(host=str(address)),
                headers=headers,
                content=body.encode(),
                # The certificate must be the name's, though we connect to the address.
                extensions={"sni_hostname": target.host},
            )
            answer = await client.send(request, stream=True)
            try:
                return _verdict(answer.status_code)
            finally:
                await answer.aclose()

    async def _address(self, target: httpx.URL) -> Address:
        literal = _literal(target.host)
        port = target.port or 443
        found = [literal] if literal is not None else await self._resolve(target.host, port)
        if not found:
            raise OSError("the name leads nowhere")
        if not self._private_allowed and not all(public(address) for address in found):
            raise UrlRefused
        return found[0]


def _verdict(status: int) -> Answered:
    if 200 <= status < 300:
        return Answered()
    return Answered(fault=f"http {status}", gone=status == httpx.codes.GONE)
