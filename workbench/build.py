"""The build: notebooks and stage files in; modules and the manifest out.

What is written depends on nothing but the notebooks, the stage files and the builder, and only
what differs is written, each file atomically and the manifest last. A notebook with problems is
left as it was last built; the others are built all the same. So is a module that was edited by hand
(see ``workbench.edited``), unless the edit is to be discarded. A check makes everything anew and compares;
a build makes only what changed since the last one here (see ``workbench.cache``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench import edited, pricing, stages
from workbench import manifest as manifests
from workbench.cache import Cache
from workbench.contract import frozen
from workbench.files import digest, digest_of, forget_bytecode, is_owned, sweep, write
from workbench.find import Found, find
from workbench.findings import Findings
from workbench.journal import Journal
from workbench.lock import locked
from workbench.make import Ingredients, Made, make_all
from workbench.problems import Problem
from workbench.project import Project, requirements
from workbench.stage_places import placed

PRICES = "price list"
EDITED = "edited by hand"  # of a module: not overwritten


@dataclass
class Report:
    """What a build did, or a check found: use case or stage -> what, and every problem."""

    problems: list[Problem] = field(default_factory=list)
    changes: dict[str, str] = field(default_factory=dict)
    unchanged: list[str] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        return any(problem.severity == "error" for problem in self.problems)


def build(
    project: Project,
    check: bool = False,
    processes: int = 1,
    advise: bool = False,
    force: bool = False,
    anew: bool = False,
) -> Report:
    """Bring ``chalicelib/usecases`` up to date, or with ``check`` write nothing and say what is stale.

    With ``advise`` the report holds every problem, also what is only information, but a check does not say
    what is stale: it looks only at what changed since the last one, or with ``anew`` at everything. With
    ``force`` what was edited by hand in a module is discarded. With many notebooks to make, ``processes`` share
    the work.
    """
    with locked(project.root, shared=check):
        builder = _Build(project, check, advise, force, anew)
        builder.run(processes)
        if not check:
            builder.write()
        if advise or not check:
            builder.findings.write()
    return builder.report


class _Build:
    def __init__(self, project: Project, check: bool, advise: bool, force: bool, anew: bool) -> None:
        self.project, self.checking, self.advising, self.forced = project, check, advise, force
        self.report = Report()
        self.requirements = requirements(project)
        self.old = manifests.read(project.generated / "manifest.json")
        self.cache = Cache(project, self.old.data)
        self.anew = anew or (check and not advise)  # nothing that was found or made before counts
        self.findings = Findings(project, self.anew)
        self.journal = Journal(project)
        self.inputs: dict[str, str] = {}  # name -> digest of what it is made from
        self.modules: dict[str, str] = {}  # name -> code to write
        self.entries: dict[str, dict[str, Any]] = {}
        self.stages: dict[str, Any] = {}
        self.frozen: dict[str, Any] = {}
        self.pricing: dict[str, Any] = {}
        self.bad_stages: set[str] = set()
        self.orphans: list[Path] = []
        self.manifest = b""

    def run(self, processes: int) -> None:
        found = find(self.project)
        self.report.problems += found.problems
        self.frozen, problems = frozen.read(self.project, self.old.frozen)
        self.report.problems += problems
        for name in found.held:
            self._keep(name)
        self._read_stages(found.names)
        self._read_pricing()
        for made in make_all(self._changed(found), processes):
            self._take(made)
        self.stages |= {name: self.old.stages.get(name, {}) for name in self.bad_stages}
        self._forget_versions()
        self._find_orphans(found.names)
        self._render_manifest()
        self.report.problems = placed(self.project, self.report.problems)

    def _forget_versions(self) -> None:
        """A stage that keeps its last good file serves none of the versions that a refused one would make."""
        for name, entry in self.entries.items():
            if self.bad_stages and entry is not self.old.use_cases.get(name):
                kept = {stage: one for stage, one in entry["versions"].items() if stage not in self.bad_stages}
                self.entries[name] = entry | {"versions": kept}
                self.cache.forget(name)

    def write(self) -> None:
        """Modules first, the manifest last: a reader of the manifest finds what it names."""
        folder = self.project.generated
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        modules = {folder / f"{name}.py": code.encode() for name, code in self.modules.items()}
        orphans = {path: path.read_bytes() for path in self.orphans}
        with self.journal.writing(modules | orphans, incomplete=self.report.failed):
            for path, code in modules.items():
                write(path, code)
                forget_bytecode(path)
            write(folder / "manifest.json", self.manifest)
            for path in orphans:
                path.unlink()
        self.cache.write(self.manifest)

    def _keep(self, name: str) -> None:
        """What will not do stays as it was last built, and is looked at again next time."""
        self.cache.forget(name)
        self.report.changes[name] = "not built"
        if name in self.old.use_cases:
            self.entries[name] = self.old.use_cases[name]

    def _read_stages(self, use_cases: set[str]) -> None:
        old = self.old.stages
        known = ",".join(sorted(use_cases)).encode()
        for path in sorted(self.project.stages.glob("*.yaml")):
            name = path.stem
            data = path.read_bytes() if path.is_file() else b"- no file"  # refused by the check
            is_fresh = self.cache.fresh(f"stage {name}", digest(data + b"\0" + known))
            if not self.anew and is_fresh and name in old:
                self.stages[name] = old[name]
            else:
                self._parse_stage(path, data, use_cases)
            if self.stages[name] != old.get(name):
                self.report.changes.setdefault(f"stage {name}", "built")
        for name in old.keys() - self.stages.keys():
            self.report.changes[f"stage {name}"] = "removed"

    def _parse_stage(self, path: Path, data: bytes, use_cases: set[str]) -> None:
        self.stages[path.stem], problems = stages.read(data, self.project.relative(path), use_cases)
        self.report.problems += problems
        if problems:
            self._keep_stage(path.stem)

    def _read_pricing(self) -> None:
        """The price list; one with problems stays as it was last built."""
        path = pricing.path_of(self.project)
        is_fresh = self.cache.fresh(PRICES, digest(path.read_bytes() if path.is_file() else b""))
        if is_fresh and not self.anew:
            self.pricing = self.old.pricing
            return
        self.pricing, problems = pricing.read(self.project)
        self.report.problems += problems
        if problems:
            self.cache.forget(PRICES)
            self.pricing = self.old.pricing
        if problems or self.pricing != self.old.pricing:
            self.report.changes[PRICES] = "not built" if problems else "built"

    def _keep_stage(self, name: str) -> None:
        """A stage file that will not do stays as it was last built: a service that runs goes on running."""
        self.cache.forget(f"stage {name}")
        self.report.changes[f"stage {name}"] = "not built"
        self.bad_stages.add(name)

    def _changed(self, found: Found) -> list[Ingredients]:
        """The use cases to make anew; the others keep their entries."""
        changed = []
        served = {name: content for name, content in self.stages.items() if name not in self.bad_stages}
        served |= {name: content for name, content in self.old.stages.items() if name in self.bad_stages}
        answered = {stage: stages.answered(content) for stage, content in served.items()}
        named = {stage: sorted(names) for stage, names in answered.items()}
        for name, (path, data) in found.notebooks.items():
            overrides = {stage: stages.overrides_of(content, name) for stage, content in self.stages.items()}
            required = None if self.requirements is None else sorted(self.requirements)
            challengers = {stage: stages.challengers_of(content, name) for stage, content in self.stages.items()}
            asked = json.dumps([overrides, challengers, required, named], sort_keys=True)
            inputs = self.inputs[name] = digest(data + asked.encode())
            is_fresh = self.cache.fresh(name, inputs)
            module = self.project.generated / f"{name}.py"
            known = self.findings.get(name, inputs)
            if self.checking and known is not None and (not module.exists() or self._is_written(module)):
                self._report(known)
            elif not self.checking and is_fresh and known is not None and self._is_built(name):
                self._report(known)
                self.entries[name] = self.old.use_cases[name]
                self.report.unchanged.append(name)
            elif module.exists() and not is_owned(module) and name not in self.old.use_cases:
                message = f"{self.project.relative(module)} is there, and no build wrote it"
                self._problem(
                    self.project.relative(path), "module-name", message, "rename the notebook, or move that file"
                )
                self._keep(name)
            else:
                relative = self.project.relative(path)
                made_of = Ingredients(relative, name, data, overrides, self.requirements, answered, challengers)
                changed.append(made_of)
        return changed

    def _is_built(self, name: str) -> bool:
        """Whether the module is there as the manifest says."""
        entry = self.old.use_cases.get(name)
        return entry is not None and entry.get("module") == digest_of(self.project.generated / f"{name}.py")

    def _take(self, made: Made) -> None:
        self.findings.keep(made.name, self.inputs[made.name], made.problems)
        self._report(made.problems)
        for stage in made.bad_stages:
            self._keep_stage(stage)
        if made.entry is None:
            self._keep(made.name)
            return
        if hunks := self._edits(made):
            self.report.problems += edited.problems(self.project, made.name, hunks)
            self._keep(made.name)
            self.report.changes[made.name] = EDITED
            return
        self.entries[made.name] = made.entry
        if made.entry == self.old.use_cases.get(made.name) and self._is_built(made.name):
            self.report.unchanged.append(made.name)
        else:
            self.modules[made.name] = made.code
            self.report.changes[made.name] = "built"

    def _report(self, problems: list[Problem]) -> None:
        self.report.problems += [p for p in problems if self.advising or p.severity != "info"]

    def _edits(self, made: Made) -> list[edited.Hunk]:
        """Where the module that is there was edited by hand; empty when it may be written."""
        path = self.project.generated / f"{made.name}.py"
        if self.forced or not path.exists() or self._is_written(path):
            return []
        return edited.edits(made.code, path.read_bytes())

    def _is_written(self, path: Path) -> bool:
        """Whether a build wrote a module just as it is."""
        found = digest_of(path)
        return found in self.old.modules or found in self.journal.modules

    def _find_orphans(self, names: set[str]) -> None:
        """Modules that a build wrote and whose notebook is gone. What it did not write stays."""
        for path in sorted(self.project.generated.glob("*.py")):
            if path.stem in names or not is_owned(path):
                continue
            if self.forced or self._is_written(path):
                self.orphans.append(path)
                self.report.changes[path.stem] = "removed"
            else:
                self.report.problems.append(edited.orphaned(self.project, path.stem))
                self.report.changes[path.stem] = EDITED
        for name in self.old.use_cases.keys() - names:
            self.report.changes.setdefault(name, "removed")

    def _render_manifest(self) -> None:
        content = manifests.compose(self.stages, self.entries, self.frozen, self.pricing)
        if self.cache.is_of_manifest and not self.checking and self.old.holds(content):
            self.manifest = self.old.data
            return
        self.manifest = manifests.render(content)
        if self.manifest != self.old.data and (self.checking or not self.report.changes):
            self.report.changes["manifest.json"] = "built"

    def _problem(self, path: str, rule: str, message: str, hint: str) -> None:
        self.report.problems.append(Problem(path, 0, 0, 0, rule, message, hint))
