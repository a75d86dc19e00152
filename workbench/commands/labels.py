"""`artemis labels`."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from workbench.commands.common import CannotRun, find_project, format_option, start_of
from workbench.databases import database_option, open_database, telling

if TYPE_CHECKING:
    from chalicelib.manifest import Manifest
    from chalicelib.store.database import Database
    from chalicelib.store.samples import Samples
    from workbench.label_files import Fault, Read
    from workbench.labelling import Drawn, Stratum
    from workbench.project import Project


@click.group()
def labels() -> None:
    """Import what people say the right outcomes were; draw decisions for them to label."""


@labels.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--client", default="import", show_default=True, help="Who sends the labels: it is stored with each.")
@database_option
@format_option("text", "json")
def import_labels(file: Path, client: str, database: str | None, form: str) -> None:
    """Import the labels in a CSV file, all or none.

    Its columns are decision_id, outcome, who and reason; others are ignored. A row without an outcome is no label yet.
    Exit code 1: the file has mistakes, which are listed, and nothing was imported. A label that is there already, of
    the same decision, outcome, who and reason, is not stored again, so a file may be imported twice.
    """
    if not 1 <= len(client) <= 100:
        raise click.BadParameter("it has 1 to 100 characters", param_hint="--client")
    manifest, found = _manifest(find_project()), _read(file)
    opened = open_database(database)
    try:
        with telling():
            faults, new = _import(opened, found, manifest, client)
    finally:
        opened.close()
    _tell_import(file, found, faults, new, form)
    if faults:
        raise SystemExit(1)


@labels.command()
@click.argument("use_case")
@click.option("--size", default=200, show_default=True, type=click.IntRange(min=1), help="Decisions to draw.")
@click.option("--since", default="30d", show_default=True, metavar="AGE|DAY", help="30d, 12h, or 2026-11-01 (UTC).")
@click.option("--stage", default=None, help="Of decisions taken on this stage; needed where there are several.")
@click.option("--seed", default=None, type=int, help="The same seed draws the same of the same decisions.")
@click.option("--output", default=None, type=click.Path(path_type=Path), help="Default: labels-USE_CASE.csv here.")
@database_option
@format_option("text", "json")
def sample(
    use_case: str,
    size: int,
    since: str,
    stage: str | None,
    seed: int | None,
    output: Path | None,
    database: str | None,
    form: str,
) -> None:
    """Draw decisions to label, equally many of each outcome, into a CSV file to be filled in and imported.

    Approved ones are drawn, too: what is wrong among them is seen nowhere else. Each drawn decision stands for
    "weight" others of its outcome; the weights are stored, and estimates need them. Decisions that were drawn or
    labelled before take part as any other (leaving them out would bias what is estimated); the column "labels" tells
    how many each has. Failed and forgotten ones are left out.
    """
    from uuid6 import uuid7

    project, start, now = find_project(), start_of(since), datetime.now(UTC)
    name = _name(_manifest(project), use_case)
    seed = secrets.randbelow(2**31) if seed is None else seed
    path = output or Path(f"labels-{name}.csv")
    if path.exists():
        raise CannotRun(f"{path} is there already, and may hold labels: name another with --output")
    opened = open_database(database, stage)
    try:
        with telling():
            from chalicelib.store.samples import Samples

            samples = Samples(opened)
            strata, drawn, unsorted = _draw(samples, name, start, stage, size, seed)
            made = str(uuid7())
            _keep(samples, path, drawn, made, name, now)
    finally:
        opened.close()
    head = {"sample": made, "use_case": name, "seed": seed, "since": start.isoformat(), "file": str(path)}
    _tell_sample(head, strata, unsorted, form)


def _manifest(project: Project) -> Manifest:
    from chalicelib.errors import SettingsError
    from chalicelib.manifest import Manifest

    try:
        return Manifest.read(project.generated)
    except SettingsError as error:
        raise CannotRun("; ".join(error.problems)) from None


def _read(file: Path) -> Read:
    from workbench.label_files import NoLabels, read

    try:
        return read(file)
    except NoLabels as error:
        raise CannotRun(f"{file}: {error}") from None


def _import(database: Database, found: Read, manifest: Manifest, client: str) -> tuple[list[Fault], int]:
    """All that is wrong; where nothing is, how many labels are new and stored now."""
    from chalicelib.labels import label_row
    from chalicelib.service import is_uuid
    from chalicelib.store.labels import Labels
    from workbench.label_files import Fault, check

    store = Labels(database)
    about = store.about({line.decision_id for line in found.lines if is_uuid(line.decision_id)})
    faults = sorted([*found.faults, *check(found, about, manifest)])
    if faults:
        return faults, 0
    new = store.add_new([label_row(line.decision_id, line.label, client) for line in found.lines])
    if isinstance(new, int):
        return [], new
    gone = [line for line in found.lines if line.decision_id in new]
    return [Fault(line.number, f"decision {line.decision_id} was forgotten just now") for line in gone], 0


def _tell_import(file: Path, found: Read, faults: list[Fault], new: int, form: str) -> None:
    known = 0 if faults else len(found.lines) - new
    if form == "json":
        told = [fault._asdict() for fault in faults]
        counts = {"imported": new, "already_there": known, "without_outcome": found.empty}
        click.echo(json.dumps({**counts, "ignored_columns": found.ignored, "problems": told}, ensure_ascii=False))
        return
    for fault in faults:
        click.echo(f"{file}:{fault.line}: {fault.message}")
    if found.ignored:
        click.echo(f"columns that are ignored: {', '.join(found.ignored)}")
    if faults:
        click.echo(f"nothing was imported: mend what is listed (problems: {len(faults)}) and import it again")
        return
    click.echo(f"{new} labels imported, {known} were there already, rows without an outcome yet: {found.empty}")


def _name(manifest: Manifest, use_case: str) -> str:
    from chalicelib.calling.routing import meant

    name = use_case.replace("-", "_")
    if name not in manifest.names:
        raise CannotRun(f"no use case {use_case!r}; {meant(name, manifest.names)}")
    return name


def _draw(
    samples: Samples, name: str, since: datetime, stage: str | None, size: int, seed: int
) -> tuple[list[Stratum], list[Drawn], int]:
    """The strata, what was drawn of them, and how many decisions have no outcome. Raises CannotRun."""
    from workbench.labelling import TooManyStrata, draw

    stages, without = set[str](), 0

    def classified() -> Any:
        nonlocal without
        for one in samples.population(name, since, stage):
            stages.add(one.stage)
            if one.outcome is None:
                without += 1
            else:
                yield one.id, one.outcome

    try:
        strata, drawn = draw(classified(), size, seed)
    except TooManyStrata as error:
        raise CannotRun(str(error)) from None
    if len(stages) > 1:
        raise CannotRun(f"there are decisions of several stages: name one with --stage: {', '.join(sorted(stages))}")
    if not drawn:
        of = f"{name} on stage {stage}" if stage else name
        why = f"the {without} decisions of {of} have no outcome" if without else f"nothing was decided by {of}"
        raise CannotRun(f"{why} since {since:%Y-%m-%d %H:%M} UTC: there is nothing to draw from")
    return strata, drawn, without


def _keep(samples: Samples, path: Path, drawn: list[Drawn], made: str, name: str, now: datetime) -> None:
    """The file, and then the weights: where these cannot be stored, there is no file either."""
    from workbench.label_files import write
    from workbench.labelling import sample_rows

    about = samples.drawn([one.id for one in drawn])
    try:
        write(path, (about[one.id] for one in drawn if one.id in about))
    except OSError as error:
        raise CannotRun(f"{path} cannot be written: {error.strerror}") from None
    try:
        samples.save(sample_rows(made, name, drawn, now))
    except BaseException:
        path.unlink()
        raise


def _tell_sample(head: dict[str, Any], strata: list[Stratum], without: int, form: str) -> None:
    if form == "json":
        told = {**head, "strata": [one.as_dict() for one in strata], "without_outcome": without}
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    width = max(len("outcome"), *(len(one.outcome) for one in strata))
    click.echo(f"{'outcome':<{width}}  {'population':>12}  {'drawn':>7}  {'weight':>10}")
    for one in strata:
        click.echo(f"{one.outcome:<{width}}  {one.population:>12,}  {one.drawn:>7,}  {one.weight:>10,.2f}")
    if without:
        click.echo(f"{without:,} decisions without an outcome are left out")
    drawn = sum(one.drawn for one in strata)
    click.echo(f"{drawn:,} decisions drawn with --seed {head['seed']}, sample {head['sample']}: {head['file']}")
    click.echo(f"fill in outcome and who, and run `artemis labels import {head['file']}`")
