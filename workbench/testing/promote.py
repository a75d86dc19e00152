"""Promoting a stored decision to a case: a surprise in production becomes a regression test."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from chalicelib.errors import ArtemisError
from chalicelib.facts import NotRecordable
from chalicelib.manifest import Manifest
from chalicelib.sensitive import SEALED
from chalicelib.usecase import UseCase
from workbench.project import Project
from workbench.testing import load
from workbench.testing.cases import BadCase, Case, append

HIDDEN = "the decision has sensitive values, which no file of the project may hold: write a case with made-up ones"
UNKNOWN = "there is no decision {} in this database: is --database (ARTEMIS_DATABASE_URL) the one it was stored in?"


def promote(project: Project, url: str, decision_id: str, note: str, expect: dict[str, Any]) -> tuple[Case, Path]:
    """Write a decision's case. With ``expect`` only these fields are expected; otherwise all that was decided.

    Raises BadCase when it cannot become one.
    """
    row, results = _stored(project, url, decision_id)
    name = row["use_case"]
    if any(SEALED in (text or "") for text in (row["request"], row["decision"], *(one["output"] for one in results))):
        raise BadCase(HIDDEN)
    if not (project.notebooks / f"{name}.ipynb").is_file():
        raise BadCase(f"the decision is of the use case {name!r}, which has no notebook here")
    if not results and row["status"] != "decided":
        raise BadCase("the decision has no facts: nothing can be decided from it again")
    decision = json.loads(row["decision"]) if row["decision"] else None
    if decision is None and not expect:
        raise BadCase("the decision failed, so nothing says what is right: add --expect outcome=…")
    facts, failures = _facts(results)
    if expect:
        usecase = _usecase(project, name)
        expect = _validated(usecase, decision, expect)
    case = Case(
        id=row["id"],
        use_case=name,
        request=json.loads(row["request"]),
        now=_text(row["created_at"]),
        facts=facts,
        expected=expect or decision or {},
        note=note,
        stage=row["stage"],
        failures=failures,
    )
    return case, append(project, case)


def _stored(project: Project, url: str, decision_id: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        parsed = make_url(url)
    except ArgumentError:
        raise BadCase("the database URL is none of SQLAlchemy, such as sqlite:///file.db") from None
    if parsed.get_backend_name() == "sqlite":
        path = project.root / (parsed.database or "")
        if not path.is_file():
            raise BadCase(f"there is no database {parsed.database or '(in memory)'}: nothing was decided there yet")
        url = parsed.set(database=str(path)).render_as_string(hide_password=False)
    return _fetch(url, decision_id)


def _fetch(url: str, decision_id: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    from chalicelib.bootstrap import blobs
    from chalicelib.store import Store

    try:
        store = Store(url)
        try:
            row = store.get(decision_id)
            results = store.results(decision_id) if row else []
            row, results = blobs(url).whole(row, results) if row else (None, [])
        finally:
            store.close()
    except ArtemisError as error:
        raise BadCase(str(error)) from None
    if row is None:
        raise BadCase(UNKNOWN.format(decision_id))
    return row, results


def _facts(results: list[dict[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the tasks gave, and why others failed: of those a test takes the fallback that the task has then."""
    failed = {result["task"]: json.loads(result["error"]) for result in results if result["error"]}
    facts = {
        result["task"]: json.loads(result["output"])
        for result in results
        if result["task"] not in failed and result["output"] is not None
    }
    kept = ("error", "type", "message")
    return facts, {task: {key: error[key] for key in kept if key in error} for task, error in failed.items()}


def _text(time: datetime) -> str:
    return time.isoformat()


def _usecase(project: Project, name: str) -> UseCase:
    try:
        return load.of_module(Manifest.read(project.generated), name, {})
    except load.NotLoaded as error:
        raise BadCase(
            f"{error.fault.message}: {error.fault.hint or 'mend the notebook and run `artemis build`'}"
        ) from None
    except ArtemisError as error:
        raise BadCase(str(error)) from None


def _validated(usecase: UseCase, decision: dict[str, Any] | None, expect: dict[str, Any]) -> dict[str, Any]:
    """``expect`` as a decision would have it. Raises BadCase where no Decision can be so."""
    codec = usecase.graph.by_name["decide"].codec
    fields = usecase.graph.decision_model.model_json_schema(mode="serialization").get("properties", {})
    for field in expect:
        if field not in fields:
            raise BadCase(
                f"--expect {field}: a decision of {usecase.name} has no such field; it has {', '.join(fields)}"
            )
    if codec is None:
        return expect
    text = json.dumps({**(decision or {}), **expect}, ensure_ascii=False)
    try:
        settled = json.loads(codec.encode(codec.decode(text)))
    except NotRecordable as error:
        if decision is None and _only_missing(error):  # of a failed decision, the rest is not known
            return expect
        raise BadCase(f"--expect: no decision of {usecase.name} can be so: {error}") from None
    return {field: settled[field] for field in expect}


def _only_missing(error: NotRecordable) -> bool:
    cause = error.__cause__ or error.__context__
    return isinstance(cause, ValidationError) and all(detail["type"] == "missing" for detail in cause.errors())
