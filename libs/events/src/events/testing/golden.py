"""Golden events: examples of every version ever published, frozen as files, decoded for ever.

`tests/golden/voucher.issued.v1.json` holds `{"complete": {…}, "minimal": {…}}`: one example with
every field, and one with only what is required. A file is never edited; a new version is a new one.

    def test_every_version_ever_published_can_be_read() -> None:
        assert golden_faults(REGISTRY, Path(__file__).parent / "golden") == []
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from events.errors import UnknownEventType
from events.event import Event, Registry


def golden_name(name: str, version: int) -> str:
    """The file of one version of an event."""
    return f"{name}.v{version}.json"


def write_golden(folder: Path, *, complete: Event, minimal: Event) -> Path:
    """Freeze two examples of an event's newest version. An existing file is left as it is.

    `minimal` is written without the fields that were not given to it.
    """
    assert type(complete) is type(minimal)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / golden_name(complete.event_name, complete.event_version)
    if not path.exists():
        examples = {
            "complete": complete.model_dump(mode="json"),
            "minimal": minimal.model_dump(mode="json", exclude_unset=True),
        }
        path.write_text(json.dumps(examples, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def golden_faults(registry: Registry, folder: Path) -> list[str]:
    """What is wrong with the golden files of a service; empty: all is well.

    Every version that the registry can read has a file, every file can be read, and the examples of
    the newest version hold every field, and only the required ones.
    """
    faults: list[str] = []
    expected: set[str] = set()
    for name, event in sorted(registry.classes.items()):
        for version in registry.versions(name):
            file = golden_name(name, version)
            expected.add(file)
            if not (folder / file).exists():
                faults.append(f"{file}: there is no golden file")
                continue
            examples = json.loads((folder / file).read_text(encoding="utf-8"))
            if examples.keys() != {"complete", "minimal"}:
                faults.append(f"{file}: it holds a complete and a minimal example, nothing else")
                continue
            faults += _unreadable(registry, name, version, file, examples)
            if version == event.event_version:
                faults += _fields(event, file, examples)
    for path in sorted(folder.glob("*.json")):
        if path.name not in expected:
            faults.append(f"{path.name}: no registered event can read it")
    return faults


def _unreadable(
    registry: Registry, name: str, version: int, file: str, examples: dict[str, Any]
) -> list[str]:
    faults: list[str] = []
    for example, document in examples.items():
        try:
            registry.decode(name, version, json.dumps(document).encode())
        except (ValueError, UnknownEventType) as fault:
            faults.append(f"{file}: the {example} example can't be read: {fault}")
    return faults


def _fields(event: type[Event], file: str, examples: dict[str, Any]) -> list[str]:
    faults: list[str] = []
    for name, info in event.model_fields.items():
        field = info.alias or name
        if field not in examples["complete"]:
            faults.append(f"{file}: the complete example lacks {field}")
        if (field in examples["minimal"]) != info.is_required():
            faults.append(f"{file}: {field} in the minimal example")
    return faults
