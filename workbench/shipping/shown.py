"""What is in force on a stage, value by value, with where it comes from and what is wrong with it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib import settings
from chalicelib.errors import SettingsError
from chalicelib.manifest import Manifest, snake
from chalicelib.providers import PROVIDERS
from workbench.project import Project
from workbench.shipping.errors import CannotShip
from workbench.shipping.stage import CONFIG, REFERENCE, Options, read, read_config

# Variable -> what is in force where it is not set; None: nothing.
VARIABLES: dict[str, str | None] = {
    "ARTEMIS_STAGE": "local",
    "ARTEMIS_DATABASE_URL": None,
    "ARTEMIS_DATABASE_AUTH": None,
    "ARTEMIS_API_KEYS": None,
    "ARTEMIS_ENCRYPTION_KEYS": None,
    "ARTEMIS_ENDPOINTS": None,
    "ARTEMIS_LOG_LEVEL": "INFO",
    "ARTEMIS_SENTRY_DSN": None,
    "ARTEMIS_SENTRY_TRACES": "0",
    "ARTEMIS_OTLP_ENDPOINT": None,
    "ARTEMIS_SLACK_WEBHOOK": None,
    "ARTEMIS_OUTCOME_SHIFT": str(settings.OUTCOME_SHIFT),
    "ARTEMIS_REVISION": None,
}
PLAIN = {
    "ARTEMIS_STAGE",
    "ARTEMIS_SENTRY_TRACES",
    "ARTEMIS_OTLP_ENDPOINT",
    "ARTEMIS_LOG_LEVEL",
    "ARTEMIS_REVISION",
    "ARTEMIS_DATABASE_AUTH",
    "ARTEMIS_ENDPOINTS",
    "ARTEMIS_OUTCOME_SHIFT",
}
DEPLOYED = ("lambda_memory_size", "lambda_timeout", "reserved_concurrency", "xray", "minimum_compression_size")
SECRET = re.compile(r"SECRET|TOKEN|PASS|KEY|CREDENTIAL|DSN|WEBHOOK")


@dataclass(frozen=True, slots=True)
class Value:
    """One value in force. ``text`` is masked where it may hold a secret; ``source`` is a file, or the environment."""

    name: str
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class Shown:
    """All of them. ``problems``: what would stop the service from starting there."""

    stage: str
    values: list[Value]
    problems: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        values = [{"name": one.name, "value": one.text, "source": one.source} for one in self.values]
        return {"stage": self.stage, "values": values, "problems": self.problems}


def shown(project: Project, stage: str, outer: Mapping[str, str]) -> Shown:
    """What is in force. ``outer``: the environment here. Raises CannotShip for a stage that is not there."""
    manifest = Manifest.read(project.generated)
    if stage not in manifest.stages:
        raise CannotShip(f"there is no stage {stage!r}; there are: {', '.join(sorted(manifest.stages))}")
    config, problems = _config(project, stage)
    variables = {name: (value, CONFIG) for name, value in config.get("environment_variables", {}).items()}
    # the stage that is asked about, whatever this shell is set to
    variables |= {name: (value, "environment") for name, value in outer.items() if name in VARIABLES and value}
    variables["ARTEMIS_STAGE"] = (stage, "--stage")
    content = manifest.stages[stage]
    problems += _problems({name: value for name, (value, _) in variables.items()}, manifest)
    values = [*_variables(variables), *_stage_file(content, stage), *_parameters(manifest, content, stage)]
    return Shown(stage, [*values, *_deployment(config)], problems)


def _config(project: Project, stage: str) -> tuple[dict[str, Any], list[str]]:
    """The stage's part of Chalice's configuration; the local stage needs none."""
    if stage == settings.LOCAL:
        entry = (read_config(project.root).get("stages") or {}).get(stage)
        return (dict(entry) if isinstance(entry, dict) else {}), []
    try:
        return dict(read(project.root, stage).content), []
    except CannotShip as error:
        return {}, list(error.reasons)


def _problems(variables: Mapping[str, str], manifest: Manifest) -> list[str]:
    """Those of the settings. References are resolved at the deployment: nothing can be said of them."""
    known = {name: value for name, value in variables.items() if not REFERENCE.fullmatch(value)}
    try:
        settings.load(known, manifest.stages, manifest.use_cases, PROVIDERS, manifest.sensitive)
    except SettingsError as error:
        referenced = tuple(f"{name} is not set" for name in variables.keys() - known.keys())
        return [problem for problem in error.problems if not problem.startswith(referenced)]
    return []


def _variables(variables: Mapping[str, tuple[str, str]]) -> Iterator[Value]:
    for name in [*VARIABLES, *sorted(variables.keys() - VARIABLES.keys())]:
        if name in variables:
            value, source = variables[name]
            yield Value(name, masked(name, value), source)
        else:
            yield Value(name, VARIABLES.get(name) or "not set", "default")


def masked(name: str, value: str) -> str:
    """A variable's value without what is secret: no keys, a URL without its password, references as they are."""
    if REFERENCE.fullmatch(value) or name in PLAIN:
        return value
    if name == "ARTEMIS_DATABASE_URL":
        hidden = re.sub(r"(://[^/@:]*):.*@", r"\1:***@", value)
        return re.sub(r"([?&](?:password|sslpassword)=)[^&]*", r"\1***", hidden)
    if name == "ARTEMIS_API_KEYS":
        return _clients(value)
    return "***" if name.startswith("ARTEMIS_") or SECRET.search(name) else value


def _clients(value: str) -> str:
    """Who has a key; not even the digests."""
    try:
        return f"*** of {', '.join(json.loads(value))}"
    except (ValueError, TypeError):
        return "***"


def _stage_file(content: Mapping[str, Any], stage: str) -> Iterator[Value]:
    source = f"usecases/stages/{stage}.yaml"
    for key, value in content.items():
        if key != "use_cases":
            yield from (Value(name, text, source) for name, text in _leaves(key, value))
    if "deadline" not in content:
        yield Value("deadline", str(settings.DEADLINE), "default")


def _leaves(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(f"{name}.{key}", inner)
    else:
        yield name, json.dumps(value, ensure_ascii=False)


def _parameters(manifest: Manifest, content: Mapping[str, Any], stage: str) -> Iterator[Value]:
    """Every parameter of every use case, from the notebook or the stage file."""
    overrides = settings.stage_parameters(content)
    for name, entry in sorted(manifest.use_cases.items()):
        for parameter, about in entry.get("parameters", {}).items():
            own = overrides.get(snake(name), {})
            source = f"usecases/stages/{stage}.yaml" if parameter in own else entry["notebook"]
            value = own.get(parameter, about.get("default") if isinstance(about, dict) else about)
            yield Value(f"{name}.{parameter}", json.dumps(value, ensure_ascii=False), source)


def _deployment(config: Mapping[str, Any]) -> Iterator[Value]:
    if not config or "lambda_timeout" not in config:
        return
    for key in DEPLOYED:
        yield Value(key, json.dumps(config.get(key)), CONFIG if key in config else "default")
    given = config.get("artemis") or {}
    for name, text in _leaves("artemis", Options.model_validate(given).model_dump()):
        yield Value(name, text, CONFIG if _has(given, name.split(".")[1:]) else "default")


def _has(given: Any, path: list[str]) -> bool:
    for key in path:
        if not isinstance(given, dict) or key not in given:
            return False
        given = given[key]
    return True
