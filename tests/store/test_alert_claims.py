"""Of many that see the same, one tells it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from sqlalchemy import select

from chalicelib.store import Store
from chalicelib.store.alert_tables import alerts

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def claim(store: Store, after: timedelta = timedelta(), about: str = "a", stage: str = "production") -> bool:
    return store.alerts.claim(stage, "failed", about, NOW + after, HOUR)


def test_it_is_told_once_and_again_when_it_has_been_quiet(database_url: str) -> None:
    store = Store(database_url)

    assert [claim(store, after) for after in (timedelta(), HOUR / 2, HOUR, HOUR * 1.5, HOUR * 2)] == [
        True,
        False,
        True,
        False,
        True,
    ]
    assert claim(store, about="b") and claim(store, stage="staging")
    store.close()


def test_of_many_at_once_one_tells(database_url: str) -> None:
    stores = [Store(database_url) for _ in range(4)]
    claim(stores[0], about="the schema is there")

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda number: claim(stores[number % 4]), range(16)))

    assert won.count(True) == 1
    for store in stores:
        store.close()


def test_what_could_not_be_told_may_be_told_by_the_next(database_url: str) -> None:
    store = Store(database_url)
    claim(store)

    store.alerts.release("production", "failed", "a")

    assert claim(store)
    store.close()


def test_what_is_long_ago_is_forgotten(database_url: str) -> None:
    store = Store(database_url)
    claim(store, about="old")

    claim(store, timedelta(days=31), about="new")

    with store.database.read() as connection:
        assert connection.execute(select(alerts.c.about)).scalars().all() == ["new"]
    store.close()
