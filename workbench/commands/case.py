"""`artemis case`."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import click

from workbench.commands.common import CannotRun, find_project, find_use_case, format_option

if TYPE_CHECKING:
    from workbench.testing.cases import Case

FORMAT = format_option("text", "json")


@click.group()
def case() -> None:
    """Recorded cases: real decisions that `artemis test` decides again from their facts."""


@case.command()
@click.argument("decision_id")
@click.option("--note", default="", show_default="none", help="Why this case is kept: shown when it fails.")
@click.option(
    "--expect",
    multiple=True,
    metavar="FIELD=VALUE",
    show_default="all that was decided",
    help='What should have been decided; only these fields are compared. VALUE is text or JSON: reasons=["nudity"].',
)
@click.option("--stage", default=None, help="Stage whose database is read; default: ARTEMIS_STAGE, or local.")
@click.option(
    "--database",
    "--database-url",
    "database_url",
    metavar="URL",
    help="Where it is stored; default: ARTEMIS_DATABASE_URL.",
)
def add(decision_id: str, note: str, expect: tuple[str, ...], stage: str | None, database_url: str | None) -> None:
    """Make the stored decision DECISION_ID a case of its use case."""
    from workbench.testing.cases import BadCase
    from workbench.testing.promote import promote

    project = find_project()
    expected = dict(_field(text) for text in expect)
    url = database_url or _database_url(stage)
    try:
        made, path = promote(project, url, decision_id.strip(), note, expected)
    except BadCase as error:
        raise CannotRun(str(error)) from None
    wanted = json.dumps(made.expected, ensure_ascii=False)
    click.echo(f"{project.relative(path)}: case {made.id} expects {wanted}\n`artemis test {made.use_case}` decides it")


def _field(text: str) -> tuple[str, Any]:
    """A field and its value: JSON where it is any, otherwise text."""
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise click.UsageError(f"--expect {text!r}: write FIELD=VALUE, such as outcome=review")
    try:
        return name.strip(), json.loads(value)
    except ValueError:
        return name.strip(), value


def _database_url(stage: str | None) -> str:
    from chalicelib.settings import DEFAULT_DATABASE, LOCAL

    stage = stage or os.environ.get("ARTEMIS_STAGE", LOCAL)
    url = os.environ.get("ARTEMIS_DATABASE_URL")
    if not url and stage != LOCAL:
        raise CannotRun(f"the stage {stage!r} needs --database, or ARTEMIS_DATABASE_URL set")
    return url or DEFAULT_DATABASE


@case.command("list")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@FORMAT
def list_(names: tuple[str, ...], form: str) -> None:
    """Show the cases of the use cases NAME, or of all. Exit code 1 when a line is no case."""
    from workbench.testing.cases import names as recorded
    from workbench.testing.cases import read

    project = find_project()
    wanted = sorted({find_use_case(project, name) for name in names}) or recorded(project)
    found = [read(project, name) for name in wanted]
    cases = [case for of_one, _ in found for case in of_one]
    if form == "json":
        click.echo(json.dumps([json.loads(case.line()) for case in cases], ensure_ascii=False, indent=1))
    else:
        click.echo("\n".join(map(_shown, cases)) or "there is no case: `artemis case add DECISION_ID` makes one")
    bad = [line for _, of_one in found for line in of_one]
    for line in bad:
        click.echo(f"{line.path}, line {line.line}: {line.message}", err=True)
    if bad:
        raise SystemExit(1)


def _shown(case: Case) -> str:
    note = f"  {case.note}" if case.note else ""
    return f"{click.style(case.id, bold=True)}  {case.use_case}  {json.dumps(case.expected, ensure_ascii=False)}{note}"


@case.command()
@click.argument("case_id", metavar="ID")
def remove(case_id: str) -> None:
    """Remove the case ID."""
    from workbench.testing.cases import BadCase
    from workbench.testing.cases import remove as run

    project = find_project()
    try:
        path = run(project, case_id.strip())
    except BadCase as error:
        raise CannotRun(str(error)) from None
    click.echo(f"{project.relative(path)}: case {case_id} is removed")
