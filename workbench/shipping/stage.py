"""How a stage is deployed: ``.chalice/config.json``, checked, with what a stage inherits from the top level.

What Chalice knows nothing of stands there under ``artemis``; Chalice passes over it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from chalicelib.settings import OUTCOME_SHIFT
from workbench.shipping.errors import CannotShip

CONFIG = ".chalice/config.json"
REFERENCE = re.compile(r"\{\{resolve:(ssm|secretsmanager):[^{}\s]+\}\}")  # CloudFormation puts the value in its place
GATEWAY_SECONDS = 29  # API Gateway waits no longer
SPARE_SECONDS = 1  # what storing and answering need after the deadline
SECRETS = (
    "ARTEMIS_DATABASE_URL",
    "ARTEMIS_ENCRYPTION_KEYS",
    "ARTEMIS_API_KEYS",
    "ARTEMIS_SENTRY_DSN",
    "ARTEMIS_SLACK_WEBHOOK",
)


class Alarms(BaseModel):
    """When CloudWatch says that something is wrong. ``topic``: the ARN of the SNS topic that is told."""

    model_config = ConfigDict(extra="forbid", strict=True)

    topic: str | None = Field(default=None, pattern=r"^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[\w-]+$")
    errors: int = Field(default=1, ge=1, description="failed invocations within five minutes")
    throttles: int = Field(default=1, ge=1, description="refused invocations within five minutes")
    p99_ms: int = Field(default=5000, ge=1, description="the slowest hundredth of invocations, in milliseconds")
    degraded_rate: float = Field(default=0.05, gt=0, le=1, description="share of decisions that used a fallback")
    outcome_shift: float = Field(
        default=OUTCOME_SHIFT, gt=0, le=1, description="share of outcomes that differ from the weeks before"
    )


class Options(BaseModel):
    """What a stage says under ``artemis`` in ``.chalice/config.json``."""

    model_config = ConfigDict(extra="forbid", strict=True)

    runtime: Literal["python3.12", "python3.13"] = "python3.13"
    log_retention_days: int = Field(default=30, description="one of the periods that CloudWatch Logs knows")
    snap_start: bool = False
    provisioned_concurrency: int = Field(default=0, ge=0)
    bucket: str | None = Field(default=None, pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
    alarms: Alarms = Alarms()


RETENTIONS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)


@dataclass(frozen=True)
class Deployed:
    """One stage's deployment. ``content``: Chalice's keys, the stage's over those of the top level."""

    stage: str
    app: str
    content: Mapping[str, Any]
    options: Options

    @cached_property
    def environment(self) -> dict[str, str]:
        """The variables of the functions; those with a secret hold a reference."""
        return dict(self.content.get("environment_variables") or {})

    @property
    def python(self) -> str:
        """The runtime's version, such as ``3.13``."""
        return self.options.runtime.removeprefix("python")

    @property
    def stack(self) -> str:
        """The CloudFormation stack's name."""
        return f"{self.app}-{self.stage}"

    def function(self, name: str) -> str:
        """The name of a Lambda function in AWS."""
        return f"{self.stack}-{name.replace('_', '-')}"


def read(root: Path, stage: str) -> Deployed:
    """What is configured for a stage. Raises CannotShip with everything that is wrong."""
    config = read_config(root)
    stages = config.get("stages") if isinstance(config.get("stages"), dict) else {}
    own = stages.get(stage) if stages else None
    if not isinstance(own, dict):
        raise CannotShip(f"{CONFIG} has no stage {stage!r}; it has: {', '.join(stages or ()) or 'none'}")
    content = {**{key: value for key, value in config.items() if key not in ("stages", "version")}, **own}
    content["environment_variables"] = {
        **_mapping(config, "environment_variables"),
        **_mapping(own, "environment_variables"),
    }
    content["artemis"] = {**_mapping(config, "artemis"), **_mapping(own, "artemis")}
    problems = _check(stage, content)
    try:
        options = Options.model_validate(content["artemis"])
    except ValidationError as error:
        problems += [f"artemis.{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
        options = Options()
    problems += _check_options(options, content)
    if problems:
        raise CannotShip(*(f"{CONFIG}, stage {stage}: {problem}" for problem in problems))
    return Deployed(stage, str(config.get("app_name") or "artemis"), content, options)


def read_config(root: Path) -> dict[str, Any]:
    """The whole of ``.chalice/config.json``. Raises CannotShip."""
    try:
        config = json.loads((root / CONFIG).read_bytes())
    except FileNotFoundError:
        raise CannotShip(f"there is no {CONFIG}: it says how each stage is deployed (docs/operations.md)") from None
    except ValueError as error:
        raise CannotShip(f"{CONFIG} is no JSON: {error}") from None
    if not isinstance(config, dict):
        raise CannotShip(f"{CONFIG} is not a JSON object")
    return config


def _mapping(content: Mapping[str, Any], key: str) -> dict[str, Any]:
    found = content.get(key)
    return dict(found) if isinstance(found, dict) else {}


def _check(stage: str, content: Mapping[str, Any]) -> list[str]:
    problems = []
    environment = content["environment_variables"]
    if environment.get("ARTEMIS_STAGE") != stage:
        problems.append(
            f"environment_variables: ARTEMIS_STAGE is not {stage!r}, so another stage's file would be in force"
        )
    problems += [
        f"environment_variables: {name} is missing, and no stage but local starts without it"
        for name in ("ARTEMIS_DATABASE_URL", "ARTEMIS_API_KEYS")
        if name not in environment
    ]
    for name, value in environment.items():
        if not isinstance(value, str):
            problems.append(f"environment_variables: {name} is not a text")
        elif name in SECRETS and not REFERENCE.fullmatch(value) and _may_be_secret(name, value):
            problems.append(
                f"environment_variables: {name} stands there in plain; give a reference that CloudFormation resolves, "
                f'such as "{{{{resolve:secretsmanager:artemis/{stage}:SecretString:{name.lower()}}}}}"'
            )
    if content.get("autogen_policy", True):
        problems.append("autogen_policy is not false: Chalice reads app.py only, and would allow too little")
    return problems


def _may_be_secret(name: str, value: str) -> bool:
    """A database's URL without a password is none."""
    return name != "ARTEMIS_DATABASE_URL" or bool(re.search(r"://[^/@]*:[^/@]+@|[?&]password=", value))


def _check_options(options: Options, content: Mapping[str, Any]) -> list[str]:
    problems = []
    if options.log_retention_days not in RETENTIONS:
        problems.append(
            f"artemis.log_retention_days: {options.log_retention_days} is none of {', '.join(map(str, RETENTIONS))}"
        )
    if options.snap_start and options.provisioned_concurrency:
        problems.append("artemis: snap_start and provisioned_concurrency exclude each other: choose one")
    if "log_retention_in_days" in content:
        problems.append("log_retention_in_days: Chalice names the log group wrongly; use artemis.log_retention_days")
    timeout = content.get("lambda_timeout", 60)
    if not isinstance(timeout, int) or timeout > GATEWAY_SECONDS:
        problems.append(f"lambda_timeout: {timeout!r} is more than the {GATEWAY_SECONDS} s that API Gateway waits")
    return problems


def check_deadline(deployed: Deployed, deadline: float) -> None:
    """Raises CannotShip where Lambda would end a request before its deadline."""
    timeout = deployed.content["lambda_timeout"]
    if deadline + SPARE_SECONDS > timeout:
        raise CannotShip(
            f"{CONFIG}: lambda_timeout is {timeout} s, and the stage's deadline is {deadline:g} s: "
            f"the function needs {SPARE_SECONDS} s more than the deadline to store and answer"
        )
