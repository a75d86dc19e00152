"""Rules of the tags that are not built: those of nobody, and the metrics cell."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from workbench.draft import EXPORT, PARAMETERS, Draft
from workbench.problems import Problem, at
from workbench.rules.catalogue import rule
from workbench.rules.form import TAGS, near_miss

METRICS = "metrics"
# Tags of papermill, nbval, nbclient, nbconvert, Jupyter Book, nbdime, ploomber, nbgrader and slide shows.
KNOWN = re.compile(
    r"(injected-|default-)?parameters|papermill-.*|nbval-.*|raises-exception|skip-execution|(hide|remove)[-_].*"
    r"|full-width|margin|popout|scroll-output|output_scroll|thebe-.*|ploomber.*|nbdime-.*|nbgrader.*|soorgeon.*"
    r"|slideshow.*|slide|subslide|fragment|notes|skip|no-?export|solution|exercise|jupyterlab-.*|mystnb-.*|interactive"
    r"|upstream|product|active-.*|style-.*"
)


@rule("unknown-tag", "info", optional=True)
def unknown_tag(draft: Draft) -> Iterator[Problem]:
    """A tag is Artemis's own (`parameters`, `export`, `metrics`) or of a tool that is known.

    Others do nothing here. What is close to one of Artemis's is reported by `tags`, as an error.
    """
    for cell in draft.notebook.cells:
        for tag in cell.tags:
            if tag not in TAGS and not KNOWN.fullmatch(tag) and not near_miss(tag):
                hint = (
                    f"Artemis knows {PARAMETERS!r}, {EXPORT!r} and {METRICS!r}; remove it unless another tool needs it"
                )
                yield at(draft.notebook, cell, "unknown-tag", f"nobody knows the tag {tag!r}", hint)


@rule("metrics")
def metrics(draft: Draft) -> Iterator[Problem]:
    """At most one cell is tagged `metrics`; it is code, is not exported, and ends in an expression.

    Validation records that expression: a flat dict of numbers, such as `{"approved": 0.93, "photos": 120}`.
    """
    marked = [cell for cell in draft.notebook.cells if METRICS in cell.tags]
    for cell in marked:
        message, hint = "", "end it with a flat dict of numbers: {'approved': 0.93}"
        if cell is not marked[0]:
            message, hint = f"a second cell is tagged 'metrics'; the first is cell {marked[0].number}", "join them"
        elif cell.kind != "code":
            message, hint = f"'metrics' marks a {cell.kind} cell", "only code gives numbers"
        elif EXPORT in cell.tags or PARAMETERS in cell.tags:
            message, hint = "a 'metrics' cell is also built", "leave it out of the module: keep 'metrics' alone"
        elif not _ends_in_expression(draft, cell.number):
            message = "the last line of the 'metrics' cell is no expression, so there is nothing to record"
        if message:
            yield at(draft.notebook, cell, "metrics", message, hint)


def _ends_in_expression(draft: Draft, number: int) -> bool:
    """Whether a cell shows a value; of one that does not parse nothing is said."""
    parsed = next((parsed for parsed in draft.others if parsed.cell.number == number), None)
    if parsed is None or parsed.tree is None:
        return True
    last = parsed.tree.body[-1] if parsed.tree.body else None
    return isinstance(last, ast.Expr) and not parsed.cell.source.rstrip().endswith(";")
