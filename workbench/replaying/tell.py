"""A report for people: tables in the terminal, and Markdown for a pull request."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from workbench.replaying.agreement import Agreement, Estimate
from workbench.replaying.ranks import FIRST, names
from workbench.replaying.report import HELD, Report

DAYS = 31  # rows of the table by day
BAR = 24  # characters of the longest
NUMBER = re.compile(r"[+\-$]?[\d.,]*%?($| \()|–$")
Rows = Sequence[Sequence[str]]


Section = tuple[str, list[str], Rows]


def print_report(report: Report, console: Console, more: Iterable[Section] = ()) -> None:
    """Everything, in the order in which it is asked; and ``more`` tables."""
    console.print(f"[b]{escape(headline(report))}[/]", soft_wrap=True)
    for line in intro(report):
        console.print(line, soft_wrap=True, markup=False)
    for title, heads, rows in [*sections(report), *more]:
        console.print(f"\n[b]{escape(title)}[/]", soft_wrap=True)
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for at, head in enumerate(heads):
            table.add_column(head, justify="left" if at == 0 or not _is_number(rows, at) else "right", overflow="fold")
        for row in rows:
            table.add_row(*map(escape, row))
        console.print(table)
    for line in notes(report):
        console.print(line, soft_wrap=True, markup=False)


def markdown(report: Report, more: Iterable[Section] = ()) -> str:
    """The same as Markdown."""
    lines = [f"### {headline(report)}", "", *intro(report), ""]
    for title, heads, rows in [*sections(report), *more]:
        aligned = ["---" if at == 0 or not _is_number(rows, at) else "---:" for at in range(len(heads))]
        lines += [f"**{title}**", "", _row(heads), _row(aligned), *map(_row, rows), ""]
    return "\n".join([*lines, *(f"- {line}" for line in notes(report))]) + "\n"


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _is_number(rows: Rows, at: int) -> bool:
    return all(NUMBER.match(row[at]) for row in rows)


def headline(report: Report) -> str:
    tally = report.tally
    if tally.ranked:
        return (
            f"{tally.replayed:,} decisions of {report.use_case} replayed: {tally.flips:,} rankings change "
            f"({_percent(report.share)}); of the first {FIRST} places {_percent(tally.overlap)} stay"
        )
    return (
        f"{tally.replayed:,} decisions of {report.use_case} replayed: {tally.flips:,} flip ({_percent(report.share)})"
    )


def intro(report: Report) -> Iterator[str]:
    period = f"{report.since:%Y-%m-%d %H:%M} to {report.until:%Y-%m-%d %H:%M} UTC, stage {report.stage}"
    yield f"{period}. Candidate: {report.what}, version {report.version}."
    if report.changes:
        changed = [f"{name} {_value(old)} → {_value(new)}" for name, (old, new) in report.changes.items()]
        yield f"Parameters: {', '.join(changed)}."
    if not report.same_code:
        yield "Its code is another than that of the version that decided most of them."
    elif not report.changes:
        yield "It is the version that decided most of them."


def sections(report: Report) -> Iterator[Section]:
    """Title, headings and rows of each table that has something to say."""
    yield from _changes(report)
    if agreed := report.agreement:
        yield _agreement_title(agreed), ["", "before", "after", "labels"], list(agreement_rows(agreed))
    if rows := list(_needs(report)):
        yield "Facts that do not suffice", ["task", "why", "decisions", "est. cost of calling"], rows
    if rows := list(_examples(report)):
        yield "Examples", ["from → to", "id", "before", "after"], rows


def _changes(report: Report) -> Iterator[Section]:
    tally = report.tally
    if rows := [[f"{old} → {new}", f"{n:,}", _percent(n / tally.replayed)] for (old, new), n in report.flips.items()]:
        yield "Flips", ["from → to", "decisions", "share"], rows
    if tally.ranked and tally.flips:
        yield "Rankings", ["", "decisions"], list(_rankings(report))
    if rows := [[name, f"+{gained:,}", f"-{lost:,}"] for name, gained, lost in report.reasons]:
        yield "By reason, of those that flip", ["reason", "gained", "lost"], rows
    if rows := [[name, f"{count:,}"] for name, count in tally.fields.most_common(10)]:
        yield "Fields that change" + ("" if tally.ranked else ", where the outcome stays"), ["field", "decisions"], rows
    if tally.flips:
        yield "By day", ["day (UTC)", "decisions", "flips", ""], list(_days(report))


def _rankings(report: Report) -> Iterator[list[str]]:
    tally = report.tally
    yield ["equal", f"{tally.same:,}"]
    yield ["same first place", f"{tally.same + tally.first:,}"]
    yield [f"same first {FIRST} in the same order", f"{tally.same + tally.ordered:,}"]
    for tenth, count in sorted(tally.overlaps.items(), reverse=True):
        share = "all" if tenth == 10 else f"{tenth * 10} % or more"
        yield [f"changed, {share} of the first {FIRST} stay", f"{count:,}"]


def _days(report: Report) -> Iterator[list[str]]:
    days = report.days
    most = max(flips.total() for _, _, flips in days) or 1
    for day, decisions, flips in days[-DAYS:]:
        count = flips.total()
        yield [day, f"{decisions:,}", f"{count:,}", "▇" * round(BAR * count / most)]
    if len(days) > DAYS:
        yield [f"and {len(days) - DAYS} days before", "", "", ""]


def _agreement_title(agreed: Agreement) -> str:
    if agreed.drawn:
        return f"Agreement with labels, for all decisions of the period ({agreed.drawn:,} labelled, weighted)"
    return f"Agreement with labels, of the {agreed.others:,} labelled decisions alone (they were not drawn)"


def agreement_rows(agreed: Agreement) -> Iterator[list[str]]:
    for name, (before, after) in agreed.metrics.items():
        yield [name, estimate(before), estimate(after), f"{max(one.labels if one else 0 for one in (before, after)):,}"]


def estimate(one: Estimate | None) -> str:
    """``0.912 (0.871 to 0.941)``."""
    return "–" if one is None else f"{one.value:.3f} ({one.low:.3f} to {one.high:.3f})"


def weeks(rows: Iterable[tuple[date, int, float, Estimate | None, Estimate | None]]) -> Iterator[list[str]]:
    """Rows by week, of a challenger beside the champion."""
    for monday, count, share, before, after in rows:
        yield [monday.isoformat(), f"{count:,}", _percent(share), estimate(before), estimate(after)]


def _needs(report: Report) -> Iterator[list[str]]:
    for need in report.needs:
        missing = f" + ? (no price: {', '.join(sorted(need.cost.unpriced))})" if need.cost.unpriced else ""
        yield [need.task, need.why, f"{need.decisions:,}", f"${need.cost.estimate:,.2f}{missing}"]


def _examples(report: Report) -> Iterator[list[str]]:
    for (old, new), found in sorted(report.tally.examples.items()):
        for one in found:
            yield ["changed" if old == new else f"{old} → {new}", one.id, _shown(one.before), _shown(one.after)]


def _shown(fields: dict[str, Any]) -> str:
    text = "; ".join(f"{name} {_value(value)}" for name, value in fields.items() if name != "outcome")
    return text if len(text) <= 120 else text[:119] + "…"


def notes(report: Report) -> Iterator[str]:
    apart = [f"{why} ({count:,})" for why, count in report.tally.apart.most_common()]
    if apart:
        yield f"Not compared: {'; '.join(apart)}."
    if (agreed := report.agreement) and agreed.drawn and agreed.others:
        yield f"{agreed.others:,} labels of decisions that were not drawn are left out: what they stand for is unknown."
    if agreed and agreed.left_out:
        yield f"No decision with the outcome {', '.join(agreed.left_out)} is labelled: agreement is that of the others."
    for version, differs in report.runtimes.items():
        yield f"Version {version} decided in another runtime: {differs}."
    yield from report.notes
    yield HELD


def _percent(share: float) -> str:
    return f"{share:.2%}" if share < 0.1 else f"{share:.1%}"


def _value(value: Any) -> str:
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return ", ".join(value) or "none"
    if isinstance(value, list) and all(isinstance(one, dict) for one in value):
        return names(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
