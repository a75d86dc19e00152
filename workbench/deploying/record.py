"""What is kept of a deployment: what changed, how it went. Written by `artemis deploy`, read by `artemis notify`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from workbench.shipping.errors import CannotShip


class Change(BaseModel):
    """A parameter or a metric of a use case. ``before`` None: it is new; ``after`` None: it is gone."""

    model_config = ConfigDict(extra="forbid")

    use_case: str
    name: str
    before: Any = None
    after: Any = None


class Flips(BaseModel):
    """What a replay of past decisions expects of a use case."""

    model_config = ConfigDict(extra="forbid")

    use_case: str
    flips: int
    decisions: int

    @property
    def share(self) -> str:
        """In percent, as people read it."""
        return f"{self.flips / self.decisions:.1%}" if self.decisions else "–"


class Record(BaseModel):
    """One deployment. Times are in seconds; ``error``: why it failed, in one sentence."""

    model_config = ConfigDict(extra="forbid")

    stage: str
    status: Literal["succeeded", "failed", "rolled-back"]
    version: str
    who: str
    commit: str
    subject: str = ""
    pull_request: str | None = None
    use_cases: list[str] = []
    parameters: list[Change] = []
    metrics: list[Change] = []
    contracts: list[str] = []
    flips: list[Flips] = []
    seconds: float = 0.0
    error: str | None = None
    run: str | None = None
    rollback: str | None = None


def read(path: Path) -> Record:
    """A record that was kept. Raises CannotShip."""
    try:
        return Record.model_validate_json(path.read_bytes())
    except OSError as error:
        raise CannotShip(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from None
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:5])
        raise CannotShip(f"{path} is no record of a deployment: {wrong}") from None
