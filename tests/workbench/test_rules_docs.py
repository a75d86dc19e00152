"""docs/rules.md is what the rules say, and what its examples show is what the rules report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from workbench.check import check
from workbench.rules import CATALOGUE
from workbench.rulesdoc import page

BAD = sorted(name for name, rule in CATALOGUE.items() if rule.bad)
GOOD = sorted(name for name, rule in CATALOGUE.items() if rule.good)
NOT_EXPORTED = {"rebinding"}  # whose example is a cell that is not exported
INSTEAD = {"decide-missing": "decide", "required": "decide"}  # whose example takes that cell's place
BELOW = {"parameter-form", "parameters"}  # whose example is written into the parameters cell
# Rules of metadata, outputs, stage files and the like: no example could be a cell's code.
WITHOUT_CODE = {
    *(
        "contract-version",
        "frozen-module",
        "error-output",
        "module-name",
        "never-run",
        "notebook",
        "one-parameters-cell",
    ),
    *("output-size", "stage-file", "stage-parameters", "stale-outputs", "tags", "unknown-tag", "edited", "metrics"),
    *("no-provider", "price-list"),
}


def found(project: Any, sound: Any, name: str, code: str) -> set[str]:
    """The rules that report a cell added to the sound notebook."""
    project.file("requirements.txt", "pydantic\npillow\n")
    cells = sound.then(code) if name in NOT_EXPORTED else sound.exporting(code)
    if name in INSTEAD:
        cells = sound(**{INSTEAD[name]: code})
    if name in BELOW:
        cells = sound(parameters=sound.source("parameters") + "\n" + code)
    project.notebook("trial", cells)
    return {problem.rule for problem in check(project)}


def test_the_document_is_what_the_rules_say() -> None:
    text = (Path(__file__).parents[2] / "docs" / "rules.md").read_text("utf-8")
    assert text == page(), "run python -m workbench.rulesdoc"


def test_every_rule_says_what_holds_in_one_sentence() -> None:
    for rule in CATALOGUE.values():
        assert rule.summary.endswith("."), rule.name
        assert len(rule.summary) < 160, rule.name


def test_every_rule_has_an_example_or_is_not_about_code() -> None:
    without = {name for name, rule in CATALOGUE.items() if not rule.bad}
    assert without <= WITHOUT_CODE


@pytest.mark.parametrize("name", BAD)
def test_the_bad_example_is_reported_by_its_rule(name: str, project: Any, sound: Any) -> None:
    assert name in found(project, sound, name, CATALOGUE[name].bad)


@pytest.mark.parametrize("name", GOOD)
def test_the_good_example_is_not(name: str, project: Any, sound: Any) -> None:
    assert name not in found(project, sound, name, CATALOGUE[name].good)
