"""Setting git up for notebooks: a filter that cleans, nbdime's diff and merge, the pre-commit hook.

All of it goes into the repository's own ``.git/``, nothing into anybody's global settings. What names the
drivers, ``.gitattributes``, is the repository's and is committed: git passes over drivers that a clone has not
set up. Every command is written so that it still works, as git alone would, when the virtual environment that it
names is gone.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from pathlib import Path

from workbench.git import git, repository
from workbench.project import Project

ATTRIBUTES = (
    "usecases/*.ipynb text eol=lf filter=artemis diff=jupyternotebook merge=jupyternotebook",
    "chalicelib/usecases/**/*.py text eol=lf linguist-generated",
    "chalicelib/usecases/manifest.json text eol=lf linguist-generated",
)
HEADING = "# what git does with notebooks: `artemis setup-git` sets these drivers up"
CONFIG = ".pre-commit-config.yaml"


class NotInstalled(Exception):
    """A program that git is to call is not there."""


def set_up(project: Project) -> list[str]:
    """Set everything up that is not yet; gives a line for each thing. Raises NoRepository and NotInstalled."""
    top = repository(project.root)
    done = [_set(project.root, key, value) for key, value in _settings().items()]
    done += _write_attributes(project.root / ".gitattributes")
    return done + _hook(top, "install")


def undo(project: Project) -> list[str]:
    """Take back what `set_up` did here; a committed ``.gitattributes`` stays. Raises NoRepository."""
    top = repository(project.root)
    done = [_unset(project.root, key) for key in _settings(check=False)]
    done += _remove_attributes(project.root / ".gitattributes")
    return done + _hook(top, "uninstall")


def _settings(check: bool = True) -> dict[str, str]:
    """git's settings: name -> value. Programs are named by their paths: they need not be on PATH."""
    artemis, diff, merge = (_program(name, check) for name in ("artemis", "git-nbdiffdriver", "git-nbmergedriver"))
    missing = f"echo 'artemis is not at '{artemis}': notebooks are not cleaned; run artemis setup-git' >&2"
    plain_diff = 'git --no-pager diff --no-index --no-ext-diff "$2" "$5" || true'  # also of what is no notebook
    return {
        "filter.artemis.clean": f"if test -x {artemis}; then {artemis} clean --stdin -- %f; else {missing}; cat; fi",
        "filter.artemis.required": "false",  # a filter that fails keeps nobody from committing
        "diff.jupyternotebook.command": f'f() {{ {{ test -x {diff} && {diff} diff --use-filter "$@" 2>/dev/null; }} || '
        f"{plain_diff}; }}; f",
        "merge.jupyternotebook.name": "nbdime's merge of notebooks, cell by cell",
        "merge.jupyternotebook.driver": f"if test -x {merge}; then {merge} merge %O %A %B %L %P; "
        "else git merge-file --marker-size=%L %A %O %B; fi",
    }


def _program(name: str, check: bool) -> str:
    path = Path(sys.executable).parent / name
    if check and not path.exists():
        raise NotInstalled(f"{name} is not beside {sys.executable}: install the project with its notebook extra")
    return shlex.quote(str(path))


def _get(folder: Path, key: str) -> str | None:
    done = git(folder, "config", "--local", "--get", key)
    return None if done.returncode else done.stdout.decode().rstrip("\n")


def _set(folder: Path, key: str, value: str) -> str:
    before = _get(folder, key)
    if before == value:
        return f"already set: {key} in .git/config"
    git(folder, "config", "--local", "--replace-all", key, value)
    return f"set: {key} in .git/config" + (f" (it was {before!r})" if before is not None else "")


def _unset(folder: Path, key: str) -> str:
    if _get(folder, key) is None:
        return f"not set: {key} in .git/config"
    git(folder, "config", "--local", "--unset-all", key)
    return f"unset: {key} in .git/config"


def _write_attributes(path: Path) -> list[str]:
    text = path.read_text("utf-8") if path.exists() else ""
    missing = [line for line in ATTRIBUTES if line not in text.splitlines()]
    if not missing:
        return [f"already there: the lines of {path.name}"]
    start = [] if HEADING in text else [HEADING]
    before = text if not text or text.endswith("\n") else text + "\n"
    path.write_text(before + "".join(f"{line}\n" for line in [*start, *missing]), "utf-8")
    return [f"added: {line!r} to {path.name}: commit it" for line in missing]


def _remove_attributes(path: Path) -> list[str]:
    """What was committed is everybody's, and without the drivers it does nothing."""
    if not path.exists():
        return []
    if not git(path.parent, "ls-files", "--error-unmatch", path.name).returncode:
        return [f"left: {path.name}, which is committed and without these settings does nothing"]
    rest = [line for line in path.read_text("utf-8").splitlines() if line not in (*ATTRIBUTES, HEADING)]
    if rest:
        path.write_text("".join(f"{line}\n" for line in rest), "utf-8")
    else:
        path.unlink()
    return [f"removed: the lines of {path.name}"]


def _hook(top: Path, action: str) -> list[str]:
    """pre-commit's own installing, where the repository has hooks for it."""
    if not (top / CONFIG).exists():
        return [f"no hook: there is no {CONFIG}"]
    path = top / git(top, "rev-parse", "--git-path", "hooks/pre-commit").stdout.decode().strip()
    before = path.read_bytes() if path.exists() else None
    command = [sys.executable, "-m", "pre_commit", action]
    done = subprocess.run(command, cwd=top, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        said = (done.stdout + done.stderr).strip().replace("\n", " ")
        return [f"no hook: pre-commit {action} failed: {said}"]
    after = path.read_bytes() if path.exists() else None
    word = "already there" if before == after else {"install": "installed", "uninstall": "removed"}[action]
    return [f"{word if after or before else 'not there'}: the pre-commit hook in .git/hooks"]
