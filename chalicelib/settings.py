"""Settings: environment and stage file in, frozen values out, or every problem at once.

Environment: ``ARTEMIS_STAGE``, ``ARTEMIS_DATABASE_URL``, ``ARTEMIS_DATABASE_AUTH``, ``ARTEMIS_API_KEYS``,
``ARTEMIS_ENCRYPTION_KEYS``, ``ARTEMIS_LOG_LEVEL``, ``ARTEMIS_ENDPOINTS``, ``ARTEMIS_SENTRY_DSN``,
``ARTEMIS_SENTRY_TRACES``, ``ARTEMIS_OTLP_ENDPOINT``, ``ARTEMIS_SLACK_WEBHOOK``, ``ARTEMIS_OUTCOME_SHIFT``. Everything
else is in the stage file, which the build put in the manifest.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chalicelib import database_settings, photo_settings, vault
from chalicelib.blobs import Place
from chalicelib.calling import routing
from chalicelib.calling.routing import Routing, in_mapping
from chalicelib.errors import SettingsError
from chalicelib.manifest import snake
from chalicelib.photo import PhotoPolicy, find_samples

LOCAL = "local"
DEFAULT_DATABASE = database_settings.LOCAL_DATABASE
DEADLINE = 25  # seconds for a whole request, where a stage file does not say
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
ENDPOINT = re.compile(r"(https://[^/@?#\s]+|http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?)(/[^@?#\s]*)?")
DSN = re.compile(r"(https://[\w]+@[^/@?#\s]+|http://[\w]+@(127\.0\.0\.1|localhost)(:\d+)?)/([^@?#\s]*/)?\d+")
SLACK_WEBHOOK = "ARTEMIS_SLACK_WEBHOOK"
WEBHOOK = re.compile(r"https://hooks\.slack(-gov)?\.com/\S+|http://(127\.0\.0\.1|localhost):\d+/\S*")
OUTCOME_SHIFT = 0.15  # the share of a day's outcomes that differ from those before, from which on somebody is told
CLIENT = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,100}")  # stored with each decision
CHALLENGER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
STAGE_KEYS = {*routing.KEYS, "use_cases", "photos", "objects", "deadline"}


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One client. ``use_cases``: those it may call and whose decisions it may read; None: all.

    A use case that is not there yet is no mistake: keys may be given out before it is deployed.
    """

    client: str
    sha256: str = field(repr=False)
    use_cases: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Sentry:
    """Where errors are reported. ``traces``: the share of requests whose trace is sent."""

    dsn: str = field(repr=False)
    traces: float = 0.0


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that is configured. ``deadline`` is in seconds for a whole request."""

    stage: str
    database_url: str = field(repr=False)
    api_keys: tuple[ApiKey, ...] = ()
    log_level: str = "INFO"
    routing: Routing = field(default_factory=Routing)
    parameters: dict[str, dict[str, Any]] = field(default_factory=dict)
    photos: PhotoPolicy = field(default_factory=PhotoPolicy)
    deadline: float = float(DEADLINE)
    encryption_keys: tuple[str, ...] = field(default=(), repr=False)
    objects: Place | None = None
    sentry: Sentry | None = None
    otlp_endpoint: str | None = None
    slack_webhook: str | None = field(default=None, repr=False)
    outcome_shift: float = OUTCOME_SHIFT


def load(
    environment: Mapping[str, str],
    stages: Mapping[str, Any],
    use_cases: Collection[str],
    providers: Collection[str] | None = None,
    sensitive: Collection[str] = (),
) -> Settings:
    """The settings in force.

    Args:
        providers: the known ones; None: any name will do.
        sensitive: the use cases that have sensitive fields.

    Raises SettingsError with every problem found.
    """
    problems: list[str] = []
    stage = environment.get("ARTEMIS_STAGE", LOCAL)
    if stage == LOCAL and "AWS_LAMBDA_FUNCTION_NAME" in environment:
        problems.append("ARTEMIS_STAGE is local, which is not for Lambda: set it to the stage deployed")
    if stage not in stages:
        known = ", ".join(sorted(stages)) or "none"
        raise SettingsError([*problems, f"stage {stage} (ARTEMIS_STAGE): there is no such stage file; known: {known}"])
    content = stages[stage]
    problems += [f"usecases/stages/{stage}.yaml: {problem}" for problem in check_stage(content, use_cases, providers)]
    keys = _api_keys(environment.get("ARTEMIS_API_KEYS"), stage, problems)
    url = database_settings.resolve(environment, None if stage == LOCAL else stage, problems)
    encryption_keys = _encryption_keys(environment, stage, sensitive, problems)
    level = environment.get("ARTEMIS_LOG_LEVEL", "INFO").upper()
    if level not in LOG_LEVELS:
        problems.append(f"ARTEMIS_LOG_LEVEL={level}: use one of {', '.join(LOG_LEVELS)}")
    sentry, otlp = _sentry(environment, problems), environment.get("ARTEMIS_OTLP_ENDPOINT")
    if otlp and not ENDPOINT.fullmatch(otlp):
        problems.append(
            "ARTEMIS_OTLP_ENDPOINT: give an https URL without user and query; http is for this machine only"
        )
    webhook, shift = environment.get(SLACK_WEBHOOK), _outcome_shift(environment, problems)
    problems += webhook_problems(webhook) if webhook else []
    try:
        urls = endpoints(environment, providers)
    except SettingsError as error:
        problems += error.problems
    if problems:
        raise SettingsError(problems)
    return Settings(
        stage=stage,
        database_url=url,
        api_keys=keys,
        log_level=level,
        routing=Routing.of(content, urls),
        parameters=stage_parameters(content),
        photos=photo_settings.policy(content, _samples() if stage == LOCAL else None),
        deadline=deadline_of(content),
        encryption_keys=encryption_keys,
        objects=objects_place(content),
        sentry=sentry,
        otlp_endpoint=otlp or None,
        slack_webhook=webhook or None,
        outcome_shift=shift,
    )


def stage_parameters(content: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Use case -> parameter overrides of one stage file."""
    entries = content.get("use_cases") or {}
    return {snake(name): dict((entry or {}).get("parameters") or {}) for name, entry in entries.items()}


