"""The page: one HTML file of a run that needs no network, verdict first, then the executed notebook.

nbconvert renders the cells; frame and style are ours (``workbench/templates/validation.html``), since
its full templates load scripts from elsewhere. The page's policy forbids that to outputs, too.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from importlib import import_module
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workbench.validation.keep import Kept


def page(kept: Kept) -> str:
    """The whole page."""
    from jinja2 import Environment

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["shown"] = shown
    template = environment.from_string(files("workbench").joinpath("templates/validation.html").read_text("utf-8"))
    executed = kept.executed
    title, _ = executed.plan.notebook.heading()
    return template.render(
        plan=executed.plan,
        title=title,
        executed=executed,
        rows=kept.rows(),
        had_before=kept.before is not None,
        when=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        anchor=f"cell-id={executed.failures[0].cell_id}" if executed.failures else "",
        cells=_cells(executed.notebook),
        code_style=_code_style(),
    )


def shown(value: Any) -> str:
    """A value as JSON, without the digits that nobody reads."""
    if isinstance(value, float):
        return f"{value:.6g}" if value != int(value) or abs(value) >= 1e15 else f"{value:.1f}"
    return json.dumps(value, ensure_ascii=False)


def _cells(notebook: Any) -> str:
    """The executed cells as HTML."""
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(template_name="basic")  # type: ignore[no-untyped-call]
    exporter.log.setLevel(logging.ERROR)  # pictures without a text for those who cannot see them
    body, _ = exporter.from_notebook_node(notebook)
    return str(body)


def _code_style() -> str:
    formatters: Any = import_module("pygments.formatters")  # it has no type hints
    return str(formatters.HtmlFormatter(style="default").get_style_defs(".highlight"))
