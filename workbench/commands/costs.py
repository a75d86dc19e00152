"""`artemis costs`."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import TYPE_CHECKING

import click

from workbench.commands.common import CannotRun, find_project, format_option, start_of
from workbench.databases import database_option, open_readable, telling

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from chalicelib.costs import Prices
    from workbench.costs import Costs
    from workbench.project import Project

WIDTH = 200  # columns where nobody's terminal sets a limit


@click.command()
@click.option("--since", default="30d", show_default=True, metavar="AGE|DAY", help="30d, 12h, or 2026-11-01 (UTC).")
@click.option("--use-case", "name", default=None, help="Of this use case only.")
@click.option("--stage", default=None, help="Of decisions taken on this stage only.")
@database_option
@format_option("text", "json")
def costs(since: str, name: str | None, stage: str | None, database: str | None, form: str) -> None:
    """Estimate what models cost, by use case, task and provider, and what reuse saved.

    An upper estimate by the list prices in usecases/pricing.yaml, as they are now. "failed" and "reused" are among
    "calls". A call without a price is not taken for one that costs nothing: the sum shows "+ ?" for it. The
    database is only read.
    """
    project = find_project()
    start = start_of(since)
    prices = _prices(project)
    found = _sum(project, database, start, name and name.replace("-", "_"), stage, prices or {})
    if form == "json":
        click.echo(json.dumps({**found.as_dict(), "price_list": prices is not None}, ensure_ascii=False, indent=1))
    else:
        of = [f"{what} {value}" for what, value in (("use case", name), ("stage", stage)) if value]
        _print(found, ", ".join(of), prices is not None)


def _prices(project: Project) -> Prices | None:
    """The price list; None where there is none. Raises CannotRun when it does not hold."""
    from workbench import pricing

    prices, problems = pricing.read(project)
    if problems:
        lines = [f"  line {problem.line}: {problem.message}" for problem in sorted(problems)]
        raise CannotRun("\n".join([f"{problems[0].notebook} does not hold:", *lines]))
    return prices if pricing.path_of(project).exists() else None


def _sum(
    project: Project, database: str | None, start: datetime, name: str | None, stage: str | None, prices: Prices
) -> Costs:
    from chalicelib.store.spending import calls_since
    from workbench.costs import summed

    engine = open_readable(database)
    with telling():
        found = summed(calls_since(engine, start, name, stage), prices, start)
        if not found.lines:  # it may be that nothing can be found
            _check_names(project, engine, name, stage)
    return found


def _check_names(project: Project, engine: Engine, name: str | None, stage: str | None) -> None:
    """Raises CannotRun for a use case or a stage that was neither built nor decided on: that is no lack of costs."""
    from chalicelib.calling.routing import meant
    from chalicelib.store.spending import seen
    from workbench import manifest

    built = manifest.read(project.generated / "manifest.json")
    if name and name not in (known := {*built.use_cases, *built.frozen, *seen(engine, "use_case")}):
        raise CannotRun(f"no use case {name!r}; {meant(name, sorted(known))}")
    if stage and stage not in (known := {*built.stages, *seen(engine, "stage")}):
        raise CannotRun(f"no stage {stage!r}; {meant(stage, sorted(known))}")


def _print(found: Costs, of: str, priced: bool) -> None:
    since = f"since {found.since:%Y-%m-%d %H:%M} UTC" + (f" ({of})" if of else "")
    if not found.lines:
        click.echo(f"no model was called {since}")
        return
    from rich.console import Console

    from workbench.costs import table_of

    console = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    console.print(f"calls of models {since}, by list prices: an upper estimate", soft_wrap=True, markup=False)
    console.print(table_of(found))
    for note, operations in _grouped(found.notes).items():
        console.print(f"{', '.join(operations)}: {note}", soft_wrap=True, markup=False)
    if not priced:
        console.print("no price list: write usecases/pricing.yaml", soft_wrap=True)
    elif found.total.cost.unpriced:
        names = ", ".join(sorted(found.total.cost.unpriced))
        console.print(f"?: no price in usecases/pricing.yaml, or use unknown: {names}", soft_wrap=True, markup=False)


def _grouped(notes: dict[str, str]) -> dict[str, list[str]]:
    """Each note once, with the operations that it is about."""
    by_note: dict[str, list[str]] = {}
    for operation, note in notes.items():
        by_note.setdefault(note, []).append(operation)
    return by_note
