"""The own lints find what they promise to find."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


def _load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("lints", ROOT / "tools" / "lints.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["lints"] = module
    spec.loader.exec_module(module)
    return module


lints = _load()


def findings(root: Path, file: str, code: str) -> list[str]:
    path = root / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(code)
    return [finding.rule for module in lints.modules(root) for finding in lints.check(module)]


@pytest.mark.parametrize(
    ("file", "code", "rule"),
    [
        ("services/v/src/v/decider.py", "import random\n", "is pure"),
        ("services/v/src/v/decider/hold.py", "from uuid import uuid4\nuuid4()\n", "is pure"),
        ("services/v/src/v/decider.py", "datetime.now(UTC)\n", "is pure"),
        ("services/v/src/v/events.py", "import fastapi\n", "is pure"),
        ("services/v/src/v/decider.py", "from kassenverbund.kit import auth\n", "is pure"),
        ("services/v/src/v/handlers.py", "from v.api import x\n", "lies below"),
        ("services/v/src/v/commands.py", "from v.decider import x\n", "lies below"),
        ("services/v/src/v/api.py", "from kassenverbund.settings import x\n", "kassenverbund.kit"),
        ("services/v/src/v/api.py", "from kassenverbund import settings\n", "kassenverbund.kit"),
        ("services/v/src/v/handlers.py", "tx.commit()\n", "commit()"),
        ("host/src/h/a.py", "datetime.utcnow()\n", "naive"),
        ("host/src/h/a.py", "datetime.datetime.now()\n", "naive"),
        ("libs/l/src/l/a.py", "import aiokafka\n", "aiokafka"),
        ("libs/l/src/l/a.py", "def f():\n" + "    x\n" * 60, "61 lines"),
        ("libs/l/src/l/a.py", "x\n" * 401, "401 lines"),
    ],
)
def test_a_broken_rule_is_found(tmp_path: Path, file: str, code: str, rule: str) -> None:
    found = findings(tmp_path, file, code)

    assert found
    assert all(rule in one for one in found)


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("services/v/src/v/decider.py", "from datetime import date\nfrom v.events import x\n"),
        ("services/v/src/v/decider.py", "from kassenverbund.kit.fiscal_cases import TABLE\n"),
        ("services/v/src/v/api.py", "from kassenverbund.kit.auth import x\nimport fastapi\n"),
        ("services/v/src/v/api.py", "from v.handlers import x\nfrom v.queries import y\n"),
        ("services/v/src/v/adapters/a.py", "tx.commit()\ndatetime.now(UTC)\n"),
        ("libs/events/src/events/bus/kafka.py", "import aiokafka\n"),
    ],
)
def test_what_is_allowed_is_left_alone(tmp_path: Path, file: str, code: str) -> None:
    assert findings(tmp_path, file, code) == []


def test_a_long_file_is_a_warning_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    findings(tmp_path, "libs/l/src/l/a.py", "x\n" * 401)

    assert lints.main([str(tmp_path)]) == 0
    assert "warning: 401 lines" in capsys.readouterr().out
