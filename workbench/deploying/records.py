"""Keeping records of deployments: in the project for `artemis notify`, in the bucket for whoever asks later."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from workbench.deploying.record import Record
from workbench.deploying.target import Target
from workbench.project import Project
from workbench.shipping.errors import CannotShip


def path_of(project: Project, stage: str) -> Path:
    """Where the record of a stage's last deployment lies."""
    return project.root / ".artemis" / "deployments" / f"{stage}.json"


def keep(target: Target, record: Record) -> None:
    """Writes it. That the bucket is out of reach is said, and nobody's failure: the deployment's own result stands."""
    path, text = path_of(target.project, target.stage), record.model_dump_json(indent=1) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    try:
        target.bucket.put(
            f"{target.stage}/records/{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{record.status}.json", text.encode()
        )
    except CannotShip as error:
        target.tell(f"note: the record is only in {target.project.relative(path)}: {error}")
