"""What ``artemis serve --emulators`` adds to a stage: an environment without real accounts, a key, a request to try."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.manifest import Manifest, decisions_path
from chalicelib.settings import LOCAL
from workbench.emulators import Emulators, NoEmulators
from workbench.once import example
from workbench.project import Project

BUCKET = "member-photos"  # which the emulators fill with usecases/samples
DATABASE = "sqlite:///.artemis/emulators.db"
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
    """The trial of the stage that ``outer``, an environment, names. Raises NoEmulators where it would do harm."""
    environment = emulators.environment(outer)
    stage = environment.setdefault("ARTEMIS_STAGE", LOCAL)
    if stage == "production" and "ARTEMIS_DATABASE_URL" in environment:
        raise NoEmulators("emulated answers do not belong into production's database: unset ARTEMIS_DATABASE_URL")
    environment.setdefault("ARTEMIS_DATABASE_URL", DATABASE)
    if stage == LOCAL or environment.get("ARTEMIS_API_KEYS"):
        return Trial(environment, stage, None, emulators.about)
    key = secrets.token_urlsafe(24)
    environment["ARTEMIS_API_KEYS"] = configured(key)
    return Trial(environment, stage, key, emulators.about)


def configured(key: str) -> str:
    """ARTEMIS_API_KEYS with one client, whose key this is and who may call every use case."""
    digest = hashlib.sha256(key.encode()).hexdigest()
    return json.dumps({"emulators": {"sha256": digest, "use_cases": ["*"]}})


def first_request(project: Project, stage: str, url: str, key: str | None) -> str | None:
    """A curl command for a decision of the first use case that has an example; None where none has."""
    manifest = Manifest.read(project.generated)
    for name in sorted(manifest.use_cases):
        if (found := example(manifest, name)) is not None:
            data = _data(project, manifest.stages[stage], stage, json.loads(found))
            lines = [f"curl -s {url}{decisions_path(name, manifest.current(name))}"]
            lines += [f"-H 'Authorization: Bearer {key}'"] if key else []
            return " \\\n  ".join([*lines, f"-H 'Content-Type: application/json' -d {data}"])
    return None


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
