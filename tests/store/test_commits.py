"""How often a decision is committed, and how often the database is waited for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from seen_statements import seen
from store_rows import decision, whole

from chalicelib.store import Store


@pytest.fixture
def store(emptied_url: str) -> Iterator[Store]:
    made = Store(emptied_url)
    yield made
    made.close()


def test_a_plain_decision_is_one_transaction_with_its_facts(store: Store) -> None:
    with seen(store.database) as found:
        store.save(whole(decision()))
    assert found.commits == [["decisions", "task_results"]]
    for stream in found.streams:
        words = [statement.split()[0] for statement in stream if not statement.startswith("PRAGMA")]
        assert [word for word in words if word in ("BEGIN", "COMMIT", "ROLLBACK")] == ["BEGIN", "COMMIT"]


def test_a_plain_decision_waits_for_postgresql_at_most_twice_besides_begin(new_postgres: Callable[[], str]) -> None:
    """Once for all that is stored with its COMMIT, once for the end of the pipeline; however many facts there are."""
    store = Store(new_postgres())
    store.save(whole(decision()))
    with seen(store.database) as one:
        store.ping()
    with seen(store.database) as two:
        store.ping()
        store.save(whole(decision(), 20))
    assert 0 < two.round_trips - one.round_trips <= 3
    store.close()
