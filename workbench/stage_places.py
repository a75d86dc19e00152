"""Where in a stage file a problem is: the line and column of the key that its message names.

YAML is composed again for this, with the place of every key, so it is done only for a file with a problem.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from workbench.problems import Problem
from workbench.project import Project

RULES = ("stage-file", "stage-parameters")


def placed(project: Project, problems: Iterable[Problem]) -> list[Problem]:
    """All problems, those of stage files with line, column and the line itself."""
    return [_placed(project, problem) if problem.rule in RULES else problem for problem in problems]


def _placed(project: Project, problem: Problem) -> Problem:
    try:
        data = (project.root / problem.notebook).read_bytes()
    except OSError:
        return problem
    mark = _mark(data, problem.message)
    if mark is None:
        return problem
    lines = data.decode("utf-8-sig", "replace").split("\n")
    code = lines[mark.line].rstrip("\r") if mark.line < len(lines) else ""
    return replace(problem, line=mark.line + 1, column=mark.column + 1, code=code)


def _mark(data: bytes, message: str) -> Any:
    """The place of the last key that the message's path leads to; of a file that is no YAML its error's."""
    import yaml

    try:
        node = yaml.compose(data, yaml.SafeLoader)
    except yaml.YAMLError as error:
        return getattr(error, "problem_mark", None)
    except (ValueError, RecursionError):
        return None
    path, separator, rest = message.partition(": ")
    names = path.split(".") if separator and re.fullmatch(r"[\w./-]+", path) else []
    names += re.findall(r"'([^']*)'", rest if names else message)[:1]
    return _follow(node, names)


def _follow(node: Any, names: list[str]) -> Any:
    """Down the keys, as far as they are there. Names may be written in kebab-case."""
    import yaml

    mark = node.start_mark if node is not None else None
    for name in names:
        pairs = node.value if isinstance(node, yaml.MappingNode) else []
        found = [(key, value) for key, value in pairs if str(key.value).replace("-", "_") == name.replace("-", "_")]
        if not found:
            break
        key, node = found[-1]
        mark = key.start_mark
    return mark
