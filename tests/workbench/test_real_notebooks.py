"""Notebooks that others wrote, whole and damaged, are looked at without a crash; none of their code runs.

They are those that the installed packages of the workbench carry in their own tests, odd ones among them:
of other languages, of old formats, with widgets, attachments, conflicts and broken cells. Their sources carry
three times as many: ``make notebooks`` brings those to ARTEMIS_SDISTS, and they are looked at as well.
"""

from __future__ import annotations

import copy
import json
import os
import random
import tarfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from workbench.draft import draft
from workbench.fingerprint import fingerprints
from workbench.notebook import Notebook, Unreadable, read
from workbench.problems import Problem
from workbench.report import render
from workbench.rules import check
from workbench.rules.optout import settle

CARRIERS = {"nbdime": 50, "papermill": 20}  # package -> at least so many notebooks
SDISTS = 6  # that `make notebooks` brings
LIMIT = 10.0  # seconds for one notebook; the slowest, of 6 MB, takes one
LARGE = 50_000  # bytes; what is larger is looked at once, undamaged
MUTATIONS = 6  # of each notebook
ODD_VALUES: list[Any] = [
    *(None, True, 0, -1, 10**40, 1e308, float("nan"), "", "\ud800", "\x00", "\ufeff", "# artemis: ignore[", "%%"),
    *("def f(:\n", "'''", "\\", "\r", "x = 1\r\r\n", "한" * 50, "(" * 300, "-" * 3000 + "1", [], {}, [[[]]], [None]),
    *(["a", 1, None], {"": {"": []}}, ["export"], ["export", "export", "parameters"], ["exprot"], "export"),
]


@dataclass(frozen=True)
class Real:
    path: Path
    data: bytes


def carried(package: str) -> list[Real]:
    spec = find_spec(package)
    assert spec is not None and spec.origin is not None, f"{package} is not installed"
    return [Real(path, path.read_bytes()) for path in sorted(Path(spec.origin).parent.rglob("*.ipynb"))]


def unpacked(folder: Path) -> Iterator[Real]:
    """The notebooks in a folder's source distributions, read without writing them anywhere."""
    archives = sorted(folder.glob("*.tar.gz"))
    assert len(archives) >= SDISTS, f"{folder} holds {len(archives)} source distributions: run make notebooks"
    for archive in archives:
        with tarfile.open(archive) as tar:
            for member in tar:
                if member.name.endswith(".ipynb") and (file := tar.extractfile(member)):
                    yield Real(Path(member.name), file.read())


@pytest.fixture(scope="module")
def real() -> list[Real]:
    found = [notebook for package in CARRIERS for notebook in carried(package)]
    folder = os.environ.get("ARTEMIS_SDISTS")
    return found + list(unpacked(Path(folder))) if folder else found


def looked_at(data: bytes, all_exported: bool) -> tuple[Notebook, list[Problem]] | None:
    """Everything that is done with a notebook but loading it, which would run foreign code; None: unreadable."""
    try:
        notebook = read("usecases/real.ipynb", "real", data)
    except Unreadable as error:
        assert error.message and error.hint
        return None
    if all_exported:
        cells = tuple(replace(cell, tags=("export",)) for cell in notebook.cells)
        notebook = replace(notebook, cells=cells)
    drafted = draft(notebook, frozenset({"pydantic"}))
    try:
        problems = check(drafted)
        assert drafted.compiled is not None
        fingerprints(drafted)
    except RecursionError:  # which `workbench.make` reports
        problems = []
    return notebook, settle(notebook, problems)


def assert_sound(notebook: Notebook, problems: list[Problem]) -> None:
    """Every problem has a place that is there, and can be shown to people and to editors."""
    for problem in problems:
        json.dumps(problem.as_dict(), ensure_ascii=False).encode()
        assert problem.rule in render(problem).plain
        if not problem.cell:
            assert not problem.line, problem
            continue
        cell = notebook.cells[problem.cell - 1]
        lines = cell.source.split("\n")
        assert cell.id == problem.cell_id
        assert 0 <= problem.line <= len(lines), problem
        if problem.line:
            assert 0 <= problem.column <= len(lines[problem.line - 1]) + 1, problem


@pytest.mark.parametrize("package", CARRIERS)
def test_a_package_carries_as_many_notebooks_as_are_counted_on(package: str) -> None:
    assert len(carried(package)) >= CARRIERS[package]


@pytest.mark.parametrize("all_exported", [False, True], ids=["as it is", "every cell exported"])
def test_every_real_notebook_is_looked_at(real: list[Real], all_exported: bool, record_property: Any) -> None:
    taken: dict[str, float] = {}
    unreadable = 0
    for notebook in real:
        started = time.perf_counter()
        found = looked_at(notebook.data, all_exported)
        taken[str(notebook.path)] = time.perf_counter() - started
        unreadable += found is None
        if found:
            assert_sound(*found)
    slowest = max(taken, key=lambda name: taken[name])
    record_property("summary", f"{len(real)} real notebooks checked, {unreadable} of them unreadable with a reason")
    assert taken[slowest] < LIMIT, slowest
    assert unreadable < len(real) / 3


def test_a_real_notebook_that_exports_nothing_is_built_into_problems(project: Any, real: list[Real]) -> None:
    for number, notebook in enumerate(real):
        project.file(f"usecases/real_{number}.ipynb", notebook.data)
    report = project.check()
    named = {problem.notebook for problem in report.problems if problem.severity == "error"}
    assert {f"usecases/real_{number}.ipynb" for number in range(len(real))} == named


@pytest.mark.parametrize("all_exported", [False, True], ids=["as it is", "every cell exported"])
def test_no_damage_to_a_notebook_is_a_crash(real: list[Real], all_exported: bool) -> None:
    small = [notebook for notebook in real if len(notebook.data) < LARGE]
    for number, notebook in enumerate(small):
        chance = random.Random(number)  # the same damage every time
        for _ in range(MUTATIONS):
            data = damaged(notebook.data, chance)
            found = looked_at(data, all_exported)
            if found:
                assert_sound(*found)


def damaged(data: bytes, chance: random.Random) -> bytes:
    """A notebook with up to three things wrong in its JSON, and sometimes in its bytes."""
    try:
        content = json.loads(data)
    except ValueError:
        return cut(data, chance)
    for _ in range(chance.randint(1, 3)):
        change(chance.choice(list(holders(content))), chance)
    made = json.dumps(content, ensure_ascii=chance.random() < 0.5).encode("utf-8", "surrogatepass")
    return cut(made, chance) if chance.random() < 0.15 else made


def change(holder: Any, chance: random.Random) -> None:
    """Leave one of its values out, or put something odd in its place."""
    keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
    if not keys:
        return
    key = chance.choice(keys)
    if chance.random() < 0.2:
        del holder[key]
    else:
        holder[key] = copy.deepcopy(chance.choice(ODD_VALUES))


def holders(value: Any) -> Iterator[Any]:
    if isinstance(value, (dict, list)):
        yield value
        for inner in list(value.values() if isinstance(value, dict) else value):
            yield from holders(inner)


def cut(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(max(len(data), 1))
    return chance.choice([data[:at], data[:at] + b"\xff\xfe" + data[at:], data[:at] + b"\x00" + data[at + 1 :]])
