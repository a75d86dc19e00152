"""Reports for people: problems with place, the line, a caret, cause and hint."""

from __future__ import annotations

import json
from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from workbench.build import Report
from workbench.problems import Problem

STYLES = {"error": "bold red", "warning": "yellow", "info": "cyan"}


def print_build(report: Report, checked: bool, console: Console | None = None) -> None:
    """What a build did, or a check found stale, and every problem."""
    console = console or Console(highlight=False)
    print_problems(report.problems, console)
    for name, what in sorted(report.changes.items()):
        console.print(Text.assemble((name, "bold"), f": {'stale' if checked and what == 'built' else what}"))
    total = len(report.unchanged)
    if total:
        console.print(f"{total} use case{'s' if total > 1 else ''} unchanged")
    if checked and report.changes:
        console.print("run `artemis build`")


def print_problems(problems: Iterable[Problem], console: Console) -> None:
    for problem in sorted(problems):
        console.print(render(problem))


def render(problem: Problem) -> Text:
    """One problem as text. Every part is plain: notebooks may hold anything that looks like markup."""
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
        margin = f"    {problem.line} | "
        text.append(f"{margin}{problem.code}\n")
        text.append(" " * (len(margin) + max(problem.column - 1, 0)) + "^\n", STYLES[problem.severity])
    if problem.hint:
        text.append("  hint: ", "bold").append(f"{problem.hint}\n")
    return text


def as_json(report: Report) -> str:
    """A build's report for editors and CI."""
    content = {
        "problems": [problem.as_dict() for problem in sorted(report.problems)],
        "changes": report.changes,
        "unchanged": report.unchanged,
    }
    return json.dumps(content, ensure_ascii=False, indent=1)
