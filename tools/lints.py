"""Rules about our code that neither ruff nor an import contract can say. `make lint` runs them.

- A decider is pure: no clock, no random number, no new id in `decider`, `commands`, `events`; and
  these rooms import nothing but the standard library, pydantic, `events` and `money`, and of the
  kit what is as pure: the table of fiscal cases, patterns and what they have in common.
- Rooms of a service depend downwards only.
- A service takes from the program nothing but `kassenverbund.kit`.
- Only `events.bus.kafka` imports aiokafka; only `kassenverbund` (not its kit) imports uvicorn.
- No `.commit()` outside the edges: the log, the bus and the adapters.
- No naive `datetime`.
- Functions stay under 60 lines; files over 400 lines are told as a warning.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]

SOURCES = ("libs/*/src", "host/src", "services/*/src")

FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60

PURE_ROOMS = ("decider", "commands", "events")

PURE_IMPORTS = frozenset({"pydantic", "events", "money"})

PURE_KIT = (
    "kassenverbund.kit.fiscal_cases.",
    "kassenverbund.kit.expressions.",
    "kassenverbund.kit.languages.",
)

IMPURE = frozenset(
    {
        "datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time",
        "time.monotonic", "time.time_ns", "uuid.uuid4", "uuid4", "uuid1", "uuid.uuid1",
        "os.urandom",
    }
)  # fmt: skip
IMPURE_MODULES = frozenset({"random", "secrets", "time", "asyncio"})

NAIVE = frozenset({"datetime.utcnow", "datetime.utcfromtimestamp"})

LAYERS = (
    ("service",),
    ("api",),
    ("policies", "projections", "queries"),
    ("handlers",),
    ("decider",),
    ("commands", "events"),
)
"""From top to bottom: a room imports only rooms below its own line."""

COMMITS_ALLOWED = ("events/", "adapters/")


@dataclass(frozen=True, order=True)
class Finding:
    file: str
    line: int
    rule: str
    warning: bool = False
    """Told, but no reason to fail."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {'warning: ' if self.warning else ''}{self.rule}"


@dataclass(frozen=True)
class Module:
    """One file of ours. `parts` is its dotted name, split."""

    path: Path
    parts: tuple[str, ...]
    text: str
    tree: ast.Module

    @property
    def is_service(self) -> bool:
        return self.path.parts[0] == "services"

    @property
    def room(self) -> str:
        """`decider` for `voucher/decider.py` and for all of `voucher/decider/`."""
        return self.parts[1] if len(self.parts) > 1 else ""


def modules(root: Path) -> Iterator[Module]:
    """Every source file of the workspace."""
    for pattern in SOURCES:
        for source in sorted(root.glob(pattern)):
            for path in sorted(source.rglob("*.py")):
                parts = path.relative_to(source).with_suffix("").parts
                parts = parts[:-1] if parts[-1] == "__init__" else parts
                text = path.read_text(encoding="utf-8")
                yield Module(path.relative_to(root), parts, text, ast.parse(text))


def check(module: Module) -> Iterator[Finding]:
    """What is wrong with one file."""
    yield from _sizes(module)
    yield from _imports(module)
    yield from _calls(module)


def _finding(module: Module, line: int, rule: str) -> Finding:
    return Finding(str(module.path), line, rule)


def _sizes(module: Module) -> Iterator[Finding]:
    lines = module.text.count("\n")
    if lines > FILE_LINES_MAX:
        rule = f"{lines} lines, should be at most {FILE_LINES_MAX}: make it a package"
        yield Finding(str(module.path), 1, rule, warning=True)
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES_MAX:
                rule = f"{node.name} has {length} lines, at most {FUNCTION_LINES_MAX}"
                yield _finding(module, node.lineno, rule)


def _imported(module: Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.lineno, node.module
            for alias in node.names:
                yield node.lineno, f"{node.module}.{alias.name}"


def _imports(module: Module) -> Iterator[Finding]:
    here = ".".join(module.parts)
    for line, name in _imported(module):
        top = name.split(".")[0]
        if top == "aiokafka" and not f"{here}.".startswith("events.bus.kafka."):
            yield _finding(module, line, "only events.bus.kafka imports aiokafka")
        if module.is_service:
            yield from _service_import(module, line, name)


def _service_import(module: Module, line: int, name: str) -> Iterator[Finding]:
    top = name.split(".")[0]
    kit = name == "kassenverbund" or (name + ".").startswith("kassenverbund.kit.")
    if top == "kassenverbund" and not kit:
        yield _finding(module, line, f"a service takes only kassenverbund.kit, not {name}")
    own = module.parts[0]
    if module.room in PURE_ROOMS:
        known = top in sys.stdlib_module_names or top in PURE_IMPORTS or top == own
        foreign = not known and not (name + ".").startswith(PURE_KIT)
        if foreign or top in IMPURE_MODULES:
            yield _finding(module, line, f"{module.room} is pure and does not import {name}")
    target = name.split(".")[1] if top == own and "." in name else ""
    below, mine = _layer(target), _layer(module.room)
    if below is not None and mine is not None and below < mine:
        yield _finding(module, line, f"{module.room} lies below {target} and must not import it")


def _layer(room: str) -> int | None:
    return next((number for number, rooms in enumerate(LAYERS) if room in rooms), None)


def _calls(module: Module) -> Iterator[Finding]:
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Call):
            continue
        name = _dotted(node.func)
        short = ".".join(name.split(".")[-2:])
        if module.is_service and module.room in PURE_ROOMS and {name, short} & IMPURE:
            yield _finding(module, node.lineno, f"{module.room} is pure: no {short}()")
        if short in NAIVE or (short == "datetime.now" and not (node.args or node.keywords)):
            yield _finding(module, node.lineno, f"{short}() is naive: give it a time zone")
        inside = "/".join((*module.parts, ""))
        if name.endswith(".commit") and not any(edge in inside for edge in COMMITS_ALLOWED):
            yield _finding(module, node.lineno, "no commit() outside the log, bus and adapters")


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def main(arguments: Sequence[str]) -> int:
    """Check the tree at the given root (default: this one); 1 if anything was found."""
    root = Path(arguments[0]) if arguments else ROOT
    findings = sorted({finding for module in modules(root) for finding in check(module)})
    for finding in findings:
        print(finding)
    return 1 if any(not finding.warning for finding in findings) else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
