"""`artemis test --tier notebooks`: real kernels, and what nbval alone would miss or mistell. One run for all."""

from __future__ import annotations

import base64
import io
import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from workbench.project import Project
from workbench.testing import kernels
from workbench.testing.junit import save
from workbench.testing.plan import Plan
from workbench.testing.results import Suite, Test
from workbench.testing.sanitize import CannotTest

PICTURE = """
import base64, io
from PIL import Image
from IPython.display import display
def picture(color):
    file = io.BytesIO()
    Image.new("RGB", (40, 30), color).save(file, "png")
    display({"image/png": base64.b64encode(file.getvalue()).decode()}, raw=True)
"""


def png(color: str) -> str:
    file = io.BytesIO()
    Image.new("RGB", (40, 30), color).save(file, "png")
    return base64.b64encode(file.getvalue()).decode()


def cell(source: str, *outputs: dict[str, Any], count: int | None = 1, tags: tuple[str, ...] = ()) -> dict[str, Any]:
    kept = {"cell_type": "code", "metadata": {"tags": list(tags)}, "execution_count": count, "outputs": list(outputs)}
    return kept | {"source": source}


def text(content: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": content}


def shown(color: str) -> dict[str, Any]:
    return {"output_type": "display_data", "metadata": {}, "data": {"image/png": png(color)}}


CLEARING = "from IPython.display import clear_output\nprint('한')\nclear_output()\nprint('둘')"
WRITTEN: dict[str, list[dict[str, Any]]] = {
    "sound": [
        cell("print('안녕')", text("안녕\n")),
        cell("1 / 0", tags=("skip-execution",)),
        cell("print('12 ms')", text("7 ms\n")),
    ],
    "staged": [
        cell("limit: int = 3", tags=("parameters",)),
        cell("import os\nprint(limit, os.environ['ARTEMIS_STAGE'])", text("3 strict\n")),
    ],
    "differs": [cell("x = 1"), cell("print('새것')", text("옛것\n"))],
    "raises": [cell("y = 1\ny / 0")],
    "dies": [cell("import os\nos._exit(3)"), cell("print(1)", text("1\n"))],
    "slow": [cell("import time\ntime.sleep(60)")],
    "stripped": [cell("print(1)", count=None)],
    "cleared": [cell("print(1)", text("1\n"), count=None)],
    "clearing": [cell(CLEARING, text("둘\n"))],
    "recoloured": [cell(PICTURE + "picture('blue')", shown("red"))],
    "same_picture": [cell(PICTURE + "picture('#ff0101')", shown("red"))],
    "ignored": [cell(PICTURE + "picture('blue')", shown("red"), tags=("nbval-ignore-output",))],
}


def write(root: Path, name: str, cells: list[dict[str, Any]]) -> None:
    heading = {"cell_type": "markdown", "metadata": {}, "source": "# A heading, so that cells count from 2"}
    cells = [one | {"id": f"id-{number}"} for number, one in enumerate([heading, *cells], 1)]
    content = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (root / "usecases" / f"{name}.ipynb").write_text(json.dumps(content, ensure_ascii=False), "utf-8")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a conftest and settings of its own, which must not be read."""
    root = tmp_path_factory.mktemp("project")
    (root / "usecases" / "stages").mkdir(parents=True)
    (root / "usecases" / "stages" / "strict.yaml").write_text("use_cases: {staged: {parameters: {limit: 1}}}")
    for name, cells in WRITTEN.items():
        write(root, name, cells)
    (root / "conftest.py").write_text("raise RuntimeError('not to be read')")
    (root / "usecases" / "conftest.py").write_text("raise RuntimeError('not to be read')")
    (root / "pytest.ini").write_text("[pytest]\naddopts = --no-such-option\n")
    (root / "usecases" / "nbval.cfg").write_text("[times]\nregex: \\d+ ms\nreplace: TIME\n")
    return root


@pytest.fixture(scope="module")
def suites(folder: Path) -> dict[str, Suite]:
    running = kernels.start(Project(folder), Plan(sorted(WRITTEN), ["notebooks"], stage="strict", jobs=2, timeout=4))
    try:
        return {suite.use_case: suite for suite in running.wait()}
    finally:
        running.end()


@pytest.fixture(scope="module")
def failing(suites: dict[str, Suite]) -> Callable[[str], Test]:
    def the_one(name: str) -> Test:
        (test,) = [test for test in suites[name].tests if test.faults]
        return test

    return the_one


def test_what_is_as_saved_passes(suites: dict[str, Suite]) -> None:
    """Also what the sanitize file makes equal; a skip-execution cell is not run."""
    suite = suites["sound"]
    assert (suite.passed, suite.failed, suite.warnings) == (2, 0, [])
    assert [test.name for test in suite.tests if test.skipped] == ["cell 3 [id-3]"]


def test_a_notebook_runs_under_its_own_parameters_and_is_answered_by_the_stages_providers(
    suites: dict[str, Suite],
) -> None:
    assert (suites["staged"].passed, suites["staged"].failed) == (2, 0)


def test_a_difference_names_the_cell_over_all_cells_and_shows_both(failing: Callable[[str], Test]) -> None:
    (fault,) = failing("differs").faults
    assert (fault.place, fault.cell, fault.cell_id) == ("usecases/differs.ipynb", 3, "id-3")
    assert "- 옛것" in fault.detail and "+ 새것" in fault.detail


def test_an_exception_names_its_line(failing: Callable[[str], Test]) -> None:
    (fault,) = failing("raises").faults
    assert (fault.cell, fault.line) == (2, 2)
    assert "ZeroDivisionError" in fault.message


def test_a_dead_kernel_is_noticed_in_seconds(suites: dict[str, Suite], failing: Callable[[str], Test]) -> None:
    test = failing("dies")
    assert "the kernel died" in test.faults[0].message and test.faults[0].cell == 2
    assert test.seconds < 3
    assert suites["dies"].tests[1].skipped == "a cell above ended the kernel"


def test_a_slow_cell_ends_at_its_limit(failing: Callable[[str], Test]) -> None:
    test = failing("slow")
    assert "took too long" in test.faults[0].message and "--cell-timeout" in test.faults[0].hint
    assert 4 <= test.seconds < 15


def test_a_stripped_notebook_is_told_to_be_unchecked(suites: dict[str, Suite]) -> None:
    suite = suites["stripped"]
    assert (suite.passed, suite.failed) == (1, 0)
    assert "unchecked" in suite.ran and "unchecked" in suite.warnings[0].message


def test_cleared_execution_counts_are_explained(failing: Callable[[str], Test]) -> None:
    assert "execution count was cleared" in failing("cleared").faults[0].message


def test_clearing_output_is_explained_where_it_fails(failing: Callable[[str], Test]) -> None:
    assert "Nothing may be wrong" in failing("clearing").faults[0].hint


def test_pictures_are_compared_with_tolerance(suites: dict[str, Suite], failing: Callable[[str], Test]) -> None:
    assert "image/png" in failing("recoloured").faults[0].message
    assert suites["same_picture"].failed == 0
    assert suites["ignored"].failed == 0


def test_junit_has_every_cell(suites: dict[str, Suite], tmp_path: Path) -> None:
    save(list(suites.values()), tmp_path / "deep" / "junit.xml")
    root = ET.parse(tmp_path / "deep" / "junit.xml").getroot()
    names = {(case.get("classname"), case.get("name")) for case in root.iter("testcase")}
    assert ("notebooks.differs", "cell 3 [id-3]") in names
    assert len(list(root.iter("failure"))) == sum(suite.failed for suite in suites.values())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[a]\nregex: (\nreplace: X\n", "line 2: the regular expression does not compile"),
        ("[a]\nregex: a\n\nreplace: X\n", "line 3: a `replace: …` has to follow"),
        ("regex:a\nreplace: X\n", "line 1: 'regex:a' is no"),
        ("regex: (a)\nreplace: \\2\n", "line 2: the replacement does not fit"),
    ],
)
def test_a_malformed_sanitize_file_is_refused(project: Any, content: str, said: str) -> None:
    project.file("usecases/nbval.cfg", content)
    with pytest.raises(CannotTest, match=r"nbval\.cfg, ") as refused:
        kernels.start(project, Plan(["sound"], ["notebooks"]))
    assert said in str(refused.value)