def deadline_of(content: Mapping[str, Any]) -> float:
    """A stage file's deadline, in seconds."""
    return float(content.get("deadline", DEADLINE))


def objects_place(content: Mapping[str, Any]) -> Place | None:
    """Where a stage's large texts go; None where its file does not say."""
    return Place(**content["objects"]) if content.get("objects") else None


def check_stage(content: Any, use_cases: Collection[str], providers: Collection[str] | None = None) -> list[str]:
    """Every problem of one stage file's content; parameter values are checked by the build."""
    if not isinstance(content, dict):
        return ["the file is not a mapping"]
    problems = [
        f"unknown key {key!r}; {routing.meant(str(key), sorted(STAGE_KEYS))}"
        for key in content
        if key not in STAGE_KEYS
    ]
    problems += routing.check(content, providers)
    problems += in_mapping(content, "use_cases", lambda name, entry: _check_use_case(name, entry, use_cases))
    problems += in_mapping(content, "photos", photo_settings.check)
    problems += photo_settings.check_objects(content.get("objects"))
    names = [snake(str(name)) for name in content.get("use_cases") or {}]
    problems += [f"use_cases.{name}: named twice" for name in sorted(set(names)) if names.count(name) > 1]
    deadline = content.get("deadline", DEADLINE)
    if not isinstance(deadline, (int, float)) or isinstance(deadline, bool) or not 0 < deadline <= 900:
        problems.append(f"deadline: {deadline!r} is not a number of seconds between 0 and 900")
    return sorted(problems)


def _check_use_case(name: str, entry: Any, use_cases: Collection[str]) -> list[str]:
    if snake(name) not in use_cases:
        return [f"no such use case; {routing.meant(snake(name), sorted(use_cases))}"]
    if not isinstance(entry, dict) or entry.keys() - {"parameters", "challengers"}:
        return ["give a mapping with the keys 'parameters' and 'challengers'"]
    problems = [] if isinstance(entry.get("parameters") or {}, dict) else ["parameters: not a mapping"]
    challengers = entry.get("challengers") or {}
    if not isinstance(challengers, dict):
        return [*problems, "challengers: not a mapping of names to parameters"]
    problems += [
        f"challengers.{key}: give a name of letters, digits, - and _, with the parameters that it sets"
        for key, one in challengers.items()
        if not CHALLENGER.fullmatch(str(key)) or not isinstance(one, dict) or not one
    ]
    return problems


def _samples() -> Path | None:
    beside = Path(__file__).parent.parent / "usecases" / "samples"
    return beside if beside.is_dir() else find_samples()


