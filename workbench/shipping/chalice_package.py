"""`chalice package`, run in a copy of what ships, by the interpreter of the stage's runtime.

Chalice imports the app to find its routes, and the app refuses to start without its settings: for that moment,
references to secrets have stand-ins, which the template that is merged in replaces again.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from workbench.shipping.environments import run
from workbench.shipping.errors import CannotShip
from workbench.shipping.stage import REFERENCE, Deployed

STAND_INS = {
    "ARTEMIS_DATABASE_URL": "postgresql://stand-in@stand-in.invalid/stand-in",
    "ARTEMIS_API_KEYS": json.dumps({"stand-in": {"sha256": "0" * 64, "use_cases": ["*"]}}),  # no key has this digest
    "ARTEMIS_SLACK_WEBHOOK": "https://hooks.slack.com/services/stand-in",
    "ARTEMIS_SENTRY_DSN": "https://standin@stand-in.invalid/1",
    "ARTEMIS_ENCRYPTION_KEYS": "c3RhbmQtaW4tc3RhbmQtaW4tc3RhbmQtaW4tc3RhbmQ=",
}
DROPPED = "Could not install dependencies"


def copy(root: Path, target: Path, requirements: str) -> None:
    """All that `chalice package` may see. ``target`` is emptied first."""
    shutil.rmtree(target, ignore_errors=True)
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")
    shutil.copytree(root / "chalicelib", target / "chalicelib", ignore=ignored)
    shutil.copytree(root / ".chalice", target / ".chalice", ignore=shutil.ignore_patterns("deploy*", "venv"))
    shutil.copy(root / "app.py", target)
    (target / "requirements.txt").write_text(requirements, "utf-8")


def package(environment: Path, copied: Path, deployed: Deployed, merged: dict[str, Any], region: str) -> Path:
    """Calls Chalice; gives the folder with its ``sam.json`` and ``deployment.zip``. Raises CannotShip."""
    _put_stand_ins(copied, deployed)
    (copied / "merge.json").write_text(json.dumps(merged), "utf-8")
    out = copied / "packaged"
    chalice = [
        str(environment / "bin" / "chalice"),
        "package",
        "--stage",
        deployed.stage,
        "--merge-template",
        "merge.json",
    ]
    done = run([*chalice, str(out)], copied, {"AWS_DEFAULT_REGION": region, "PIP_DISABLE_PIP_VERSION_CHECK": "1"})
    said = done.stdout + done.stderr
    if done.returncode or DROPPED in said or not (out / "deployment.zip").is_file():
        raise CannotShip(f"chalice package failed: {said.strip()[-3000:]}")
    return out


def _put_stand_ins(copied: Path, deployed: Deployed) -> None:
    path = copied / ".chalice" / "config.json"
    config = json.loads(path.read_text("utf-8"))
    variables = config["stages"][deployed.stage].setdefault("environment_variables", {})
    variables |= {
        name: STAND_INS.get(name, "stand-in")
        for name, value in deployed.environment.items()
        if REFERENCE.fullmatch(value)
    }
    path.write_text(json.dumps(config), "utf-8")


def unpack(archive: Path, target: Path) -> None:
    """The zip's files. ``target`` is emptied first."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.unpack_archive(archive, target, "zip")
    for path in target.rglob("*"):
        os.chmod(path, 0o755 if path.is_dir() else 0o644)
