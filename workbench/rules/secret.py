"""The rule of secrets: none is written in a notebook, neither in its text, its code nor its outputs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from workbench.draft import Draft
from workbench.notebook import Cell
from workbench.problems import Problem, at
from workbench.rules.catalogue import rule
from workbench.secrets import ASSIGNED, Secret, mask, masked, secrets_in, suspicious

COLOR = re.compile(r"\x1b\[[0-9;]*m")
HINT = "revoke it, and read it from the environment, in a @task: os.environ"


@rule("secret", optional=True)
def secret(draft: Draft) -> Iterator[Problem]:
    """No key, token or password is written in a notebook: in code, text or outputs.

    Whoever reads the repository has it, now and in all old versions; so it must be revoked, not only removed. Read
    it from the environment, and clear the output that shows it. Found by detect-secrets; what looks random but has no
    known form (digests, ids) is not reported, and no secret is ever printed in full.

    Bad:
        password = "correct-h0rse-battery"

    Good:
        import os
        password = os.environ.get("DATABASE_PASSWORD")
        password_env = "DATABASE_PASSWORD"
    """
    notebook = draft.notebook
    code = "\n".join([cell.source for cell in notebook.cells])
    in_sources = suspicious(code, code=True)
    for cell in notebook.cells:
        if in_sources:
            yield from _in_source(draft, cell)
        if cell.outputs:
            yield from _in_outputs(draft, cell)


def _in_source(draft: Draft, cell: Cell) -> Iterator[Problem]:
    is_code = cell.kind == "code"
    found = secrets_in(cell.source, is_code) + (_annotated(draft, cell) if is_code else [])
    for one in found:
        message = f"what looks like a secret ({one.kind}): {mask(one)}"
        problem = at(draft.notebook, cell, "secret", message, HINT, one.line, one.start + 1)
        on_line = [other for other in found if other.line == one.line]
        before = masked(problem.code[: one.start], on_line)
        yield replace(problem, code=masked(problem.code, on_line), column=len(before) + 1)


def _annotated(draft: Draft, cell: Cell) -> list[Secret]:
    """Assignments that the detector does not know, as every parameter is one: ``password: str = "…"``."""
    parsed = next((parsed for parsed in (*draft.exported, *draft.others) if parsed.cell is cell), None)
    found = []
    for node in ast.walk(parsed.tree) if parsed and parsed.tree else ():
        if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Constant):
            if not isinstance(node.value.value, str):
                continue
            written = f'{ast.unparse(node.target)} = "{node.value.value}"'
            line = node.value.lineno - (parsed.first if parsed and parsed in draft.exported else 1) + 1
            text = cell.source.split("\n")[line - 1]
            for one in secrets_in(written, code=True):
                if one.kind == ASSIGNED and one.value in text:
                    found.append(replace(one, line=line, start=text.index(one.value)))
    return found


def _in_outputs(draft: Draft, cell: Cell) -> Iterator[Problem]:
    text = COLOR.sub("", "\n".join(_texts(cell.outputs)))
    for one in {one.value: one for one in secrets_in(text)}.values():
        message = f"an output shows what looks like a secret ({one.kind}): {mask(one)}"
        yield at(draft.notebook, cell, "secret", message, "revoke it, and clear the output before saving")


def _texts(outputs: tuple[dict[str, Any], ...]) -> Iterator[str]:
    """What outputs show as text: streams, texts, HTML, JSON, tracebacks. No pictures."""
    for output in outputs:
        yield from _strings(output.get("text"))
        yield from _strings(output.get("evalue"))
        yield from _strings(output.get("traceback"))
        data = output.get("data")
        for kind, value in data.items() if isinstance(data, dict) else ():
            if not str(kind).startswith("image/"):
                yield from _strings(value)


def _strings(value: Any) -> Iterator[str]:
    """The texts in a value; the lines of a list of lines belong together."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list) and all(isinstance(line, str) for line in value):
        yield "".join(line if line.endswith("\n") else line + "\n" for line in value)
    elif isinstance(value, (list, dict)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)
