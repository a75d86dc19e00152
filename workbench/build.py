"""The build: notebooks and stage files in; modules and the manifest out.

What is written depends on nothing but the notebooks, the stage files and the builder, and only
what differs is written, each file atomically and the manifest last. A notebook with problems is
left as it was last built; the others are built all the same. A check makes everything anew and
compares; a build makes only what changed since the last one here (see ``workbench.cache``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench import notebook as notebooks
from workbench.cache import Cache
from workbench.draft import OWNED
from workbench.files import digest, digest_of, write
from workbench.make import Ingredients, Made, make_all, overrides_of
from workbench.problems import Problem
from workbench.project import Project

FORMAT = 1  # chalicelib.manifest.FORMAT, which costs an import of pydantic


@dataclass
class Report:
    """What a build did, or a check found: use case or stage -> what, and every problem."""

    problems: list[Problem] = field(default_factory=list)
    changes: dict[str, str] = field(default_factory=dict)
    unchanged: list[str] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        return any(problem.severity == "error" for problem in self.problems)


def build(project: Project, check: bool = False, processes: int = 1) -> Report:
    """Bring ``chalicelib/usecases`` up to date, or with ``check`` write nothing and say what is stale.

    With many notebooks to make, ``processes`` share the work.
    """
    builder = _Build(project, check)
    builder.run(processes)
    if not check:
        builder.write()
    return builder.report


class _Build:
    def __init__(self, project: Project, check: bool) -> None:
        self.project, self.checking, self.report = project, check, Report()
        self.old_bytes, self.old = _read_manifest(project.generated / "manifest.json")
        self.cache = Cache(project, self.old_bytes)
        self.modules: dict[str, str] = {}  # name -> code to write
        self.entries: dict[str, dict[str, Any]] = {}
        self.stages: dict[str, Any] = {}
        self.orphans: list[Path] = []

    def run(self, processes: int) -> None:
        found = self._find()
        self._read_stages()
        for made in make_all(self._changed(found), processes):
            self._take(made)
        if self.report.changes:
            self._check_stages(found)
        self._find_orphans(found)

    def write(self) -> None:
        """Modules first, the manifest last: a reader of the manifest finds what it names."""
        folder = self.project.generated
        folder.mkdir(parents=True, exist_ok=True)
        for name, code in self.modules.items():
            write(folder / f"{name}.py", code.encode())
        data = self.old_bytes
        manifest = {"format": FORMAT, "stages": self.stages, "use_cases": self.entries}
        if manifest != self.old:
            data = (_lines(manifest, 3) + "\n").encode()
            write(folder / "manifest.json", data)
        for path in self.orphans:
            path.unlink()
        self.cache.write(data)

    def _find(self) -> dict[str, Path]:
        """Name -> notebook, for those whose name will do and is theirs alone."""
        found: dict[str, Path] = {}
        for path in sorted(self.project.notebooks.glob("*.ipynb")):
            relative = self.project.relative(path)
            name = path.stem.lower().replace("-", "_").replace(" ", "_")
            if name in found:
                first = self.project.relative(found[name])
                message = f"two notebooks would be the module {name}.py: {first} is the other"
                self._problem(relative, "module-name", message, "rename one of them")
                continue
            found[name] = path
            if notebooks.NAME.fullmatch(path.stem) is None:
                hint = f"rename it to {name}.ipynb" if notebooks.NAME.fullmatch(name) else "start with a letter"
                message = f"{path.stem!r} cannot be a module's name: use a-z, 0-9 and _"
                self._problem(relative, "module-name", message, hint)
        return {name: path for name, path in found.items() if path.stem == name and notebooks.NAME.fullmatch(name)}

    def _read_stages(self) -> None:
        old = self.old.get("stages", {})
        for path in sorted(self.project.stages.glob("*.yaml")):
            data = path.read_bytes()
            if not self.checking and path.stem in old and self.cache.fresh(f"stage {path.stem}", digest(data)):
                self.stages[path.stem] = old[path.stem]
                continue
            try:
                self.stages[path.stem] = _parse_yaml(data)
            except ValueError as error:
                self._problem(self.project.relative(path), "stage-file", f"not YAML: {error}", "")
                self.cache.forget(f"stage {path.stem}")
                self.stages[path.stem] = old.get(path.stem, {})
            if self.stages[path.stem] != old.get(path.stem):
                self.report.changes[f"stage {path.stem}"] = "built"
        for name in old.keys() - self.stages.keys():
            self.report.changes[f"stage {name}"] = "removed"

    def _changed(self, found: dict[str, Path]) -> list[Ingredients]:
        """The use cases to make anew; the others keep their entries."""
        changed = []
        for name, path in found.items():
            data = path.read_bytes()
            overrides = {stage: overrides_of(content, name) for stage, content in self.stages.items()}
            inputs = digest(data + json.dumps(overrides, sort_keys=True).encode())
            if not self.checking and self._is_built(name) and self.cache.fresh(name, inputs):
                self.entries[name] = self.old["use_cases"][name]
                self.report.unchanged.append(name)
            else:
                changed.append(Ingredients(self.project.relative(path), name, data, overrides))
        return changed

    def _is_built(self, name: str) -> bool:
        """Whether the module is there as the manifest says."""
        entry = self.old.get("use_cases", {}).get(name)
        return entry is not None and entry["module"] == digest_of(self.project.generated / f"{name}.py")

    def _take(self, made: Made) -> None:
        self.report.problems += made.problems
        old = self.old.get("use_cases", {}).get(made.name)
        if made.entry is None:
            self.cache.forget(made.name)
            self.report.changes[made.name] = "not built"
            if old:
                self.entries[made.name] = old
            return
        self.entries[made.name] = made.entry
        if made.entry == old and self._is_built(made.name):
            self.report.unchanged.append(made.name)
        else:
            self.modules[made.name] = made.code
            self.report.changes[made.name] = "built"

    def _check_stages(self, found: dict[str, Path]) -> None:
        from chalicelib.settings import check_stage

        for stage, content in self.stages.items():
            for problem in check_stage(content, found.keys()):
                self.cache.forget(f"stage {stage}")
                self._problem(f"usecases/stages/{stage}.yaml", "stage-file", problem, "")

    def _find_orphans(self, found: dict[str, Path]) -> None:
        """Modules that a build wrote and whose notebook is gone. What it did not write stays."""
        for path in sorted(self.project.generated.glob("*.py")):
            if path.stem not in found and path.read_text("utf-8").startswith(OWNED):
                self.orphans.append(path)
                self.report.changes[path.stem] = "removed"

    def _problem(self, path: str, rule: str, message: str, hint: str) -> None:
        self.report.problems.append(Problem(path, 0, 0, 0, rule, message, hint))


def _read_manifest(path: Path) -> tuple[bytes, dict[str, Any]]:
    """The last build's manifest; nothing where there is none that this builder knows."""
    try:
        data = path.read_bytes()
        content = json.loads(data)
    except (FileNotFoundError, ValueError):
        return b"", {}
    return (data, content) if isinstance(content, dict) and content.get("format") == FORMAT else (b"", {})


def _parse_yaml(data: bytes) -> Any:
    import yaml

    try:
        content = yaml.safe_load(data) or {}
        json.dumps(content)
    except (yaml.YAMLError, UnicodeDecodeError, TypeError, ValueError) as error:
        raise ValueError(str(error).replace("\n", " ")) from None
    return content


def _lines(value: Any, depth: int, margin: str = "") -> str:
    """JSON with a line for each member down to ``depth``: diffs to read, at the plain encoder's speed."""
    if not depth or not isinstance(value, dict) or not value:
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    inner = margin + " "
    members = (f"{inner}{json.dumps(key)}: {_lines(value[key], depth - 1, inner)}" for key in sorted(value))
    return "{\n" + ",\n".join(members) + f"\n{margin}}}"
