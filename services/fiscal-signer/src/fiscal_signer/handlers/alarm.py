"""Who is told that a TSE needs somebody: log, metrics, `/health/ready`, the operator's mail.

Every process says what it knows from the read models; a mail goes out once for all of them.
"""

from __future__ import annotations

import asyncio
import html
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog
from opentelemetry import metrics

from events import Transient
from kassenverbund.kit.mail import Mail, MailDelayed, Mailer, MailRefused

OUTAGE = "tse.outage"
"""Code of an outage from its beginning. `tse.warning.outage` follows if it lasts."""

ALERTS_MAX = 50
"""So many alerts `/health/ready` names; the metrics count all."""

MAIL_AGAIN_S = 300.0
"""After a mail that the server did not take."""

GERMAN = {
    "certificate_expires": "Das Zertifikat läuft ab. Bestellen Sie rechtzeitig eine neue TSE.",
    "storage_fills": "Der Speicher wird voll. Exportieren Sie die TSE und löschen Sie, was"
    " exportiert ist.",
    "signatures_run_out": "Die Signaturen gehen zu Ende. Bestellen Sie rechtzeitig eine neue TSE.",
    "time_drifts": "Die Uhr der TSE geht falsch. Prüfen Sie die Zeit von TSE und Rechner.",
    "self_test_failed": "Der Selbsttest ist fehlgeschlagen. Prüfen Sie die TSE.",
    "export_overdue": "Teile des Protokolls stehen seit langem nur in der TSE. Prüfen Sie den"
    " Zugang zu ihr.",
    "outage": "Die TSE ist ausgefallen. Der Verkauf geht weiter; die Belege weisen den Ausfall aus."
    " Der Ausfall ist unverzüglich zu beheben (AEAO zu § 146a, 1.14.4).",
}
"""For the operator's mail: what it is and what to do."""

_log = structlog.get_logger(__name__)

Alert = dict[str, str]


class Mailbox(Protocol):
    """Which alarms were mailed, over all processes."""

    async def claim(self, alarm_id: str, again_s: float) -> bool:
        """Whether it is ours to send now. It is offered again after `again_s`, until `sent`.
        Raises `Transient`."""
        ...

    async def sent(self, alarm_id: str) -> None:
        """It went out, or never will. Raises `Transient`."""
        ...


@dataclass(frozen=True, slots=True)
class Post:
    """To whom alarms are mailed."""

    mailer: Mailer
    to: str
    chain: str
    mailbox: Mailbox


@dataclass(frozen=True, slots=True)
class _Known:
    stage: int
    alert: Alert


