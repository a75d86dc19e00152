"""In the notebook: past decisions as a table, and what this notebook would have made of them.

``replay`` and ``sweep`` take this notebook as it is saved, which is what ``artemis replay`` takes; where a function of
the kernel is another than the saved one, that is said.
"""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from types import CodeType, FunctionType
from typing import TYPE_CHECKING, Any

from workbench.databases import name_database, telling
from workbench.project import Project
from workbench.replaying import plots, tell
from workbench.replaying.curves import POINTS, Curve, range_of, values_between
from workbench.replaying.errors import CannotReplay
from workbench.replaying.report import Report
from workbench.replaying.run import Asked, Replay

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

    from workbench.replaying.frames import rows

    with _told(database, stage) as url:
        asked = Asked(_name(use_case), _moment(since), _moment(until) if until else _now(), stage, limit)
        found, total = rows(url, asked)
    if limit is not None and total > limit:
        warnings.warn(f"the newest {limit:,} of {total:,} decisions: say limit=None for all", stacklevel=2)
    return pd.DataFrame(found).set_index("id")


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
        asked = Asked(**{**vars(asked), "revision": revision, "version": version, "workers": workers})
        made = Replay(Project.find(), url, asked)
        report = made.report()
        report.notes += [] if revision or version else _drift(made)
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
        asked = _asked(use_case, since, until, stage, limit, {})
        made = Replay(Project.find(), url, Asked(**{**vars(asked), "workers": workers}))
        if parameter not in made.usecase.parameters:
            made.candidate.under({parameter: low}).load()  # it says which parameters there are
        allowed = range_of(made.usecase, parameter)
        if allowed is None:
            raise CannotReplay(f"{parameter} is no number: there is nothing between two of its values")
        present = made.usecase.parameters[parameter]
        curve = made.curve(parameter, values_between(low, high, points, allowed.whole, (present,)), present)
        return Swept(curve, _drift(made))


def explain(decision_id: str, stage: str | None = None, database: str | None = None) -> Explained:
    """One past decision: its facts, its steps again by the version that decided, and the smallest change that flips it.

    Raises CannotReplay.
    """
    from chalicelib.vault import LOCAL_KEY
    from workbench.replaying.explain import explain as explained
    from workbench.replaying.window import Window
    from workbench.replaying.work import Job, reader
    from workbench.snapshots import check_schema

    with _told(database, stage) as url:
        engine = reader(url)
        check_schema(engine)
        job = Job(url, Window("", _now(), _now()), (), {}, key_file=str(Project.find().root / LOCAL_KEY))
        return explained(engine, job, decision_id)


@dataclass(frozen=True)
class Replayed:
    """A report with its tables as DataFrames: ``flips``, ``days``, ``reasons``, ``agreement``, ``examples``."""

    report: Report

    @property
    def flips(self) -> pd.DataFrame:
        return _frame(self.report.as_dict()["flips"]["by_outcome"], ["from", "to", "count"])

    @property
    def days(self) -> pd.DataFrame:
        return _frame(self.report.as_dict()["flips"]["by_day"], ["day", "decisions", "flips"])

    @property
    def reasons(self) -> pd.DataFrame:
        return _frame(self.report.as_dict()["flips"]["by_reason"], ["reason", "gained", "lost"])

    @property
    def agreement(self) -> pd.DataFrame:
        metrics = self.report.agreement.metrics if self.report.agreement else {}
        rows = [
            {"metric": name, "before": before and before.value, "after": after and after.value}
            for name, (before, after) in metrics.items()
        ]
        return _frame(rows, ["metric", "before", "after"])

    @property
    def examples(self) -> pd.DataFrame:
        return _frame(self.report.as_dict()["examples"], ["from", "to", "id", "at", "before", "after"])

    def __repr__(self) -> str:
        return tell.markdown(self.report)

    def _repr_html_(self) -> str:
        from workbench.replaying.page import figures

        report = self.report
        parts = [f"<p><b>{escape(tell.headline(report))}</b></p>"]
        parts += [f"<p>{escape(line)}</p>" for line in tell.intro(report)]
        parts += [f"<p>{escape(caption)}</p>{picture}" for caption, picture in figures(report)]
        parts += [_table(*section) for section in tell.sections(report) if section[0] != "By day"]
        return f"<div>{''.join(parts)}{''.join(f'<p>{escape(line)}</p>' for line in tell.notes(report))}</div>"


