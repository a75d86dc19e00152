"""`artemis keys`: making keys. Nothing is stored; what is printed is all there is of them."""

from __future__ import annotations

import json
import re

import click

from workbench.commands.common import CannotRun, find_project, find_use_case, format_option

NAME = re.compile(r"\S(.{0,98}\S)?")  # a client is stored with each of its decisions, in 100 characters
USE_CASE = re.compile(r"[a-z][a-z0-9_-]*")


@click.group()
def keys() -> None:
    """Make keys for sensitive fields and for clients."""


@keys.command()
def encryption() -> None:
    """Make a key that sensitive fields are encrypted under.

    Print it alone, for ARTEMIS_ENCRYPTION_KEYS, which holds keys with commas between them: the first encrypts, all of
    them decrypt. To rotate, put the new key before the old ones. A key can be dropped when nothing is left that it
    encrypted; what is left then is lost. Keep the keys where the database's backups are not.
    """
    from chalicelib.vault import new_key

    click.echo(new_key())


@keys.command()
@click.argument("name")
@click.option("--use-case", "use_cases", multiple=True, metavar="NAME", help="One that it may call; default: all.")
@format_option("text", "json")
def client(name: str, use_cases: tuple[str, ...], form: str) -> None:
    """Make an API key for a client.

    Print it once, with what ARTEMIS_API_KEYS needs to know of it: its digest, from which nobody gets the key back.
    """
    import hashlib
    import secrets

    _check(name, use_cases)
    _note_unknown(use_cases)
    key = secrets.token_urlsafe(32)
    allowed = sorted({use_case.replace("-", "_") for use_case in use_cases}) or ["*"]
    entry: dict[str, dict[str, object]] = {
        name: {"sha256": hashlib.sha256(key.encode()).hexdigest(), "use_cases": allowed}
    }
    if form == "json":
        click.echo(json.dumps({"client": name, "key": key, "entry": entry}, ensure_ascii=False, indent=1))
        return
    click.echo(f"the key, which is shown only now (the client sends it as Authorization: Bearer <key>):\n  {key}")
    click.echo(f"for ARTEMIS_API_KEYS, together with the entries that are there:\n  {_line(entry)}")


def _check(name: str, use_cases: tuple[str, ...]) -> None:
    """Raises BadParameter for what the service would not start with."""
    if not NAME.fullmatch(name) or not name.isprintable():
        raise click.BadParameter(f"{name!r} is no name of 1 to 100 characters", param_hint="NAME")
    for use_case in use_cases:
        if not USE_CASE.fullmatch(use_case):
            raise click.BadParameter(f"{use_case!r} is no use case's name", param_hint="--use-case")


def _note_unknown(use_cases: tuple[str, ...]) -> None:
    """Say which names are no use cases of this project, if this is one: a misspelt one lets nobody in, silently."""
    try:
        project = find_project()
    except CannotRun:
        return
    for use_case in use_cases:
        try:
            find_use_case(project, use_case)
        except CannotRun as error:
            click.echo(f"note: {error.message}", err=True)


def _line(entry: dict[str, dict[str, object]]) -> str:
    return json.dumps(entry, ensure_ascii=False)
