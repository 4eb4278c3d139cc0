"""Who is told that a TSE needs somebody."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from structlog.testing import capture_logs

from events.store.connection import engine_for
from events.store.migrate import migrate
from fiscal_signer.adapters.postgres import PostgresMailbox
from fiscal_signer.events import WarningName
from fiscal_signer.handlers.alarm import GERMAN, Alarm, Post
from fiscal_signer.service import SERVICE
from fiscal_signer.testing import NOON
from kassenverbund.kit.mail import Mail, MailDelayed, MailRefused

Row = dict[str, Any]


def out(tse: str = "tse-berlin") -> Row:
    return {"tse_id": tse, "store_id": "berlin", "reason": "unreachable", "since": NOON}


def warned(stage: int = 1, *, warning: str = "certificate_expires") -> Row:
    until = NOON + timedelta(days=29)
    return {
        "tse_id": "tse-berlin", "store_id": "berlin", "warning": warning, "stage": stage,
        "detail": "29 days left", "since": NOON, "until": until,
    }  # fmt: skip


class Scene:
    """What the read models hold, and what came of it."""

    def __init__(self, post: Post | None = None) -> None:
        self.outages: list[Row] = []
        self.warnings: list[Row] = []
        self.metrics = InMemoryMetricReader()
        meter = MeterProvider([self.metrics]).get_meter("test")

        async def outages() -> list[Row]:
            return self.outages

        async def warnings() -> list[Row]:
            return self.warnings

        self.alarm = Alarm(
            outages=outages, warnings=warnings, watched=3, post=post, mail_again_s=0, meter=meter
        )

    async def logged(self) -> list[tuple[str, str]]:
        with capture_logs() as logs:
            await self.alarm.update()
        return [(entry["log_level"], entry["event"]) for entry in logs]

    def measured(self) -> dict[str, list[tuple[dict[str, Any], float]]]:
        data = self.metrics.get_metrics_data()
        if data is None:
            return {}
        return {
            metric.name: [(dict(point.attributes or {}), point.value) for point in points(metric)]
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


def points(metric: Any) -> list[Any]:
    return list(metric.data.data_points)


async def test_an_outage_is_an_error_with_a_stable_code_once_and_its_end_is_told() -> None:
    scene = Scene()
    scene.outages = [out()]
    assert await scene.logged() == [("error", "tse.outage")]
    assert await scene.logged() == []
    scene.outages = []
    assert await scene.logged() == [("info", "tse.outage.ended")]


async def test_a_higher_stage_is_told_again() -> None:
    scene = Scene()
    scene.warnings = [warned(1)]
    assert await scene.logged() == [("error", "tse.warning.certificate_expires")]
    scene.warnings = [warned(2)]
    assert await scene.logged() == [("error", "tse.warning.certificate_expires")]


async def test_health_shows_what_lasts_the_most_urgent_first() -> None:
    scene = Scene()
    scene.outages, scene.warnings = [out()], [warned(1)]
    await scene.alarm.update()
    assert [alert["code"] for alert in scene.alarm.alerts()] == [
        "tse.outage", "tse.warning.certificate_expires",
    ]  # fmt: skip
    assert scene.alarm.alerts()[0]["detail"] == "tse-berlin: unreachable"


async def test_metrics_name_the_device_as_long_as_it_lasts() -> None:
    scene = Scene()
    scene.outages, scene.warnings = [out()], [warned(2)]
    await scene.alarm.update()
    where = {"tse": "tse-berlin", "store": "berlin"}
    assert scene.measured() == {
        "kassenverbund.tses_watched": [({}, 3)],
        "kassenverbund.tse_out": [(where, 1)],
        "kassenverbund.tse_warning": [({**where, "warning": "certificate_expires"}, 2)],
    }
    scene.outages, scene.warnings = [], []
    await scene.alarm.update()
    assert scene.measured().get("kassenverbund.tse_out", []) == []
    assert scene.measured().get("kassenverbund.tse_warning", []) == []


def test_every_warning_has_words_for_the_operator() -> None:
    assert set(GERMAN) == set(WarningName.__args__)  # type: ignore[attr-defined]  # a Literal


# -- mail ----------------------------------------------------------------------------------


class Letterbox:
    """A mail server that may refuse."""

    def __init__(self) -> None:
        self.sent: list[Mail] = []
        self.fault: Exception | None = None

    async def send(self, mail: Mail) -> None:
        if self.fault is not None:
            raise self.fault
        self.sent.append(mail)


@pytest.fixture
def letters() -> Letterbox:
    return Letterbox()


async def mailed(scene: Scene) -> None:
    await scene.alarm.update()
    assert scene.alarm._mail is not None
    await scene.alarm._mail


async def test_a_warning_is_mailed_once_by_all_processes_and_again_when_more_urgent(
    database_url: str, letters: Letterbox
) -> None:
    await migrate(database_url, schema=SERVICE.schema, folder=SERVICE.migrations)
    engine = engine_for(database_url, schema=SERVICE.schema)
    post = Post(letters, "technik@example.org", "Buchladen", PostgresMailbox(engine))
    scenes = [Scene(post), Scene(post)]
    for stage in (1, 2):
        for scene in scenes:
            scene.warnings = [warned(stage)]
            await mailed(scene)
    assert len(letters.sent) == 2
    mail = letters.sent[0]
    assert mail.subject == "Buchladen: TSE tse-berlin (berlin) braucht Aufmerksamkeit"
    assert "Das Zertifikat läuft ab" in mail.text
    assert "Bis: 21.12.2026" in mail.text

    # What the server did not take now is tried again, and what it never takes is not.
    letters.fault = MailDelayed("later")
    scenes[0].warnings = [warned(warning="storage_fills")]
    await mailed(scenes[0])
    letters.fault = MailRefused("never")
    await mailed(scenes[1])
    scenes[1].warnings = scenes[0].warnings
    await mailed(scenes[1])
    letters.fault = None
    await mailed(scenes[0])
    assert len(letters.sent) == 2
    await engine.dispose()
