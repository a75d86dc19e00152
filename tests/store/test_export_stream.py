"""Exported decisions are read in pages: whole, in order, with flat memory and few statements."""

from __future__ import annotations

import json
import tracemalloc
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event, text
from store_rows import decision, facts, whole

from chalicelib.store import Store
from workbench import export as module
from workbench.export import Export, Wanted

NOW = datetime.now(UTC)
PAGE = 50


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", PAGE)


def fill(store: Store, count: int, **changes: Any) -> list[dict[str, Any]]:
    """So many decisions with their facts, in one transaction."""
    rows = [decision(NOW - timedelta(hours=1), **changes) for _ in range(count)]
    with store.database.batch() as batch:
        batch.add(store._insert_decision, *rows)
        batch.add(store._insert_result, *(fact for row in rows for fact in facts(row["id"])))
    return rows


def export(store: Store, **changes: Any) -> Export:
    wanted = {"use_case": "refund_check", "since": NOW - timedelta(days=1), "until": NOW, **changes}
    return Export(store.database.engine, Wanted(**wanted))


def exported(store: Store, **changes: Any) -> list[dict[str, Any]]:
    return [row for page in export(store, **changes).pages() for row in page]


def test_pages_hold_every_decision_once_in_order(store: Store) -> None:
    rows = fill(store, 2 * PAGE + 1)
    fill(store, 3, use_case="another")
    assert [row["id"] for row in exported(store)] == sorted(row["id"] for row in rows)


def test_a_last_page_that_is_full_is_not_followed_by_an_empty_one(store: Store) -> None:
    fill(store, PAGE)
    assert [len(page) for page in export(store).pages()] == [PAGE]


def test_pages_in_which_nothing_is_meant_do_not_end_the_export(store: Store) -> None:
    fill(store, PAGE + 1)
    meant = fill(store, 1, stage="production")
    assert [row["id"] for row in exported(store, stage="production")] == [meant[0]["id"]]


def test_an_outcome_and_the_time_are_selected(store: Store) -> None:
    fill(store, 2)
    paid = fill(store, 1, outcome="refuse")
    assert [row["id"] for row in exported(store, outcome="refuse")] == [paid[0]["id"]]
    assert exported(store, until=NOW - timedelta(hours=2)) == []
    assert len(exported(store, since=NOW - timedelta(hours=1))) == 3


def test_a_retried_decision_is_exported_by_its_time_not_by_its_ids(store: Store) -> None:
    """The retry of a keyed request has the first attempt's time, and an id made later."""
    early = decision(NOW - timedelta(hours=20))
    store.save(whole(early))
    assert [row["id"] for row in exported(store, until=NOW - timedelta(hours=19))] == [early["id"]]
    assert exported(store, since=NOW - timedelta(hours=19)) == []


def test_forgotten_decisions_are_counted_and_left_out(store: Store) -> None:
    fill(store, 2)
    fill(store, 1, status="forgotten", forgotten_at=NOW, request="{}", decision=None, subject=None)
    fill(store, 1, status="failed", outcome=None, decision=None, failure='{"kind":"task-failed"}')
    export_ = export(store)
    rows = [row for page in export_.pages() for row in page]
    assert export_.counts == {"decided": 2, "forgotten": 1, "failed": 1}
    assert sorted(row["status"] for row in rows) == ["decided", "decided", "failed"]


def test_a_page_takes_as_many_statements_however_many_decisions_it_has(store: Store) -> None:
    fill(store, 5)
    seen: list[str] = []
    event.listen(store.database.engine, "before_cursor_execute", lambda *about: seen.append(about[2]))
    exported(store)
    few = len(seen)
    fill(store, PAGE - 10)
    seen.clear()
    exported(store)
    assert len(seen) == few <= 6  # decisions, facts, labels, samples; SQLite's BEGIN and ROLLBACK


def test_what_happens_while_a_page_is_read_is_not_seen_in_half(store: Store, database_url: str) -> None:
    """Facts that are deleted after their decision was read are there all the same."""
    fill(store, 1)
    other = Store(database_url)

    def purge(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "FROM task_results" in statement:
            with other.database.begin() as connection:
                connection.execute(text("DELETE FROM task_results"))

    event.listen(store.database.engine, "before_cursor_execute", purge)
    (row,) = exported(store)
    other.close()
    assert json.loads(row["facts"]).keys() == {"task_0", "task_1", "task_2"}


def test_no_transaction_is_open_while_a_page_is_written(store: Store) -> None:
    fill(store, PAGE + 1)
    pages = export(store).pages()
    first = next(pages)
    with store.database.begin() as connection:
        connection.execute(text("DELETE FROM task_results"))
        connection.execute(text("DELETE FROM decisions"))
    assert len(first) == PAGE
    assert list(pages) == []


def test_memory_does_not_grow_with_the_number_of_decisions(store: Store) -> None:
    fill(store, 2 * PAGE)
    small = _peak(store)
    fill(store, 8 * PAGE)
    assert _peak(store) < 1.5 * small


def _peak(store: Store) -> int:
    tracemalloc.start()
    for _ in export(store).pages():
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak
