"""The kernel that a replay is asked for from: whose notebook it runs, and how it differs from the one that is saved."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from chalicelib.usecase import UseCase
from workbench.project import Project
from workbench.replaying.errors import CannotReplay


def this_use_case() -> str:
    """The use case of the notebook that runs. Raises CannotReplay where nobody says which one that is."""
    path = os.environ.get("JPY_SESSION_NAME") or namespace().get("__vsc_ipynb_file__") or ""
    name = Path(path).stem
    if path.endswith(".ipynb") and (Project.find().notebooks / f"{name}.ipynb").is_file():
        return name
    raise CannotReplay('which use case? This kernel does not know its notebook: say use_case="…"')


def namespace() -> dict[str, Any]:
    ipython = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    found: dict[str, Any] = ipython.user_ns if ipython else {}
    return found


def drift(usecase: UseCase) -> list[str]:
    """In what the kernel is not the notebook as it was saved: in functions, and in parameters."""
    live, saved = namespace(), usecase.graph.by_name["decide"].function.__globals__
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
    values = [name for name, value in usecase.parameters.items() if name in live and live[name] != value]
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
    return all(
        _is_same(a, b) if isinstance(a, CodeType) and isinstance(b, CodeType) else (type(a), a) == (type(b), b)
        for a, b in pairs
    )
