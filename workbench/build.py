"""The build: notebooks and stage files in; modules and the manifest out.

Only what changed is read further than its bytes, and only what differs is written, each file
atomically and the manifest last. A notebook with problems is left as it was last built; the
others are built all the same. The manifest records the digest of everything it was made from.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chalicelib import __version__
from workbench import notebook as notebooks
from workbench.draft import OWNED, draft
from workbench.problems import Problem
from workbench.project import Project
from workbench.rules import check

FORMAT = 1  # chalicelib.manifest.FORMAT, which costs an import of pydantic


@dataclass
class Report:
    """What a build did, or with ``--check`` would do: use case or stage -> what, and every problem."""

    problems: list[Problem] = field(default_factory=list)
    changes: dict[str, str] = field(default_factory=dict)
    unchanged: list[str] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        return any(problem.severity == "error" for problem in self.problems)


def build(project: Project, write: bool = True) -> Report:
    """Bring ``chalicelib/usecases`` up to date, or with ``write=False`` say what is stale."""
    builder = _Build(project)
    builder.run()
    if write:
        builder.write()
    return builder.report


class _Build:
    def __init__(self, project: Project) -> None:
        self.project, self.report = project, Report()
        self.old = _read_manifest(project.generated / "manifest.json")
        self.modules: dict[str, str] = {}  # name -> code to write
        self.entries: dict[str, dict[str, Any]] = {}
        self.orphans: list[Path] = []

    def run(self) -> None:
        found = self._find()
        self.stages, self.stage_digests = self._read_stages()
        for name, path in found.items():
            self._use_case(name, path)
        if self.report.changes or self.stage_digests != self.old.get("stage_digests"):
            self._check_stages()
        self._find_orphans(found)

    def write(self) -> None:
        """Modules first, the manifest last: a reader of the manifest finds what it names."""
        folder = self.project.generated
        folder.mkdir(parents=True, exist_ok=True)
        for name, code in self.modules.items():
            _write(folder / f"{name}.py", code)
        manifest = {
            "format": FORMAT,
            "stages": self.stages,
            "stage_digests": self.stage_digests,
            "use_cases": self.entries,
        }
        if manifest != self.old:
            text = json.dumps(manifest, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
            _write(folder / "manifest.json", text)
        for path in self.orphans:
            path.unlink()

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
            elif notebooks.NAME.fullmatch(path.stem) is None:
                hint = f"rename it to {name}.ipynb" if notebooks.NAME.fullmatch(name) else "start with a letter"
                message = f"{path.stem!r} cannot be a module's name: use a-z, 0-9 and _"
                self._problem(relative, "module-name", message, hint)
            else:
                found[name] = path
        return found

    def _read_stages(self) -> tuple[dict[str, Any], dict[str, str]]:
        stages, digests = {}, {}
        for path in sorted(self.project.stages.glob("*.yaml")):
            data = path.read_bytes()
            digests[path.stem] = _digest(data)
            if digests[path.stem] == self.old.get("stage_digests", {}).get(path.stem):
                stages[path.stem] = self.old["stages"][path.stem]
                continue
            self.report.changes[f"stage {path.stem}"] = "read"
            try:
                stages[path.stem] = _parse_yaml(data)
            except ValueError as error:
                self._problem(self.project.relative(path), "stage-file", f"not YAML: {error}", "")
                stages[path.stem] = self.old.get("stages", {}).get(path.stem, {})
                digests[path.stem] = "damaged"
        for name in self.old.get("stages", {}).keys() - stages.keys():
            self.report.changes[f"stage {name}"] = "removed"
        return stages, digests

    def _use_case(self, name: str, path: Path) -> None:
        data = path.read_bytes()
        inputs = self._inputs(name, data)
        old = self.old.get("use_cases", {}).get(name)
        if old and old["inputs"] == inputs and _digest_of(self.project.generated / f"{name}.py") == old["module"]:
            self.entries[name] = old
            self.report.unchanged.append(name)
            return
        made = self._make(name, path, data)
        if made:
            self.modules[name], entry = made
            self.entries[name] = entry | {"inputs": inputs, "module": _digest(self.modules[name].encode())}
            self.report.changes[name] = "built"
        else:
            self.report.changes[name] = "not built"
            if old:
                self.entries[name] = old

    def _inputs(self, name: str, data: bytes) -> str:
        overrides = {stage: _overrides(content, name) for stage, content in self.stages.items()}
        text = json.dumps([FORMAT, __version__, overrides], sort_keys=True)
        return _digest(data + text.encode())

    def _make(self, name: str, path: Path, data: bytes) -> tuple[str, dict[str, Any]] | None:
        """The module and the manifest's entry; None, with the problems reported, when there can be none."""
        relative = self.project.relative(path)
        try:
            made = draft(notebooks.read(relative, name, data))
        except notebooks.Unreadable as error:
            self._problem(relative, "notebook", error.message, error.hint)
            return None
        problems = check(made)
        self.report.problems += problems
        if any(problem.severity == "error" for problem in problems):
            return None
        from workbench.examine import examine

        examined, problems = examine(made)
        self.report.problems += problems
        if examined is None:
            return None
        versions = self._versions(name, made.code, examined)
        return None if versions is None else (made.code, examined.entry | {"versions": versions})

    def _versions(self, name: str, code: str, examined: Any) -> dict[str, str] | None:
        """Stage -> the version it would serve; None when a stage's overrides do not fit."""
        from chalicelib.errors import ContractError
        from chalicelib.parameters import check as check_parameters
        from chalicelib.usecase import version_of

        versions: dict[str, str] | None = {}
        for stage, content in self.stages.items():
            overrides = _overrides(content, name)
            values = examined.usecase.parameters | overrides
            try:
                check_parameters(examined.hints, values, overrides)
            except ContractError as error:
                for fault in error.faults:
                    message = f"use_cases.{name}.parameters: {fault.message}"
                    self._problem(f"usecases/stages/{stage}.yaml", "stage-parameters", message, fault.hint)
                versions = None
            if versions is not None:
                versions[stage] = version_of(code.encode(), values)
        return versions

    def _check_stages(self) -> None:
        from chalicelib.settings import check_stage

        for stage, content in self.stages.items():
            for problem in check_stage(content, self.entries.keys() | self.report.changes.keys()):
                self._problem(f"usecases/stages/{stage}.yaml", "stage-file", problem, "")

    def _find_orphans(self, found: dict[str, Path]) -> None:
        """Modules that a build wrote and whose notebook is gone. What it did not write stays."""
        for path in sorted(self.project.generated.glob("*.py")):
            if path.stem not in found and path.read_text("utf-8").startswith(OWNED):
                self.orphans.append(path)
                self.report.changes[path.stem] = "removed"

    def _problem(self, path: str, rule: str, message: str, hint: str) -> None:
        self.report.problems.append(Problem(path, 0, 0, 0, rule, message, hint))


def _overrides(content: Any, name: str) -> dict[str, Any]:
    """A stage's parameter overrides of one use case, whichever way its name is written."""
    entries = content.get("use_cases") if isinstance(content, dict) else None
    found: dict[str, Any] = {}
    for key, entry in entries.items() if isinstance(entries, dict) else ():
        if str(key).replace("-", "_") == name and isinstance(entry, dict):
            parameters = entry.get("parameters")
            found.update(parameters if isinstance(parameters, dict) else {})
    return found


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return content if isinstance(content, dict) and content.get("format") == FORMAT else {}


def _parse_yaml(data: bytes) -> Any:
    import yaml

    try:
        return yaml.safe_load(data) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(str(error).replace("\n", " ")) from None


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _digest_of(path: Path) -> str | None:
    try:
        return _digest(path.read_bytes())
    except FileNotFoundError:
        return None


def _write(path: Path, text: str) -> None:
    """Atomically: a reader sees the old file or the new one, never half of one."""
    data = text.encode()
    if _digest_of(path) == _digest(data):
        return
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
