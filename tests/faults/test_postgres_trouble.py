"""PostgreSQL in trouble, as a caller of the service sees it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from time import perf_counter

import psycopg
import pytest
from store_checks import ASKED, LOGGED, NOWHERE, SUBJECT, Watch, asked_again, down, time_is_up, whole, works
from store_project import PATH, Shop
from store_relay import PgRelay

from chalicelib.errors import Unavailable

MOST = 10.0  # seconds; the answers' bound
DEADLINE = 10.0  # of the stage


@pytest.fixture
def shop(relay: PgRelay, new_shop: Callable[[str], Shop]) -> Shop:
    """A service whose database is behind the relay."""
    return new_shop(relay.url)


@contextmanager
def altered(database: str, *statements: str, back: str = "") -> Iterator[None]:
    """The database is set up otherwise inside; connections that there were are cut, so that they see it."""
    name = database.partition("?")[0].rpartition("/")[2]
    admin = database.replace(f"/{name}?", "/postgres?")

    def run(*commands: str) -> None:
        with psycopg.connect(admin, autocommit=True) as connection:
            for command in commands:
                connection.execute(command.format(name=name))  # type: ignore[arg-type]
            cut = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"  # and wait for it
            connection.execute(cut, [name])

    run(*statements)
    try:
        yield
    finally:
        run(back)


def test_nobody_listens(shop: Shop, relay: PgRelay, database: str, said: Callable[[], str]) -> None:
    made = works(shop)
    relay.refuse()
    with down(shop, made, MOST):
        relay.listen()
    works(shop)
    assert len(whole(database)) == 2
    assert not [secret for secret in LOGGED if secret in said()]


def test_nobody_listens_from_the_start(shop: Shop, relay: PgRelay, database: str, said: Callable[[], str]) -> None:
    relay.refuse()
    Watch().unavailable(lambda: shop.api.decide("paid-twice", ASKED), MOST)
    assert shop.api.get("/health").status == 200
    relay.listen()
    works(shop)
    assert len(whole(database)) == 1
    assert not [secret for secret in LOGGED if secret in said()]


def test_the_server_hangs(shop: Shop, relay: PgRelay, database: str, said: Callable[[], str]) -> None:
    made = works(shop)
    relay.stall()
    with down(shop, made, MOST):
        relay.stall(False)
    works(shop)
    whole(database)
    assert not [secret for secret in LOGGED if secret in said()]


def test_the_server_hangs_from_the_start(shop: Shop, relay: PgRelay, database: str) -> None:
    relay.stall()
    watch = Watch()
    watch.unavailable(lambda: shop.api.decide("paid-twice", ASKED), MOST)
    relay.stall(False)
    works(shop)


@pytest.mark.parametrize("key", [None, "key"], ids=["plain", "keyed"])
def test_the_server_hangs_in_the_middle_of_a_decision(
    shop: Shop, relay: PgRelay, database: str, key: str | None, record_property: Callable[[str, object], None]
) -> None:
    """What was found by then cannot be stored, or not be said to be; the same key decides when it is back."""
    works(shop)
    shop.counted.before = relay.stall
    ask = partial(shop.api.post, PATH, json.dumps({"user_id": SUBJECT}), **({"Idempotency-Key": key} if key else {}))
    watch = Watch()
    watch.unavailable(ask, DEADLINE + MOST)
    kind = "keyed" if key else "plain"
    record_property("summary", f"PostgreSQL hangs in the middle of a {kind} decision: 503 after {watch.took[0]:.1f} s")
    shop.counted.before = lambda: None
    relay.stall(False)
    assert len(whole(database)) <= 2  # it may store what it has got when it goes on
    if key:
        time_is_up(database)  # to let go of the claim needed the store
        asked_again(shop, database, SUBJECT, key)
    works(shop)


def test_every_pooled_connection_was_cut_while_it_was_idle(shop: Shop, relay: PgRelay, database: str) -> None:
    """As after a failover, or after a Lambda instance was frozen: nobody is told that it was."""
    works(shop)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: shop.store.ping(), range(16)))
    relay.reset()
    for _ in range(3):
        works(shop)
    assert len(whole(database)) == 4


def test_another_session_holds_a_lock(shop: Shop, database: str) -> None:
    made = works(shop)
    with psycopg.connect(database) as other:
        other.execute("LOCK TABLE decisions IN SHARE MODE")
        with down(shop, made, MOST, reading=True):
            other.rollback()
    works(shop)
    assert len(whole(database)) == 2


def test_another_session_holds_everything(shop: Shop, database: str) -> None:
    made = works(shop)
    with psycopg.connect(database) as other:
        other.execute("LOCK TABLE decisions, task_results, model_versions IN ACCESS EXCLUSIVE MODE")
        watch = Watch()
        watch.unavailable(lambda: shop.api.decide("paid-twice", ASKED), MOST)
        watch.unavailable(lambda: shop.api.get(made.headers["location"]), MOST)
        other.rollback()
    works(shop)
    assert len(whole(database)) == 2


RAISING = """
CREATE FUNCTION trouble() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} END $$;
CREATE {kind} TRIGGER trouble AFTER INSERT ON {table} {when} FOR EACH ROW EXECUTE FUNCTION trouble();
"""
FULL = """
RAISE 'could not extend file "base/16384/2619": No space left on device'
USING ERRCODE = '53100', DETAIL = 'Failing row contains (회원-7f3a, 비밀 메모).';
"""


@pytest.mark.parametrize("table", ["decisions", "task_results"])
@pytest.mark.parametrize("at_commit", [False, True], ids=["at the statement", "at the commit"])
def test_the_disk_is_full(shop: Shop, database: str, table: str, at_commit: bool, said: Callable[[], str]) -> None:
    made = works(shop)
    kind, when = ("CONSTRAINT", "DEFERRABLE INITIALLY DEFERRED") if at_commit else ("", "")
    with psycopg.connect(database, autocommit=True) as other:
        other.execute(RAISING.format(body=FULL, table=table, kind=kind, when=when))
        with down(shop, made, MOST, reading=True):
            assert len(whole(database)) == 1
            other.execute("DROP FUNCTION trouble() CASCADE")
    works(shop)
    assert len(whole(database)) == 2
    assert not [secret for secret in LOGGED if secret in said()]


def test_a_statement_never_ends(shop: Shop, database: str) -> None:
    made = works(shop)
    with psycopg.connect(database, autocommit=True) as other:
        body = "PERFORM pg_sleep(60); RETURN NULL;"
        other.execute(RAISING.format(body=body, table="task_results", kind="", when=""))
        with down(shop, made, MOST, reading=True):
            other.execute("DROP FUNCTION trouble() CASCADE")
    works(shop)
    assert len(whole(database)) == 2


def test_the_database_is_read_only(shop: Shop, database: str) -> None:
    made = works(shop)
    on, off = (f"ALTER DATABASE {{name}} SET default_transaction_read_only = {value}" for value in ("on", "off"))
    with altered(database, on, back=off), down(shop, made, MOST, reading=True):
        assert len(whole(database)) == 1
    works(shop)
    assert len(whole(database)) == 2


def test_no_connection_is_left_at_the_server(shop: Shop, database: str) -> None:
    made = works(shop)
    # a superuser is let in whatever the limit is: the database takes nobody instead, by the same way of refusing
    closed, opened = (f"ALTER DATABASE {{name}} ALLOW_CONNECTIONS {value}" for value in ("false", "true"))
    with altered(database, closed, back=opened), down(shop, made, MOST):
        pass
    works(shop)
    assert len(whole(database)) == 2


def test_no_connection_is_left_in_the_pool(shop: Shop, database: str) -> None:
    """More requests than connections, while each connection waits for a lock: none waits past the bound."""
    works(shop)
    with psycopg.connect(database) as other:
        other.execute("LOCK TABLE decisions IN ACCESS EXCLUSIVE MODE")
        took = waited(shop, 40)
        other.rollback()
    assert max(took) < MOST
    works(shop)


def test_many_wait_for_a_server_that_hangs_from_the_start(shop: Shop, relay: PgRelay) -> None:
    """None waits for the others to have waited."""
    relay.stall()
    took = waited(shop, 12)
    relay.stall(False)
    assert max(took) < MOST
    works(shop)


def waited(shop: Shop, many: int) -> list[float]:
    """How long each of so many at once waited to be told that the store cannot be used."""

    def ask(_number: int) -> float:
        started = perf_counter()
        with pytest.raises(Unavailable):
            shop.store.get(NOWHERE.rpartition("/")[2])
        return perf_counter() - started

    with ThreadPoolExecutor(many) as threads:
        return list(threads.map(ask, range(many)))
