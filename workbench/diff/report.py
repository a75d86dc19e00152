"""A difference as text for reviews and as markdown for pull requests and deploy notices."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from workbench.diff.compare import Change, Difference, UseCaseChanges

if TYPE_CHECKING:
    from rich.console import Console

NOTHING = "no change in what is decided"
STYLES = {"added": "green", "removed": "red", "renamed": "cyan", "changed": "yellow"}


def print_text(difference: Difference, console: Console) -> None:
    """By use case, then by stage. Notebooks may hold anything that looks like markup: all is plain text."""
    from rich.text import Text

    head = f"{difference.old} → {difference.new}"
    if not difference:
        console.print(Text(f"{head}: {NOTHING}"), soft_wrap=True)
        return
    console.print(Text(head, "bold"), soft_wrap=True)
    for each in difference.use_cases:
        console.print(Text.assemble("\n", (each.name, "bold"), "  ", (_status(each), STYLES[each.status])))
        _print_changes(each.changes, console)
    for stage, changes in difference.stages.items():
        console.print(Text.assemble("\n", (f"stage {stage}", "bold")))
        _print_changes(changes, console)


def _print_changes(changes: list[Change], console: Console) -> None:
    from rich.text import Text

    width = max((len(change.name) for change in changes), default=0)
    for change in changes:
        style = "bold red" if _is_breaking(change) else ""
        name = f"{change.name:<{width}}  " if change.name else ""
        console.print(Text.assemble(f"  {change.kind:<9}  {name}", (_said(change), style)), soft_wrap=True)


def as_markdown(difference: Difference) -> str:
    """Headings and one table for each use case and stage."""
    head = f"**{_escaped(difference.old)} → {_escaped(difference.new)}**"
    if not difference:
        return f"{head}: {NOTHING}"
    parts = [head]
    for each in difference.use_cases:
        title = f"### {_escaped(each.title)} (`{each.name}`): {_escaped(_status(each))}"
        parts.append(title + _table(each.changes))
    parts += [f"### Stage `{stage}`" + _table(changes) for stage, changes in difference.stages.items()]
    return "\n\n".join(parts)


def _table(changes: list[Change]) -> str:
    if not changes:
        return ""
    rows = "".join(
        f"| {change.kind} | {f'`{change.name}`' if change.name else ''} | {_cell(change)} |\n" for change in changes
    )
    return f"\n\n| what | name | change |\n| --- | --- | --- |\n{rows}".rstrip("\n")


def _cell(change: Change) -> str:
    """What changed, escaped. The contract's sentences set their fields as code already, and keep that."""
    parts = _said(change).split("`") if change.kind == "contract" else []
    if len(parts) % 2 == 0:
        return _escaped(_said(change))
    shown = [part.replace("|", r"\|") if at % 2 else _escaped(part) for at, part in enumerate(parts)]
    return "`".join(shown)


def _status(each: UseCaseChanges) -> str:
    return f"renamed from {each.was}" if each.was else each.status


def _is_breaking(change: Change) -> bool:
    return change.kind == "contract" and change.detail == "breaking"


def _said(change: Change) -> str:
    if change.kind == "contract":
        return f"{change.what} (breaking)" if _is_breaking(change) else change.what
    text = change.what
    if change.what.startswith("stays"):
        text += f" at {_shown(change.new)}"
    elif change.old is not None and change.new is not None:
        text += f": {_shown(change.old)} → {_shown(change.new)}"
    elif change.old is not None or change.new is not None:
        text += f": {_shown(change.new if change.old is None else change.old)}"
    return f"{text} ({change.detail})" if change.detail else text


def _shown(value: Any) -> str:
    """Texts as they are, on one line; everything else as JSON."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return " ".join(text.split()) or '""'


def _escaped(text: str) -> str:
    """What markdown or HTML would make something of stays what it is: a heading may be ``<b>`` or ``a|b``."""
    return re.sub(r"([\\`*_{}\[\]<>#|~])", r"\\\1", re.sub(r"\s+", " ", text))
