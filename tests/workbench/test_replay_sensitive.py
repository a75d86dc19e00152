"""Use cases with sensitive fields: they are replayed in the clear, and nothing of it is shown or stored plainly."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from replayed import MODELS, NAME, TASKS, Replayed
from sqlalchemy import select

import workbench
from chalicelib.sensitive import MASK
from chalicelib.store.challenger_tables import challenger_decisions
from chalicelib.vault import KEYS, LOCAL_KEY, Vault, new_key
from workbench.commands import challengers as command

SECRET = "김민지-010-1234-5678"
SENSITIVE = (
    MODELS.replace("import Subject, task", "import Sensitive, Subject, task")
    .replace('words: str = ""', 'words: Sensitive[str] = ""')
    .replace("reasons: list[str] = []", "reasons: Sensitive[list[str]] = []")
)
READING = TASKS.replace("list[str] | None:", "Sensitive[list[str] | None]:")
LOGIC = '''\
def wordy(read: list[str] | None) -> bool:
    """Whether there are too many words, or none are known."""
    return read is None or len(read) > words_max


def decide(rated: float, wordy: bool, read: list[str] | None) -> Decision:
    """By the risk; the reasons tell what was written."""
    outcome = "deny" if rated >= risk_deny else "ask" if wordy or rated >= risk_ask else "pay"
    return Decision(outcome=outcome, reasons=[*(read or []), outcome], risk=rated)
'''


@pytest.fixture
def sensitive(replayed: Replayed, monkeypatch: pytest.MonkeyPatch) -> Replayed:
    key = new_key()
    monkeypatch.setenv(KEYS, key)
    replayed.write(models=SENSITIVE, tasks=READING, logic=LOGIC)
    replayed.build()
    from chalicelib import bootstrap
    from chalicelib.manifest import Manifest
    from chalicelib.settings import Settings

    content = Manifest.read(replayed.project.generated)
    assert content.sensitive == [NAME]
    made = bootstrap.build(Settings("local", replayed.url, encryption_keys=(key,)), content)
    monkeypatch.setattr(type(replayed), "service", made)
    return replayed


def test_they_are_replayed_and_nothing_is_shown(sensitive: Replayed, tmp_path: Path) -> None:
    sensitive.decide(1, 30, 400, words=SECRET)
    assert SECRET.encode() not in Path(sensitive.url.removeprefix("sqlite:///")).read_bytes()
    report = sensitive.report("--set", "risk_deny=0.7")
    assert report["flips"]["by_outcome"] == [{"from": "ask", "to": "deny", "count": 1}]
    assert SECRET not in json.dumps(report, ensure_ascii=False)
    (example,) = report["examples"]
    assert example["before"] == {"outcome": "ask", "reasons": MASK}
    for name in ("a.html", "a.md"):
        sensitive.run("--set", "risk_deny=0.7", "--output", str(tmp_path / name))
        assert SECRET not in (tmp_path / name).read_text("utf-8")
    assert SECRET not in sensitive.run("--set", "risk_deny=0.7").stdout


def test_they_decide_again_as_they_did(sensitive: Replayed) -> None:
    sensitive.decide(1, 30, 400, words=SECRET)
    done = sensitive.run("--self-check")
    assert (done.exit_code, SECRET in done.stdout) == (0, False)
    assert done.stdout.startswith("3 decisions")


def test_a_notebook_shows_them_masked(sensitive: Replayed, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = sensitive.decide(1, 30, 400, words=SECRET)
    monkeypatch.setenv("ARTEMIS_DATABASE_URL", sensitive.url)
    monkeypatch.chdir(sensitive.project.notebooks)
    table = workbench.decisions(NAME)
    assert SECRET not in table.to_json(force_ascii=False)
    assert table["request.words"].tolist() == [MASK] * 3
    explained = workbench.explain(ids[1])
    assert SECRET not in repr(explained) + explained._repr_html_()
    assert explained.changes[0].parameter == "risk_deny"


def test_challengers_store_them_encrypted(sensitive: Replayed, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import timedelta

    monkeypatch.setattr(command, "_quiet", lambda _project, _stage: timedelta(0))
    sensitive.decide(1, 30, 400, words=SECRET)
    sensitive.project.stage("local", f"use_cases:\n  {NAME}:\n    challengers: {{strict: {{risk_deny: 0.7}}}}\n")
    sensitive.build()
    assert sensitive.challengers("run").exit_code == 0
    with sensitive.store.database.read() as connection:
        texts = list(connection.scalars(select(challenger_decisions.c.decision)))
    (text,) = [one for one in texts if one]
    assert "$sealed" in text and SECRET not in text
    assert SECRET in Vault((_key(),)).open(text)
    found: list[dict[str, Any]] = json.loads(sensitive.challengers("--format", "json").stdout)
    assert found[0]["flips"]["count"] == 1
    assert SECRET not in json.dumps(found, ensure_ascii=False)


def _key() -> str:
    import os

    return os.environ[KEYS]


def test_without_their_key_they_are_counted_apart(sensitive: Replayed, monkeypatch: pytest.MonkeyPatch) -> None:
    sensitive.decide(1, 30, words=SECRET)
    monkeypatch.setenv(KEYS, new_key())
    assert not (sensitive.project.root / LOCAL_KEY).exists()
    said = sensitive.refused()
    assert "none of 2 decisions can be replayed" in said and "encrypted under a key" in said
