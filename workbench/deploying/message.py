"""A deployment as a message for Slack: Block Kit, and plain text for where blocks are not shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from chalicelib.slack import escaped
from workbench.deploying.record import Change, Flips, Record

SECTION, HEADER, FIELDS, MOST = 2900, 150, 10, 12  # characters, characters, fields, lines of one list
WORDS = {
    "en": {
        "succeeded": "deployed to",
        "failed": "could not be deployed to",
        "rolled-back": "rolled back on",
        "stage": "Stage",
        "version": "Version",
        "who": "By",
        "commit": "Commit",
        "pull_request": "Pull request",
        "seconds": "Took",
        "use_cases": "Use cases changed",
        "parameters": "Parameters",
        "metrics": "Validation",
        "contracts": "Contract",
        "flips": "Past decisions that would be others",
        "error": "Why",
        "rollback": "To go back",
        "run": "Open the run",
        "none": "nothing",
        "more": "and {count} more",
        "of": "{flips} of {decisions} ({share})",
    },
    "ko": {
        "succeeded": "배포 완료:",
        "failed": "배포 실패:",
        "rolled-back": "롤백 완료:",
        "stage": "스테이지",
        "version": "버전",
        "who": "배포한 사람",
        "commit": "커밋",
        "pull_request": "풀 리퀘스트",
        "seconds": "걸린 시간",
        "use_cases": "바뀐 유스케이스",
        "parameters": "파라미터",
        "metrics": "검증 지표",
        "contracts": "계약 변경",
        "flips": "결과가 달라질 과거 결정",
        "error": "원인",
        "rollback": "되돌리려면",
        "run": "실행 기록 열기",
        "none": "없음",
        "more": "외 {count}건",
        "of": "{decisions}건 중 {flips}건 ({share})",
    },
}
SIGNS = {"succeeded": "✅", "failed": "❌", "rolled-back": "↩️"}


def message(record: Record, language: str) -> dict[str, Any]:
    """``text`` and ``blocks``, as Slack's webhooks take them. ``language``: "en" or "ko"."""
    words = WORDS[language]
    title = f"{SIGNS[record.status]} Artemis {words[record.status]} {record.stage}"
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": title[:HEADER], "emoji": True}}
    ]
    blocks.append(
        {"type": "section", "fields": [_text(f"*{name}*\n{value}") for name, value in _facts(record, words)][:FIELDS]}
    )
    parts = list(_parts(record, words))
    blocks += [{"type": "section", "text": _text(f"*{name}*\n{body}")} for name, body in parts]
    if record.run:
        button = {"type": "button", "text": {"type": "plain_text", "text": words["run"]}, "url": record.run}
        blocks.append({"type": "actions", "elements": [button]})
    return {"text": _plain(title, record, words, parts), "blocks": blocks}


def _facts(record: Record, words: dict[str, str]) -> Iterator[tuple[str, str]]:
    yield words["stage"], escaped(record.stage)
    yield words["version"], f"`{escaped(record.version)}`"
    yield words["who"], escaped(record.who)
    yield words["commit"], f"`{escaped(record.commit[:12])}` {escaped(record.subject)}"
    if record.pull_request:
        yield words["pull_request"], escaped(record.pull_request)
    yield words["seconds"], f"{record.seconds:.0f} s"


def _parts(record: Record, words: dict[str, str]) -> Iterator[tuple[str, str]]:
    if record.error:
        yield words["error"], escaped(record.error)[:SECTION]
    yield words["use_cases"], _list([f"• {escaped(name)}" for name in record.use_cases], words)
    for key, changes in (("parameters", record.parameters), ("metrics", record.metrics)):
        if changes:
            yield words[key], _list([_change(one) for one in changes], words)
    if record.contracts:
        yield words["contracts"], _list([f"• {escaped(one)}" for one in record.contracts], words)
    if record.flips:
        yield words["flips"], _list([_flips(one, words) for one in record.flips], words)
    if record.rollback and record.status == "succeeded":
        yield words["rollback"], f"`{escaped(record.rollback)}`"


def _flips(one: Flips, words: dict[str, str]) -> str:
    said = words["of"].format(flips=one.flips, decisions=one.decisions, share=one.share)
    return f"• {escaped(one.use_case)}: {said}"


def _change(one: Change) -> str:
    return f"• {escaped(one.use_case)}.{escaped(one.name)}: {_value(one.before)} → {_value(one.after)}"


def _value(value: Any) -> str:
    return "–" if value is None else escaped(json.dumps(value, ensure_ascii=False))[:100]


def _list(lines: list[str], words: dict[str, str]) -> str:
    """The first lines of a list, as many as a section holds, and how many there are besides."""
    if not lines:
        return words["none"]
    shown, length = list[str](), 0
    for line in lines[:MOST]:
        length += len(line) + 1
        if length > SECTION:
            break
        shown.append(line)
    left = len(lines) - len(shown)
    return "\n".join([*shown, *([f"• {words['more'].format(count=left)}"] if left else [])])


def _plain(title: str, record: Record, words: dict[str, str], parts: list[tuple[str, str]]) -> str:
    lines = [title, *(f"{name}: {value}" for name, value in _facts(record, words))]
    lines += [f"{name}:\n{body}" for name, body in parts]
    return "\n".join([*lines, *([record.run] if record.run else [])])


def _text(text: str) -> dict[str, Any]:
    return {"type": "mrkdwn", "text": text}
