"""A new use case: a copy of ``workbench/templates/usecase.ipynb`` under a name of its own.

The template is a use case like any other, so the same checks, linters and regression tests hold for
it. Only text cells differ from one copy to the next: its outputs stay what running it gives.
"""

from __future__ import annotations

import json
import keyword
import re
from importlib.resources import files
from pathlib import Path

from workbench.files import is_owned
from workbench.find import find
from workbench.notebook import NAME
from workbench.project import Project

LONGEST = 60  # characters: a name stands in routes, tables and file names
TAKEN = ("frozen",)  # a folder beside the generated modules


class NotMade(ValueError):
    """No notebook was written; the message says why and what to do."""


def new_notebook(project: Project, name: str, title: str | None = None) -> Path:
    """Write the notebook and give its path. Raises NotMade; nothing is ever overwritten."""
    stem = name.removeprefix("usecases/").removesuffix(".ipynb").replace("-", "_")
    _refuse_name(name, stem)
    _refuse_clash(project, stem)
    heading = stem.replace("_", " ").capitalize() if title is None else title.strip()
    if not heading or len(heading.splitlines()) > 1:
        raise NotMade("the title is one line of text, and not empty")
    path = project.notebooks / f"{stem}.ipynb"
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(_filled(stem, heading))
    except FileExistsError:
        raise NotMade(f"{project.relative(path)} is there already; it was left as it is") from None
    except OSError as error:
        raise NotMade(f"{project.relative(path)} cannot be written: {error.strerror}") from None
    return path


def _refuse_name(name: str, stem: str) -> None:
    if not NAME.fullmatch(stem):
        close = re.sub(r"[^a-z0-9]+", "_", stem.lower()).strip("_").lstrip("0123456789_")
        hint = f", such as {close}" if NAME.fullmatch(close) and not keyword.iskeyword(close) else ""
        raise NotMade(f"{name!r} cannot be a use case's name: use a-z, 0-9 and _ or -, a letter first{hint}")
    if keyword.iskeyword(stem):
        raise NotMade(f"{stem!r} is a word of Python's own, and would be the module's name: choose another")
    if stem in TAKEN:
        raise NotMade(f"{stem!r} is the name of a folder beside the modules: choose another")
    if len(stem) > LONGEST:
        raise NotMade(f"the name has {len(stem)} characters; {LONGEST} are the most")


def _refuse_clash(project: Project, stem: str) -> None:
    """A name that another file has already, however that one is spelt."""
    if stem in find(project).names:
        held = sorted(
            project.relative(path)
            for path in project.notebooks.glob("*.ipynb")
            if path.stem.lower().replace("-", "_").replace(" ", "_") == stem
        )
        raise NotMade(f"{' and '.join(held)} is there already; it was left as it is")
    module = project.generated / f"{stem}.py"
    if module.exists() and not is_owned(module):
        raise NotMade(f"{project.relative(module)} is there, and no build wrote it: choose another name")


def _filled(stem: str, heading: str) -> str:
    """The template's text with the name and the title in place."""
    content = json.loads(files("workbench").joinpath("templates/usecase.ipynb").read_text("utf-8"))
    for cell in content["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = [
                line.replace("NAME_OF_IT", stem).replace("TITLE_OF_IT", heading) for line in cell["source"]
            ]
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"
