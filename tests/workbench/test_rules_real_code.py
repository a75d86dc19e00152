"""The rules of purity over real code: modules of the standard library, each of whose functions is made a step."""

from __future__ import annotations

import ast
import json
import os
from pathlib import Path
from typing import Any

import pytest

from workbench.draft import draft
from workbench.notebook import read
from workbench.rules import CATALOGUE

LIBRARY = Path(os.__file__).parent
RULES = ("clock", "randomness", "network", "files", "global-state", "photo-bytes", "set-order")
OTHERS = ("async-code", "import-effects", "backtracking", "slow-pattern")
PURE = ("colorsys", "bisect", "textwrap", "keyword", "stringprep", "numbers", "graphlib", "heapq", "string")
IMPURE = {"tempfile": "files", "ftplib": "network", "timeit": "clock", "shutil": "files", "warnings": "global-state"}
MODULES = sorted(path.stem for path in LIBRARY.glob("[a-t]*.py"))[::3]


def found(name: str, rules: tuple[str, ...]) -> set[str]:
    """The rules that report a module whose functions are all steps that ``decide`` asks for."""
    source = (LIBRARY / f"{name}.py").read_text("utf-8")
    steps = dict.fromkeys(node.name for node in ast.parse(source).body if isinstance(node, ast.FunctionDef))
    source += f"\n\ndef decide({', '.join(steps)}):\n    return None\n"
    cell: dict[str, Any] = {"cell_type": "code", "metadata": {"tags": ["export"]}, "outputs": [], "source": source}
    data = json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()
    drafted = draft(read("usecases/real.ipynb", "real", data))
    return {problem.rule for rule in rules if (check := CATALOGUE[rule].check) for problem in check(drafted)}


@pytest.mark.parametrize("name", MODULES)
def test_real_code_is_looked_at_without_a_crash(name: str) -> None:
    assert found(name, RULES + OTHERS) <= {*RULES, *OTHERS}


@pytest.mark.parametrize("name", PURE)
def test_pure_modules_are_pure(name: str) -> None:
    assert found(name, RULES) == set()


@pytest.mark.parametrize("name", IMPURE)
def test_impure_modules_are_not(name: str) -> None:
    assert IMPURE[name] in found(name, RULES)
