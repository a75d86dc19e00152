"""Keeping records of deployments: in the project for `artemis notify`, in the bucket for whoever asks later."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from workbench.deploying.origin import origin
from workbench.deploying.record import Record
from workbench.deploying.target import Target
from workbench.project import Project
from workbench.shipping.errors import CannotShip

NOT_MADE = "none"  # the version of a deployment that came to none


def path_of(project: Project, stage: str) -> Path:
    """Where the record of a stage's last deployment lies."""
    return project.root / ".artemis" / "deployments" / f"{stage}.json"


def refused(project: Project, stage: str, why: str) -> None:
    """Writes that a deployment came to nothing before there was a plan, for those who are told of each one."""
    here = origin(project.root, os.environ).as_record()
    _write(project, Record(stage=stage, status="failed", version=NOT_MADE, error=why, **here))


def keep(target: Target, record: Record) -> None:
    """Writes it. That the bucket is out of reach is said, and nobody's failure: the deployment's own result stands."""
    path, text = _write(target.project, record)
    try:
        target.bucket.put(
            f"{target.stage}/records/{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{record.status}.json", text.encode()
        )
    except CannotShip as error:
        target.tell(f"note: the record is only in {target.project.relative(path)}: {error}")


def _write(project: Project, record: Record) -> tuple[Path, str]:
    path, text = path_of(project, record.stage), record.model_dump_json(indent=1) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path, text
