"""The documents lead where they say, and name every setting."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*.md"))
)
NAMED_BY_PLATFORMS = {
    "database_url": "DATABASE_URL",
    "kafka_bootstrap": "KAFKA_BOOTSTRAP",
    "otlp_endpoint": "OTEL_EXPORTER_OTLP_ENDPOINT",
}


def test_there_are_documents() -> None:
    assert {"README.md", "CONTRIBUTING.md", "docs/operations.md", "docs/glossary.md"} <= {
        *DOCUMENTS
    }


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_to_a_file(document: str) -> None:
    text = (ROOT / document).read_text("utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert (ROOT / document).parent.joinpath(target).exists(), target


def test_every_setting_is_explained_to_operators() -> None:
    settings = pytest.importorskip("kassenverbund.settings", reason="no settings in this tree")
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    for name in settings.Settings.model_fields:
        variable = NAMED_BY_PLATFORMS.get(name, f"KASSENVERBUND_{name.upper()}")
        assert f"`{variable}`" in text, variable


def test_every_setting_of_the_deployment_is_one_of_the_programs() -> None:
    settings = pytest.importorskip("kassenverbund.settings", reason="no settings in this tree")
    known = {f"KASSENVERBUND_{name.upper()}" for name in settings.Settings.model_fields}
    known |= {*NAMED_BY_PLATFORMS.values(), "PGSSLMODE", "PGSSLROOTCERT"}
    for file in ROOT.glob("deploy/k8s/overlays/*/settings.env"):
        for line in file.read_text("utf-8").split():
            variable = line.partition("=")[0]
            assert variable in known or variable.startswith("KASSENVERBUND_URL_"), variable
