"""Telling people: a progress bar while cells run, and what came of each use case."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from workbench.report import print_problems
from workbench.validation.page import shown
from workbench.validation.run import Outcome

if TYPE_CHECKING:
    from workbench.validation.execute import Tell
    from workbench.validation.failure import Failure
    from workbench.validation.keep import Kept

STYLES = {"passed": "bold green", "failed": "bold red", "refused": "bold red"}


@contextmanager
def progress(names: list[str], visible: bool) -> Iterator[Tell]:
    """A line for each use case, on standard error; none where nobody watches."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("cells")]
    bar = Progress(*columns, TimeElapsedColumn(), console=console, transient=True, disable=not visible)
    tasks = {name: bar.add_task(name, total=None, start=False) for name in names}

    def tell(name: str, done: int, total: int) -> None:
        if done == 0:
            bar.start_task(tasks[name])
        bar.update(tasks[name], completed=done, total=total)

    with bar:
        yield tell


def print_outcomes(outcomes: list[Outcome]) -> None:
    """Each in full; of several, what failed in full and one table of all."""
    console = Console(highlight=False)
    several = len(outcomes) > 1
    for outcome in outcomes:
        if outcome.kept is None:
            print_problems(outcome.problems, console)
        elif not several:
            _print_run(outcome, outcome.kept, console)
        for failure in outcome.kept.executed.failures if outcome.kept else ():
            console.print(_failure(outcome, failure), soft_wrap=True)
    if several:
        console.print(_summary(outcomes))
        console.print(f"{_counted(outcomes)}; reports/{outcomes[0].stage}/ has the reports", soft_wrap=True)
    elif outcomes and outcomes[0].kept is None:
        console.print(f"{outcomes[0].name} was not run: no kernel was started", style="bold red", soft_wrap=True)


def _print_run(outcome: Outcome, kept: Kept, console: Console) -> None:
    executed = kept.executed
    on = f" on {executed.plan.dataset.name}" if executed.plan.dataset else ""
    head = Text(outcome.name, "bold").append(f" on {outcome.stage}{on}: ", "not bold")
    head.append(outcome.verdict, STYLES[outcome.verdict])
    head.append(f", {executed.seconds:.1f} s, version {executed.plan.version}", "not bold")
    console.print(head, soft_wrap=True)
    for name, (old, new) in executed.plan.changes.items():
        console.print(Text(f"  {name}: {shown(old)} → {shown(new)}"), soft_wrap=True)
    if kept.rows():
        console.print(_metrics(kept))
    console.print(Text(f"  report: {kept.files.get('html', 'none')}"), soft_wrap=True)


def _metrics(kept: Kept) -> Table:
    table = Table(box=None, padding=(0, 2))
    table.add_column("metric")
    for heading in ("before", "now") if kept.before is not None else ("now",):
        table.add_column(heading, justify="right")
    for name, old, new in kept.rows():
        style = "yellow" if kept.before is not None and old != new else ""
        before = [Text("–" if old is None else shown(old))] if kept.before is not None else []
        after = "gone" if new is None else ("→ " if style and old is not None else "") + shown(new)
        table.add_row(Text(name), *before, Text(after, style))
    return table


def _failure(outcome: Outcome, failure: Failure) -> Text:
    text = Text(f"usecases/{outcome.name}.ipynb", "bold")
    text.append(f"  {failure.place}\n  ", "not bold")
    text.append(failure.message, "bold red").append("\n")
    if failure.code:
        text.append(f"    {failure.code}\n", "not bold")
    if failure.raised_in:
        text.append(f"  raised in {failure.raised_in}\n", "not bold")
    return text


def _counted(outcomes: list[Outcome]) -> str:
    counts = Counter(outcome.verdict for outcome in outcomes)
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in STYLES if counts[verdict])


def _summary(outcomes: list[Outcome]) -> Table:
    table = Table(box=None, padding=(0, 2))
    for heading in ("use case", "verdict", "time", "metrics"):
        table.add_column(heading, justify="right" if heading == "time" else "left", overflow="fold")
    for outcome in outcomes:
        verdict = Text(outcome.verdict, STYLES[outcome.verdict])
        if outcome.kept is None:
            count = len(outcome.problems)
            table.add_row(outcome.name, verdict, "", f"{count} problem{'' if count == 1 else 's'}")
            continue
        seconds = f"{outcome.kept.executed.seconds:.1f} s"
        table.add_row(outcome.name, verdict, seconds, _moved(outcome.kept))
    return table


def _moved(kept: Kept) -> Text:
    """The metrics that are not what they were; of a first run, how many there are."""
    rows = kept.rows()
    if kept.before is None:
        return Text(f"{len(rows)} recorded" if rows else "none")
    moved = [(name, old, new) for name, old, new in rows if old != new]
    said = [
        f"{name} {'–' if old is None else shown(old)} → {'gone' if new is None else shown(new)}"
        for name, old, new in moved
    ]
    return Text("\n".join(said), "yellow") if said else Text(f"{len(rows)} unchanged" if rows else "none")
