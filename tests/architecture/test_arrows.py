"""The import arrows of the design, read from the source: who may know whom."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OURS = ("app", "chalicelib", "serving", "workbench")
GENERATED = "chalicelib.usecases."

# Each may know those after it, and none before it.
ORDER = ["app", "chalicelib.bootstrap", "chalicelib.service", "chalicelib.engine", "chalicelib.usecase"]


def sources() -> dict[str, Path]:
    """Module name -> file, of all that is ours."""
    files = [ROOT / "app.py", *(file for name in OURS[1:] for file in (ROOT / name).rglob("*.py"))]
    return {_name(file): file for file in files if "__pycache__" not in file.parts}


def _name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(tree: ast.AST, modules: set[str]) -> Iterator[str]:
    """Every module of ours that the source imports, anywhere in it, also by a string."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "write absolute imports, so that arrows can be read"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in modules else str(node.module)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            named = node.value.partition(":")[0]
            if named in modules and "." in named:
                yield named


def arrows() -> dict[str, set[str]]:
    """Module -> the modules of ours that it imports itself."""
    files = sources()
    found = {}
    for name, file in files.items():
        tree = ast.parse(file.read_text("utf-8"))
        found[name] = {target for target in imported(tree, set(files)) if target.partition(".")[0] in OURS}
    return found


ARROWS = arrows()


def reached(start: str) -> set[str]:
    """Every module that importing ``start`` may come to import, with the packages that hold them."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            package = name.rpartition(".")[0]
            waiting += [*ARROWS.get(name, ()), *([package] if package else [])]
    return seen - {start}


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def test_there_is_something_to_read() -> None:
    assert {"app", "serving.server", "workbench.build", *ORDER} <= ARROWS.keys()
    assert "chalicelib.service" in ARROWS["chalicelib.bootstrap"]
    assert "chalicelib.engine" in ARROWS["chalicelib.service"]
    assert "chalicelib.usecase" in ARROWS["chalicelib.engine"]
    assert "chalicelib.bootstrap" in ARROWS["app"]


@pytest.mark.parametrize("name", ORDER[1:])
def test_nobody_knows_who_stands_above(name: str) -> None:
    """From app down to usecase: not even by way of others."""
    above = ORDER[: ORDER.index(name)]
    assert reached(name) & set(above) == set()


@pytest.mark.parametrize("name", ["chalicelib.bootstrap", "chalicelib.service", "chalicelib.engine"])
def test_nothing_below_the_app_knows_of_http(name: str) -> None:
    assert [module for module in reached(name) if within(module, "chalicelib.http")] == []


@pytest.mark.parametrize("adapters", ["chalicelib.providers", "chalicelib.store"])
def test_adapters_are_named_by_bootstrap_and_themselves_only(adapters: str) -> None:
    knowing = {
        name
        for name, targets in ARROWS.items()
        if within(name, "chalicelib")
        and not within(name, adapters)
        and any(within(target, adapters) for target in targets)
    }
    assert knowing == {"chalicelib.bootstrap"}


def test_http_reaches_no_adapter() -> None:
    for name, targets in ARROWS.items():
        if within(name, "chalicelib.http"):
            adapters = [t for t in targets if within(t, "chalicelib.store") or within(t, "chalicelib.providers")]
            assert adapters == [], name


def test_one_adapter_does_not_know_the_other() -> None:
    for name, targets in ARROWS.items():
        for mine, other in (("store", "providers"), ("providers", "store")):
            if within(name, f"chalicelib.{mine}"):
                assert [target for target in targets if within(target, f"chalicelib.{other}")] == [], name


def test_adapters_do_not_reach_up() -> None:
    above = {*ORDER[:3], "chalicelib.engine", "chalicelib.http", "chalicelib.settings"}
    for name, targets in ARROWS.items():
        if within(name, "chalicelib.store") or within(name, "chalicelib.providers"):
            assert targets & above == set(), name


def test_the_runtime_never_knows_the_workbench_or_the_server() -> None:
    for name, targets in ARROWS.items():
        if name == "app" or within(name, "chalicelib"):
            assert [t for t in targets if within(t, "workbench") or within(t, "serving")] == [], name


def test_the_server_knows_no_decision() -> None:
    """It serves any Chalice app: of the runtime it takes errors HTTP, and what a decision is counted by."""
    for name, targets in ARROWS.items():
        if within(name, "serving"):
            allowed = [t for t in targets if within(t, "serving") or within(t, "chalicelib.http")]
            assert targets - set(allowed) <= {"chalicelib.errors", "chalicelib.bootstrap", "chalicelib.observed"}, name


def test_a_generated_module_imports_only_what_a_notebook_may() -> None:
    generated = {name: targets for name, targets in ARROWS.items() if name.startswith(GENERATED)}
    assert generated
    for name, targets in generated.items():
        assert targets <= {"chalicelib.usecase", "chalicelib.models"}, name


def test_nobody_imports_a_generated_module_by_name() -> None:
    named = [name for name, targets in ARROWS.items() if any(t.startswith(GENERATED) for t in targets)]
    assert named == []


def test_files_are_of_a_size_that_a_reader_can_hold() -> None:
    written = {name: file for name, file in sources().items() if not name.startswith(GENERATED)}
    lengths = {name: len(file.read_text("utf-8").splitlines()) for name, file in written.items()}
    assert {name: length for name, length in lengths.items() if length >= 300} == {}
    assert lengths["app"] <= 150
