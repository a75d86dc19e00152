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

from workbench import stages
from workbench.cache import Cache
from workbench.files import digest, digest_of, forget_bytecode, is_owned, write
from workbench.find import Found, find
from workbench.make import Ingredients, Made, make_all
from workbench.problems import Problem
from workbench.project import Project, requirements

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


def build(project: Project, check: bool = False, processes: int = 1, advise: bool = False) -> Report:
    """Bring ``chalicelib/usecases`` up to date, or with ``check`` write nothing and say what is stale.

    With ``advise`` the report holds what is only information, too.

    With many notebooks to make, ``processes`` share the work.
    """
    builder = _Build(project, check, advise)
    builder.run(processes)
    if not check:
        builder.write()
    return builder.report


class _Build:
    def __init__(self, project: Project, check: bool, advise: bool = False) -> None:
        self.project, self.checking, self.advising, self.report = project, check, advise, Report()
        self.requirements = requirements(project)
        self.old_bytes, self.old = _read_manifest(project.generated / "manifest.json")
        self.cache = Cache(project, self.old_bytes)
        self.modules: dict[str, str] = {}  # name -> code to write
        self.entries: dict[str, dict[str, Any]] = {}
        self.stages: dict[str, Any] = {}
        self.bad_stages: set[str] = set()
        self.orphans: list[Path] = []
        self.manifest = b""

    def run(self, processes: int) -> None:
        found = find(self.project)
        self.report.problems += found.problems
        for name in found.held:
            self._keep(name)
        self._read_stages(found.names)
        for made in make_all(self._changed(found), processes):
            self._take(made)
        self.stages |= {name: self.old["stages"].get(name, {}) for name in self.bad_stages}
        self._find_orphans(found.names)
        self._render_manifest()

    def write(self) -> None:
        """Modules first, the manifest last: a reader of the manifest finds what it names."""
        folder = self.project.generated
        folder.mkdir(parents=True, exist_ok=True)
        for name, code in self.modules.items():
            write(folder / f"{name}.py", code.encode())
            forget_bytecode(folder / f"{name}.py")
        write(folder / "manifest.json", self.manifest)
        for path in self.orphans:
            path.unlink()
        self.cache.write(self.manifest)

    def _keep(self, name: str) -> None:
        """What will not do stays as it was last built, and is looked at again next time."""
        self.cache.forget(name)
        self.report.changes[name] = "not built"
        if name in self.old["use_cases"]:
            self.entries[name] = self.old["use_cases"][name]

    def _read_stages(self, use_cases: set[str]) -> None:
        old = self.old["stages"]
        known = ",".join(sorted(use_cases)).encode()
        for path in sorted(self.project.stages.glob("*.yaml")):
            name = path.stem
            data = path.read_bytes() if path.is_file() else b"- no file"  # refused by the check
            is_fresh = self.cache.fresh(f"stage {name}", digest(data + b"\0" + known))
            if not self.checking and is_fresh and name in old:
                self.stages[name] = old[name]
            else:
                self._parse_stage(path, data, use_cases)
            if self.stages[name] != old.get(name):
                self.report.changes.setdefault(f"stage {name}", "built")
        for name in old.keys() - self.stages.keys():
            self.report.changes[f"stage {name}"] = "removed"

    def _parse_stage(self, path: Path, data: bytes, use_cases: set[str]) -> None:
        try:
            self.stages[path.stem] = stages.parse(data)
            problems = stages.check(self.stages[path.stem], use_cases)
        except ValueError as error:
            self.stages[path.stem] = {}
            problems = [f"not YAML: {error}"]
        for problem in problems:
            self._problem(self.project.relative(path), "stage-file", problem, "see docs/operations.md")
        if problems:
            self._keep_stage(path.stem)

    def _keep_stage(self, name: str) -> None:
        """A stage file that will not do stays as it was last built: a service that runs goes on running."""
        self.cache.forget(f"stage {name}")
        self.report.changes[f"stage {name}"] = "not built"
        self.bad_stages.add(name)

    def _changed(self, found: Found) -> list[Ingredients]:
        """The use cases to make anew; the others keep their entries."""
        changed = []
        for name, (path, data) in found.notebooks.items():
            overrides = {stage: stages.overrides_of(content, name) for stage, content in self.stages.items()}
            inputs = digest(data + json.dumps([overrides, sorted(self.requirements or ())], sort_keys=True).encode())
            is_fresh = self.cache.fresh(name, inputs)
            module = self.project.generated / f"{name}.py"
            if not self.checking and is_fresh and self._is_built(name):
                self.entries[name] = self.old["use_cases"][name]
                self.report.unchanged.append(name)
            elif module.exists() and not is_owned(module):
                message = f"{self.project.relative(module)} is there, and no build wrote it"
                self._problem(
                    self.project.relative(path), "module-name", message, "rename the notebook, or move that file"
                )
                self._keep(name)
            else:
                changed.append(Ingredients(self.project.relative(path), name, data, overrides, self.requirements))
        return changed

    def _is_built(self, name: str) -> bool:
        """Whether the module is there as the manifest says."""
        entry = self.old["use_cases"].get(name)
        return entry is not None and entry.get("module") == digest_of(self.project.generated / f"{name}.py")

    def _take(self, made: Made) -> None:
        self.report.problems += [p for p in made.problems if self.advising or p.severity != "info"]
        for stage in made.bad_stages:
            self._keep_stage(stage)
        if made.entry is None:
            self._keep(made.name)
            return
        self.entries[made.name] = made.entry
        if made.entry == self.old["use_cases"].get(made.name) and self._is_built(made.name):
            self.report.unchanged.append(made.name)
        else:
            self.modules[made.name] = made.code
            self.report.changes[made.name] = "built"

    def _find_orphans(self, names: set[str]) -> None:
        """Modules that a build wrote and whose notebook is gone. What it did not write stays."""
        for path in sorted(self.project.generated.glob("*.py")):
            if path.stem not in names and is_owned(path):
                self.orphans.append(path)
                self.report.changes[path.stem] = "removed"
        for name in self.old["use_cases"].keys() - names:
            self.report.changes[name] = "removed"

    def _render_manifest(self) -> None:
        content = {"format": FORMAT, "stages": self.stages, "use_cases": self.entries}
        if self.cache.is_of_manifest and not self.checking and content == self.old:
            self.manifest = self.old_bytes
            return
        self.manifest = (_lines(content, 3) + "\n").encode()
        if self.manifest != self.old_bytes and (self.checking or not self.report.changes):
            self.report.changes["manifest.json"] = "built"

    def _problem(self, path: str, rule: str, message: str, hint: str) -> None:
        self.report.problems.append(Problem(path, 0, 0, 0, rule, message, hint))


def _read_manifest(path: Path) -> tuple[bytes, dict[str, Any]]:
    """The last build's manifest; an empty one where there is none that this builder knows."""
    try:
        data = path.read_bytes()
        content = json.loads(data)
    except (FileNotFoundError, ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or content.get("format") != FORMAT or not _is_whole(content):
        return b"", {"stages": {}, "use_cases": {}}
    return data, content


def _is_whole(content: dict[str, Any]) -> bool:
    entries = content.get("use_cases")
    return (
        isinstance(content.get("stages"), dict)
        and isinstance(entries, dict)
        and all(isinstance(entry, dict) for entry in entries.values())
    )


def _lines(value: Any, depth: int, margin: str = "") -> str:
    """JSON with a line for each member down to ``depth``: diffs to read, at the plain encoder's speed."""
    if not depth or not isinstance(value, dict) or not value:
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    inner = margin + " "
    members = (f"{inner}{json.dumps(key)}: {_lines(value[key], depth - 1, inner)}" for key in sorted(value))
    return "{\n" + ",\n".join(members) + f"\n{margin}}}"
