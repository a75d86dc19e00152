"""`artemis db`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from workbench.commands.common import CannotRun, format_option
from workbench.databases import database_option, name_database, telling

if TYPE_CHECKING:
    from workbench.database_check import Checked


@click.group()
def db() -> None:
    """Bring a database's schema forward, or check it.

    The database is named by --database or ARTEMIS_DATABASE_URL, with ARTEMIS_DATABASE_AUTH and ARTEMIS_STAGE as for the
    service; without any of them it is the local stage's file.
    """


@db.command()
@database_option
def upgrade(database: str | None) -> None:
    """Bring the schema forward, all of it or nothing; on PostgreSQL, make the partitions of the months to come.

    It may be run at any time, also by several at once, and again: what is done is not done twice. A schema that is
    newer than this version, and suits it, stays as it is. A file that is not there is made.
    """
    from sqlalchemy.exc import SQLAlchemyError

    from chalicelib.store.database import open_engine
    from chalicelib.store.reading import shown_as
    from chalicelib.store.reasons import reason
    from workbench.migrate import NotOurs
    from workbench.migrate import upgrade as bring
    from workbench.retention.locks import InUse

    meant = name_database(database)
    with telling(meant):
        engine = open_engine(meant.url, patient=True)
    shown = shown_as(engine)
    try:
        with telling(meant):
            before, after = bring(engine)
    except (NotOurs, InUse) as error:
        raise CannotRun(f"{shown} is left as it is: {error}") from None
    except SQLAlchemyError as error:
        raise CannotRun(f"{shown} cannot be brought forward, and is left as it is: {reason(error)}") from None
    finally:
        engine.dispose()
    was, now = (revision and revision.lstrip("0") for revision in (before, after))
    click.echo(f"{shown}: schema {now}, up to date" if was == now else f"{shown}: schema {was or '(none)'} → {now}")


@db.command()
@database_option
@format_option("text", "json")
def check(database: str | None, form: str) -> None:
    """Check whether the database suits this version: its schema, and on PostgreSQL the partitions to come.

    Exit code 1 for a schema that is older or differs from what is declared; 2 when it cannot be read. Nothing is
    changed.
    """
    from sqlalchemy.exc import SQLAlchemyError

    from chalicelib.store.reading import open_unchecked
    from chalicelib.store.reasons import reason
    from workbench.database_check import check as look

    meant = name_database(database)
    with telling(meant):
        engine, shown = open_unchecked(meant.url)
    try:
        with telling(meant):
            found = look(engine)
    except SQLAlchemyError as error:
        raise CannotRun(f"{shown} cannot be read: {reason(error)}") from None
    finally:
        engine.dispose()
    if form == "json":
        click.echo(json.dumps({"database": shown, **found.as_dict()}, ensure_ascii=False, indent=1))
    else:
        _print(shown, found)
    if found.problems:
        sys.exit(1)


def _print(shown: str, found: Checked) -> None:
    for problem in found.problems:
        click.echo(problem)
    if not found.problems:
        ahead = "" if found.months is None else f", partitions for {found.months} months"
        click.echo(f"{shown} suits: schema {found.version}{ahead}")
