"""The work of a replay: one pass over a part of a window, each decision under every candidate; here or in a process or
on a machine of its own."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from chalicelib import vault as vaults
from chalicelib.bootstrap import blobs
from chalicelib.errors import KeyMissing, SettingsError
from chalicelib.facts import NotRecordable
from chalicelib.rows import FORGOTTEN
from chalicelib.sensitive import SEALED, Masking
from chalicelib.store.reading import open_reader
from chalicelib.usecase import version_of
from chalicelib.vault import Vault
from workbench.project import Project
from workbench.replaying.candidate import Candidate
from workbench.replaying.errors import CannotReplay
from workbench.replaying.past import Past, pages
from workbench.replaying.ranks import is_ranked
from workbench.replaying.redo import Redo, Redone
from workbench.replaying.tally import Tally
from workbench.replaying.versions import Version
from workbench.replaying.window import Window
from workbench.snapshots import check_schema

YOUNG, PAGES = 50_000, 20  # objects made, and pages read, until the collector looks at them


@dataclass(frozen=True)
class Job:
    """A part of a replay. ``url`` None: what ARTEMIS_DATABASE_URL says where the work is done. ``key_file``: the local
    stage's encryption key, where the environment has none. ``memo``: as of ``Straight``."""

    url: str | None
    window: Window
    candidates: tuple[Candidate, ...]
    versions: dict[str, Version]
    key_file: str | None = None
    memo: bool = True


Tell = Callable[[int], None]  # is told how many decisions more were replayed


def silent(_decisions: int) -> None:
    """Tells nobody how far it is."""


def work(job: Job, tell: Tell = silent) -> list[Tally]:
    """A tally of each candidate. Raises Unreadable when the database stops answering, CannotReplay."""
    deciders = [Decider(job, candidate) for candidate in job.candidates]
    for page in collected(pages(reader(job.url), job.window)):
        for decider in deciders:
            decider.take(page)
        tell(len(page))
    return [decider.tally for decider in deciders]


class Decider:
    """Decides as a candidate does, and counts."""

    def __init__(self, job: Job, candidate: Candidate) -> None:
        usecase, self.vault = _use_case(candidate), vault_of(job.key_file)
        self.redo = Redo(usecase, job.versions, self.vault, blobs(job.url or _own_url()).fetch, job.memo)
        self.tally = Tally(is_ranked(usecase))
        self.is_sensitive = usecase.sensitive

    def take(self, page: Sequence[Past]) -> None:
        for past in page:
            if past.status == FORGOTTEN:
                self.tally.apart[FORGOTTEN] += 1
            else:
                self.decide(past)

    def decide(self, past: Past) -> Redone:
        """What the candidate decides, which is counted."""
        redone = self.redo.redo(past)
        if past.decision is not None and SEALED in past.decision:
            past, redone = self._opened(past, redone)
        self.tally.add(past, redone, self.shown)
        return redone

    def _opened(self, past: Past, redone: Redone) -> tuple[Past, Redone]:
        try:
            return past._replace(decision=self.vault.open(past.decision or "")), redone
        except KeyMissing as error:
            return past, Redone(unread=error.detail)

    def shown(self, text: str | None) -> tuple[str | None, dict[str, Any] | None]:
        """A decision's text, and what of it may be shown."""
        if text is None:
            return None, None
        if not self.is_sensitive:
            return text, json.loads(text)
        try:
            return text, json.loads(self.redo.codec.rewrite(text, Masking()))
        except NotRecordable:  # it was decided under another model, so it is not known which part is sensitive
            return text, {name: value for name, value in json.loads(text).items() if name == "outcome"}


def checked_reader(url: str) -> Engine:
    """The same, of a database whose schema suits. Raises SettingsError where it does not, too."""
    engine = reader(url)
    check_schema(engine)
    return engine


@lru_cache(maxsize=2)
def reader(url: str | None) -> Engine:
    """The process's engine for a database. Raises Unreadable, SettingsError, CannotReplay."""
    return open_reader(url or _own_url())


def _own_url() -> str:
    try:
        return os.environ["ARTEMIS_DATABASE_URL"]
    except KeyError:
        said = "ARTEMIS_DATABASE_URL is not set where the workers run, and a URL with a password is not sent to them"
        raise CannotReplay(f"{said}: set it for them") from None


_LOADED: dict[tuple[str, str], Any] = {}


def _use_case(candidate: Candidate) -> Any:
    """Loaded once in a process, for all parts."""
    key = candidate.name, version_of(candidate.code.encode(), candidate.overrides)
    if key not in _LOADED:
        if len(_LOADED) >= 64:
            _LOADED.clear()
        _LOADED[key] = candidate.load()
    return _LOADED[key]


def key_file_of(project: Project) -> str:
    """Where the local stage keeps its encryption key."""
    return str(project.root / vaults.LOCAL_KEY)


def vault_of(key_file: str | None) -> Vault:
    """What opens sensitive values: by the environment's keys, or the local stage's file."""
    problems: list[str] = []
    keys = vaults.parse_keys(os.environ.get(vaults.KEYS), problems)
    if problems:
        raise SettingsError(problems)
    path = Path(key_file) if key_file else None
    return Vault(keys, path if path and path.is_file() else None)


def collected(read: Iterator[list[Past]]) -> Iterator[list[Past]]:
    """Pages, with the garbage collector at rest between some of them: what a page is made of goes at once, and looking
    for the little that does not takes an eighth of the time otherwise."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(YOUNG, *before[1:])
    try:
        for number, page in enumerate(read, 1):
            yield page
            if number % PAGES == 0:
                gc.collect()
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
