"""The zip: the same input gives the same bytes; what must not ship, or does not fit, stops it."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from packaging.utils import canonicalize_name

from workbench.shipping.environments import run
from workbench.shipping.errors import CannotShip

ZIPPED, UNZIPPED = 50_000_000, 250_000_000  # bytes; Lambda's limits are 50 and 250 MB, whichever way it counts
NEVER = re.compile(
    r".*\.ipynb|(tests|workbench|serving|migrations|benchmarks|docs|usecases)/.*|\.env.*|.*\.(db|sqlite3?|pem\.key)"
)
SHARED_OBJECT = re.compile(r".*\.cpython-(\d)(\d+)-(\w+)-linux-gnu\.so")
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can hold


def compile_all(folder: Path, python: Path) -> None:
    """A .pyc beside each module, without a time in it, so that Lambda neither compiles nor looks at a source's date."""
    command = [str(python), "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "-s", str(folder)]
    fixed = {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": ""}
    done = run([*command, "-p", "/var/task", str(folder)], variables=fixed)
    if done.returncode:
        raise CannotShip(f"a module cannot be compiled by {python}: {(done.stdout + done.stderr).strip()[:2000]}")


def write(folder: Path, target: Path) -> None:
    """The folder as a zip, with nothing of the time and the machine in it."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in names(folder):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.external_attr, entry.create_system = 0o100644 << 16, 3
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, (folder / name).read_bytes())


def check_content(folder: Path, locked: dict[str, str], python: str) -> None:
    """Raises CannotShip for what is missing, and for what must not be there."""
    installed = dict(_installed(folder))
    problems = [
        f"{name}=={version} is not in the package: no wheel of it fits Lambda (Linux x86_64, Python {python}). "
        "Chalice drops such packages without failing; pin a version that has a wheel"
        for name, version in locked.items()
        if installed.get(name) != version
    ]
    problems += [f"{name} would ship, and the stage does not need it" for name in installed if name not in locked]
    for name in names(folder):
        if NEVER.fullmatch(name):
            problems.append(f"{name} must not ship")
        found = SHARED_OBJECT.fullmatch(name)
        if found and (f"{found[1]}.{found[2]}", found[3]) != (python, "x86_64"):
            problems.append(f"{name} is for another Python or processor")
    if problems:
        raise CannotShip(*problems)


def check_size(archive: Path, unzipped: int) -> None:
    """Raises CannotShip where Lambda would not take it. ``unzipped``: bytes."""
    zipped = archive.stat().st_size
    if zipped > ZIPPED or unzipped > UNZIPPED:
        raise CannotShip(
            f"the package has {zipped / 1e6:.1f} MB, {unzipped / 1e6:.1f} MB unzipped; Lambda takes 50 and 250 MB: "
            "see the table for the largest, and leave out a provider, or run a container"
        )


def names(folder: Path) -> Iterator[str]:
    """Every file's name in the package."""
    return (path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file())


def owners(folder: Path) -> dict[str, str]:
    """File -> the distribution that brought it, as the lists of files say that pip writes (and trimming takes away)."""
    found: dict[str, str] = {}
    for record in folder.glob("*.dist-info/RECORD"):
        name = canonicalize_name(record.parent.name.removesuffix(".dist-info").rpartition("-")[0])
        found |= {
            line.rpartition(",")[0].rpartition(",")[0].strip('"'): name
            for line in record.read_text("utf-8").splitlines()
        }
    return found


def sizes(folder: Path, owned: Mapping[str, str]) -> dict[str, int]:
    """Distribution -> bytes unzipped, compiled files too; the largest first. ``owned``: as ``owners`` gives it."""
    found: dict[str, int] = {}
    for name in names(folder):
        source = re.sub(r"__pycache__/([^/]+)\.cpython-\d+\.pyc", r"\1.py", name)
        owner = owned.get(source) or name.split("/")[0].removesuffix(".py")
        found[owner] = found.get(owner, 0) + (folder / name).stat().st_size
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _installed(folder: Path) -> Iterator[tuple[str, str]]:
    for path in folder.glob("*.dist-info/METADATA"):
        name, _, version = path.parent.name.removesuffix(".dist-info").rpartition("-")
        yield canonicalize_name(name), version
