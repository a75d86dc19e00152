"""`artemis clean`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from workbench.commands.common import CannotRun, find_project


@click.command()
@click.argument("paths", nargs=-1, metavar="[PATH]...", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Write nothing; exit 1 and name what would change.")
@click.option("--staged", is_flag=True, help="With --check: look at what is staged in git, not at the files.")
@click.option("--stdin", is_flag=True, help="Clean standard input to standard output, as git's filter does.")
def clean(paths: tuple[Path, ...], check: bool, staged: bool, stdin: bool) -> None:
    """Strip what running and editing leave behind in notebooks.

    PATH is a notebook or a folder of notebooks; default: all of usecases/. Tags, cell ids, outputs and execution
    counts stay. With --stdin PATH only names the notebook in messages, and what is no notebook passes unchanged.
    """
    if staged and not check:
        raise click.UsageError("--staged is for --check: what is staged is never written")
    if stdin:
        _filter(str(paths[0]) if paths else "standard input")
        return
    failed, changed = False, []
    for path in _notebooks(paths):
        try:
            if _clean(path, check, staged):
                changed.append(path)
        except _Refused as error:
            failed = True
            click.echo(str(error), err=True)
    _tell(changed, check, staged)
    if failed:
        sys.exit(2)
    if check and changed:
        sys.exit(1)


class _Refused(Exception):
    """One notebook that cannot be cleaned: others can."""


def _filter(name: str) -> None:
    from workbench.clean import clean as run
    from workbench.notebook import Unreadable

    data = sys.stdin.buffer.read()
    try:
        cleaned = run(name, data)
    except Unreadable as error:  # git asks in the middle of merges, too: nothing may be lost or stopped by it
        click.echo(f"{name} is taken as it is: {error.message}\n  hint: {error.hint}", err=True)
        cleaned = data
    sys.stdout.buffer.write(cleaned)


def _notebooks(paths: tuple[Path, ...]) -> list[Path]:
    found: list[Path] = []
    for path in paths or (find_project().notebooks,):
        if path.is_dir():
            found += sorted(path.glob("*.ipynb"))
        elif path.is_file():
            found.append(path)
        else:
            raise CannotRun(f"there is no file or folder {path}")
    return found


def _clean(path: Path, check: bool, staged: bool) -> bool:
    """Whether a notebook changes; it is written unless it is only to be checked."""
    from workbench.clean import clean as run
    from workbench.files import write
    from workbench.git import NoRepository
    from workbench.git import staged as read_staged
    from workbench.notebook import Unreadable

    try:
        data = read_staged(path) if staged else path.read_bytes()
        if data is None:  # nothing of it would be committed
            return False
        cleaned = run(str(path), data)
        if cleaned != data and not check:
            mode = path.stat().st_mode
            write(path.resolve(), cleaned)
            path.chmod(mode)
    except Unreadable as error:
        raise _Refused(f"{path} is left as it is: {error.message}\n  hint: {error.hint}") from None
    except OSError as error:
        raise _Refused(f"{path} cannot be read or written: {error.strerror}") from None
    except NoRepository as error:
        raise CannotRun(str(error)) from None
    return cleaned != data


def _tell(changed: list[Path], check: bool, staged: bool) -> None:
    for path in changed:
        click.echo(f"{path}: {'would be cleaned' if check else 'cleaned'}")
    if not changed:
        click.echo("nothing to clean")
    elif check:
        click.echo("run `artemis clean`" + (", then `git add` them again" if staged else ""))