class Alarm:
    """`outages` and `warnings`: rows of the read models. `update` belongs into a loop."""

    def __init__(
        self,
        *,
        outages: Callable[[], Awaitable[Sequence[Mapping[str, Any]]]],
        warnings: Callable[[], Awaitable[Sequence[Mapping[str, Any]]]],
        watched: int = 0,
        post: Post | None = None,
        mail_again_s: float = MAIL_AGAIN_S,
        meter: metrics.Meter | None = None,
    ) -> None:
        self._outages = outages
        self._warnings = warnings
        self._post = post
        self._mail_again_s = mail_again_s
        self._mail_not_before: dict[str, float] = {}
        self._known: dict[tuple[str, str], _Known] = {}
        self._mail: asyncio.Task[None] | None = None
        meter = meter or metrics.get_meter("kassenverbund")
        meter.create_observable_gauge(
            "kassenverbund.tses_watched",
            callbacks=[lambda _: [metrics.Observation(watched)]],
            description="TSEs that this process signs for; missing: no signer runs",
        )
        meter.create_observable_gauge(
            "kassenverbund.tse_out",
            callbacks=[lambda _: self._observed(OUTAGE, with_code=False)],
            description="1: this TSE does not sign",
        )
        meter.create_observable_gauge(
            "kassenverbund.tse_warning",
            callbacks=[lambda _: self._observed("", with_code=True)],
            description="how urgent a warning of a TSE is: 1, 2, 3",
        )

    def alerts(self) -> list[Alert]:
        """For `/health/ready`: what lasts, the most urgent first."""
        urgent = sorted(self._known.items(), key=lambda item: (-item[1].stage, item[0]))
        return [known.alert for _, known in urgent[:ALERTS_MAX]]

    async def update(self) -> None:
        """Look at the read models, and tell what is new or over. Raises the driver's errors."""
        now = {
            (row["tse_id"], OUTAGE): _Known(3, _alert(OUTAGE, row, row["reason"]))
            for row in await self._outages()
        }
        warned = await self._warnings()
        for row in warned:
            code = f"tse.warning.{row['warning']}"
            now[row["tse_id"], code] = _Known(row["stage"], _alert(code, row, row["detail"]))
        for key, known in now.items():
            before = self._known.get(key)
            if before is None or before.stage < known.stage:
                said = {name: text for name, text in known.alert.items() if name != "code"}
                _log.error(known.alert["code"], stage=known.stage, **said)
        for tse_id, code in self._known.keys() - now.keys():
            _log.info(f"{code}.ended", tse_id=tse_id)
        self._known = now
        if warned and self._post is not None and (self._mail is None or self._mail.done()):
            # Mail servers take their time, and the devices are looked after by the same loop.
            self._mail = asyncio.create_task(self._send(self._post, warned))

    async def close(self) -> None:
        """Give up a mail on its way; it is offered again."""
        if self._mail is not None:
            self._mail.cancel()
            await asyncio.gather(self._mail, return_exceptions=True)

    async def _send(self, post: Post, warned: Sequence[Mapping[str, Any]]) -> None:
        now = asyncio.get_running_loop().time()
        ids = {_alarm_id(row): row for row in warned}
        waiting = self._mail_not_before
        self._mail_not_before = {name: at for name, at in waiting.items() if name in ids}
        for alarm_id, row in ids.items():
            if now < self._mail_not_before.get(alarm_id, now):
                continue  # Sent, or in somebody's hands; the mailbox is not asked all the time.
            self._mail_not_before[alarm_id] = now + self._mail_again_s
            try:
                if not await post.mailbox.claim(alarm_id, self._mail_again_s):
                    continue
                await post.mailer.send(_mail(post, row, alarm_id))
                await post.mailbox.sent(alarm_id)
            except Transient:
                return  # The next look tries again.
            except MailDelayed as delayed:
                _log.warning("tse.alarm_mail_delayed", tse_id=row["tse_id"], reason=str(delayed))
            except MailRefused as refused:
                await post.mailbox.sent(alarm_id)
                _log.error("tse.alarm_mail_refused", tse_id=row["tse_id"], reason=str(refused))

    def _observed(self, only: str, *, with_code: bool) -> list[metrics.Observation]:
        found = []
        for (tse_id, code), known in self._known.items():
            if (only and code != only) or (not only and code == OUTAGE):
                continue
            labels = {"tse": tse_id, "store": known.alert["store_id"]}
            if with_code:
                labels["warning"] = code.removeprefix("tse.warning.")
            found.append(metrics.Observation(known.stage if with_code else 1, labels))
        return found


def _alert(code: str, row: Mapping[str, Any], detail: str) -> Alert:
    return {
        "code": code,
        "tse_id": row["tse_id"],
        "store_id": row["store_id"],
        "detail": f"{row['tse_id']}: {detail}",
        "since": row["since"].astimezone(UTC).isoformat(),
    }


def _alarm_id(row: Mapping[str, Any]) -> str:
    since = int(row["since"].timestamp())
    return f"{row['tse_id']}/{row['warning']}/{row['stage']}/{since}"


def _mail(post: Post, row: Mapping[str, Any], alarm_id: str) -> Mail:
    tse_id, store_id = row["tse_id"], row["store_id"]
    until: datetime | None = row["until"]
    lines = [
        GERMAN[row["warning"]],
        "",
        f"TSE: {tse_id}",
        f"Filiale: {store_id}",
        f"Befund: {row['detail']} (Stufe {row['stage']} von 3)",
        f"Seit: {row['since'].astimezone(UTC):%d.%m.%Y %H:%M} UTC",
    ]
    if until is not None:
        lines.append(f"Bis: {until.astimezone(UTC):%d.%m.%Y}")
    lines += ["", f"Kennung: tse.warning.{row['warning']}. Was zu tun ist: docs/operations.md"]
    text = "\n".join(lines)
    return Mail(
        message_id=f"tse.{alarm_id.replace('/', '.')}@kassenverbund.invalid",
        to=post.to,
        subject=f"{post.chain}: TSE {tse_id} ({store_id}) braucht Aufmerksamkeit",
        text=text,
        html=f"<html><body><pre>{html.escape(text)}</pre></body></html>",
    )
