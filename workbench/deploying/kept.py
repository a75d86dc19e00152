"""What is kept of each version of a stage's function: enough to say what changed since, and to go back to it."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.manifest import Manifest, snake
from chalicelib.settings import stage_parameters
from workbench.deploying.bucket import Bucket
from workbench.diff.revision import State, working_tree
from workbench.project import Project
from workbench.shipping.archive import EPOCH

Parameters = dict[str, dict[str, Any]]


class Kept(BaseModel):
    """One version.

    Args:
        before: the version that was live when this one was made.
        template: the key of its template; its code is named in it.
        sources: the key of its notebooks and stage file.
        store_schema: that its software needs.
        versions: use case -> its version.
        parameters: use case -> name -> value in force.
        metrics: use case -> name -> value, of the validation of this very version.
    """

    model_config = ConfigDict(extra="ignore")  # a later version of Artemis may have kept more

    version: str
    before: str | None
    commit: str
    subject: str = ""
    revision: str
    digest: str
    template: str
    sources: str
    store_schema: int
    versions: dict[str, str]
    parameters: Parameters
    metrics: Parameters
    at: datetime = Field(default_factory=lambda: datetime.now(UTC))


class Versions:
    """What is kept of the versions of a stage, in ``bucket``."""

    def __init__(self, bucket: Bucket, stage: str) -> None:
        self._bucket, self._stage = bucket, stage

    def read(self, version: str) -> Kept | None:
        """None where nothing is kept of it. Raises CannotShip."""
        content = self._bucket.get(self._key(version))
        return Kept.model_validate_json(content) if content is not None else None

    def write(self, kept: Kept) -> None:
        """Raises CannotShip."""
        self._bucket.put(self._key(kept.version), kept.model_dump_json(indent=1).encode())

    def numbers(self) -> list[str]:
        """The newest last. Raises CannotShip."""
        keys = self._bucket.keys(f"{self._stage}/versions/")
        return [str(int(key.rpartition("/")[2].removesuffix(".json"))) for key in keys]

    def sources(self, kept: Kept | None) -> State:
        """The notebooks and the stage file of a version; none of those that are gone. Raises CannotShip."""
        state = State(f"version {kept.version}" if kept else "nothing")
        content = self._bucket.get(kept.sources) if kept else None
        if content is not None:
            with zipfile.ZipFile(BytesIO(content)) as archive:
                for name in archive.namelist():
                    state.add(name, archive.read(name))
        return state

    def _key(self, version: str) -> str:
        return f"{self._stage}/versions/{int(version):08}.json"


def sources_of(project: Project, stage: str) -> State:
    """What the stage is built from, in the working tree."""
    state = working_tree(project)
    return State("this deployment", state.notebooks, {name: one for name, one in state.stages.items() if name == stage})


def packed(state: State) -> bytes:
    """As a zip; the same content gives the same bytes. What notebooks put out is left behind."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(_files(state)):
            archive.writestr(zipfile.ZipInfo(name, EPOCH), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _files(state: State) -> Iterator[tuple[str, bytes]]:
    for name, data in state.notebooks.items():
        notebook = json.loads(data)
        for cell in notebook.get("cells", ()):
            if cell.get("cell_type") == "code":
                cell["outputs"] = []
        yield f"usecases/{name}.ipynb", json.dumps(notebook, ensure_ascii=False).encode()
    for name, data in state.stages.items():
        yield f"usecases/stages/{name}.yaml", data


def parameters_of(manifest: Manifest, stage: str) -> Parameters:
    """Use case -> the parameters that are in force on a stage."""
    overrides = stage_parameters(manifest.stages[stage])
    return {
        name: {key: about["default"] for key, about in entry["parameters"].items()} | overrides.get(snake(name), {})
        for name, entry in manifest.use_cases.items()
    }


def versions_of(manifest: Manifest, stage: str) -> dict[str, str]:
    """Use case -> its version on a stage."""
    return {name: entry["versions"][stage] for name, entry in manifest.use_cases.items()}


def metrics_of(
    project: Project, stage: str, versions: Mapping[str, str], was: Kept | None
) -> tuple[Parameters, list[str]]:
    """Use case -> the metrics of its last validation on the stage, and those that were not validated as they are.

    ``was``: what is live; what it knows of the same versions still holds.
    """
    found: Parameters = {}
    for name, version in versions.items():
        if was is not None and was.versions.get(name) == version and name in was.metrics:
            found[name] = was.metrics[name]
        try:
            report = json.loads((project.root / "reports" / stage / f"{name}.metrics.json").read_bytes())
        except (OSError, ValueError):
            continue
        if report.get("version") == version:
            found[name] = report["metrics"]
    return found, sorted(versions.keys() - found.keys())
