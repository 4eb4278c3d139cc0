"""What every pod, service and rule of the rendered files has to keep."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from kassenverbund.kit.chain import Chain

from .conftest import K8S, OVERLAYS, Resource, rendered

WORKLOADS = ("Deployment", "StatefulSet", "Job")

MADE_BY_OPERATORS = {
    # CloudNativePG: <cluster>-app and <cluster>-ca; Strimzi: the user, the cluster's CA.
    "Cluster": ("{}-app", "{}-ca"),
    "KafkaUser": ("{}",),
    "Kafka": ("{}-cluster-ca-cert",),
}

GIVEN_BY_PEOPLE = frozenset({"kassenverbund-keys", "fiskaly", "terminals"})
"""Secrets that deploy/k8s/README.md tells an operator to make."""


def workloads(resources: list[Resource]) -> Iterator[Resource]:
    found = [resource for resource in resources if resource["kind"] in WORKLOADS]
    assert found  # Otherwise every rule below would hold for nothing.
    yield from found


def pod(workload: Resource) -> dict[str, Any]:
    spec: dict[str, Any] = workload["spec"]["template"]["spec"]
    return spec


def labels(workload: Resource) -> dict[str, str]:
    found: dict[str, str] = workload["spec"]["template"]["metadata"]["labels"]
    return found


def selects(selector: dict[str, str], workload: Resource) -> bool:
    return selector.items() <= labels(workload).items()


def of(resources: list[Resource], kind: str) -> list[Resource]:
    return [resource for resource in resources if resource["kind"] == kind]


def serving(resources: list[Resource]) -> list[Resource]:
    return [found for found in workloads(resources) if found["kind"] != "Job"]


def test_pods_run_locked_in(resources: list[Resource]) -> None:
    for workload in workloads(resources):
        spec = pod(workload)
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] >= 10_000
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
        for container in spec["containers"]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["readOnlyRootFilesystem"] is True
            assert context["capabilities"] == {"drop": ["ALL"]}


def test_pods_say_what_they_need_and_end_where_they_must(resources: list[Resource]) -> None:
    for workload in workloads(resources):
        for container in pod(workload)["containers"]:
            assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
            assert "memory" in container["resources"]["limits"]


def test_images_are_pinned(resources: list[Resource]) -> None:
    for workload in workloads(resources):
        for container in pod(workload)["containers"]:
            _, _, tag = container["image"].partition(":")
            assert tag not in ("", "latest"), container["image"]


def test_pods_that_serve_are_probed_on_a_named_port(resources: list[Resource]) -> None:
    for workload in serving(resources):
        for container in pod(workload)["containers"]:
            names = {port["name"] for port in container["ports"]}
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                assert container[probe]["httpGet"]["port"] in names


def test_liveness_asks_for_nothing_but_the_loop(resources: list[Resource]) -> None:
    for workload in serving(resources):
        (container,) = pod(workload)["containers"]
        if container["name"] == "program":
            assert container["livenessProbe"]["httpGet"]["path"] == "/health/live"
            assert container["readinessProbe"]["httpGet"]["path"] == "/health/ready"


def test_a_stop_has_more_time_than_the_program_needs(resources: list[Resource]) -> None:
    for workload in workloads(resources):
        if pod(workload)["containers"][0]["name"] == "program":
            assert pod(workload)["terminationGracePeriodSeconds"] > 10


def test_selectors_find_their_own_pods_and_no_others(resources: list[Resource]) -> None:
    for workload in serving(resources):
        selector = workload["spec"]["selector"]["matchLabels"]
        found = [other for other in workloads(resources) if selects(selector, other)]
        assert found == [workload]


def test_services_lead_to_a_port_of_a_pod(resources: list[Resource]) -> None:
    for service in of(resources, "Service"):
        targets = [w for w in workloads(resources) if selects(service["spec"]["selector"], w)]
        assert len(targets) == 1, service["metadata"]["name"]
        ports = {port["name"] for port in pod(targets[0])["containers"][0]["ports"]}
        for port in service["spec"]["ports"]:
            assert port["targetPort"] in ports


def test_every_pod_that_serves_has_a_disruption_budget_it_can_keep(
    resources: list[Resource],
) -> None:
    budgets = of(resources, "PodDisruptionBudget")
    for workload in serving(resources):
        covering = [
            budget["spec"]
            for budget in budgets
            if selects(budget["spec"]["selector"]["matchLabels"], workload)
        ]
        assert len(covering) == 1, workload["metadata"]["name"]
        # A budget equal to the replicas would block every drain of a node for ever.
        assert covering[0].get("minAvailable", 0) < workload["spec"]["replicas"]
        assert covering[0]["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_a_pod_without_a_rule_of_its_own_reaches_nothing(resources: list[Resource]) -> None:
    rules = {found["metadata"]["name"]: found["spec"] for found in of(resources, "NetworkPolicy")}
    denied = rules["default-deny"]
    assert sorted(denied["policyTypes"]) == ["Egress", "Ingress"]
    assert not {"ingress", "egress"} & denied.keys()
    for workload in workloads(resources):
        assert selects(denied["podSelector"]["matchLabels"], workload)


def test_network_rules_speak_of_pods_that_exist(resources: list[Resource]) -> None:
    foreign = ("cnpg.io/cluster", "strimzi.io/cluster")
    for rule in of(resources, "NetworkPolicy"):
        for selector in pod_selectors(rule["spec"]):
            if not any(label in selector for label in foreign):
                assert [w for w in workloads(resources) if selects(selector, w)], selector


def pod_selectors(node: object) -> Iterator[dict[str, str]]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "podSelector":
                yield value["matchLabels"]
            else:
                yield from pod_selectors(value)
    elif isinstance(node, list):
        for item in node:
            yield from pod_selectors(item)


def test_network_rules_name_ports_that_their_targets_have(resources: list[Resource]) -> None:
    named = {
        port["name"]
        for workload in serving(resources)
        for port in pod(workload)["containers"][0]["ports"]
    }
    for rule in of(resources, "NetworkPolicy"):
        for entry in (*rule["spec"].get("ingress", ()), *rule["spec"].get("egress", ())):
            for port in entry.get("ports", ()):
                assert isinstance(port["port"], int) or port["port"] in named


def test_every_reference_leads_somewhere(resources: list[Resource]) -> None:
    maps = {found["metadata"]["name"] for found in of(resources, "ConfigMap")}
    accounts = {found["metadata"]["name"] for found in of(resources, "ServiceAccount")}
    secrets = GIVEN_BY_PEOPLE | {
        found["spec"]["secretName"] for found in of(resources, "Certificate")
    }
    for kind, patterns in MADE_BY_OPERATORS.items():
        for found in of(resources, kind):
            secrets |= {pattern.format(found["metadata"]["name"]) for pattern in patterns}
    for workload in workloads(resources):
        spec = pod(workload)
        assert spec["serviceAccountName"] in accounts
        for container in spec["containers"]:
            for source in container.get("envFrom", ()):
                assert source["configMapRef"]["name"] in maps
            for variable in container.get("env", ()):
                if "value" in variable:
                    continue  # A path: see test_settings_point_into_mounted_folders.
                assert variable["valueFrom"]["secretKeyRef"]["name"] in secrets
        for volume in spec["volumes"]:
            if "configMap" in volume:
                assert volume["configMap"]["name"] in maps
            if "secret" in volume:
                assert volume["secret"]["secretName"] in secrets, volume


def test_every_mount_has_its_volume(resources: list[Resource]) -> None:
    for workload in workloads(resources):
        spec = pod(workload)
        volumes = {volume["name"] for volume in spec["volumes"]}
        claims = workload["spec"].get("volumeClaimTemplates", ())
        volumes |= {claim["metadata"]["name"] for claim in claims}
        for container in spec["containers"]:
            mounts = [mount["name"] for mount in container["volumeMounts"]]
            assert set(mounts) == volumes
            assert len({mount["mountPath"] for mount in container["volumeMounts"]}) == len(mounts)


def test_settings_point_into_mounted_folders(resources: list[Resource]) -> None:
    settings = next(
        found["data"] for found in of(resources, "ConfigMap")
        if found["metadata"]["name"].startswith("settings-")
    )  # fmt: skip
    for workload in serving(resources):
        (container,) = pod(workload)["containers"]
        if container["name"] != "program":
            continue
        mounts = tuple(mount["mountPath"] for mount in container["volumeMounts"])
        own = {one["name"]: one.get("value", "") for one in container.get("env", ())}
        for name, value in {**settings, **own}.items():
            if value.startswith("/"):
                assert value.startswith(mounts), f"{name}={value}"


def test_no_secret_is_written_down(resources: list[Resource]) -> None:
    assert of(resources, "Secret") == []


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_chain_is_a_valid_one(overlay: str) -> None:
    (chain,) = (
        found["data"]["chain.yaml"] for found in rendered(overlay)
        if found["kind"] == "ConfigMap" and found["metadata"]["name"].startswith("chain-")
    )  # fmt: skip
    Chain.model_validate(yaml.safe_load(chain))


def test_the_single_nodes_chain_is_the_example() -> None:
    example = K8S.parents[1] / "chain.yaml"
    assert (K8S / "overlays/single-node/chain.yaml").read_text("utf-8") == example.read_text(
        "utf-8"
    )


def test_only_one_pod_owns_a_private_database() -> None:
    (program,) = of(rendered("single-node"), "StatefulSet")
    assert program["spec"]["replicas"] == 1
