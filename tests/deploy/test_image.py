"""What the image is made of, without a Docker engine: lock, Dockerfile, compose file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text("utf-8")


def locked(file: str) -> dict[str, str]:
    """Package → version and hashes, as the lock has them."""
    text = (ROOT / file).read_text("utf-8")
    blocks = re.split(r"\n(?=\S)", text)
    found = (re.match(r"([a-z0-9._-]+)(?:\[[^]]*])?(==.*)", block, re.DOTALL) for block in blocks)
    return {match[1]: match[2].strip() for match in found if match}


def test_the_image_has_the_versions_that_the_tests_have() -> None:
    image, tested = locked("deploy/image.lock"), locked("requirements.lock")
    assert image
    assert {name: pin for name, pin in image.items() if tested.get(name) != pin} == {}


def test_every_package_of_the_image_is_hashed() -> None:
    for name, pin in locked("deploy/image.lock").items():
        assert "--hash=sha256:" in pin, name


@pytest.mark.parametrize("tool", ["pytest", "hypothesis", "mypy", "ruff", "schemathesis"])
def test_the_image_has_no_tools_of_development(tool: str) -> None:
    assert tool not in locked("deploy/image.lock")
    assert tool in locked("requirements.lock")


@pytest.mark.parametrize("file", ["deploy/image.lock", "requirements.lock"])
def test_a_lock_names_no_index(file: str) -> None:
    assert "://" not in (ROOT / file).read_text("utf-8")


def test_the_image_runs_as_a_user_of_its_own() -> None:
    users = re.findall(r"^USER (\d+):(\d+)$", DOCKERFILE, re.MULTILINE)
    assert users[-1] == ("10001", "10001")
    assert DOCKERFILE.index("USER ") > DOCKERFILE.rindex("RUN ")


def test_the_argument_chooses_the_service() -> None:
    assert 'ENTRYPOINT ["kassenverbund"]' in DOCKERFILE


def test_everything_that_is_copied_exists_and_is_sent_to_the_builder() -> None:
    sent = {
        line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        if line.startswith("!")
    }  # fmt: skip
    sources = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert source in sent, source


@pytest.fixture
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text("utf-8"))
    return loaded


def test_compose_waits_for_what_the_program_needs(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for name, wanted in services["program"]["depends_on"].items():
        assert wanted == {"condition": "service_healthy"}
        assert "healthcheck" in services[name]


def test_compose_opens_the_program_to_this_machine_only(compose: dict[str, Any]) -> None:
    ports = {name: service.get("ports", []) for name, service in compose["services"].items()}
    assert ports == {"postgres": [], "kafka": [], "program": ["127.0.0.1:8443:8443"]}


def test_compose_has_no_password(compose: dict[str, Any]) -> None:
    password = compose["services"]["postgres"]["environment"]["POSTGRES_PASSWORD"]
    assert password.startswith("${POSTGRES_PASSWORD:?")


def test_compose_volumes_are_declared(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            assert source.startswith("..") or source in compose["volumes"], volume
