"""Freezing: a contract goes on being served by the module that served it, while the notebook moves on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from workbench import manifest as manifests
from workbench import stages
from workbench.contract import frozen, guard
from workbench.files import digest, write
from workbench.git import NoRepository, git
from workbench.project import Project

GENERATED = "chalicelib/usecases"


class CannotFreeze(Exception):
    """Nothing was written; the message says why and what to do."""


@dataclass(frozen=True)
class Built:
    """A built use case: its module's code and its entry of the manifest, with the stages of that build."""

    code: bytes
    entry: dict[str, Any]
    stages: dict[str, Any]

    @property
    def contract(self) -> int:
        contract: int = self.entry.get("contract", 1)
        return contract


def freeze(project: Project, name: str, revision: str | None = None) -> int:
    """Keep the built module of ``name`` beside the notebook's; gives the contract that it has.

    With ``revision`` the module of that git revision is kept. The build has to be run afterwards.
    Raises CannotFreeze.
    """
    built = _built(project, name, revision)
    if revision is None:
        _check_promise(project, name, built.contract)
    module, entry = (make(project, name, built.contract) for make in (frozen.module_of, frozen.entry_of))
    if entry.exists():
        raise CannotFreeze(f"contract {built.contract} of {name} is frozen already, as {project.relative(module)}")
    overrides = {stage: stages.overrides_of(content, name) for stage, content in built.stages.items()}
    kept = built.entry | {"overrides": {stage: values for stage, values in overrides.items() if values}}
    module.parent.mkdir(exist_ok=True)
    write(module, built.code)
    try:
        _load(name, module, kept)
    except Exception as error:
        module.unlink()
        raise CannotFreeze(f"contract {built.contract} of {name} does not load: {error}") from error
    write(entry, manifests.render(kept))
    return built.contract


def _check_promise(project: Project, name: str, contract: int) -> None:
    """What is kept is what callers were promised: not a contract that was never published, nor one broken since."""
    try:
        published, review = guard.committed(project), guard.review(project)
    except guard.NoContract:
        return  # no promise was written down
    if f"/v{contract}/use-cases/{name.replace('_', '-')}/decisions" not in published["paths"]:
        raise CannotFreeze(
            f"contract {contract} of {name} is not in contracts/openapi.json: nobody was promised it yet"
        )
    if any(change.use_case == name and change.fails for change in review.changes):
        raise CannotFreeze(
            f"what is built of {name} breaks the contract {contract} in contracts/openapi.json: "
            "freeze what is deployed with --rev REV (a git revision)"
        )


def unfreeze(project: Project, name: str, contract: int | None) -> int:
    """Drop a frozen contract; gives which. The build has to be run afterwards. Raises CannotFreeze."""
    have = sorted(int(path.stem.rpartition("_v")[2]) for path in _entries(project, name))
    if not have:
        raise CannotFreeze(f"no contract of {name} is frozen")
    listed = ", ".join(map(str, have))
    if contract is None and len(have) > 1:
        raise CannotFreeze(f"contracts {listed} of {name} are frozen: say which, with --contract")
    contract = contract or have[0]
    if contract not in have:
        raise CannotFreeze(f"contract {contract} of {name} is not frozen; frozen: {listed}")
    frozen.entry_of(project, name, contract).unlink()
    frozen.module_of(project, name, contract).unlink(missing_ok=True)
    return contract


def _entries(project: Project, name: str) -> list[Any]:
    found = frozen.folder(project).glob(f"{name}_v*.json")
    return [path for path in found if (match := frozen.FILE.fullmatch(path.stem)) and match[1] == name]


def _built(project: Project, name: str, revision: str | None) -> Built:
    manifest = _file(project, "manifest.json", revision)
    where = f"at {revision}" if revision else "here"
    try:
        content = json.loads(manifest or b"{}")
        entry = content.get("use_cases", {}).get(name)
    except (ValueError, AttributeError):
        raise CannotFreeze(f"the manifest {where} cannot be read") from None
    code = _file(project, f"{name}.py", revision)
    if entry is None or code is None:
        raise CannotFreeze(f"{name} is not built {where}" + ("" if revision else ": run `artemis build`"))
    if digest(code) != entry.get("module"):
        raise CannotFreeze(f"the module of {name} {where} is not the one that was built: run `artemis build` first")
    return Built(code, entry, content.get("stages", {}))


def _file(project: Project, name: str, revision: str | None) -> bytes | None:
    """A generated file, here or at a git revision; None where there is none."""
    if revision is None:
        path = project.generated / name
        return path.read_bytes() if path.is_file() else None
    try:
        known = git(project.root, "rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
    except NoRepository:
        raise CannotFreeze("git is not installed, and --rev needs it") from None
    if known.returncode:
        raise CannotFreeze(f"git knows no revision {revision!r} here")
    commit = known.stdout.decode().strip()
    shown = git(project.root, "show", f"{commit}:./{GENERATED}/{name}")
    return None if shown.returncode else shown.stdout


def _load(name: str, module: Any, entry: dict[str, Any]) -> None:
    """Load it as the service would, once for each way it is bound."""
    from chalicelib.usecase import Source, load

    source = Source(entry["notebook"], tuple(tuple(cell) for cell in entry["cells"]), entry["tasks"])
    for overrides in ({}, *entry["overrides"].values()):
        load(name, module, overrides, source)
