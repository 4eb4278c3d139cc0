"""The operators' resources of the cluster fit to the program: topics, rights, databases, TLS."""

from __future__ import annotations

from importlib.metadata import entry_points

import pytest

from .conftest import Resource
from .test_policies import of, pod, serving

SERVICES = sorted(entry.name for entry in entry_points(group="kassenverbund.services"))
HEARS = {
    "voucher": {"device-gateway"},
    "costcenter": {"device-gateway"},
    "device-gateway": {"fiscal-signer"},
    "fiscal-signer": {"device-gateway"},
}
"""docs/flows.md: who listens to whose topic."""


def by_name(resources: list[Resource], kind: str) -> dict[str, Resource]:
    return {found["metadata"]["name"]: found["spec"] for found in of(resources, kind)}


def test_every_service_of_the_program_is_deployed(cluster: list[Resource]) -> None:
    programs = {
        found["metadata"]["name"]: pod(found)["containers"][0]["args"]
        for found in serving(cluster)
        if pod(found)["containers"][0]["name"] == "program"
    }
    assert programs == {name: ["serve", name] for name in SERVICES}


def test_every_service_is_migrated_by_a_job_of_its_own(cluster: list[Resource]) -> None:
    jobs = {
        found["metadata"]["name"]: pod(found)["containers"][0]["args"]
        for found in of(cluster, "Job")
    }
    assert jobs == {f"migrate-{name}": ["migrate", name] for name in SERVICES}


def test_there_is_a_topic_for_every_service(cluster: list[Resource]) -> None:
    assert sorted(by_name(cluster, "KafkaTopic")) == SERVICES


def test_a_topic_survives_the_loss_of_a_broker(cluster: list[Resource]) -> None:
    for topic in by_name(cluster, "KafkaTopic").values():
        assert topic["replicas"] == 3
        assert topic["config"]["min.insync.replicas"] == 2
        assert topic["config"]["retention.ms"] == -1


def test_topics_have_the_partitions_that_the_bus_makes(cluster: list[Resource]) -> None:
    kafka = pytest.importorskip("events.bus.kafka", reason="the Kafka bus is not in this tree")
    for topic in by_name(cluster, "KafkaTopic").values():
        assert topic["partitions"] == kafka.PARTITIONS


def test_a_service_writes_its_own_topic_and_reads_what_it_listens_to(
    cluster: list[Resource],
) -> None:
    users = by_name(cluster, "KafkaUser")
    assert sorted(users) == SERVICES
    for name, user in users.items():
        rights = {
            operation: {
                acl["resource"]["name"]
                for acl in user["authorization"]["acls"]
                if acl["resource"]["type"] == "topic" and operation in acl["operations"]
            }
            for operation in ("Read", "Write")
        }
        assert rights == {"Write": {name}, "Read": HEARS[name]}


def test_a_service_joins_only_groups_of_its_own(cluster: list[Resource]) -> None:
    # Groups are called `service.reaction` (events.receiver.group_of).
    for name, user in by_name(cluster, "KafkaUser").items():
        groups = [
            acl["resource"]
            for acl in user["authorization"]["acls"]
            if acl["resource"]["type"] == "group"
        ]
        assert groups == [{"type": "group", "name": f"{name}.", "patternType": "prefix"}]


def test_brokers_take_only_callers_with_a_certificate(cluster: list[Resource]) -> None:
    (kafka,) = of(cluster, "Kafka")
    for listener in kafka["spec"]["kafka"]["listeners"]:
        assert listener["tls"] is True
        assert listener["authentication"]["type"] == "tls"


def test_a_commit_waits_for_a_second_database_node(cluster: list[Resource]) -> None:
    clusters = by_name(cluster, "Cluster")
    assert sorted(clusters) == sorted(f"{name}-db" for name in SERVICES)
    for database in clusters.values():
        assert database["instances"] == 3
        assert database["postgresql"]["synchronous"]["dataDurability"] == "required"


def test_the_role_that_services_take_exists_before_they_start(cluster: list[Resource]) -> None:
    for name in SERVICES:
        schema = name.replace("-", "_")
        database = by_name(cluster, "Cluster")[f"{name}-db"]
        roles = {role["name"]: role for role in database["managed"]["roles"]}
        owner = database["bootstrap"]["initdb"]["owner"]
        assert roles[f"{schema}_service"]["login"] is False
        assert roles[owner]["inRoles"] == [f"{schema}_service"]


def test_a_services_certificate_names_its_service(cluster: list[Resource]) -> None:
    certificates = by_name(cluster, "Certificate")
    settings = next(
        found["data"] for found in of(cluster, "ConfigMap")
        if found["metadata"]["name"].startswith("settings-")
    )  # fmt: skip
    for name in SERVICES:
        assert name in certificates[name]["dnsNames"]
    for service in ("voucher", "costcenter", "device-gateway"):
        url = settings[f"KASSENVERBUND_URL_{service.upper().replace('-', '_')}"]
        assert url == f"https://{service}:8443"


def test_metrics_are_scraped_from_a_port_that_exists(cluster: list[Resource]) -> None:
    (monitor,) = of(cluster, "ServiceMonitor")
    labels = monitor["spec"]["selector"]["matchLabels"]
    (service,) = (
        found for found in of(cluster, "Service")
        if labels.items() <= found["metadata"].get("labels", {}).items()
    )  # fmt: skip
    ports = {port["name"] for port in service["spec"]["ports"]}
    assert {endpoint["port"] for endpoint in monitor["spec"]["endpoints"]} <= ports
