"""TSEs of fiskaly in a cluster: keys from a secret, a way out, and for nobody else."""

from __future__ import annotations

from .conftest import Resource
from .test_policies import of, pod, selects, serving

FOLDER = "/etc/kassenverbund/fiskaly"


def signers(resources: list[Resource]) -> list[Resource]:
    return [found for found in serving(resources) if "fiscal-signer" in args(found)]


def args(workload: Resource) -> list[str]:
    found: list[str] = pod(workload)["containers"][0].get("args", [])
    return found


def ways_out(resources: list[Resource]) -> list[Resource]:
    """The rules that let somebody out to the internet."""
    return [
        rule["spec"]
        for rule in of(resources, "NetworkPolicy")
        for entry in rule["spec"].get("egress", ())
        for target in entry.get("to", ())
        if target.get("ipBlock", {}).get("cidr") == "0.0.0.0/0"
    ]


def test_the_signer_finds_its_keys_in_a_secret_that_may_be_missing(
    resources: list[Resource],
) -> None:
    for workload in signers(resources):
        (volume,) = (one for one in pod(workload)["volumes"] if one["name"] == "fiskaly")
        assert volume["secret"]["secretName"] == "fiskaly"
        assert volume["secret"]["optional"] is True
        mounts = pod(workload)["containers"][0]["volumeMounts"]
        assert {"name": "fiskaly", "mountPath": FOLDER, "readOnly": True} in mounts


def test_the_signer_is_told_where_its_keys_are(resources: list[Resource]) -> None:
    settings = [found["data"] for found in of(resources, "ConfigMap") if "data" in found]
    told = {one.get("KASSENVERBUND_FISKALY_SECRETS") for one in settings}
    for workload in signers(resources):
        own = pod(workload)["containers"][0].get("env", ())
        values = {one.get("value") for one in own if one["name"] == "KASSENVERBUND_FISKALY_SECRETS"}
        assert FOLDER in told | values


def test_only_pods_that_sign_reach_the_internet_and_only_by_https(
    resources: list[Resource],
) -> None:
    rules = ways_out(resources)
    assert rules
    for rule in rules:
        reached = [
            workload["metadata"]["name"]
            for workload in serving(resources)
            if selects(rule["podSelector"]["matchLabels"], workload)
        ]
        assert reached == [workload["metadata"]["name"] for workload in signers(resources)]
        for entry in rule["egress"]:
            if entry["to"][0].get("ipBlock", {}).get("cidr") == "0.0.0.0/0":
                assert entry["ports"] == [{"protocol": "TCP", "port": 443}]
                assert "10.0.0.0/8" in entry["to"][0]["ipBlock"]["except"]
