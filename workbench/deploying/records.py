"""Keeping records of deployments: in the project for `artemis notify`, in the bucket for whoever asks later."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
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


def recorded(target: Target, work: Callable[[], None], record: Callable[[float, str | None], Record]) -> Record:
    """Does the work, and keeps the record of it, whatever becomes of it.

    ``record``: makes it of the seconds that it took and of why it failed. What is no CannotShip is raised again.
    """
    began, error = time.monotonic(), "it was interrupted"
    try:
        work()
        error = ""
    except CannotShip as failure:
        error = str(failure)
    except Exception as failure:
        error = f"a bug: {type(failure).__name__}"
        raise
    finally:
        made = record(time.monotonic() - began, error or None)
        _keep(target, made)
    return made


def _keep(target: Target, record: Record) -> None:
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
