"""`artemis export`."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from workbench.commands.common import CannotRun, find_project
from workbench.databases import database_option, name_database, open_readable, telling

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from workbench.export import Export, Wanted
    from workbench.project import Project


@click.command()
@click.argument("use_case")
@click.option("--since", default="30d", show_default=True, metavar="AGE|DAY", help="30d, 12h, or 2026-11-01 (UTC).")
@click.option("--until", default=None, metavar="AGE|DAY", help="Before this time; default: now.")
@click.option("--outcome", default=None, help="With this outcome only; failed decisions have none.")
@click.option("--stage", default=None, help="Of decisions taken on this stage only.")
@click.option(
    "--format", "form", type=click.Choice(["jsonl", "parquet"]), help="Default: by the file's name, else jsonl."
)
@click.option(
    "--output", type=click.Path(path_type=Path), metavar="FILE", help="Default: standard output, for jsonl only."
)
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@database_option
def export(
    use_case: str,
    since: str,
    until: str | None,
    outcome: str | None,
    stage: str | None,
    form: str | None,
    output: Path | None,
    force: bool,
    database: str | None,
) -> None:
    """Write a use case's decisions for analysis elsewhere: a row each, oldest first.

    A row has the request, the decision, the facts, the models that were called, the labels, and the weight of a
    decision that was drawn to be labelled. Failed decisions are among them, forgotten ones are not. Sensitive
    fields are masked, and errors are without their messages. In Parquet, what is JSON is a string that holds JSON.
    The database is only read. Exit code 1: there was nothing to write.
    """
    from chalicelib.bootstrap import blobs
    from workbench.export import Export, Wanted
    from workbench.snapshots import check_schema

    project = find_project()
    form = form or ("parquet" if output and output.suffix == ".parquet" else "jsonl")
    _check_output(form, output, force)
    start, end = _period(since, until)
    wanted = Wanted(use_case.replace("-", "_"), start, end, outcome, stage)
    engine = open_readable(database, stage)
    with telling():
        check_schema(engine)
        found = Export(engine, wanted, fetch=blobs(name_database(database, stage).url).fetch_if_there)
        count = _write(found, form, output)
        if not count:
            _check_names(project, engine, wanted)
    _tell(found, count, output, form)
    if not count:
        sys.exit(1)


def _period(since: str, until: str | None) -> tuple[datetime, datetime]:
    now = datetime.now(UTC)
    start, end = _moment(since, now, "--since"), min(now, _moment(until or "0s", now, "--until"))
    if start >= end:
        said = "--until" if until else "now"
        raise click.BadParameter(f"{start:%Y-%m-%d %H:%M} UTC is not before {said}", param_hint="--since")
    return start, end


def _moment(text: str, now: datetime, option: str) -> datetime:
    from workbench.costs import since_of

    try:
        return since_of(text, now)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint=option) from None


def _check_output(form: str, output: Path | None, force: bool) -> None:
    """What can be known before anything is read."""
    if output is None:
        if form == "parquet":
            raise click.UsageError("parquet cannot go to standard output: name a file with --output")
        return
    if output.is_dir():
        raise CannotRun(f"{output} is a folder: name a file")
    if not output.parent.is_dir():
        raise CannotRun(f"there is no folder {output.parent}")
    if output.exists() and not force:
        raise CannotRun(f"{output} is there already: --force replaces it")


def _write(found: Export, form: str, output: Path | None) -> int:
    from workbench.export_files import WRITERS, replacing, write

    first = next(pages := found.pages(), None)
    if first is None:
        return 0
    rest = chain([first], pages)
    if output is None:
        return write(rest, WRITERS[form](sys.stdout.buffer))
    try:
        with replacing(output) as file:
            return write(rest, WRITERS[form](file))
    except OSError as error:
        raise CannotRun(f"{output} cannot be written: {error.strerror}; nothing was left of it") from None


def _check_names(project: Project, engine: Engine, wanted: Wanted) -> None:
    """Raises CannotRun for a name that was neither built nor decided on: that is no lack of decisions."""
    from chalicelib.calling.routing import meant
    from chalicelib.store.spending import seen
    from workbench import manifest
    from workbench.export import outcomes

    built = manifest.read(project.generated / "manifest.json")
    if wanted.use_case not in (known := {*built.use_cases, *built.frozen, *seen(engine, "use_case")}):
        raise CannotRun(f"no use case {wanted.use_case!r}; {meant(wanted.use_case, sorted(known))}")
    if wanted.stage and wanted.stage not in (known := {*built.stages, *seen(engine, "stage")}):
        raise CannotRun(f"no stage {wanted.stage!r}; {meant(wanted.stage, sorted(known))}")
    if wanted.outcome and wanted.outcome not in (known := outcomes(engine, wanted.use_case)):
        raise CannotRun(
            f"no decision of {wanted.use_case} ever had the outcome {wanted.outcome!r}; "
            f"{meant(wanted.outcome, sorted(known))}"
        )


def _tell(found: Export, count: int, output: Path | None, form: str) -> None:
    """What was written, on standard error: standard output may be what was written."""
    wanted, forgotten = found.wanted, found.counts["forgotten"]
    left_out = f"; {forgotten:,} forgotten left out" if forgotten else ""
    if not count:
        period = f"from {wanted.since:%Y-%m-%d %H:%M} to {wanted.until:%Y-%m-%d %H:%M} UTC"
        click.echo(f"no such decision of {wanted.use_case} {period}{left_out}: nothing was written", err=True)
        return
    failed = f", {found.counts['failed']:,} of them failed" if found.counts["failed"] else ""
    is_unsaid = output is not None and output.suffix.removeprefix(".") not in (form, "json", "ndjson")
    to = f" to {output}{f', as {form}' if is_unsaid else ''}" if output else ""
    click.echo(f"wrote {count:,} decision{'' if count == 1 else 's'}{failed}{to}{left_out}", err=True)
