"""A review of the contract as text, JSON or markdown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import groupby

from workbench.contract.guard import WRITE, Review
from workbench.contract.words import Change

WORDS = {"breaking": "breaking", "compatible": "compatible", "info": "info"}
OUTDATED = f"callers notice nothing of what changed, but the file has to: {WRITE} and commit it"
RAISED = "breaking, contract raised"


def as_json(review: Review) -> str:
    content = {
        "breaking": bool(review.failing),
        "up_to_date": review.up_to_date,
        "changes": [change.as_dict() for change in review.changes],
    }
    return json.dumps(content, ensure_ascii=False, indent=1)


def as_text(review: Review) -> str:
    return "\n".join(_text(review))


def as_markdown(review: Review) -> str:
    return "\n".join(_markdown(review))


def _text(review: Review) -> Iterator[str]:
    for title, changes in _groups(review):
        yield title
        for change in changes:
            yield f"  {_word(change)}: {_where(change)}{change.message}"
    yield from _ending(review)


def _markdown(review: Review) -> Iterator[str]:
    for title, changes in _groups(review):
        yield f"### {title}\n"
        for change in changes:
            mark = "**" if change.severity == "breaking" else ""
            yield f"- {mark}{_word(change)}{mark}: {_where(change)}{change.message}"
        yield ""
    yield from _ending(review)


def _groups(review: Review) -> Iterator[tuple[str, list[Change]]]:
    for (name, contract), changes in groupby(review.changes, key=lambda change: (change.use_case, change.contract)):
        yield (f"{name} (contract {contract})" if name else "the service"), list(changes)


def _word(change: Change) -> str:
    return RAISED if change.accepted else WORDS[change.severity]


def _where(change: Change) -> str:
    return f"{change.where}: " if change.where in ("request", "response") else ""


def _ending(review: Review) -> Iterator[str]:
    """How many, and what to do."""
    if not review.changes:
        yield "the contract is as it was published" if review.up_to_date else OUTDATED
        return
    yield _counts(review)
    for name, contract in sorted({(change.use_case, change.contract) for change in review.failing}):
        yield from _advice(name, contract, review)
    if not review.failing and not review.up_to_date:
        yield f"contracts/openapi.json is not up to date: {WRITE} and commit it"


def _counts(review: Review) -> str:
    raised = sum(change.accepted for change in review.changes)
    parts = [f"{len(review.failing)} breaking"] + ([f"{raised} breaking but the contract was raised"] if raised else [])
    for word in ("compatible", "info"):
        if count := sum(change.severity == word for change in review.changes):
            parts.append(f"{count} {word}")
    return ", ".join(parts)


def _advice(name: str, contract: int, review: Review) -> Iterator[str]:
    kinds = {change.kind for change in review.failing if change.use_case == name}
    if not name or kinds & {"use-case-removed", "contract-removed"}:
        subject = f"contract {contract} of {name}" if name else "the service"
        yield f"callers of {subject} break; if that is meant: {WRITE} --force"
        return
    metadata = f'{{"artemis": {{"contract": {contract + 1}}}}}'
    freeze = f"`artemis contract freeze {name} --rev REV`"
    yield f"if this is meant, raise the contract of {name}: {metadata} in its notebook's metadata, then `artemis build`"
    yield f"to go on serving /v{contract} as well, with REV the revision that is deployed: {freeze}"
