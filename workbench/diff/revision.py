"""The notebooks and stage files of a git revision, or of the working tree, as bytes."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from workbench.notebook import NAME
from workbench.project import Project

WORKING_TREE = "working tree"


class NoRevision(Exception):
    """A revision cannot be read; the message says why and what to do."""


@dataclass(frozen=True)
class State:
    """One state of a project. ``label`` names it; ``notebooks`` and ``stages``: name -> the file's bytes."""

    label: str
    notebooks: dict[str, bytes] = field(default_factory=dict)
    stages: dict[str, bytes] = field(default_factory=dict)

    def add(self, path: str, data: bytes) -> None:
        """Take in a file by its path in the project; what is neither a notebook nor a stage file is left out."""
        folder, _, name = path.rpartition("/")
        stem, _, kind = name.rpartition(".")
        if folder == "usecases" and kind == "ipynb" and NAME.fullmatch(stem):
            self.notebooks[stem] = data
        elif folder == "usecases/stages" and kind == "yaml":
            self.stages[stem] = data


def working_tree(project: Project) -> State:
    state = State(WORKING_TREE)
    for path in sorted([*project.notebooks.glob("*.ipynb"), *project.stages.glob("*.yaml")]):
        if path.is_file():
            state.add(project.relative(path), path.read_bytes())
    return state


def at_revision(project: Project, revision: str) -> State:
    """The state that a revision holds. Raises NoRevision."""
    commit = _commit(project.root, revision)
    state = State(revision)
    listed = _git(project.root, "ls-tree", "-r", "-z", commit, "--", "usecases/").split(b"\0")
    entries = [entry.partition(b"\t") for entry in listed if entry]
    blobs = [(head.split()[2], path.decode("utf-8", "replace")) for head, _, path in entries if b" blob " in head]
    wanted = [(blob, path) for blob, path in blobs if path.endswith((".ipynb", ".yaml"))]
    for (_, path), data in zip(wanted, _contents(project.root, [blob for blob, _ in wanted]), strict=True):
        state.add(path, data)
    return state


def _commit(root: Path, revision: str) -> str:
    try:
        _git(root, "rev-parse", "--git-dir")
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip()
        if "not a git repository" in said:
            said = f"{root} is in no git repository: there is no revision to compare with"
        raise NoRevision(said) from None
    try:
        found = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", revision + "^{commit}")
    except subprocess.CalledProcessError:
        raise NoRevision(_unknown(root, revision)) from None
    return found.decode().strip()


def _unknown(root: Path, revision: str) -> str:
    if _git(root, "rev-parse", "--is-shallow-repository").strip() == b"true":
        return (
            f"revision {revision!r} is not in this clone, which is shallow: `git fetch --unshallow` brings all of it"
            " (in CI: fetch-depth: 0)"
        )
    if revision == "HEAD":
        return "there is no commit yet to compare with"
    return f"there is no revision {revision!r}: `git log --oneline` and `git branch -a` name those there are"


def _contents(root: Path, blobs: list[bytes]) -> list[bytes]:
    """The contents of objects, in their order."""
    output = _git(root, "cat-file", "--batch", given=b"".join(blob + b"\n" for blob in blobs))
    contents, at = [], 0
    for blob in blobs:
        end = output.index(b"\n", at)
        head = output[at:end].split()
        if len(head) != 3:
            raise NoRevision(f"git has no object {blob.decode()}: `git fetch` may bring it")
        contents.append(output[end + 1 : end + 1 + int(head[2])])
        at = end + 2 + int(head[2])
    return contents


def _git(root: Path, *arguments: str, given: bytes = b"") -> bytes:
    try:
        command = ["git", *arguments]
        return subprocess.run(command, cwd=root, input=given, capture_output=True, check=True).stdout  # noqa: S603
    except FileNotFoundError:
        raise NoRevision("git is not installed: artemis diff reads revisions with it") from None
