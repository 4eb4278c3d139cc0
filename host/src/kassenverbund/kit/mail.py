"""Mail to customers: one message, one recipient, over TLS.

A mail server may answer after we have given up waiting: then the message may have gone out, and
`send` raises `MailDelayed`. A repeat carries the same Message-ID, so that mail programs show it
once.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Annotated, Protocol
from urllib.parse import unquote, urlsplit

import aiosmtplib
from pydantic import AfterValidator, Field

from kassenverbund.kit.text import _no_control

SEND_WITHIN_S = 20.0
"""How long a mail server may take for one message, log-in and all."""

ADDRESS_MAX = 254
"""RFC 5321: what fits into a forward path."""

LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_PORTS = {"smtps": 465, "smtp+starttls": 587, "smtp": 25}


_ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+"
)
"""As browsers check `<input type=email>` (HTML Living Standard), with a dot in the domain. Whether
anybody reads it, only its server knows."""


def _address(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise ValueError("this is no e-mail address")
    return text


MailAddress = Annotated[
    str,
    Field(min_length=6, max_length=ADDRESS_MAX),
    AfterValidator(_no_control),
    AfterValidator(_address),
]


class MailDelayed(RuntimeError):
    """Not now; the same message may be tried again."""


class MailRefused(RuntimeError):
    """The server does not take this message or recipient, and will not tomorrow."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Shown inside the HTML text by `cid:{cid}`."""

    cid: str
    png: bytes


@dataclass(frozen=True, slots=True)
class Mail:
    message_id: str
    """Without angle brackets; the same for each repeat."""
    to: str
    subject: str
    text: str
    html: str
    pictures: tuple[Picture, ...] = ()


class Mailer(Protocol):
    async def send(self, mail: Mail) -> None:
        """Hand one message to the mail server. Raises `MailDelayed`, `MailRefused`."""
        ...


class SmtpMailer:
    """A mail server, as `smtps://user:password@host:465`, `smtp+starttls://…:587`, or plain
    `smtp://localhost`."""

    def __init__(self, url: str, *, sender: str, ca: Path | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in _PORTS or not parts.hostname:
            raise ValueError("the mail server is smtps://… or smtp+starttls://…")
        if parts.scheme == "smtp" and parts.hostname not in LOCAL:
            raise ValueError("plain smtp:// only to localhost")
        self._scheme = parts.scheme
        self._host = parts.hostname
        self._port = parts.port or _PORTS[parts.scheme]
        self._user = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._sender = _address(sender)
        self._context = ssl.create_default_context(cafile=str(ca) if ca else None)

    async def send(self, mail: Mail) -> None:
        try:
            await aiosmtplib.send(
                self._message(mail),
                sender=self._sender,
                recipients=[mail.to],
                hostname=self._host,
                port=self._port,
                username=self._user,
                password=self._password,
                timeout=SEND_WITHIN_S,
                use_tls=self._scheme == "smtps",
                start_tls=self._scheme == "smtp+starttls",
                tls_context=None if self._scheme == "smtp" else self._context,
            )
        except aiosmtplib.SMTPRecipientsRefused as fault:
            final = all(refused.code >= 500 for refused in fault.recipients)
            raise (MailRefused if final else MailDelayed)(str(fault)) from fault
        except aiosmtplib.SMTPAuthenticationError as fault:
            # Our own configuration is wrong: no fault of this message.
            raise MailDelayed(str(fault)) from fault
        except aiosmtplib.SMTPResponseException as fault:
            raise (MailRefused if fault.code >= 500 else MailDelayed)(str(fault)) from fault
        except (aiosmtplib.SMTPException, OSError) as fault:
            raise MailDelayed(f"{type(fault).__name__}: {fault}") from fault

    def _message(self, mail: Mail) -> EmailMessage:
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = mail.to
        message["Subject"] = mail.subject
        message["Message-ID"] = f"<{mail.message_id}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(mail.text)
        message.add_alternative(mail.html, subtype="html")
        html = message.get_payload(1)
        assert isinstance(html, EmailMessage)  # `add_alternative` has just made it.
        for picture in mail.pictures:
            html.add_related(picture.png, "image", "png", cid=f"<{picture.cid}>")
        return message
