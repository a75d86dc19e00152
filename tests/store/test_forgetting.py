"""A person is forgotten: nothing that is stored tells of them, and nothing of anybody else is lost."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from erasing_rows import NOW, claim, counts, save
from forgetting_people import OTHER, WHO, Deleting, about, photo, photos, stored, whole
from sqlalchemy import select
from uuid6 import uuid7

from chalicelib.store import Store
from chalicelib.store.database import Database
from chalicelib.store.tables import labels
from workbench.retention import files, forgetting
from workbench.retention.forgetting import erase, forget, planned

ROWS = {"task_results": 6, "paid_answers": 3, "challenger_decisions": 3, "labels": 3, "idempotency": 3}


def test_nothing_of_a_person_is_left_and_everything_of_others(store: Store, database: Database) -> None:
    mine = [whole(store, WHO, NOW - timedelta(days=days)) for days in (0, 40, 400)]
    other = whole(store, OTHER)
    kept = store.get(other), store.results(other)
    done = forget(database, WHO, photos(), NOW)
    assert done.is_known and done.is_complete
    assert done.decisions == 3
    assert dict(done.rows) == {**ROWS, "claimed_facts": 3}
    assert (store.get(other), store.results(other)) == kept
    left = {"labels": 4, "label_samples": 4, "idempotency": 1, "claimed_facts": 1, "challenger_decisions": 1}
    assert counts(store) == {"decisions": 4, "task_results": 2, "paid_answers": 1, **left}
    assert stored(database).replace(OTHER, "").count(WHO) == 0
    for decision_id in mine:
        row = store.get(decision_id)
        assert row is not None
        assert (row["status"], row["outcome"], row["forgotten_at"]) == ("forgotten", "pay", NOW)
        assert [row[name] for name in ("subject", "decision", "failure", "salt")] == [None] * 4
        assert row["request"] == "{}"


def test_what_a_dead_attempt_found_about_a_person_is_erased_though_nothing_was_decided(
    store: Store, database: Database
) -> None:
    claim(store, str(uuid7()), NOW + timedelta(days=1), state="running", subject=WHO)
    claim(store, str(uuid7()), NOW + timedelta(days=1), state="running", subject=OTHER)
    done = forget(database, WHO, photos(), NOW)
    assert done.is_known and done.is_complete
    assert dict(done.rows) == {"idempotency": 1, "claimed_facts": 1}
    assert counts(store) == {"idempotency": 1, "claimed_facts": 1}


def test_who_labelled_and_what_is_still_counted(store: Store, database: Database) -> None:
    whole(store, WHO)
    forget(database, WHO, photos(), NOW)
    with database.read() as connection:
        row = connection.execute(select(labels)).mappings().one()
    assert (row["outcome"], row["who"], row["reason"]) == ("reject", "jiwoo", None)


def test_a_dry_run_says_what_would_be_erased_and_changes_nothing(store: Store, database: Database) -> None:
    whole(store, WHO, request=about(WHO, photo=photo("a.jpg"))["request"])
    before, objects = stored(database), Deleting()
    plan = planned(database, WHO, photos(objects, is_rehearsal=True), look_around=True)
    assert (stored(database), objects.deleted) == (before, [])
    assert plan.decisions == 1
    expected = {"task_results": 2, "paid_answers": 1, "challenger_decisions": 1, "labels": 1, "idempotency": 1}
    assert dict(plan.rows) == expected
    assert plan.photos.as_dict() == {"deleted": 1, "gone": 0, "kept": [], "failed": []}


def test_an_unknown_person(store: Store, database: Database) -> None:
    whole(store, OTHER)
    before = stored(database)
    done = forget(database, WHO, photos(), NOW)
    assert not done.is_known
    assert stored(database) == before


def test_a_run_that_was_killed_is_ended_by_the_next(
    store: Store, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        whole(store, WHO, NOW - timedelta(seconds=number))
    monkeypatch.setattr(forgetting, "BATCH", 2)
    batches = 0

    def killed(*arguments: Any) -> Any:
        nonlocal batches
        batches += 1
        erased = erase(*arguments)
        if batches == 2:
            raise KeyboardInterrupt
        return erased

    monkeypatch.setattr(forgetting, "erase", killed)
    with pytest.raises(KeyboardInterrupt):
        forget(database, WHO, photos(), NOW)
    monkeypatch.setattr(forgetting, "erase", erase)
    assert forget(database, WHO, photos(), NOW).decisions == 3
    assert WHO not in stored(database)


def test_what_is_decided_meanwhile_is_erased_too(
    store: Store, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even with an id before those that were erased already; and if it does not end, that is said."""
    whole(store, WHO)
    real, coming = forgetting._erase_all, 1

    def meanwhile(*arguments: Any) -> None:
        nonlocal coming
        real(*arguments)
        if coming:
            coming -= 1
            save(store, NOW - timedelta(days=coming), **about(WHO))

    monkeypatch.setattr(forgetting, "_erase_all", meanwhile)
    done = forget(database, WHO, photos(), NOW)
    assert (done.decisions, done.late, done.is_complete) == (2, 0, True)
    coming = 99
    save(store, NOW, **about(WHO))
    done = forget(database, WHO, photos(), NOW)
    assert (done.decisions, done.late, done.is_complete) == (3, 1, False)


def test_the_files_of_sqlite_hold_nothing_of_it(tmp_path: Path) -> None:
    """While a service has the database open, and had it write in many places."""
    url, secret = f"sqlite:///{tmp_path}/decisions.db", "비밀-서울시-강남구-4711"
    store, database = Store(url), Database(url)
    for number in range(300):
        whole(store, f"{secret}-{number % 7}", NOW - timedelta(hours=number))
    assert any(secret.encode() in file.read_bytes() for file in tmp_path.iterdir())
    for number in range(7):
        assert forget(database, f"{secret}-{number}", photos(), NOW).is_complete
    assert {file.name for file in tmp_path.iterdir() if secret.encode() in file.read_bytes()} == set()
    assert len(list(tmp_path.iterdir())) == 3, "the service still has it open"
    store.ping()
    store.close()
    database.close()


def test_a_log_that_cannot_be_emptied_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "PATIENCE", 0.2)
    monkeypatch.setattr("chalicelib.store.database.PRAGMAS", ("busy_timeout=100",))
    url = f"sqlite:///{tmp_path}/decisions.db"
    store, database = Store(url), Database(url)
    whole(store, WHO)
    reader = sqlite3.connect(tmp_path / "decisions.db")
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM decisions").fetchone()
    done = forget(database, WHO, photos(), NOW)
    assert not done.is_complete
    assert "log" in done.problems[0]
    reader.close()
    done = forget(database, WHO, photos(), NOW)
    assert done.problems == []
    assert {file.name for file in tmp_path.iterdir() if WHO.encode() in file.read_bytes()} == set()
    store.close()
    database.close()
