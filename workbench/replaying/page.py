"""The report as one HTML file that needs no network and runs no script."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.resources import files

from workbench.replaying import plots, tell
from workbench.replaying.errors import CannotReplay
from workbench.replaying.report import Report

DRAWN = ("By day",)  # tables of what the pictures show: folded


def page(report: Report) -> str:
    """The whole page. Raises CannotReplay where there is nothing to draw with."""
    try:
        import matplotlib  # noqa: F401
        from jinja2 import Environment
    except ImportError as error:
        raise CannotReplay(f"{error.name} is not installed: pip install 'artemis[notebook]'") from None

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(files("workbench").joinpath("templates/replay.html").read_text("utf-8"))
    return template.render(
        report=report,
        headline=tell.headline(report),
        intro=list(tell.intro(report)),
        sections=list(tell.sections(report)),
        drawn=DRAWN,
        notes=list(tell.notes(report)),
        figures=list(figures(report)),
        when=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def figures(report: Report) -> list[tuple[str, str]]:
    """Caption and picture of everything that there is to see."""
    found = []
    if report.tally.flips:
        title = "Changed rankings over time" if report.tally.ranked else "Flips over time"
        found.append((title, plots.over_time(report)))
    if report.reasons:
        found.append(("By reason, of those that flip", plots.by_reason(report)))
    if report.tally.overlaps:
        found.append(("Rankings that change: how much of the first places stays", plots.overlaps(report)))
    for drawn in report.curves:
        caption = f"What each value of {drawn.parameter} would have done ({drawn.decisions:,} decisions)"
        found.append((caption, plots.curve(drawn)))
    return found
