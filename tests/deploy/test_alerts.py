"""The alert rules ask for metrics that the program has, and say what to do."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from fiscal_signer.handlers.alarm import Alarm
from fiscal_signer.testing import NOON

from .conftest import Resource
from .test_policies import of

Row = Mapping[str, Any]


@pytest.fixture
def rules(cluster: list[Resource]) -> list[dict[str, Any]]:
    (found,) = of(cluster, "PrometheusRule")
    return [rule for group in found["spec"]["groups"] for rule in group["rules"]]


async def measured() -> dict[str, set[str]]:
    """Prometheus' name of each metric → its labels, as the collector's exporter writes them."""
    where = {"tse_id": "t", "store_id": "s", "since": NOON}

    async def outages() -> Sequence[Row]:
        return [{**where, "reason": "x"}]

    async def warnings() -> Sequence[Row]:
        return [{**where, "warning": "storage_fills", "stage": 1, "detail": "", "until": None}]

    reader = InMemoryMetricReader()
    meter = MeterProvider([reader]).get_meter("test")
    alarm = Alarm(outages=outages, warnings=warnings, watched=1, meter=meter)
    await alarm.update()
    data = reader.get_metrics_data()
    assert data is not None
    return {
        metric.name.replace(".", "_"): {
            label for point in metric.data.data_points for label in point.attributes or {}
        }
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


async def test_every_rule_asks_for_a_metric_and_labels_that_are_there(
    rules: list[dict[str, Any]],
) -> None:
    known = await measured()
    for rule in rules:
        (name,) = re.findall(r"kassenverbund_\w+", rule["expr"])
        assert name in known, rule["alert"]
        asked = re.findall(r"by \(([^)]*)\)", rule["expr"])
        labels = {label.strip() for group in asked for label in group.split(",")}
        shown = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
        assert labels <= known[name]
        assert shown <= labels


def test_every_rule_says_how_urgent_it_is_and_what_to_do(rules: list[dict[str, Any]]) -> None:
    for rule in rules:
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["for"]
        assert {"summary", "description"} <= rule["annotations"].keys()


def test_an_outage_and_a_signer_that_is_gone_wake_somebody(rules: list[dict[str, Any]]) -> None:
    urgent = {rule["alert"] for rule in rules if rule["labels"]["severity"] == "critical"}
    assert {"TseOut", "NoSigner"} <= urgent


def test_prometheus_takes_the_rules(cluster: list[Resource], tmp_path: Path) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not here: only names and labels were checked")
    (found,) = of(cluster, "PrometheusRule")
    path = tmp_path / "rules.yaml"
    path.write_text(yaml.safe_dump(found["spec"]))
    subprocess.run(["promtool", "check", "rules", str(path)], check=True)
