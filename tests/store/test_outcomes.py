"""How outcomes shift: counted by the database, measured against the weeks before, told as a metric."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from store_rows import decision, whole
from uuid6 import uuid7

from chalicelib.logs import Formatter
from chalicelib.store import Store
from chalicelib.store.ids import first_id
from chalicelib.watching import distance, watch
from tests.slacks import Slack

ROOT = Path(__file__).parent.parent.parent
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
COUNTS = st.dictionaries(st.sampled_from(["approve", "review", "reject", "가"]), st.integers(1, 1000), min_size=1)


@pytest.fixture
def filled(store: Store) -> Store:
    """A use case that rejected a tenth for four weeks, and half since yesterday."""
    for number in range(200):
        outcome = "reject" if number % 10 == 0 else "approve"
        store.save(whole(taken(NOW - timedelta(days=2, minutes=number), outcome=outcome), 0))
        store.save(whole(taken(NOW - timedelta(minutes=number), outcome="reject" if number % 2 else "approve"), 0))
    store.save(whole(taken(NOW - timedelta(days=40), outcome="reject"), 0))
    store.save(whole(taken(NOW - timedelta(hours=1), outcome=None), 0))
    store.save(whole(taken(NOW - timedelta(hours=1), outcome="reject", stage="another"), 0))
    return store


def taken(at: datetime, **changes: Any) -> dict[str, Any]:
    """A decision whose id is of its time."""
    return decision(at, id=first_id(at)[:14] + str(uuid7())[14:], **changes)


def service(store: Store, names: list[str]) -> Any:
    return SimpleNamespace(
        store=lambda: store, settings=SimpleNamespace(stage=decision()["stage"]), manifest=SimpleNamespace(names=names)
    )


def test_what_was_decided_in_a_span_of_time_is_counted(filled: Store) -> None:
    row = decision()
    counts = filled.outcomes.counts(row["stage"], row["use_case"], NOW - timedelta(days=1), NOW + timedelta(seconds=1))

    assert counts == {"approve": 100, "reject": 100}
    assert filled.outcomes.counts(row["stage"], "another", NOW - timedelta(days=99), NOW) == {}


def test_a_shift_is_measured_and_told_as_a_metric(filled: Store, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "artemis.watch"):
        (shift,) = watch(service(filled, [decision()["use_case"], "seldom_asked"]), NOW + timedelta(seconds=1))

    assert shift.share == pytest.approx(0.4)
    line = json.loads(Formatter("staging").format(caplog.records[-1]))
    assert line["OutcomeShift"] == shift.share
    for dimensions in line["_aws"]["CloudWatchMetrics"][0]["Dimensions"]:
        assert all(isinstance(line[name], str) for name in dimensions)


def test_of_few_decisions_nothing_is_said(store: Store) -> None:
    for number in range(99):
        store.save(whole(taken(NOW - timedelta(minutes=number), outcome="reject"), 0))

    assert watch(service(store, [decision()["use_case"]]), NOW + timedelta(seconds=1)) == []


@given(COUNTS, COUNTS)
def test_the_distance_is_a_share_that_is_symmetric(one: dict[str, int], other: dict[str, int]) -> None:
    found = distance(one, other)

    assert 0 <= found <= 1 + 1e-9
    assert found == pytest.approx(distance(other, one))
    assert distance(one, one) == 0
    assert distance({"a": 3}, {"b": 5}) == 1


def test_a_scheduler_may_run_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the service's settings, on decisions of the stage; in a process of its own, as a scheduler has it."""
    url = f"sqlite:///{tmp_path / 'watched.db'}"
    store, now = Store(url), datetime.now(UTC)
    for number in range(120):
        about = {"use_case": "profile_photo_review", "stage": "local"}
        store.save(whole(taken(now - timedelta(minutes=number), outcome="reject", **about), 0))
        store.save(whole(taken(now - timedelta(days=3, minutes=number), outcome="approve", **about), 0))
    store.close()

    with Slack() as slack:
        environment = {**os.environ, "ARTEMIS_DATABASE_URL": url, "ARTEMIS_SLACK_WEBHOOK": slack.hook}
        command = [sys.executable, "-m", "workbench", "watch", "--format", "json"]
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)

    assert json.loads(done.stdout) == {"profile_photo_review": 1.0}, done.stderr
    assert "100% of the last day's decisions" in slack.posted[0]["text"]
