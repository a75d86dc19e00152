"""What is kept of a run: ``reports/<stage>/<name>.ipynb``, ``.html`` and, when it passed, ``.metrics.json``.

Everything is made before anything is written, each file atomically. Values of environment variables
whose name says that they are secret are masked, wherever a cell printed them.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from workbench.files import write
from workbench.project import Project
from workbench.validation.execute import Executed
from workbench.validation.metrics import changed

SECRET = re.compile(r"SECRET|TOKEN|PASS|KEY|CREDENTIAL|DATABASE_URL|_DSN", re.IGNORECASE)
SHORT = 8  # characters; a shorter value is part of too much that is no secret


@dataclass(frozen=True)
class Kept:
    """A run and its files. ``before``: the metrics of the last run that passed; None: there was none."""

    executed: Executed
    files: dict[str, str]
    before: dict[str, Any] | None

    def rows(self) -> list[tuple[str, Any, Any]]:
        """(metric, before or None, now or None)."""
        return changed(self.before or {}, self.executed.metrics or {}) if self.executed.metrics else []


def keep(project: Project, executed: Executed) -> Kept:
    """Write what is kept of a run. A failed run leaves the metrics of the last good one."""
    plan = executed.plan
    folder = project.root / "reports" / plan.stage
    paths = {kind: folder / f"{plan.label}.{kind}" for kind in ("ipynb", "html", "metrics.json")}
    before = _before(paths["metrics.json"])
    kept = Kept(executed, {kind: project.relative(path) for kind, path in paths.items()}, before)
    contents = _contents(kept)
    folder.mkdir(parents=True, exist_ok=True)
    for kind, content in contents.items():
        write(paths[kind], content.encode("utf-8", "replace"))
    return Kept(executed, {kind: kept.files[kind] for kind in contents}, before)


def _contents(kept: Kept) -> dict[str, str]:
    contents: dict[str, str] = {}
    if kept.executed.notebook is not None:
        from workbench.validation.page import page

        kept.executed.notebook = masked(kept.executed.notebook, os.environ)
        contents["ipynb"] = json.dumps(kept.executed.notebook, ensure_ascii=False, indent=1) + "\n"
        contents["html"] = page(kept)
    if kept.executed.passed and kept.executed.metrics is not None:
        contents["metrics.json"] = json.dumps(record(kept.executed), ensure_ascii=False, indent=1) + "\n"
    return contents


def record(executed: Executed) -> dict[str, Any]:
    """The metrics with what they were measured on. ``seconds`` is the whole run's time."""
    plan = executed.plan
    return {
        "use_case": plan.name,
        "stage": plan.stage,
        "dataset": plan.dataset.as_dict() if plan.dataset else None,
        "metrics": executed.metrics,
        "version": plan.version,
        "parameters": plan.parameters,
        "notebook_sha256": plan.notebook.digest,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(executed.seconds, 2),
    }


def _before(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(path.read_bytes())["metrics"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return dict(found) if isinstance(found, dict) else None


def masked(notebook: Any, environment: Mapping[str, str]) -> Any:
    """The notebook without the values of secret environment variables, in outputs and in code."""
    import nbformat

    text = before = json.dumps(notebook, ensure_ascii=False)
    secrets = {name: value for name, value in environment.items() if SECRET.search(name) and len(value) >= SHORT}
    for name, value in sorted(secrets.items(), key=lambda pair: -len(pair[1])):
        text = text.replace(json.dumps(value, ensure_ascii=False)[1:-1], f"<{name}>")
    return notebook if text == before else nbformat.from_dict(json.loads(text))  # type: ignore[no-untyped-call]
