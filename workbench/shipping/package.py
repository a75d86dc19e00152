"""`artemis package`: a stage's zip and its CloudFormation template."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Any

from chalicelib.manifest import Manifest
from chalicelib.settings import LOCAL, deadline_of
from workbench.build import build
from workbench.project import Project
from workbench.shipping import archive, chalice_package, needs, policies, policy, template
from workbench.shipping.environments import environment, run
from workbench.shipping.errors import CannotShip
from workbench.shipping.interpreters import interpreter
from workbench.shipping.stage import Deployed, check_deadline, read
from workbench.shipping.trim import trim

# Feature or provider -> the AWS services, as botocore names them, that are called for it.
SERVICES = {
    "rekognition": "rekognition",
    "sagemaker": "sagemaker-runtime",
    "buckets": "s3",
    "login": "secretsmanager",
}
# Imports dotted names, of which the last part may be something in a module.
IMPORT = """\
import importlib, sys
sys.path.insert(0, sys.argv[1])
for name in sys.argv[2:]:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        module, _, part = name.rpartition(".")
        if error.name != name or not hasattr(importlib.import_module(module), part):
            raise
"""
REGION = "us-east-1"  # Chalice wants to know one; nothing in the package depends on it


@dataclass(frozen=True)
class Packed:
    """What was packaged. ``sizes``: package -> bytes unzipped; ``trimmed``: bytes left out."""

    stage: str
    folder: Path
    locked: dict[str, str]
    sizes: dict[str, int]
    trimmed: int

    @property
    def archive(self) -> Path:
        return self.folder / "deployment.zip"

    @property
    def template(self) -> Path:
        return self.folder / "template.json"

    @cached_property
    def digest(self) -> str:
        """Of the zip: two with the same are the same."""
        return sha256(self.archive.read_bytes()).hexdigest()

    def as_dict(self) -> dict[str, Any]:
        """For ``--format json``."""
        size = {"zipped": self.archive.stat().st_size, "unzipped": sum(self.sizes.values()), "trimmed": self.trimmed}
        files = {"archive": str(self.archive), "template": str(self.template)}
        return {
            "stage": self.stage,
            **files,
            "sha256": self.digest,
            "bytes": size,
            "packages": self.sizes,
            "lock": self.locked,
        }


def package(project: Project, stage: str, out: Path | None = None) -> Packed:
    """Packages a stage into ``out``; default: ``.artemis/package/<stage>``. Raises CannotShip."""
    plan = Plan.of(project, stage)
    folder = (out or project.root / ".artemis" / "package" / stage).resolve()
    work = folder / "work"
    folder.mkdir(parents=True, exist_ok=True)
    chalice_package.copy(project.root, work / "copied", plan.requirements)
    made = chalice_package.package(
        plan.environment, work / "copied", plan.deployed, template.merged(plan.deployed), REGION
    )
    files = work / "files"
    chalice_package.unpack(made / "deployment.zip", files)
    owned = archive.owners(files)
    trimmed = trim(files, plan.services)
    archive.check_content(files, plan.locked, plan.deployed.python)
    archive.compile_all(files, plan.python)
    _import_all(plan, files)
    packed = Packed(stage, folder, plan.locked, archive.sizes(files, owned), trimmed)
    archive.write(files, packed.archive)
    (folder / "requirements.txt").write_text(plan.requirements, "utf-8")
    finished = template.finished(json.loads((made / "sam.json").read_bytes()))
    packed.template.write_text(json.dumps(finished, indent=1, sort_keys=True) + "\n", "utf-8")
    archive.check_size(packed.archive, sum(packed.sizes.values()))
    return packed


@dataclass(frozen=True)
class Plan:
    """What a stage's package is made of, worked out before anything is made."""

    project: Project
    deployed: Deployed
    content: dict[str, Any]
    names: dict[str, Path]
    locked: dict[str, str]
    features: set[str]

    @classmethod
    def of(cls, project: Project, stage: str) -> Plan:
        """Raises CannotShip, also for what was not built or generated again."""
        if stage == LOCAL:
            raise CannotShip("the stage local is for laptops: it serves without keys, by models that do not fit Lambda")
        deployed, manifest = read(project.root, stage), Manifest.read(project.generated)
        _check_built(project)
        if stage not in manifest.stages:
            raise CannotShip(f"there is no usecases/stages/{stage}.yaml, or it was not built: run `artemis build`")
        content = manifest.stages[stage]
        check_deadline(deployed, deadline_of(content))
        _check_policy(project, deployed, content)
        features, who = needs.features(content, deployed, bool(manifest.sensitive)), needs.providers_of(content)
        names = needs.imports(needs.modules(project.root, who, features))
        locked = needs.lock(needs.pins(project.root), names, deployed.python)
        return cls(project, deployed, content, names, locked, features)

    @property
    def requirements(self) -> str:
        return needs.as_text(self.locked, self.deployed.stage)

    @property
    def services(self) -> set[str]:
        used = needs.providers_of(self.content) | self.features
        return {service for name, service in SERVICES.items() if name in used}

    @cached_property
    def python(self) -> Path:
        return interpreter(self.deployed.python)

    @cached_property
    def environment(self) -> Path:
        """Where Chalice runs: the stage's Python, with the stage's packages, since Chalice imports the app."""
        pinned = [f"chalice=={metadata.version('chalice')}", *(f"{name}=={one}" for name, one in self.locked.items())]
        return environment(self.project.root, self.python, pinned, f"package-{self.deployed.python}")


def _check_built(project: Project) -> None:
    """What ships is what notebooks and stage files say."""
    report = build(project, check=True)
    if report.failed or report.changes:
        stale = [f"{name}: {what}" for name, what in report.changes.items()]
        raise CannotShip("what was built is not what usecases/ says: run `artemis build`", *stale[:10])


def _check_policy(project: Project, deployed: Deployed, content: dict[str, Any]) -> None:
    path = policy.path_of(project.root, deployed.stage)
    wanted = policy.as_text(policy.policy(content, deployed))
    if not policies.is_written(path, wanted):
        raise CannotShip(f"{project.relative(path)} is not what the stage needs: run `artemis policy`")
    if deployed.content.get("iam_policy_file") != path.name:
        raise CannotShip(f".chalice/config.json, stage {deployed.stage}: iam_policy_file is not {path.name!r}")


def _import_all(plan: Plan, files: Path) -> None:
    """Everything that the stage's code imports is there and fits together, asked of the runtime's own Python."""
    command = [str(plan.python), "-I", "-S", "-B", "-c", IMPORT, str(files), "chalice.app", *sorted(plan.names)]
    done = run(command)
    if done.returncode:
        raise CannotShip(
            f"the package cannot be imported by Python {plan.deployed.python}: {done.stderr.strip()[-2000:]}"
        )
