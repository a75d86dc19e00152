"""Decisions without an outcome: they are compared by equality, and by the first places that they share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from benchmarks.large import ANYBODY
from chalicelib import bootstrap
from chalicelib.manifest import Manifest
from chalicelib.service import LOCAL_CLIENT
from chalicelib.settings import load
from workbench.commands.replay import replay
from workbench.replaying.ranks import first_of, overlap

ROOT = Path(__file__).parents[2]
LINES = (ROOT / "usecases" / "data" / "dating" / "members.jsonl").read_text("utf-8").splitlines()
NAME = "match_recommendation"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Introductions of six members, decided by the repository's own use case."""
    url = f"sqlite:///{tmp_path_factory.mktemp('rankings')}/decisions.db"
    manifest = Manifest.read()
    service = bootstrap.build(load({"ARTEMIS_DATABASE_URL": url}, manifest.stages, manifest.use_cases), manifest)
    schema = manifest.use_cases[NAME]["request"]["$defs"]
    kinds = {one: schema[one]["properties"].keys() for one in ("Person", "Candidate")}
    people = [json.loads(line) | ANYBODY for line in LINES[:100]]
    for number in range(6):
        member = {name: people[number][name] for name in kinds["Person"] if name in people[number]}
        others = people[6:]
        candidates = [{name: one[name] for name in kinds["Candidate"] if name in one} for one in others]
        body = {"member_id": f"m-{number}", "member": member, "candidates": candidates}
        service.decide(LOCAL_CLIENT, NAME, json.dumps(body))
    yield url


def report(url: str, *arguments: str) -> dict[str, Any]:
    done = CliRunner().invoke(replay, [NAME, "--database", url, "--format", "json", *arguments])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_same_weights_give_the_same_rankings(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    found = report(url)
    assert (found["flips"]["count"], found["decisions"]["replayed"]) == (0, 6)
    same = {"first_places": 10, "equal": 6, "same_order": 6, "overlap": 1.0, "same_first": 1.0, "overlaps": {}}
    assert found["rankings"] == same
    assert found["agreement"] is None


def test_other_weights_change_some_places(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    found = report(url, "--set", "mutual_balance=1")
    ranked = found["rankings"]
    assert 0 < found["flips"]["count"] <= 6
    assert 0 < ranked["overlap"] < 1
    assert sum(ranked["overlaps"].values()) + ranked["equal"] == 6
    assert found["flips"]["by_day"][0]["flips"] == found["flips"]["count"]
    text = CliRunner().invoke(replay, [NAME, "--database", url, "--set", "mutual_balance=1"]).stdout
    assert "rankings change" in text and "of the first 10 places" in text


def test_a_gate_about_rankings(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    arguments = [NAME, "--database", url, "--set", "mutual_balance=1", "--fail-if"]
    assert CliRunner().invoke(replay, [*arguments, "overlap < 1"]).exit_code == 1
    assert CliRunner().invoke(replay, [*arguments, "overlap < 0"]).exit_code == 0
    done = CliRunner().invoke(replay, [*arguments, "recall[a] < 1"])
    assert (done.exit_code, "rankings have no outcome to label" in done.stderr) == (2, True)


def ranked(*names: str) -> dict[str, Any]:
    return {"places": [{"candidate_id": name, "score": 1.0} for name in names]}


def test_overlap_of_the_first_places() -> None:
    assert overlap(ranked("a", "b"), ranked("b", "a")) == 1.0
    assert overlap(ranked("a", "b"), ranked("a", "c")) == 0.5
    assert overlap(ranked("a", "b", "c"), ranked("a"), first=2) == 0.5
    assert overlap(ranked(*"abcdefghijkl"), ranked(*"abcdefghijzz")) == 1.0
    assert overlap({"outcome": "a"}, {"outcome": "b"}) is None
    assert overlap(ranked("a"), {"places": []}) == 0.0
    assert (first_of(ranked("a", "b")), first_of({"places": []})) == ("a", None)
