"""What ``replay`` and ``sweep`` give in a notebook: a picture and tables to look at, and DataFrames to go on with."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from workbench.replaying import plots, tell
from workbench.replaying.curves import Curve
from workbench.replaying.report import Report

if TYPE_CHECKING:
    import pandas as pd


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
            if point.overlap is not None:
                row["overlap"] = point.overlap
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
