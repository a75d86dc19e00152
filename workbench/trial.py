"""What ``artemis serve --emulators`` adds to a stage: an environment without real accounts, a key, a request to try."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from chalicelib.errors import SettingsError
from chalicelib.manifest import Manifest, decisions_path
from chalicelib.providers import PROVIDERS
from chalicelib.settings import LOCAL, endpoints
from workbench import notebook as notebooks
from workbench import stages
from workbench.draft import draft
from workbench.emulators import Emulators, NoEmulators
from workbench.once import example
from workbench.project import Project
from workbench.rules.capability import no_provider

BUCKET = "member-photos"  # which the emulators fill with usecases/samples
DATABASE = "sqlite:///.artemis/emulators.db"
HERE = ("127.0.0.1", "localhost", "::1")
REQUEST = ".artemis/emulators-request.json"


@dataclass(frozen=True, slots=True)
class Trial:
    """A service against emulators. ``key``: the one that was made for it; None: the caller's own, or none is needed."""

    environment: dict[str, str]
    stage: str
    key: str | None
    about: list[str]

    def introduction(self, project: Project, url: str) -> str:
        """What is emulated, and a request to try, for the service at ``url``."""
        database = self.environment["ARTEMIS_DATABASE_URL"]
        lines = [
            f"Stage {self.stage} on emulated clouds: no real account is used, whichever this shell has.",
            *(f"  {line}" for line in self.about),
            f"  store   {database if database == DATABASE else 'the database of ARTEMIS_DATABASE_URL'}",
            *([f"  key     {self.key}, for this run"] if self.key else []),
        ]
        keyed = "ARTEMIS_API_KEYS" in self.environment
        request = first_request(project, self.stage, url, (self.key or "…") if keyed else None)
        return "\n".join([*lines, *(["", request] if request else [])])


def trial(emulators: Emulators, outer: Mapping[str, str]) -> Trial:
    """The trial of the stage that ``outer``, an environment, names. Raises NoEmulators where it would do harm.

    Endpoints that ``outer`` names on this machine win over the emulators, to try an outage or a server of one's own.
    """
    environment = emulators.environment(outer)
    own, told = _own_endpoints(outer)
    environment["ARTEMIS_ENDPOINTS"] = json.dumps(endpoints(emulators.variables) | own)
    about = [*emulators.about, *told]
    stage = environment.setdefault("ARTEMIS_STAGE", LOCAL)
    if stage == "production" and "ARTEMIS_DATABASE_URL" in environment:
        raise NoEmulators("emulated answers do not belong into production's database: unset ARTEMIS_DATABASE_URL")
    environment.setdefault("ARTEMIS_DATABASE_URL", DATABASE)
    if stage == LOCAL or environment.get("ARTEMIS_API_KEYS"):
        return Trial(environment, stage, None, about)
    key = secrets.token_urlsafe(24)
    environment["ARTEMIS_API_KEYS"] = configured(key)
    return Trial(environment, stage, key, about)


def _own_endpoints(outer: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Provider -> URL on this machine, of the caller's ARTEMIS_ENDPOINTS, and lines that say what became of each."""
    try:
        given = endpoints(outer, PROVIDERS)
    except SettingsError as error:
        raise NoEmulators("; ".join(error.problems)) from None
    own = {name: url for name, url in given.items() if urlsplit(url).hostname in HERE}
    told = [f"given   {name} is at {url}, by ARTEMIS_ENDPOINTS" for name, url in own.items()]
    left_out = ", ".join(sorted(given.keys() - own.keys()))
    return own, told + ([f"not     ARTEMIS_ENDPOINTS of {left_out}: not on this machine"] if left_out else [])


def configured(key: str) -> str:
    """ARTEMIS_API_KEYS with one client, whose key this is and who may call every use case."""
    digest = hashlib.sha256(key.encode()).hexdigest()
    return json.dumps({"emulators": {"sha256": digest, "use_cases": ["*"]}})


def first_request(project: Project, stage: str, url: str, key: str | None) -> str | None:
    """A curl command for a decision of a use case that has an example and that the stage's providers answer.

    One with a photo comes first; None where there is none.
    """
    manifest = Manifest.read(project.generated)
    found = {name: json.loads(text) for name in sorted(manifest.use_cases) if (text := example(manifest, name))}
    content = manifest.stages[stage]
    for name in sorted(found, key=lambda name: not _has_photo(found[name])):
        if is_answered(project, name, content):
            lines = [f"curl -s {url}{decisions_path(name, manifest.current(name))}"]
            lines += [f"-H 'Authorization: Bearer {key}'"] if key else []
            data = _data(project, content, stage, found[name])
            return " \\\n  ".join([*lines, f"-H 'Content-Type: application/json' -d {data}"])
    return None


def is_answered(project: Project, name: str, content: Mapping[str, Any]) -> bool:
    """Whether a stage names somebody for all that a use case's notebook asks of models."""
    path = project.notebooks / f"{name}.ipynb"
    try:
        read = notebooks.read(project.relative(path), name, path.read_bytes())
    except (OSError, notebooks.Unreadable):
        return False
    drafted = draft(read, answered={"this": stages.answered(content)})
    return drafted.parses and not any(no_provider(drafted))


def _has_photo(request: Any) -> bool:
    return bool(with_photos(request, lambda _: {}) != request)


def _data(project: Project, content: Mapping[str, Any], stage: str, request: Any) -> str:
    """The request as an argument of curl, its samples where this stage takes photos from."""
    buckets = (content.get("photos") or {}).get("buckets") or []
    if stage == LOCAL or BUCKET in buckets:
        request = request if stage == LOCAL else with_photos(request, stored)
        return "'" + json.dumps(request, ensure_ascii=False).replace("'", "'\\''") + "'"
    file = project.root / REQUEST
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(with_photos(request, lambda name: inline(project, name))), "utf-8")
    return f"@{REQUEST}"


def with_photos(request: Any, photo: Callable[[str], dict[str, str]]) -> Any:
    """The request with every ``{"sample": name}`` in it replaced by ``photo(name)``."""
    if isinstance(request, dict):
        if request.keys() == {"sample"}:
            return photo(request["sample"])
        return {name: with_photos(value, photo) for name, value in request.items()}
    return [with_photos(value, photo) for value in request] if isinstance(request, list) else request


def stored(name: str) -> dict[str, str]:
    """A sample by its place in the emulated bucket."""
    return {"s3": f"s3://{BUCKET}/{name}"}


def inline(project: Project, name: str) -> dict[str, str]:
    """A sample by its content."""
    return {"base64": base64.b64encode((project.notebooks / "samples" / name).read_bytes()).decode()}
