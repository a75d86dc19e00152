"""Reports for people: problems with place, the line, a caret, cause and hint."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from workbench.build import EDITED, Report
from workbench.problems import Problem

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

STYLES = {"error": "bold red", "warning": "yellow", "info": "cyan"}
TAB = "    "


def print_build(report: Report, checked: bool) -> None:
    """What a build did, or a check found stale, and every problem."""
    if report.problems:
        from rich.console import Console

        print_problems(report.problems, Console(highlight=False))
    for name, what in sorted(report.changes.items()):
        click.echo(f"{click.style(name, bold=True)}: {'stale' if checked and what == 'built' else what}")
    total = len(report.unchanged)
    if total:
        click.echo(f"{total} use case{'s' if total > 1 else ''} unchanged")
    if checked and any(what != EDITED for what in report.changes.values()):
        click.echo("run `artemis build`")


def print_check(problems: list[Problem]) -> None:
    """Every problem, and how many there are of each severity."""
    from rich.console import Console

    print_problems(problems, Console(highlight=False))
    counts = {severity: sum(problem.severity == severity for problem in problems) for severity in STYLES}
    found = [f"{count} {severity}{'' if count == 1 else 's'}" for severity, count in counts.items() if count]
    click.echo(", ".join(found) or "nothing found")


def print_problems(problems: Iterable[Problem], console: Console) -> None:
    """Lines are left as long as they are: a wrapped one would part from its caret."""
    for problem in sorted(problems):
        if console.is_terminal:
            console.print(render(problem), soft_wrap=True)
        else:  # the same text, ten times sooner
            console.file.write(f"{render(problem).plain}\n")


def render(problem: Problem) -> Text:
    """One problem as text. Every part is plain: notebooks may hold anything that looks like markup."""
    from rich.text import Text

    text = Text()
    text.append(problem.notebook, "bold")
    if problem.cell:
        text.append(f"  cell {problem.cell} [{problem.cell_id}]")
    if problem.line:
        text.append(f"  line {problem.line}")
    text.append("\n  ")
    text.append(f"{problem.severity} {problem.rule}", STYLES[problem.severity])
    text.append(f": {problem.message}\n")
    if problem.code:
        _append_code(text, problem)
    if problem.diff:
        _append_diff(text, problem.diff)
    if problem.hint:
        text.append("  hint: ", "bold").append(f"{problem.hint}\n")
    return text


def _append_code(text: Text, problem: Problem) -> None:
    """The line, and a caret below the place: Korean letters are two columns wide."""
    from rich.cells import cell_len

    margin = f"    {problem.line} | "
    before = problem.code[: max(problem.column - 1, 0)].replace("\t", TAB)
    text.append(f"{margin}{problem.code}\n".replace("\t", TAB))
    text.append(" " * cell_len(margin + before) + "^\n", STYLES[problem.severity])


def _append_diff(text: Text, diff: str) -> None:
    styles = {"-": "red", "+": "green"}
    for line in diff.split("\n"):
        text.append(f"    {line[:1]} {line[1:]}\n".replace("\t", TAB), styles.get(line[:1], "dim"))


def as_json(report: Report) -> str:
    """A build's report for editors and CI."""
    content = {
        "problems": [problem.as_dict() for problem in sorted(report.problems)],
        "changes": report.changes,
        "unchanged": report.unchanged,
    }
    return json.dumps(content, ensure_ascii=False, indent=1)
