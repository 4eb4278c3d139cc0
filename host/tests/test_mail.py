"""Mail to customers, against a real mail server over a real socket."""

from __future__ import annotations

import asyncio
import email
import email.policy
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiosmtpd.smtp import SMTP, AuthResult
from pydantic import TypeAdapter, ValidationError

from kassenverbund.kit.mail import Mail, MailAddress, MailDelayed, MailRefused, Picture, SmtpMailer
from kassenverbund.tls import self_made

MAIL = Mail(
    message_id="1@voucher.invalid",
    to="kundin@example.org",
    subject="Ihr Gutschein über 50,00 €",
    text="Grüße",
    html="<p>Grüße <img src='cid:code'></p>",
    pictures=(Picture("code", b"\x89PNG\r\n\x1a\n picture"),),
)


@dataclass
class Post:
    """What a mail server does with what it is given."""

    taken: list[EmailMessage] = field(default_factory=list)
    answer: str = "250 OK"
    recipient: str = "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, to: str, _: Any) -> str:  # noqa: N802  (aiosmtpd's name)
        if self.recipient.startswith("250"):
            envelope.rcpt_tos.append(to)
        return self.recipient

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  (aiosmtpd's name)
        if self.answer.startswith("250"):
            message = email.message_from_bytes(envelope.content, policy=email.policy.default)
            assert isinstance(message, EmailMessage)
            self.taken.append(message)
        return self.answer


@dataclass
class Server:
    post: Post
    mailer: Callable[..., SmtpMailer]


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    certificate, key, ca = self_made(tmp_path, {"localhost"}, now=datetime.now(UTC))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    post = Post()
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(
        lambda: SMTP(
            post,
            hostname="localhost",
            authenticator=lambda _s, _n, _e, _m, data: AuthResult(
                success=(data.login, data.password) == (b"kasse", b"g:heim@1"), handled=False
            ),
            auth_require_tls=False,
            auth_required=True,
        ),
        "localhost",
        0,
        ssl=context,
    )
    port = listening.sockets[0].getsockname()[1]

    def mailer(
        password: str = "g%3Aheim%401",
        trusting: Path | None = ca,
    ) -> SmtpMailer:
        return SmtpMailer(
            f"smtps://kasse:{password}@localhost:{port}",
            sender="kasse@example.org",
            ca=trusting,
        )

    try:
        yield Server(post, mailer)
    finally:
        listening.close()
        await listening.wait_closed()


async def test_a_mail_arrives_with_text_page_and_picture(server: Server) -> None:
    await server.mailer().send(MAIL)
    (message,) = server.post.taken
    assert message["Subject"] == "Ihr Gutschein über 50,00 €"
    assert message["To"] == "kundin@example.org"
    assert message["Message-ID"] == "<1@voucher.invalid>"
    parts = [part.get_content_type() for part in message.walk()]
    assert parts == [
        "multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png",
    ]  # fmt: skip
    text = message.get_body(("plain",))
    assert text is not None
    assert text.get_content().strip() == "Grüße"


async def test_a_recipient_that_is_refused_for_good_is_refused(server: Server) -> None:
    server.post.recipient = "550 no such user"
    with pytest.raises(MailRefused):
        await server.mailer().send(MAIL)


@pytest.mark.parametrize("recipient", ["450 mailbox busy", "452 too many"])
async def test_a_recipient_that_is_busy_may_be_tried_again(server: Server, recipient: str) -> None:
    server.post.recipient = recipient
    with pytest.raises(MailDelayed):
        await server.mailer().send(MAIL)


async def test_a_message_that_is_not_taken_now_may_be_tried_again(server: Server) -> None:
    server.post.answer = "451 try later"
    with pytest.raises(MailDelayed):
        await server.mailer().send(MAIL)


async def test_a_message_that_is_refused_for_good_is_refused(server: Server) -> None:
    server.post.answer = "554 looks like spam"
    with pytest.raises(MailRefused):
        await server.mailer().send(MAIL)


async def test_a_wrong_password_is_our_fault_and_not_the_messages(server: Server) -> None:
    with pytest.raises(MailDelayed, match="Authentication"):
        await server.mailer("wrong").send(MAIL)
    assert server.post.taken == []


async def test_a_server_that_nobody_vouches_for_gets_nothing(server: Server) -> None:
    with pytest.raises(MailDelayed):
        await server.mailer(trusting=None).send(MAIL)
    assert server.post.taken == []


async def test_a_server_that_is_away_may_come_back(server: Server) -> None:
    away = SmtpMailer("smtp://localhost:1", sender="kasse@example.org")
    with pytest.raises(MailDelayed):
        await away.send(MAIL)


@pytest.mark.parametrize("url", ["smtp://mail.example.org", "https://mail.example.org", "smtps://"])
def test_mail_leaves_the_machine_encrypted_or_not_at_all(url: str) -> None:
    with pytest.raises(ValueError, match="smtp"):
        SmtpMailer(url, sender="kasse@example.org")


@pytest.mark.parametrize(
    "address",
    ["a@b", "a b@example.org", "a@example.org\r\nBcc: x@example.org", "<a@example.org>", "a",
     "a@example.org,b@example.org", "ä@example.org", "x" * 250 + "@example.org", "@example.org"],
)  # fmt: skip
def test_what_is_no_single_address_is_refused(address: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(MailAddress).validate_python(address)


def test_an_address_stays_as_it_was_typed() -> None:
    assert TypeAdapter(MailAddress).validate_python("a.b+c@Example.org") == "a.b+c@Example.org"
