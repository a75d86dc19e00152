"""The summary for people: what failed, what is only to be known, and a table of all that ran."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from workbench.testing.results import Fault, Suite

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text


def as_json(suites: list[Suite]) -> str:
    """The form for editors and CI."""
    return json.dumps([suite.as_dict() for suite in suites], ensure_ascii=False, indent=1)


def print_suites(suites: list[Suite]) -> None:
    """Faults first, the table last: it is what stays on the screen."""
    from rich.console import Console

    console = Console(highlight=False)
    for suite in suites:
        for test in suite.tests:
            for fault in test.faults:
                console.print(_rendered(suite, test.name, fault, "failed", "bold red"), soft_wrap=True)
        for warning in suite.warnings:
            console.print(_rendered(suite, "", warning, "warning", "yellow"), soft_wrap=True)
    _print_table(suites, console)


def _rendered(suite: Suite, name: str, fault: Fault, word: str, style: str) -> Text:
    from rich.text import Text

    text = Text()
    text.append(place_of(fault) or suite.use_case, "bold")
    text.append(f"\n  {word} ", style).append(f"{suite.tier} {name}".strip(), style).append(f": {fault.message}\n")
    styles = {"- ": "red", "+ ": "green"}
    for line in fault.detail.splitlines():
        text.append(f"    {line}\n", styles.get(line[:2], "dim"))
    if fault.hint:
        text.append("  hint: ", "bold").append(f"{fault.hint}\n")
    return text


def place_of(fault: Fault) -> str:
    """File, cell and line, as far as there are any."""
    text = fault.place
    if fault.cell:
        text += f"  cell {fault.cell} [{fault.cell_id}]"
    return text + (f"  line {fault.line}" if fault.line else "")


def _print_table(suites: list[Suite], console: Console) -> None:
    from rich.table import Table

    table = Table()
    for heading in ("tier", "use case", "what ran"):
        table.add_column(heading)
    for heading in ("passed", "failed", "seconds"):
        table.add_column(heading, justify="right")
    for suite in suites:
        failed = f"[bold red]{suite.failed}[/]" if suite.failed else "0"
        passed = f"[green]{suite.passed}[/]" if suite.passed else "0"
        table.add_row(suite.tier, suite.use_case or "all", suite.ran, passed, failed, f"{suite.seconds:.2f}")
    console.print(table)
