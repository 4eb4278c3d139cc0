"""Vouchers by mail: out once their sale is recorded, never before, and nothing is kept of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
import zxingcpp
from PIL import Image
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from kassenverbund.kit.chain import Chain
from kassenverbund.kit.mail import Mail, MailDelayed, MailRefused
from kassenverbund.kit.secrets import Secrets
from voucher.adapters.deliveries import PostgresDeliveries
from voucher.adapters.mail_outbox import PostgresMailOutbox
from voucher.handlers.mailing import (
    CLAIMED_FOR,
    MAIL_KEPT,
    RETRY_FIRST,
    TRIES_MAX,
    CodeNotKept,
    Mailing,
    MailNotSet,
    MailOut,
)
from voucher.ports import MailOrder
from voucher.qr import QrCodes

TO = "kundin@example.org"


@dataclass
class Post:
    """A mail server that does what the test wants."""

    out: list[Mail] = field(default_factory=list)
    fault: Exception | None = None

    async def send(self, mail: Mail) -> None:
        if self.fault is not None:
            raise self.fault
        self.out.append(mail)


@dataclass
class Office:
    world: Any
    post: Post
    mailing: Mailing
    outbox: PostgresMailOutbox
    deliveries: PostgresDeliveries
    engine: AsyncEngine

    async def state(self, voucher_id: str) -> str:
        rows = await self.outbox.rows(state=None, after="", rows_max=10)
        return next(row.state for row in rows if row.voucher_id == voucher_id)


@pytest_asyncio.fixture
async def office(
    world: Any, models: AsyncEngine, chain: Chain, secrets: Secrets
) -> AsyncIterator[Office]:
    async with models.begin() as tx:
        await tx.execute(text("TRUNCATE mail_outbox, delivery"))
    counted = iter(range(1, 10_000))

    def nonce(size: int) -> bytes:
        return next(counted).to_bytes(size, "big")

    outbox = PostgresMailOutbox(models, secrets, nonce)
    deliveries = PostgresDeliveries(models, secrets, nonce)
    post = Post()
    world.vouchers.desk.deliveries = deliveries
    mailing = Mailing(
        world.store, chain=chain, deliveries=deliveries, outbox=outbox, mailer=post,
        qr=QrCodes(secrets), clock=world.clock,
    )  # fmt: skip
    yield Office(world, post, mailing, outbox, deliveries, models)


async def ordered(office: Office, **more: Any) -> tuple[str, str]:
    """A prepared voucher with a mail order; answers its id and code."""
    voucher_id = uuid4().hex
    prepared = await office.world.prepare(voucher_id, "50.00", booking_id=f"sale-{voucher_id}")
    await office.mailing.order(MailOrder(voucher_id=voucher_id, to=TO, **more))
    return voucher_id, prepared.code


async def sold(office: Office, recorded: Callable[..., Any], voucher_id: str) -> None:
    await office.world.hear(recorded(f"sale-{voucher_id}", sells=[(voucher_id, "50.00")]))


async def test_v29_a_voucher_leaves_when_its_sale_is_recorded_and_not_before(
    office: Office, recorded: Callable[..., Any]
) -> None:
    voucher_id, code = await ordered(office)
    assert await office.mailing.send_due() == 0
    assert office.post.out == []

    await sold(office, recorded, voucher_id)
    office.world.clock.advance(seconds=60)
    assert await office.mailing.send_due() == 1
    (mail,) = office.post.out
    assert mail.to == TO
    shown = "-".join(code[at : at + 4] for at in range(0, 16, 4))
    assert shown in mail.text
    assert shown in mail.html
    assert "50,00\N{NO-BREAK SPACE}€" in mail.subject


async def test_the_picture_is_the_signed_code(
    office: Office, recorded: Callable[..., Any], secrets: Secrets, tmp_path: Any
) -> None:
    voucher_id, code = await ordered(office)
    await sold(office, recorded, voucher_id)
    office.world.clock.advance(seconds=60)
    await office.mailing.send_due()
    (picture,) = office.post.out[0].pictures
    path = tmp_path / "code.png"
    path.write_bytes(picture.png)
    (read,) = zxingcpp.read_barcodes(Image.open(path).convert("L"))
    assert QrCodes(secrets).code_in(read.text) == code


async def test_what_is_out_is_forgotten(office: Office, recorded: Callable[..., Any]) -> None:
    voucher_id, _ = await ordered(office, greeting="Alles Gute!")
    await sold(office, recorded, voucher_id)
    office.world.clock.advance(seconds=60)
    await office.mailing.send_due()
    assert await office.deliveries.read(voucher_id) is None
    async with office.engine.connect() as connection:
        row = (await connection.execute(text("SELECT * FROM mail_outbox"))).one()
    assert (row.state, row.sealed, row.nonce, row.key_id) == ("sent", None, None, None)
    office.world.clock.advance(days=1)
    assert await office.mailing.send_due() == 0
    with pytest.raises(CodeNotKept):
        await office.mailing.order(MailOrder(voucher_id=voucher_id, to=TO))


async def test_address_and_greeting_are_not_readable_in_their_row(office: Office) -> None:
    await ordered(office, greeting="Alles Gute!", from_name="Oma")
    async with office.engine.connect() as connection:
        row = (await connection.execute(text("SELECT * FROM mail_outbox"))).one()
    for secret in (TO, "Alles Gute", "Oma"):
        assert secret.encode() not in row.sealed


async def test_a_voucher_that_is_not_sold_is_not_mailed(
    office: Office, aborted: Callable[..., Any]
) -> None:
    voucher_id, _ = await ordered(office)
    await office.world.hear(aborted(f"sale-{voucher_id}", vouchers=[voucher_id]))
    office.world.clock.advance(minutes=1)
    assert await office.mailing.send_due() == 0
    assert await office.state(voucher_id) == "dropped"


async def test_a_sale_that_never_comes_ends_the_order(office: Office) -> None:
    voucher_id, _ = await ordered(office)
    office.world.clock.advance(seconds=MAIL_KEPT.total_seconds() + 60)
    await office.mailing.send_due()
    assert await office.state(voucher_id) == "dropped"


async def test_a_server_that_is_away_is_asked_again_later_and_later(
    office: Office, recorded: Callable[..., Any]
) -> None:
    voucher_id, _ = await ordered(office)
    await sold(office, recorded, voucher_id)
    office.post.fault = MailDelayed(f"{TO}: mailbox busy")
    assert await office.mailing.send_due() == 0
    assert await office.mailing.send_due() == 0
    (row,) = await office.outbox.rows(state="waiting", after="", rows_max=10)
    assert (row.tries, row.reason) == (1, "<address>: mailbox busy")

    office.post.fault = None
    office.world.clock.advance(seconds=RETRY_FIRST.total_seconds())
    assert await office.mailing.send_due() == 1


async def test_a_server_that_stays_away_fails_the_mail_in_the_end_and_somebody_sees_it(
    office: Office, recorded: Callable[..., Any]
) -> None:
    voucher_id, _ = await ordered(office)
    await sold(office, recorded, voucher_id)
    office.post.fault = MailDelayed("away")
    for _ in range(TRIES_MAX):
        await office.mailing.send_due()
        office.world.clock.advance(days=2)
    assert await office.state(voucher_id) == "failed"
    assert await office.deliveries.read(voucher_id) is not None


async def test_an_address_that_does_not_exist_fails_at_once(
    office: Office, recorded: Callable[..., Any]
) -> None:
    voucher_id, _ = await ordered(office)
    await sold(office, recorded, voucher_id)
    office.post.fault = MailRefused("550 no such user")
    await office.mailing.send_due()
    assert await office.state(voucher_id) == "failed"
    office.post.fault = None
    await office.mailing.order(MailOrder(voucher_id=voucher_id, to="other@example.org"))
    assert await office.mailing.send_due() == 1


async def test_a_replica_that_died_while_it_sent_is_followed_by_another(
    office: Office, recorded: Callable[..., Any]
) -> None:
    voucher_id, _ = await ordered(office)
    await sold(office, recorded, voucher_id)
    taken = await office.outbox.due(office.world.clock(), again_in=CLAIMED_FOR, rows_max=5)
    assert len(taken) == 1
    assert await office.mailing.send_due() == 0
    office.world.clock.advance(seconds=CLAIMED_FOR.total_seconds())
    assert await office.mailing.send_due() == 1


async def test_a_print_does_not_take_the_code_from_a_mail_that_waits(
    office: Office, recorded: Callable[..., Any]
) -> None:
    voucher_id, _ = await ordered(office)
    await office.world.vouchers.delivered(voucher_id)
    await sold(office, recorded, voucher_id)
    office.world.clock.advance(seconds=60)
    assert await office.mailing.send_due() == 1


async def test_a_forgotten_address_is_gone_and_nothing_is_mailed(
    office: Office, recorded: Callable[..., Any]
) -> None:
    voucher_id, _ = await ordered(office)
    await office.mailing.forget(voucher_id)
    await sold(office, recorded, voucher_id)
    office.world.clock.advance(hours=1)
    assert await office.mailing.send_due() == 0


async def test_a_mail_that_is_out_is_not_ordered_again(
    office: Office, recorded: Callable[..., Any]
) -> None:
    voucher_id, code = await ordered(office)
    await sold(office, recorded, voucher_id)
    await office.mailing.send_due()
    await office.deliveries.keep(voucher_id, code, until=office.world.clock() + timedelta(days=1))
    with pytest.raises(MailOut):
        await office.mailing.order(MailOrder(voucher_id=voucher_id, to=TO))


async def test_without_a_mail_server_nothing_is_promised(
    office: Office, chain: Chain, secrets: Secrets
) -> None:
    silent = Mailing(
        office.world.store, chain=chain, deliveries=office.deliveries, outbox=office.outbox,
        mailer=None, qr=QrCodes(secrets), clock=office.world.clock,
    )  # fmt: skip
    with pytest.raises(MailNotSet):
        await silent.order(MailOrder(voucher_id="v", to=TO))
    assert await silent.send_due() == 0


async def test_names_and_greetings_cannot_write_html(
    office: Office, recorded: Callable[..., Any]
) -> None:
    voucher_id, _ = await ordered(
        office, greeting="<script>1</script>", from_name="<b>Oma</b>", language="en"
    )
    await sold(office, recorded, voucher_id)
    await office.mailing.send_due()
    html = office.post.out[0].html
    assert "<script>" not in html
    assert "<b>" not in html
    assert "A present from &lt;b&gt;Oma" in html