@dataclass(frozen=True)
class Swept:
    """A curve. ``table``: a row for each value, with the share of flips, of each outcome, and agreement with labels."""

    curve: Curve
    notes: list[str]

    @property
    def table(self) -> pd.DataFrame:
        rows = []
        for point in self.curve.points:
            row: dict[str, Any] = {self.curve.parameter: point.value, "flips": point.flips, **point.outcomes}
            if point.agreement:
                row |= {name: after and after.value for name, (_, after) in point.agreement.metrics.items()}
            rows.append(row)
        return _frame(rows, []).set_index(self.curve.parameter)

    def __repr__(self) -> str:
        return "\n".join([self.table.to_string(float_format="{:.3f}".format), *self._lines()])

    def _repr_html_(self) -> str:
        said = "".join(f"<p>{escape(line)}</p>" for line in self._lines())
        table = self.table.to_html(float_format="{:.3f}".format)
        return f"<div>{plots.curve(self.curve)}{said}{table}</div>"

    def _lines(self) -> list[str]:
        return [f"{self.curve.decisions:,} decisions; {self.curve.parameter} is {self.curve.present:g}", *self.notes]


def _frame(rows: list[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(rows, columns=None if rows else columns)


def _table(title: str, heads: list[str], rows: Any) -> str:
    head = "".join(f"<th>{escape(one)}</th>" for one in heads)
    body = "".join(
        "<tr>" + "".join(f'<td style="text-align:left">{escape(cell)}</td>' for cell in row) + "</tr>" for row in rows
    )
    return f"<p>{escape(title)}</p><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


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
    return Asked(_name(use_case or this_use_case()), _moment(since), end, stage, limit, settings)


def _name(use_case: str) -> str:
    return use_case.replace("-", "_")


def _now() -> datetime:
    return datetime.now(UTC)


def _moment(text: str) -> datetime:
    from workbench.costs import since_of

    try:
        return since_of(text, _now())
    except ValueError as error:
        raise CannotReplay(str(error)) from None


def this_use_case() -> str:
    """The use case of the notebook that runs. Raises CannotReplay where nobody says which one that is."""
    path = os.environ.get("JPY_SESSION_NAME") or _namespace().get("__vsc_ipynb_file__") or ""
    name = Path(path).stem
    if path.endswith(".ipynb") and (Project.find().notebooks / f"{name}.ipynb").is_file():
        return name
    raise CannotReplay('which use case? This kernel does not know its notebook: say use_case="…"')


def _namespace() -> dict[str, Any]:
    ipython = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    found: dict[str, Any] = ipython.user_ns if ipython else {}
    return found


def _drift(made: Replay) -> list[str]:
    """In what the kernel is not the notebook as it was saved: in functions, and in parameters."""
    live, saved = _namespace(), made.usecase.graph.by_name["decide"].function.__globals__
    if not isinstance(live.get("decide"), FunctionType):
        return []
    functions = [
        name
        for name, function in saved.items()
        if isinstance(function, FunctionType)
        and function.__module__ == saved["__name__"]
        and isinstance(live.get(name), FunctionType)
        and not _is_same(live[name].__code__, function.__code__)
    ]
    values = [name for name, value in made.usecase.parameters.items() if name in live and live[name] != value]
    found = [
        f"Functions of this kernel that are not as in the saved notebook, which is replayed: {', '.join(functions)}."
    ]
    if values:
        shown = ", ".join(f"{name} is {json.dumps(live[name], default=repr)} here" for name in values)
        found.append(f"Parameters of this kernel that are not those of the replay: {shown}.")
    return found[0 if functions else 1 :]


def _is_same(one: CodeType, other: CodeType) -> bool:
    """Whether two functions do the same, wherever they stand."""
    if (one.co_code, one.co_names, one.co_varnames) != (other.co_code, other.co_names, other.co_varnames):
        return False
    if len(one.co_consts) != len(other.co_consts):
        return False
    pairs = zip(one.co_consts, other.co_consts, strict=True)
    return all(_is_same(a, b) if isinstance(a, CodeType) and isinstance(b, CodeType) else a == b for a, b in pairs)
