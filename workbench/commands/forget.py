"""`artemis forget`."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from workbench.commands.common import CannotRun, find_project, format_option
from workbench.databases import database_option, name_database, open_database, telling

if TYPE_CHECKING:
    from chalicelib.store.database import Database
    from workbench.retention.forgetting import Forgotten
    from workbench.retention.photos import Photos

SHOWN = 20  # ids or addresses of each kind; --format json has all of them
LOOKING = click.Choice(["count", "replace", "skip"])


@click.command()
@click.argument("subject", metavar="SUBJECT|-")
@click.option("--mentions", type=LOOKING, default="count", show_default=True, help="Of decisions of others.")
@click.option("--stage", default=None, help="Whose buckets photos are deleted from; default: ARTEMIS_STAGE, or local.")
@click.option("--keep-photos", is_flag=True, help="Leave S3 alone; the photos are listed.")
@click.option("--yes", is_flag=True, help="Do not ask first.")
@click.option("--dry-run", is_flag=True, help="Only say what would be erased.")
@database_option
@format_option("text", "json")
def forget(
    subject: str,
    mentions: str,
    stage: str | None,
    keep_photos: bool,
    yes: bool,
    dry_run: bool,
    database: str | None,
    form: str,
) -> None:
    """Erase what is stored about a person, the subject of decisions. With - the id is read from standard input.

    A decision stays with its use case, version, outcome and time, and says that it was forgotten. Facts, answers that
    might be used again, replies to an Idempotency-Key and the reasons of labels are deleted, and photos in S3 before
    them: a decision whose photo cannot be deleted stays as it is, and the next run goes on with it.

    Decisions of others that mention the person are found by reading all that are stored, which takes its time: they
    are counted, or (replace) a made-up name takes the place of the id, or nobody looks (skip).

    A SQLite file is written anew at the end, so that nothing can be found in what was free in it: half a minute for a
    GB, in which decisions cannot be stored.

    Exit code 1: nothing was found, or something is left.
    """
    from chalicelib.bootstrap import blobs

    subject = _subject(subject)
    stage = stage or os.environ.get("ARTEMIS_STAGE", "local")
    buckets = set() if keep_photos else _buckets(stage)
    opened = open_database(database, stage)
    try:
        with telling():
            photos = _photos(buckets, stage, keep_photos, dry_run)
            photos.blobs = blobs(name_database(database, stage).url)
            done = _work(opened, subject, photos, mentions, yes, dry_run)
    finally:
        opened.close()
    if form == "json":
        click.echo(
            json.dumps({"dry_run": dry_run, "found": done.is_known, **done.as_dict()}, ensure_ascii=False, indent=1)
        )
    else:
        _print(done, dry_run, mentions)
    if not (done.is_known and (dry_run or done.is_complete)):
        sys.exit(1)


def _subject(given: str) -> str:
    subject = sys.stdin.readline().rstrip("\r\n") if given == "-" else given
    if not subject:
        raise click.BadParameter("it is empty", param_hint="SUBJECT")
    return subject


def _buckets(stage: str) -> set[str]:
    """The buckets of which the stage says that photos may lie there. Raises CannotRun."""
    from chalicelib import photo_settings
    from chalicelib.errors import SettingsError
    from chalicelib.manifest import Manifest

    try:
        stages = Manifest.read(find_project().generated).stages
    except SettingsError as error:
        raise CannotRun("; ".join(error.problems)) from None
    if stage not in stages:
        raise CannotRun(f"there is no stage {stage!r}; known: {', '.join(sorted(stages)) or 'none'}")
    policy = photo_settings.policy(stages[stage], None)
    return {*policy.buckets, *([policy.upload.bucket] if policy.upload else [])}


def _photos(buckets: set[str], stage: str, keep: bool, is_rehearsal: bool) -> Photos:
    from chalicelib.buckets import Buckets
    from workbench.retention.photos import Photos

    return Photos(Buckets() if buckets else None, buckets, stage, keep, is_rehearsal)


def _work(database: Database, subject: str, photos: Photos, mentions: str, yes: bool, dry_run: bool) -> Forgotten:
    from chalicelib.errors import Unavailable
    from chalicelib.store.reading import Unreadable
    from chalicelib.store.reasons import reason
    from workbench.retention.forgetting import forget, planned

    look_around = mentions != "skip"
    if dry_run:
        return planned(database, subject, photos, look_around)
    if not yes:
        _ask(database, subject)
    try:
        return forget(database, subject, photos, datetime.now(UTC), look_around, mentions == "replace")
    except (Unavailable, Unreadable) as error:
        cause = f" ({reason(error.__cause__)})" if isinstance(error, Unavailable) and error.__cause__ else ""
        raise CannotRun(f"{error}{cause}; what was erased stays erased: run it again") from None


def _ask(database: Database, subject: str) -> None:
    """Raises CannotRun when there is nobody to ask, Abort when the answer is no."""
    from chalicelib.store.tables import decisions
    from workbench.retention.rows import count, reading

    with reading(database) as connection:
        found = count(connection, decisions, decisions.c.subject == subject)
    question = f"Erase {found} decisions of this subject, for good?"
    if not sys.stdin.isatty():
        raise CannotRun(f"{question} There is nobody to ask: say --yes")
    click.confirm(question, abort=True, err=True)


def _print(done: Forgotten, dry_run: bool, mentions: str) -> None:
    if done.is_known:
        _print_found(done, "would be " if dry_run else "", mentions)
    else:
        looked = "" if mentions == "skip" else ", and nobody else's mentions it"
        click.echo(f"there is no decision of this subject{looked}; ids are compared letter by letter")
    for problem in done.problems:
        click.echo(problem, err=True)


def _print_found(done: Forgotten, would: str, mentions: str) -> None:
    click.echo(f"decisions: {done.decisions} {would}erased")
    for table, rows in done.rows.items():
        if rows:
            click.echo(f"  {table}: {rows} {would}{'without their reason' if table == 'labels' else 'deleted'}")
    _print_photos(done, would)
    _print_mentions(done, mentions)
    if done.pending:
        click.echo(f"{done.pending} decisions {would and 'would '}stay until their photos can be deleted", err=True)
    if done.late:
        click.echo(f"{done.late} decisions of this subject were stored meanwhile: run it again", err=True)


def _print_photos(done: Forgotten, would: str) -> None:
    photos, texts = done.photos, done.photos.texts_as_dict()
    if photos.texts:
        click.echo(f"large texts: {texts['deleted']} {would}deleted, {texts['gone']} were not there")
    for entry in texts["failed"][:SHOWN]:
        click.echo(f"  not deleted: {entry['uri']}: {entry['why']}")
    if photos.fates:
        click.echo(f"photos in S3: {len(photos.of('deleted'))} {would}deleted, {len(photos.of('gone'))} were not there")
    for state in ("kept", "failed"):
        found = photos.as_dict()[state]
        for entry in found[:SHOWN]:
            version = f" (version {entry['version']})" if "version" in entry else ""
            click.echo(f"  {'kept' if state == 'kept' else 'not deleted'}: {entry['uri']}{version}: {entry['why']}")
        _more(found)


def _print_mentions(done: Forgotten, mode: str) -> None:
    found = done.mentions
    if found is None:
        click.echo("decisions of others that mention the subject: nobody looked (--mentions skip)")
        return
    replaced = f", {found.replaced} of them under a made-up name now" if mode == "replace" else ""
    together = len({*found.decisions, *found.in_longer_texts})
    click.echo(f"decisions of others that mention the subject: {together}{replaced}")
    longer = "in longer texts, which are not changed"
    for heading, ids in (("in texts of their own", found.decisions), (longer, found.in_longer_texts)):
        if ids and not (mode == "replace" and ids is found.decisions):
            click.echo(f"  {heading}: {', '.join(ids[:SHOWN])}")
            _more(ids)
    if found.given:
        click.echo(f"facts of others that were given an answer of the subject's decisions, and keep it: {found.given}")
    if found.answers:
        click.echo(f"  in answers that may be used again: {found.answers}")


def _more(found: list[Any]) -> None:
    if len(found) > SHOWN:
        click.echo(f"  and {len(found) - SHOWN} more: --format json lists them")
