"""Rules of outputs: those of one run from top to bottom, small, and no error left behind."""

from __future__ import annotations

from typing import Any

import pytest

TEXT = {"output_type": "stream", "name": "stdout", "text": ["seen\n"]}
ERROR = {"output_type": "error", "ename": "KeyError", "evalue": "'a'", "traceback": ["…"]}
NEVER, SOUND_CELLS = None, 4  # cells 2 to 5 are code


def with_run(cells: Any, counts: list[int | None], outputs: dict[int, list[Any]] | None = None) -> Any:
    """The cells as if they were run; ``counts`` of the code cells, ``outputs`` by cell number."""
    code = (cell for cell in cells if cell["cell_type"] == "code")
    for cell, count in zip(code, counts, strict=True):
        cell["execution_count"] = count
    for number, given in (outputs or {}).items():
        cells[number - 1]["outputs"] = given
    return cells


def check(project: Any, cells: Any) -> list[tuple[str, int]]:
    """(rule, cell) of every problem, infos included."""
    from workbench.check import check as run

    project.notebook("trial", cells)
    return [(problem.rule, problem.cell) for problem in run(project)]


STALE = {
    "run backwards": ([1, 2, 4, 3], {}, [("stale-outputs", 5)]),
    "two sessions": ([1, 2, 1, 2], {}, [("stale-outputs", 4)]),
    "the same count twice": ([1, 2, 2, 3], {}, [("stale-outputs", 4)]),
    "one left out": ([1, 2, NEVER, 3], {}, [("stale-outputs", 4)]),
    "the rest left out": ([1, NEVER, NEVER, NEVER], {}, [("stale-outputs", 3)]),
    "outputs without a run": ([1, 2, 3, NEVER], {5: [TEXT]}, [("stale-outputs", 5)]),
    "half cleaned": ([NEVER] * 4, {5: [TEXT]}, [("stale-outputs", 5)]),
    "top to bottom": ([1, 2, 3, 4], {5: [TEXT]}, []),
    "top to bottom, in a longer session": ([3, 7, 8, 20], {}, []),
    "never": ([NEVER] * 4, {}, [("never-run", 2)]),
    "an error left": ([1, 2, 3, 4], {5: [ERROR]}, [("error-output", 5)]),
}


@pytest.mark.parametrize("case", STALE)
def test_outputs_are_of_one_run_from_top_to_bottom(case: str, project: Any, sound: Any) -> None:
    counts, outputs, expected = STALE[case]
    assert check(project, with_run(sound(), counts, outputs)) == expected


def test_empty_cells_and_cells_left_out_on_purpose_need_no_run(project: Any, sound: Any, cell: Any) -> None:
    cells = sound(cell("  \n", name="empty"), cell("1 / 1", "skip-execution", name="skipped"))
    assert check(project, with_run(cells, [1, 2, 3, 4, NEVER, NEVER])) == []


def test_an_error_that_is_meant_is_no_problem(project: Any, sound: Any, cell: Any) -> None:
    cells = sound(cell("{}['a']", "raises-exception", name="raises"))
    assert check(project, with_run(cells, [1, 2, 3, 4, 5], {6: [ERROR]})) == []


@pytest.mark.parametrize(
    "output",
    [
        TEXT | {"text": ["a" * 1000 + "\n"] * 1100},
        {"output_type": "display_data", "data": {"image/png": "a" * 1_100_000}, "metadata": {}},
        {"output_type": "display_data", "data": {"application/json": {"a": [{"b": "a" * 1_100_000}]}}, "metadata": {}},
    ],
)
def test_large_outputs_are_reported_with_their_size(output: Any, project: Any, sound: Any) -> None:
    (problem,) = project.problems(with_run(sound(), [1, 2, 3, 4], {5: [output]}))
    assert (problem.rule, problem.cell, problem.severity) == ("output-size", 5, "warning")
    assert "1.1 MB" in problem.message
    assert problem.hint


def test_many_outputs_that_are_large_together_are_reported_at_the_largest(project: Any, sound: Any, cell: Any) -> None:
    cells = sound(*(cell(f"print({number})", name=f"more-{number}") for number in range(6)))
    large = {number: [TEXT | {"text": "a" * (900_000 + number)}] for number in range(6, 12)}
    (problem,) = project.problems(with_run(cells, list(range(1, 11)), large))
    assert (problem.rule, problem.cell) == ("output-size", 11)
    assert "5.4 MB" in problem.message


def test_an_opt_out_on_the_first_line_keeps_large_outputs(project: Any, sound: Any, cell: Any) -> None:
    cells = sound(cell("print(1)  # artemis: ignore[output-size]", name="more"))
    assert project.problems(with_run(cells, [1, 2, 3, 4, 5], {6: [TEXT | {"text": "a" * 2_000_000}]})) == []
