"""Sealing what a decision leaves behind, where its use case has sensitive fields. What is decided on stays plain."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from chalicelib.facts import canonical
from chalicelib.failures import redacted
from chalicelib.rows import Record
from chalicelib.run import Fact, Intake, Run
from chalicelib.sensitive import Collecting
from chalicelib.usecase import UseCase
from chalicelib.vault import Vault


def hide(usecase: UseCase, request: Intake, run: Run) -> None:
    """Mask the sensitive values of a run in what its exceptions said, for the log and the store."""
    failed = [fact for fact in run.facts if fact.error]
    if not failed and run.failure is None:
        return
    from chalicelib.redaction import Redaction

    mask = Redaction(_values(usecase, request, run)).in_error
    for fact in failed:
        fact.error = redacted(fact.error or {}, mask)
    if run.failure:
        run.failure.error = redacted(run.failure.error, mask)


def _values(usecase: UseCase, request: Intake, run: Run) -> list[str]:
    """The JSON texts of all that is sensitive in a run."""
    found = Collecting()
    request.sealed.model_dump_json(round_trip=True, warnings=False, context=found)
    for fact in run.facts:
        codec = usecase.graph.by_name[fact.task].codec
        if codec and fact.output is not None:
            codec.rewrite(fact.output, found)
    return found.texts


def sealed_record(record: Record, usecase: UseCase, request: Intake, vault: Vault) -> Record:
    """The rows as they are stored."""
    decision = record.decision["decision"]
    codecs = {step.name: step.codec for step in usecase.graph.steps}
    row = {
        **record.decision,
        "request": request.sealed.model_dump_json(round_trip=True, warnings=False, context=vault),
        "decision": decision and _sealed(codecs["decide"], decision, vault),
        "failure": _unspoken(record.decision["failure"], vault),
        "salt": vault.seal_salt(request.salt),
    }
    results = [
        one | {"output": _sealed(codecs[one["task"]], one["output"], vault), "error": _unspoken(one["error"], vault)}
        for one in record.results
    ]
    answers = [one | {"result": vault.member(one["result"])} for one in record.answers]
    return replace(record, decision=row, results=results, answers=answers)


def _unspoken(failed: str | None, vault: Vault) -> str | None:
    """A failure or error, as JSON, with what its exception said sealed: it may say in other words what is sensitive."""
    if failed is None:
        return None
    held = json.loads(failed)
    error = held["error"] if isinstance(held["error"], dict) else held
    if "message" in error:
        error["message"] = json.loads(vault.member(canonical(error["message"])))
    return canonical(held)


def sealed_fact(fact: Fact, usecase: UseCase, vault: Vault) -> Fact:
    """A fact as it is stored before its decision is."""
    output = _sealed(usecase.graph.by_name[fact.task].codec, fact.output, vault)
    return replace(fact, output=output, answers=[_resulting(one, vault.member(one.result)) for one in fact.answers])


def opened_fact(fact: Fact, vault: Vault) -> Fact:
    """The fact that was stored so. Raises KeyMissing."""
    output = fact.output and vault.open(fact.output)
    return replace(fact, output=output, answers=[_resulting(one, vault.open(one.result)) for one in fact.answers])


def _sealed(codec: Any, text: str | None, vault: Vault) -> str | None:
    return text if text is None or codec is None else codec.rewrite(text, vault)


def _resulting(answer: Any, result: str) -> Any:
    return replace(answer, result=result)
