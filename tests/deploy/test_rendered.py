"""The rendered files are valid, and they are what their sources render to."""

from __future__ import annotations

import hashlib
import shutil
import subprocess

import kubernetes_validate
import pytest
import yaml

from .conftest import K8S, OVERLAYS, Resource, rendered

KUBERNETES = "1.33"
"""The oldest version whose API these files are checked against."""

FOREIGN_GROUPS = (
    "kafka.strimzi.io",
    "postgresql.cnpg.io",
    "cert-manager.io",
    "monitoring.coreos.com",
)
"""Operators' kinds: Kubernetes itself has no schema for them; `test_platform.py` looks at them."""


def is_core(resource: Resource) -> bool:
    return resource["apiVersion"].split("/")[0] not in FOREIGN_GROUPS


@pytest.mark.parametrize("version", [KUBERNETES, kubernetes_validate.latest_version()])
def test_every_core_resource_is_strictly_valid(resources: list[Resource], version: str) -> None:
    for resource in filter(is_core, resources):
        kubernetes_validate.validate(resource, version, strict=True)


def test_the_validator_would_notice_a_misspelt_field() -> None:
    (program,) = (found for found in rendered("single-node") if found["kind"] == "StatefulSet")
    program["spec"]["replica"] = 1
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(program, KUBERNETES, strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_sources_did_not_change_since_they_were_rendered(overlay: str) -> None:
    lines = []
    folders = ("base", "components", "platform", "overlays")
    paths = [path for folder in folders for path in (K8S / folder).rglob("*") if path.is_file()]
    for name in sorted(path.relative_to(K8S).as_posix() for path in paths):
        digest = hashlib.sha256((K8S / name).read_bytes()).hexdigest()
        lines.append(f"{digest}  {name}\n")
    sources = hashlib.sha256("".join(lines).encode()).hexdigest()
    head = (K8S / "rendered" / f"{overlay}.yaml").read_text("utf-8").splitlines()[1]
    assert head == f"# sources: {sources}", "run deploy/k8s/render"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_kustomize_renders_the_same(overlay: str) -> None:
    if shutil.which("kubectl"):
        command = ["kubectl", "kustomize"]
    elif shutil.which("kustomize"):
        command = ["kustomize", "build"]
    else:
        pytest.skip("neither kubectl nor kustomize is here: only the sources' digest was checked")
    text = subprocess.run(
        [*command, str(K8S / "overlays" / overlay)], check=True, capture_output=True, text=True
    ).stdout
    assert list(yaml.safe_load_all(text)) == rendered(overlay)


def test_no_resource_comes_twice(resources: list[Resource]) -> None:
    names = [(found["apiVersion"], found["kind"], found["metadata"]["name"]) for found in resources]
    assert len(names) == len(set(names))


def test_everything_is_in_the_chains_namespace(resources: list[Resource]) -> None:
    for found in resources:
        if found["kind"] != "Namespace":
            assert found["metadata"]["namespace"] == "kassenverbund", found["metadata"]["name"]
