"""Which packages a stage needs: what the code that can run there imports, and what those packages need themselves.

``requirements.txt`` pins everything that any stage may need. What a stage does not use is left out by the modules that
would import it: those of other providers, of buckets where none is named, and so on.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from chalicelib.calling.routing import Routing
from workbench.shipping.errors import CannotShip
from workbench.shipping.stage import Deployed

PROVIDED = {"chalice"}  # Chalice puts its own runtime into each package
COMPANIONS = {"psycopg": ("psycopg-binary",)}  # what is needed without being imported or required by name
Pins = dict[str, str]


def pins(root: Path) -> Pins:
    """Distribution -> version, from ``requirements.txt``. Raises CannotShip for a line that pins nothing."""
    found, loose = dict[str, str](), []
    for line in (root / "requirements.txt").read_text("utf-8").splitlines():
        text = line.partition("#")[0].strip()
        if not text:
            continue
        match = re.fullmatch(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.!+]+)", text)
        if match:
            found[canonicalize_name(match[1])] = match[2]
        else:
            loose.append(f"requirements.txt: {text!r} pins no version: write name==version")
    if loose:
        raise CannotShip(*loose)
    return found


def modules(root: Path, providers: Iterable[str], features: Iterable[str]) -> set[Path]:
    """The files of ours that can be imported on a stage.

    Args:
        providers: the names of those that answer there.
        features: of OPTIONAL, those that the stage uses.
    """
    from chalicelib.providers import PROVIDERS

    library = root / "chalicelib"
    own = {
        name: library / (target.partition(":")[0].split(".", 1)[1].replace(".", "/") + ".py")
        for name, target in PROVIDERS.items()
    }
    optional = {library / path for path in OPTIONAL.values()}
    always = {root / "app.py", *library.rglob("*.py")} - optional
    always -= set((library / "providers").glob("*.py"))
    wanted = {own[name] for name in providers} | {library / OPTIONAL[name] for name in features}
    return always | set(_with_what_they_import(wanted, library))


OPTIONAL = {
    "buckets": "buckets.py",
    "encryption": "vault.py",
    "login": "store/login.py",
    "sentry": "sentry.py",
    "traces": "tracing.py",
    "alerts": "alerts.py",
    "slack": "slack.py",  # which alerts import
}


def features(content: Mapping[str, Any], deployed: Deployed, sensitive: bool) -> set[str]:
    """Those of OPTIONAL that a stage uses."""
    photos = content.get("photos") or {}
    uses = {
        "buckets": bool(photos.get("buckets") or photos.get("upload") or content.get("objects")),
        "encryption": sensitive or "ARTEMIS_ENCRYPTION_KEYS" in deployed.environment,
        "login": "ARTEMIS_DATABASE_AUTH" in deployed.environment,
        "sentry": "ARTEMIS_SENTRY_DSN" in deployed.environment,
        "alerts": "ARTEMIS_SLACK_WEBHOOK" in deployed.environment,
        "traces": "ARTEMIS_OTLP_ENDPOINT" in deployed.environment,
    }
    return {name for name, used in uses.items() if used}


def providers_of(content: Mapping[str, Any]) -> set[str]:
    """Everybody who may answer on a stage."""
    return {name for chain in Routing.of(content).providers.values() for name in chain}


def imports(files: Iterable[Path]) -> dict[str, Path]:
    """The dotted names of other people's packages that these files import, each with a file that does."""
    found: dict[str, Path] = {}
    for path in sorted(files):
        for name in _imported(path):
            root = name.partition(".")[0]
            if root not in sys.stdlib_module_names and root not in {"chalicelib", "app", *PROVIDED}:
                found.setdefault(name, path)
    return found


def lock(pinned: Pins, names: Mapping[str, Path], python: str) -> Pins:
    """What is to be installed. ``names`` are imports. Raises CannotShip for what ``requirements.txt`` does not pin."""
    missing = [
        f"{path.name} imports {name}, which nothing in requirements.txt provides: the stage cannot use it on Lambda"
        for name, path in names.items()
        if _provider(name, frozenset(pinned)) is None
    ]
    if missing:
        raise CannotShip(*sorted(missing))
    waiting = [(found, frozenset[str]()) for name in names if (found := _provider(name, frozenset(pinned)))]
    locked: dict[str, str] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        name, extras = one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        if name not in pinned:
            raise CannotShip(f"requirements.txt lacks {name}, which something in it needs: pin it there")
        locked[name] = pinned[name]
        waiting += _required(name, extras, python)
    return dict(sorted(locked.items()))


def as_text(locked: Pins, stage: str) -> str:
    """The stage's own ``requirements.txt``."""
    lines = "".join(f"{name}=={version}\n" for name, version in locked.items())
    return (
        f"# Generated by `artemis package --stage {stage}`: the part of requirements.txt that the stage needs.\n{lines}"
    )


def _required(name: str, extras: frozenset[str], python: str) -> Iterator[tuple[str, frozenset[str]]]:
    environment = {"python_version": python, "python_full_version": f"{python}.0", "sys_platform": "linux"}
    environment |= {"platform_machine": "x86_64", "platform_system": "Linux", "implementation_name": "cpython"}
    for text in metadata.requires(name) or ():
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({**environment, "extra": extra}) for extra in extras or {""}):
            yield canonicalize_name(requirement.name), frozenset(requirement.extras)
    yield from ((companion, frozenset()) for companion in COMPANIONS.get(name, ()))


@cache
def _provider(name: str, pinned: frozenset[str]) -> str | None:
    """The pinned distribution whose files hold a dotted name; the one that holds the most of it."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        base = "/".join(parts[:count])
        for distribution in sorted(pinned):
            if _files(distribution) & {f"{base}.py", f"{base}/__init__.py"} or any(
                file.startswith(f"{base}.") and file.endswith(".so") for file in _files(distribution)
            ):
                return distribution
    return None


@cache
def _files(distribution: str) -> frozenset[str]:
    try:
        return frozenset(str(file) for file in metadata.files(distribution) or ())
    except metadata.PackageNotFoundError:
        return frozenset()


@cache
def _imported(path: Path) -> tuple[str, ...]:
    """Dotted names; of ``from a import b`` it is a.b, for a may be a package that several distributions share."""
    names = []
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [f"{node.module}.{alias.name}" for alias in node.names]
    return tuple(names)


def _with_what_they_import(files: set[Path], library: Path) -> Iterator[Path]:
    """These files and, of ours, all that they import."""
    waiting, seen = list(files), set[Path]()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        yield path
        own = [name.split(".")[1:] for name in _imported(path) if name.startswith("chalicelib.")]
        places = [library.joinpath(*parts[:count]) for parts in own for count in range(1, len(parts) + 1)]
        waiting += [
            file for place in places for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()
        ]
