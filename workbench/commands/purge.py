"""`artemis purge`."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import click

from workbench.commands.common import CannotRun, format_option
from workbench.databases import database_option, name_database, open_database, telling

if TYPE_CHECKING:
    from chalicelib.store.database import Database
    from workbench.retention.purging import Purged


@click.command()
@click.option("--older-than", "age", required=True, metavar="AGE", help="Such as 180d; at least 1d.")
@click.option("--whole-months", is_flag=True, help="Delete a month only when all of it is older.")
@click.option("--yes", is_flag=True, help="Do not ask first.")
@click.option("--dry-run", is_flag=True, help="Only say what would be deleted.")
@database_option
@format_option("text", "json")
def purge(age: str, whole_months: bool, yes: bool, dry_run: bool, database: str | None, form: str) -> None:
    """Delete decisions that are older than they may be, with their facts, answers, labels and samples.

    Of all stages, use cases and states. Replies kept for an Idempotency-Key go when they expire. The service may go on
    meanwhile: rows go a few at a time, and on PostgreSQL a month that is over goes as a whole. Stopped at any moment,
    it goes on when it is run again. On PostgreSQL the partitions of the months to come are made, too.

    Large texts beside a SQLite file are deleted, too. Photos and large texts in S3 stay: give the bucket a lifecycle
    rule of the same age.
    """
    from workbench.retention.purging import purge_texts

    now = datetime.now(UTC)
    before = _before(age, now, whole_months)
    opened = open_database(database)
    try:
        with telling():
            done = _work(opened, before, now, yes, dry_run)
            purge_texts(done, name_database(database).url, dry_run)
    finally:
        opened.close()
    if form == "json":
        click.echo(json.dumps({"dry_run": dry_run, **done.as_dict()}, ensure_ascii=False, indent=1))
    else:
        _print(done, dry_run)
    if done.problems:
        sys.exit(1)


def _before(age: str, now: datetime, whole_months: bool) -> datetime:
    """The moment before which decisions are too old. Raises BadParameter."""
    from chalicelib import durations
    from workbench.retention.partitions import Month
    from workbench.retention.purging import LEAST

    try:
        before = now - timedelta(seconds=durations.seconds(age))
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--older-than") from None
    except OverflowError:
        raise click.BadParameter(f"{age!r} is before all time", param_hint="--older-than") from None
    if before > now - LEAST:
        why = "the reply to an Idempotency-Key is kept for a day"
        raise click.BadParameter(f"{age} is less than 1d, the least: {why}", param_hint="--older-than")
    return Month.of(before).start if whole_months else before


def _work(database: Database, before: datetime, now: datetime, yes: bool, dry_run: bool) -> Purged:
    from chalicelib.errors import Unavailable
    from chalicelib.store.reasons import reason
    from workbench.retention.purging import planned, purge

    if dry_run or not yes:
        plan = planned(database, before, now)
        if dry_run:
            return plan
        _ask(plan)
    try:
        return purge(database, before, now)
    except Unavailable as error:
        cause = f" ({reason(error.__cause__)})" if error.__cause__ else ""
        raise CannotRun(f"{error.detail}{cause}; what was deleted stays deleted: run it again") from None


def _ask(plan: Purged) -> None:
    """Raises CannotRun when there is nobody to ask, Abort when the answer is no."""
    question = f"Delete {plan.rows['decisions']} decisions of before {plan.before:%Y-%m-%d %H:%M} UTC, for good?"
    if not sys.stdin.isatty():
        raise CannotRun(f"{question} There is nobody to ask: say --yes")
    click.confirm(question, abort=True, err=True)


def _print(done: Purged, dry_run: bool) -> None:
    verb = "would be deleted" if dry_run else "deleted"
    click.echo(f"before {done.before:%Y-%m-%d %H:%M} UTC:")
    for table, rows in ({"decisions": 0} | done.rows).items():
        if rows or table == "decisions":
            click.echo(f"  {table}: {rows} {verb}")
    if done.texts:
        click.echo(f"  large texts: {done.texts} {verb}")
    if done.dropped:
        click.echo(f"  months {'to drop' if dry_run else 'dropped'} as a whole: {', '.join(done.dropped)}")
    made = done.partitions
    if made and made.made:
        moved = f"; {made.moved} decisions moved there from the default partition" if made.moved else ""
        click.echo(f"partitions made: {', '.join(made.made)}{moved}")
    if made and made.left:
        left = ", ".join(made.left)
        click.echo(f"{left}: no partition, too many decisions are in the default one already; they are deleted by rows")
    for problem in done.problems:
        click.echo(problem, err=True)
