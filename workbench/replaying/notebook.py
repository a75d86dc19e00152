"""In the notebook: past decisions as a table, and what this notebook would have made of them.

``replay`` and ``sweep`` take this notebook as it is saved, which is what ``artemis replay`` takes; where a function of
the kernel is another than the saved one, that is said.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from chalicelib.manifest import snake
from workbench.databases import name_database, telling
from workbench.project import Project
from workbench.replaying.curves import POINTS, range_of, values_between
from workbench.replaying.errors import CannotReplay
from workbench.replaying.kernel import drift, this_use_case
from workbench.replaying.results import Replayed, Swept
from workbench.replaying.run import Asked, Replay
from workbench.replaying.work import key_file_of

if TYPE_CHECKING:
    import pandas as pd

    from workbench.replaying.explain import Explained

MOST = 20_000  # rows of a table, unless another limit is given


def decisions(
    use_case: str,
    since: str = "30d",
    until: str | None = None,
    stage: str | None = None,
    limit: int | None = MOST,
    database: str | None = None,
) -> pd.DataFrame:
    """Past decisions as a DataFrame, the oldest first.

    A row each: ``created_at``, ``version``, ``status``, ``outcome``, ``label``, ``label_weight`` (how many decisions
    it stands for), then the fields of the request as ``request.NAME``, those of the decision as ``decision.NAME``, and
    each task's result as ``facts.TASK``. The index is the decision's id. Sensitive values are masked.

    Args:
        since: an age such as ``"30d"``, or a day, such as ``"2026-11-01"`` (UTC).
        stage: of decisions taken on this stage; needed where there are several.
        limit: the newest so many; where there are more, that is said. None: all.
        database: SQLAlchemy URL; default: as of ``artemis replay``.

    Raises CannotReplay.
    """
    import pandas as pd

    from workbench.replaying.frames import HEAD, rows

    with _told(database, stage) as url:
        asked = Asked(snake(use_case), _moment(since), _moment(until) if until else _now(), stage, limit)
        found, total = rows(url, asked)
    if limit is not None and total > limit:
        warnings.warn(f"the newest {limit:,} of {total:,} decisions: say limit=None for all", stacklevel=2)
    return pd.DataFrame(found, columns=None if found else HEAD).set_index("id")


def replay(
    parameters: dict[str, Any] | None = None,
    *,
    use_case: str | None = None,
    since: str = "30d",
    until: str | None = None,
    stage: str | None = None,
    limit: int | None = None,
    revision: str | None = None,
    version: str | None = None,
    workers: int = 1,
    database: str | None = None,
) -> Replayed:
    """What this notebook would have decided, shown as a picture and tables.

        replay({"nudity_reject": 0.7}, since="7d")

    Args:
        parameters: set beside the stage's.
        use_case: whose; default: this notebook's.
        revision, version: another candidate than the working notebook, as of ``artemis replay``.
        workers: processes.

    The others are as of ``decisions``. Raises CannotReplay.
    """
    with _told(database, stage) as url:
        asked = _asked(use_case, since, until, stage, limit, parameters or {})
        asked = dataclasses.replace(asked, revision=revision, version=version, workers=workers)
        made = Replay(Project.find(), url, asked)
        report = made.report()
        report.notes += [] if use_case or revision or version else drift(made.usecase)
    return Replayed(report)


def sweep(
    parameter: str,
    low: float,
    high: float,
    points: int = POINTS,
    *,
    use_case: str | None = None,
    since: str = "30d",
    until: str | None = None,
    stage: str | None = None,
    limit: int | None = None,
    workers: int = 1,
    database: str | None = None,
) -> Swept:
    """What each value of a parameter would have done: precision and recall against labels, and flips.

        sweep("nudity_reject", 0.3, 0.95)

    The present value is marked. The arguments are as of ``replay``. Raises CannotReplay.
    """
    with _told(database, stage) as url:
        asked = dataclasses.replace(_asked(use_case, since, until, stage, limit, {}), workers=workers)
        made = Replay(Project.find(), url, asked)
        if parameter not in made.usecase.parameters:
            made.candidate.under({parameter: low}).load()  # it says which parameters there are
        allowed = range_of(made.usecase, parameter)
        if allowed is None:
            raise CannotReplay(f"{parameter} is no number: there is nothing between two of its values")
        present = made.usecase.parameters[parameter]
        curve = made.curve(parameter, values_between(low, high, points, allowed.whole, (present,)), present)
        return Swept(curve, [] if use_case else drift(made.usecase))


def explain(decision_id: str, stage: str | None = None, database: str | None = None) -> Explained:
    """One past decision: its facts, its steps again by the version that decided, and the smallest change that flips it.

    Raises CannotReplay.
    """
    from workbench.replaying.explain import explain as explained

    with _told(database, stage) as url:
        return explained(url, key_file_of(Project.find()), decision_id)


@contextmanager
def _told(database: str | None, stage: str | None) -> Iterator[str]:
    """The database's URL; what goes wrong with it is CannotReplay, whose message is enough."""
    import click

    try:
        meant = name_database(database, stage)
        with telling(meant):
            yield meant.url
    except click.ClickException as error:
        raise CannotReplay(error.message) from None


def _asked(
    use_case: str | None,
    since: str,
    until: str | None,
    stage: str | None,
    limit: int | None,
    settings: dict[str, Any],
) -> Asked:
    end = _moment(until) if until else _now()
    return Asked(snake(use_case or this_use_case()), _moment(since), end, stage, limit, settings)


def _now() -> datetime:
    return datetime.now(UTC)


def _moment(text: str) -> datetime:
    from workbench.costs import since_of

    try:
        return since_of(text, _now())
    except ValueError as error:
        raise CannotReplay(str(error)) from None
