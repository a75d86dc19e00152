"""What a notebook exports, for another notebook or a script: the one that trains its model, for instance."""

from __future__ import annotations

import sys
from types import ModuleType

from workbench.make import Ingredients, make
from workbench.project import Project, requirements


class NotExported(Exception):
    """The notebook cannot be used; the message says why."""


def exported(name: str) -> ModuleType:
    """The exported cells of ``usecases/<name>.ipynb`` as a module, as they are now, built or not.

        match = exported("match_recommendation")
        match.pair_features(one, other, km, now)

    Raises NotExported with every problem of the notebook.
    """
    project = Project.find()
    path = project.notebooks / f"{name}.ipynb"
    if not path.is_file():
        raise NotExported(f"there is no notebook {project.relative(path)}")
    made = make(Ingredients(project.relative(path), name, path.read_bytes(), {}, requirements(project)))
    if made.entry is None:
        raise NotExported("; ".join(str(problem.message) for problem in made.problems if problem.severity == "error"))
    module = ModuleType(f"exported.{name}")
    module.__file__ = project.relative(path)
    sys.modules[module.__name__] = module  # forward references are looked up by the module's name
    exec(compile(made.code, module.__file__, "exec"), vars(module))  # noqa: S102
    return module