def endpoints(environment: Mapping[str, str], providers: Collection[str] | None = None) -> dict[str, str]:
    """Provider -> base URL, from ``ARTEMIS_ENDPOINTS``: of private endpoints and of emulators. Raises SettingsError."""
    try:
        entries = json.loads(environment.get("ARTEMIS_ENDPOINTS") or "{}")
    except ValueError:
        entries = None
    if not isinstance(entries, dict) or not all(isinstance(url, str) for url in entries.values()):
        raise SettingsError(['ARTEMIS_ENDPOINTS is not JSON of the form {"provider": "https://…"}'])
    problems = [
        f"ARTEMIS_ENDPOINTS: no provider is named {name!r}; {routing.meant(name, providers)}"
        for name in entries
        if providers is not None and name not in providers
    ]
    problems += [
        f"ARTEMIS_ENDPOINTS: {name}: give an https URL without user and query; http is for this machine only"
        for name, url in entries.items()
        if not ENDPOINT.fullmatch(url)
    ]
    if problems:
        raise SettingsError(problems)
    return dict(entries)


def _sentry(environment: Mapping[str, str], problems: list[str]) -> Sentry | None:
    dsn, share = environment.get("ARTEMIS_SENTRY_DSN"), environment.get("ARTEMIS_SENTRY_TRACES") or "0"
    if dsn and not DSN.fullmatch(dsn):
        problems.append("ARTEMIS_SENTRY_DSN is no DSN of the form https://KEY@HOST/PROJECT")
    if not re.fullmatch(r"0(\.\d+)?|1(\.0+)?", share):
        problems.append(f"ARTEMIS_SENTRY_TRACES={share}: give a share of requests from 0 to 1")
        return None
    return Sentry(dsn, float(share)) if dsn else None


def webhook_problems(url: str) -> list[str]:
    """Why a URL is no webhook of Slack's; it is a secret, and not repeated."""
    is_one = WEBHOOK.fullmatch(url) is not None
    return [] if is_one else [f"{SLACK_WEBHOOK} is no webhook of Slack's (https://hooks.slack.com/services/…)"]


def _outcome_shift(environment: Mapping[str, str], problems: list[str]) -> float:
    text = environment.get("ARTEMIS_OUTCOME_SHIFT") or str(OUTCOME_SHIFT)
    if not re.fullmatch(r"0\.\d*[1-9]\d*|1(\.0+)?", text):
        problems.append(f"ARTEMIS_OUTCOME_SHIFT={text}: give a share of outcomes above 0, up to 1")
        return OUTCOME_SHIFT
    return float(text)


def _encryption_keys(
    environment: Mapping[str, str], stage: str, sensitive: Collection[str], problems: list[str]
) -> tuple[str, ...]:
    """The keys for sensitive fields; the local stage makes its own where there are none."""
    keys = vault.parse_keys(environment.get(vault.KEYS), problems)
    if sensitive and not environment.get(vault.KEYS) and stage != LOCAL:
        of = ", ".join(sorted(sensitive))
        problems.append(f"{vault.KEYS} is not set; stage {stage} serves sensitive fields ({of}): {vault.HOW}")
    return keys


def _api_keys(text: str | None, stage: str, problems: list[str]) -> tuple[ApiKey, ...]:
    if not text:
        if stage != LOCAL:
            problems.append(f"ARTEMIS_API_KEYS is not set; stage {stage} serves nobody without keys")
        return ()
    try:
        entries = json.loads(text)
    except ValueError:
        entries = None
    if not isinstance(entries, dict) or not entries:
        problems.append('ARTEMIS_API_KEYS is not JSON of the form {"client": {"sha256": …, "use_cases": […]}}')
        return ()
    keys = tuple(key for name, entry in entries.items() if (key := _api_key(name, entry, problems)))
    if len({key.sha256 for key in keys}) < len(keys):
        problems.append("ARTEMIS_API_KEYS: two clients have the same key; give each its own")
    return keys


def _api_key(client: str, entry: Any, problems: list[str]) -> ApiKey | None:
    digest = entry.get("sha256") if isinstance(entry, dict) else None
    names = entry.get("use_cases") if isinstance(entry, dict) else None
    if not CLIENT.fullmatch(client):
        problems.append(f"ARTEMIS_API_KEYS: client {client[:100]!r}: a name has 1 to 100 visible characters")
    elif not isinstance(digest, str) or not re.fullmatch(r"[0-9a-f]{64}", digest):
        problems.append(f"ARTEMIS_API_KEYS: client {client!r} needs sha256: 64 lower-case hex digits")
    elif entry.keys() - {"sha256", "use_cases"}:
        problems.append(f"ARTEMIS_API_KEYS: client {client!r} has more than sha256 and use_cases")
    elif not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        problems.append(f'ARTEMIS_API_KEYS: client {client!r} needs use_cases: a list of names, or ["*"]')
    else:
        return ApiKey(client, digest, None if "*" in names else frozenset(map(snake, names)))
    return None
