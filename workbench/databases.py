"""Opening the database that a command works on: the one that is named, or else the local stage's.

``named`` is what ``--database`` says, or None: then ``ARTEMIS_DATABASE_URL``, or the local stage's SQLite file.
Files are relative to the project, as they are for the service, or to the current folder outside a project.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from workbench.commands.common import CannotRun

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from chalicelib.store.database import Database

Command = TypeVar("Command", bound=Callable[..., Any])


def database_option(command: Command) -> Command:
    """The option ``--database``, given to the command as ``database``."""
    said = "SQLAlchemy URL; default: ARTEMIS_DATABASE_URL, or the local stage's. Files are relative to the project."
    return click.option("--database", default=None, metavar="URL", help=said)(command)


@dataclass(frozen=True, slots=True)
class Named:
    """Which database is meant. ``by``: what names it, for messages; ``is_default``: nobody named one."""

    url: str
    by: str
    is_default: bool


def name_database(named: str | None, stage: str | None = None, outer: Mapping[str, str] = os.environ) -> Named:
    """Which database is meant; it need not be there. What is no URL is left as it is.

    ``stage``: whose it is; None: as ARTEMIS_STAGE says, or the local one's. ``outer``: the environment. Raises
    CannotRun when the stage's service would not use it so: without TLS, outside the local stage.
    """
    from chalicelib.settings import DEFAULT_DATABASE

    by = "ARTEMIS_DATABASE_URL" if named is None else "--database"
    url = outer.get(by) if named is None else named
    return Named(_as_the_service(_in_project(url or DEFAULT_DATABASE), by, stage, outer), by, not url)


def _as_the_service(url: str, by: str, stage: str | None, outer: Mapping[str, str]) -> str:
    """A PostgreSQL URL with what the service adds to it: TLS, and how to authenticate unless it has a password."""
    from chalicelib import database_settings
    from chalicelib.settings import LOCAL

    found = database_settings.URL.fullmatch(url)
    if found is None or not found["driver"].startswith("postgres"):
        return url
    environment = {**outer, "ARTEMIS_DATABASE_URL": url}
    if found["password"] and by == "--database":
        environment.pop("ARTEMIS_DATABASE_AUTH", None)
    stage, problems = stage or outer.get("ARTEMIS_STAGE", LOCAL), list[str]()
    settled = database_settings.resolve(environment, None if stage == LOCAL else stage, problems)
    if problems:
        raise CannotRun("; ".join(problems).replace("ARTEMIS_DATABASE_URL", by))
    return settled


def open_database(named: str | None, stage: str | None = None) -> Database:
    """A database for reading and writing, its schema checked. The caller closes it.

    Raises CannotRun when there is none, or it cannot be used, or its schema does not suit. No database is created.
    """
    from chalicelib.store.database import Database
    from chalicelib.store.reading import sqlite_file

    meant = name_database(named, stage)
    with telling(meant):
        sqlite_file(meant.url)
        database = Database(meant.url, patient=True)
        try:
            database.prepare()
        except BaseException:
            database.close()
            raise
    return database


def open_readable(named: str | None, stage: str | None = None) -> Engine:
    """An engine that only reads, and changes nothing, not even a SQLite file's mode. Raises CannotRun as above."""
    from chalicelib.store.reading import open_reader

    meant = name_database(named, stage)
    with telling(meant):
        return open_reader(meant.url)


@contextmanager
def telling(meant: Named | None = None) -> Iterator[None]:
    """What goes wrong with a database becomes CannotRun: put it around the work that is done with one."""
    from chalicelib.errors import SettingsError, Unavailable
    from chalicelib.store.reading import NoDatabase, NoUrl, Unreadable
    from chalicelib.store.reasons import reason
    from chalicelib.store.schema import UPGRADE

    by = meant.by if meant else "ARTEMIS_DATABASE_URL"
    same = by == "--database"
    try:
        with _said_once():
            yield
    except NoUrl as error:
        raise CannotRun(f"{by}: {error}") from None
    except NoDatabase as error:
        raise CannotRun(f"{error}{_other(meant)}") from None
    except Unreadable as error:
        raise CannotRun(str(error)) from None
    except SettingsError as error:
        said = "; ".join(error.problems).replace("ARTEMIS_DATABASE_URL", by)
        raise CannotRun(said.replace(UPGRADE, f"{UPGRADE} with the same --database") if same else said) from None
    except Unavailable as error:
        cause = f" ({reason(error.__cause__)})" if error.__cause__ else ""
        raise CannotRun(f"{error.detail}{cause}; nothing was changed") from None


@contextmanager
def _said_once() -> Iterator[None]:
    """The store logs why it cannot be reached; a command ends with a message that says so."""
    log = logging.getLogger("artemis")

    def is_news(record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith("the store cannot be reached")

    log.addFilter(is_news)
    try:
        yield
    finally:
        log.removeFilter(is_news)


def _other(meant: Named | None) -> str:
    """Where the local stage has no database, the one of ``serve --emulators`` may be meant."""
    from workbench.trial import DATABASE

    name = DATABASE.removeprefix("sqlite:///")
    is_there = meant is not None and meant.is_default and (_root() / name).is_file()
    return f"; that of serve --emulators is there: --database {DATABASE}" if is_there else ""


def _in_project(url: str) -> str:
    """The URL with a SQLite file's path made absolute."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return url
    name = parsed.database or ""
    if parsed.get_backend_name() != "sqlite" or not name or name.startswith((":", "file:")):
        return url
    return parsed.set(database=str(_root() / name)).render_as_string(hide_password=False)


def _root() -> Path:
    from workbench.project import Project

    try:
        return Project.find(Path.cwd()).root
    except FileNotFoundError:
        return Path.cwd()
