"""One decision of a built use case, in this process, with a stage's providers. Nothing is stored."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from chalicelib import bootstrap, intake, settings
from chalicelib.failures import traceback_of
from chalicelib.manifest import Manifest
from chalicelib.providers import PROVIDERS
from chalicelib.sourcemap import format_error
from chalicelib.usecase import UseCase, load
from workbench import notebook as notebooks
from workbench import stages
from workbench.draft import draft
from workbench.live import Ran, values
from workbench.project import Project

NOBODY = {"nobody": {"sha256": "0" * 64, "use_cases": ["*"]}}  # a stage is not served here, so nobody has a key


class NotBuilt(Exception):
    """There is no such use case or stage in the last build, or it does not load; the message says what to do."""


def prepare(project: Project, name: str, stage: str) -> tuple[UseCase, settings.Settings, Manifest]:
    """The built use case under a stage's parameters. Raises NotBuilt or SettingsError."""
    manifest = Manifest.read(project.generated)
    if name not in manifest.use_cases:
        raise NotBuilt(f"{name} is not built: run `artemis build`")
    if stage not in manifest.stages:
        raise NotBuilt(f"there is no stage {stage!r}; there are: {', '.join(sorted(manifest.stages)) or 'none'}")
    environment = {
        "ARTEMIS_STAGE": stage,
        "ARTEMIS_DATABASE_URL": "sqlite://",
        "ARTEMIS_API_KEYS": json.dumps(NOBODY),
        **{name: os.environ[name] for name in ("ARTEMIS_ENDPOINTS",) if name in os.environ},
    }
    found = settings.load(environment, manifest.stages, manifest.use_cases, PROVIDERS)
    samples = project.notebooks / "samples"
    found = replace(found, photos=replace(found.photos, samples=samples if samples.is_dir() else None))
    try:
        usecase = load(name, manifest.module(name), found.parameters.get(name), manifest.source(name))
    except Exception as error:  # whatever exported code raises when it is imported
        raise NotBuilt(f"{name} does not load:\n{format_error(error, manifest.source(name))}") from None
    return usecase, found, manifest


def decide(usecase: UseCase, stage: settings.Settings, body: str, use_cases: frozenset[str] = frozenset()) -> Ran:
    """One run. ``use_cases``: which a history may be asked for. Raises Malformed or Invalid for a body that is none."""
    # nothing is stored, so no photo is put anywhere either
    policy = replace(bootstrap.photos(stage.photos), upload=None)
    request = intake.read(usecase.request_model, body, policy)
    now = datetime.now(UTC)
    result = bootstrap.engine(stage.routing, use_cases=use_cases).run(usecase, request, now, stage.deadline)
    return Ran(usecase, request, now, result)


def example(manifest: Manifest, name: str) -> str | None:
    """The first example of the contract, as JSON text."""
    examples = manifest.use_cases[name]["request"].get("examples")
    return json.dumps(examples[0], ensure_ascii=False) if examples else None


def is_stale(project: Project, name: str) -> bool:
    """Whether the notebook's exported code is no longer what was built."""
    path = project.notebooks / f"{name}.ipynb"
    try:
        code = draft(notebooks.read(project.relative(path), name, path.read_bytes())).code
        return code != (project.generated / f"{name}.py").read_text("utf-8")
    except (OSError, notebooks.Unreadable):
        return True


def is_stage_stale(project: Project, stage: str, manifest: Manifest) -> bool:
    """Whether a stage's file no longer says what was built."""
    try:
        return bool(stages.parse((project.stages / f"{stage}.yaml").read_bytes()) != manifest.stages.get(stage))
    except FileNotFoundError:
        return stage in manifest.stages
    except (OSError, ValueError):
        return True


def tracebacks(ran: Ran) -> list[tuple[str, str]]:
    """(step, traceback) of everything that raised, what fell back included."""
    found = [(fact.task, traceback_of(fact.error)) for fact in ran.result.facts if fact.error]
    failure = ran.result.failure
    if failure and failure.step not in dict(found):
        found.append((failure.step, traceback_of(failure.error)))
    return [(step, text.strip("\n")) for step, text in found if text]


def as_dict(ran: Ran, stage: str, with_trace: bool) -> dict[str, Any]:
    """The decision, or the failure, as the API tells it; with the steps when they are asked for."""
    result = ran.result
    content: dict[str, Any] = {
        "use_case": ran.usecase.name,
        "version": ran.usecase.version,
        "stage": stage,
        "status": "failed" if result.failure else "decided",
        "decision": json.loads(result.decision) if result.decision else None,
        "degraded": result.degraded,
    }
    if result.failure:
        content["failure"] = asdict(result.failure) | {"traceback": dict(tracebacks(ran)).get(result.failure.step, "")}
    if with_trace:
        timings, found = result.timings, values(ran)
        errors = {fact.task: fact.error for fact in result.facts}
        content["steps"] = [
            {"step": step.name, "kind": step.kind, "result": found.get(step.name), "error": errors.get(step.name),
             "duration_ms": timings[step.name][1] if step.name in timings else None}
            for step in ran.usecase.graph.steps
        ]  # fmt: skip
    return content
