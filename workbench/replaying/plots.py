"""Pictures of a report, as SVG: they need no network, and their words are text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from io import StringIO
from itertools import cycle
from typing import Any

from workbench.live import COLORS
from workbench.replaying.agreement import NO_OUTCOME
from workbench.replaying.curves import Curve, Point
from workbench.replaying.report import Report

OTHERS = ("#2563eb", "#9333ea", "#0891b2", "#be185d", "#65a30d", "#78716c")
INK, PALE = "#3f3f46", "#e4e4e7"
STYLE: Any = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 10,
    "axes.edgecolor": "#a1a1aa",
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "artemis",  # ids that are the same each time
}
DAYS = 12  # labels below an axis of days


def over_time(report: Report) -> str:
    """Flips by day, stacked by from → to, as shares of the day's decisions."""
    days = report.days
    kinds = list(report.flips) if not report.tally.ranked else list({kind for _, _, flips in days for kind in flips})
    figure, axes = _figure(8.4, 2.9)
    bottom = [0.0] * len(days)
    for kind, color in zip(kinds, _colors([new for _, new in kinds]), strict=True):
        heights = [100 * flips[kind] / decisions for _, decisions, flips in days]
        label = "changed" if report.tally.ranked else " → ".join(kind)
        axes.bar(range(len(days)), heights, bottom=bottom, color=color, label=label, width=0.8)
        bottom = [low + height for low, height in zip(bottom, heights, strict=True)]
    step = max(1, -(-len(days) // DAYS))
    axes.set_xticks(range(0, len(days), step), [day[5:] for day, _, _ in days[::step]])
    axes.set_xlim(-0.6, max(len(days), 10) - 0.4)
    axes.set_ylabel("% of the day's decisions")
    _legend(axes)
    return _svg(figure)


def by_reason(report: Report) -> str:
    """Flips that gained a reason to the right, that lost it to the left."""
    rows = report.reasons[:15]
    figure, axes = _figure(8.4, 0.7 + 0.32 * len(rows))
    places = range(len(rows))
    axes.barh(places, [gained for _, gained, _ in rows], color="#2563eb", label="gained")
    axes.barh(places, [-lost for _, _, lost in rows], color="#a1a1aa", label="lost")
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_yticks(places, [name for name, _, _ in rows])
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(lambda value, _: f"{abs(value):,.0f}")
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("flips")
    _legend(axes)
    return _svg(figure)


def overlaps(report: Report) -> str:
    """Of rankings that changed, how much of the first places stays."""
    found = report.tally.overlaps
    figure, axes = _figure(8.4, 2.6)
    axes.bar([10 * tenth for tenth in range(11)], [found[tenth] for tenth in range(11)], width=8, color="#2563eb")
    axes.set_xlabel("% of the first places that stay")
    axes.set_ylabel("changed rankings")
    return _svg(figure)


def curve(drawn: Curve) -> str:
    """A threshold curve: agreement with labels where there are any, and the share of flips below."""
    from matplotlib.figure import Figure

    with _styled():
        figure = Figure(figsize=(8.4, 4.6), layout="constrained")
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    values = [point.value for point in drawn.points]
    if any(point.agreement for point in drawn.points):
        _agreement_lines(upper, drawn, values)
        upper.set_ylabel("agreement with labels")
        upper.set_ylim(-0.02, 1.02)
    elif any(point.overlap is not None for point in drawn.points):
        upper.plot(
            values, [100 * (point.overlap or 0) for point in drawn.points], color=OTHERS[0], marker="o", markersize=3
        )
        upper.set_ylabel("% of the first places that stay")
    else:
        _outcome_lines(upper, drawn.points, values)
        upper.set_ylabel("% of decisions")
    lower.fill_between(values, [100 * point.flips for point in drawn.points], color="#bfdbfe")
    lower.plot(values, [100 * point.flips for point in drawn.points], color="#2563eb", marker="o", markersize=3)
    lower.set_ylabel("% that flip")
    lower.set_ylim(bottom=0)
    lower.set_xlabel(drawn.parameter)
    _mark(upper, lower, drawn.present, f"present {drawn.present:g}", "--")
    if drawn.proposed is not None and drawn.proposed != drawn.present:
        _mark(upper, lower, drawn.proposed, f"candidate {drawn.proposed:g}", "-.")
    _legend(upper)
    return _svg(figure)


def _mark(upper: Any, lower: Any, value: float, text: str, line: str) -> None:
    for axes in (upper, lower):
        axes.axvline(value, color=INK, linestyle=line, linewidth=1)
    place = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points"}
    upper.annotate(text, (value, 1.0), xytext=(0, 3), ha="center", color=INK, fontsize=9, **place)


def _agreement_lines(axes: Any, drawn: Curve, values: list[float]) -> None:
    names = [name for point in drawn.points if point.agreement for name in point.agreement.metrics]
    wanted = [name for name in dict.fromkeys(names) if name.startswith(("precision", "recall"))]
    classes = list(dict.fromkeys(re.sub(r".*\[(.*)\]", r"\1", name) for name in wanted))
    colors = dict(zip(classes, _colors(classes), strict=True))
    for name in wanted:
        of = re.sub(r".*\[(.*)\]", r"\1", name)
        line = "-" if name.startswith("precision") else ":"
        found = [
            (value, point.agreement.metrics[name][1])
            for value, point in zip(values, drawn.points, strict=True)
            if point.agreement and point.agreement.metrics.get(name, (None, None))[1]
        ]
        if not found:
            continue
        xs, estimates = [value for value, _ in found], [one for _, one in found if one]
        axes.plot(xs, [one.value for one in estimates], line, color=colors[of], label=name, linewidth=1.8)
        low, high = [one.low for one in estimates], [one.high for one in estimates]
        axes.fill_between(xs, low, high, color=colors[of], alpha=0.08, linewidth=0)


def _outcome_lines(axes: Any, points: Sequence[Point], values: list[float]) -> None:
    names = list(dict.fromkeys(name for point in points for name in point.outcomes))
    for name, color in zip(names, _colors(names), strict=True):
        axes.plot(
            values,
            [100 * point.outcomes.get(name, 0) for point in points],
            color=color,
            label=name,
            marker="o",
            markersize=3,
        )


def _colors(names: Sequence[str]) -> list[str]:
    """Each name's own color, where it has one; a second of the same name gets another."""
    others, taken = cycle(OTHERS), set[str]()
    found = []
    for name in names:
        own = "#dc2626" if name in NO_OUTCOME[:1] else COLORS.get(name)
        color = own if own and own not in taken else next(others)
        taken.add(color)
        found.append(color)
    return found


def _figure(width: float, height: float) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    with _styled():
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots()
    axes.grid(axis="y", color=PALE, linewidth=0.7)
    axes.set_axisbelow(True)
    return figure, axes


def _legend(axes: Any) -> None:
    handles, _ = axes.get_legend_handles_labels()
    if handles:
        axes.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _styled() -> Any:
    import matplotlib

    return matplotlib.rc_context(STYLE)


def _svg(figure: Any) -> str:
    """The picture alone, without XML's head: it stands in a page."""
    buffer = StringIO()
    with _styled():
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
