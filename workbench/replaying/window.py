"""Which past decisions are meant: of one use case, on one stage, in a period; and what there is of them.

Periods are walked along the index that ends in the id, which begins with its time. A keyed request's decision has the
time of its first attempt and the id of its last, which comes within a day or two: hence the wider bounds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from sqlalchemy import Engine, Select, Text, cast, func, select

from chalicelib.store.ids import first_id
from chalicelib.store.reading import stream
from chalicelib.store.tables import decisions
from workbench.export import RETRIED_WITHIN
from workbench.replaying.errors import CannotReplay

LAST = "ffffffff-ffff-ffff-ffff-ffffffffffff"
ID_TEXT = cast(decisions.c.id, Text)  # as text from the database itself: a UUID object for each row takes its time


@dataclass(frozen=True, slots=True)
class Window:
    """Decisions taken at ``since`` or later and before ``until``; ``stage`` None: on any.

    ``after`` and ``upto`` are ids: those above the one, and up to the other.
    """

    use_case: str
    since: datetime
    until: datetime
    stage: str | None = None
    after: str = ""
    upto: str = LAST

    @classmethod
    def of(cls, use_case: str, since: datetime, until: datetime, stage: str | None = None) -> Window:
        return cls(use_case, since, until, stage, first_id(since), first_id(until + RETRIED_WITHIN))

    def conditions(self) -> Iterator[Any]:
        table = decisions.c
        yield table.use_case == self.use_case
        yield table.id > self.after
        yield table.id <= self.upto

    def exact(self) -> Iterator[Any]:
        """The conditions that the index does not answer, too."""
        yield from self.conditions()
        yield decisions.c.created_at >= self.since
        yield decisions.c.created_at < self.until
        if self.stage is not None:
            yield decisions.c.stage == self.stage

    def between(self, after: str, upto: str) -> Window:
        return replace(self, after=after, upto=upto)


@dataclass(frozen=True, slots=True)
class Content:
    """What a window holds: decisions by stage, by version and by status."""

    stages: Counter[str]
    versions: Counter[str]
    statuses: Counter[str]

    @property
    def total(self) -> int:
        return self.statuses.total()


def content_of(engine: Engine, window: Window) -> Content:
    """Raises Unreadable when the database stops answering."""
    table = decisions.c
    columns = table.stage, table.version, table.status
    stages, versions, statuses = Counter[str](), Counter[str](), Counter[str]()
    for row in stream(engine, select(*columns, func.count().label("n")).where(*window.exact()).group_by(*columns)):
        stages[row.stage] += row.n
        versions[row.version] += row.n
        statuses[row.status] += row.n
    return Content(stages, versions, statuses)


def settle(engine: Engine, window: Window) -> tuple[Window, Content]:
    """The window with its stage, where it did not name one, and what it holds.

    Raises CannotReplay when it is empty, or holds decisions of several stages.
    """
    content = content_of(engine, window)
    if not content.total:
        raise CannotReplay(_empty(engine, window))
    if window.stage is None and len(content.stages) > 1:
        names = ", ".join(sorted(content.stages))
        raise CannotReplay(f"there are decisions of several stages: name one with --stage: {names}")
    return replace(window, stage=next(iter(content.stages))), content


def latest(engine: Engine, window: Window, limit: int | None) -> Window:
    """The window cut to its newest ``limit`` decisions."""
    if limit is None:
        return window
    newest: Select[Any] = select(ID_TEXT.label("id")).where(*window.exact()).order_by(decisions.c.id.desc())
    first = next(iter(stream(engine, newest.offset(limit).limit(1))), None)
    return window if first is None else window.between(first.id, window.upto)


def parts(engine: Engine, window: Window, size: int) -> list[Window]:
    """The window in parts of about ``size`` decisions, in their order."""
    ids = select(ID_TEXT.label("id")).where(*window.conditions()).order_by(decisions.c.id)
    bounds = [row.id for number, row in enumerate(stream(engine, ids), 1) if number % size == 0]
    edges = [window.after, *bounds, window.upto]
    return [window.between(after, upto) for after, upto in pairwise(edges) if after < upto]


def _empty(engine: Engine, window: Window) -> str:
    """That there is nothing, and what there is nearby."""
    on = f" on stage {window.stage}" if window.stage else ""
    said = f"nothing was decided by {window.use_case}{on} since {window.since:%Y-%m-%d %H:%M} UTC"
    if window.until < datetime.now(UTC) - timedelta(minutes=1):
        said += f" and before {window.until:%Y-%m-%d %H:%M} UTC"
    if window.stage and (others := content_of(engine, replace(window, stage=None)).stages):
        return f"{said}; there are decisions of {', '.join(sorted(others))}: name it with --stage"
    last = select(func.max(decisions.c.created_at).label("at")).where(decisions.c.use_case == window.use_case)
    at = next(iter(stream(engine, last))).at
    if at is None:
        return f"{said}, or ever; {_others(engine, window)}"
    hint = "an earlier --since" if at < window.since else "a later --until"
    return f"{said}; the last decision is of {at:%Y-%m-%d %H:%M} UTC: give {hint}"


def _others(engine: Engine, window: Window) -> str:
    names = sorted(row.use_case for row in stream(engine, select(decisions.c.use_case).distinct()))
    if not names:
        return "is --database (ARTEMIS_DATABASE_URL) the one that the service uses?"
    return f"this database has decisions of {', '.join(names)}"
