"""Connections to PostgreSQL: how they are set up, and that dead and silent ones keep nobody waiting."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC
from typing import Any

import psycopg
import pytest
from sqlalchemy import event, make_url, text
from store_rows import decision, whole

from chalicelib.errors import Unavailable
from chalicelib.store import Store, connection, postgres
from chalicelib.store.database import open_engine


@pytest.fixture
def url(new_postgres: Callable[[], str]) -> str:
    return new_postgres()


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = Store(url)
    yield opened
    opened.close()


def backend(store: Store) -> int:
    """The process that serves the connection which is used next."""
    with store.database.read() as reading:
        found: int = reading.execute(text("SELECT pg_backend_pid()")).scalar_one()
    return found


def setting(store: Store, name: str) -> str:
    with store.database.read() as reading:
        return str(reading.execute(text(f"SHOW {name}")).scalar_one())


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def kill(url: str, pid: int) -> None:
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])


def let_idle(store: Store, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """As if the process had been frozen: only the wall clock went on."""
    now = time.time()
    monkeypatch.setattr(connection, "time", lambda: now + seconds)


def test_a_session_is_bounded_and_in_utc(store: Store) -> None:
    expected = {
        "timezone": "UTC",
        "application_name": "artemis",
        "statement_timeout": "5s",
        "lock_timeout": "2s",
        "idle_in_transaction_session_timeout": "10s",
    }
    assert {name: setting(store, name) for name in expected} == expected


def test_the_network_is_watched(store: Store) -> None:
    with store.database.read() as reading:
        driver = reading.connection.driver_connection
        assert driver is not None
        said = {option.keyword.decode(): (option.val or b"").decode() for option in driver.pgconn.info}
    assert int(said["tcp_user_timeout"]) == 10_000
    assert int(said["keepalives_idle"]) <= 30
    assert 2 <= int(said["connect_timeout"]) <= 5


def test_what_the_url_says_is_stronger(url: str) -> None:
    own = Store(f"{url}&application_name=mine&options=-c%20statement_timeout%3D1234")
    assert setting(own, "application_name") == "mine"
    assert setting(own, "statement_timeout") == "1234ms"
    assert setting(own, "lock_timeout") == "2s"
    own.close()


def test_a_command_may_take_its_time_but_no_lock_for_long(url: str) -> None:
    engine = open_engine(url, patient=True)
    with engine.connect() as reading:
        assert reading.execute(text("SHOW statement_timeout")).scalar_one() == "0"
        assert reading.execute(text("SHOW lock_timeout")).scalar_one() == "2s"
    engine.dispose()


@pytest.mark.parametrize(
    "host", ["db.proxy-abc123.ap-northeast-2.rds.amazonaws.com", "db.proxy-abc123.cn-north-1.rds.amazonaws.com.cn"]
)
def test_rds_proxy_gets_no_options_which_it_refuses(host: str) -> None:
    plain = postgres._arguments(make_url("postgresql://u@db.cluster-abc.eu-west-1.rds.amazonaws.com/x"), False)
    proxied = postgres._arguments(make_url(f"postgresql://u@{host}/x"), False)
    assert "statement_timeout" in plain["options"]
    assert proxied.keys() - {"prepare_threshold"} == plain.keys() - {"options"}
    assert proxied["prepare_threshold"] is None


@pytest.mark.parametrize("pooler", [False, True])
def test_a_pooler_is_spared_what_belongs_to_a_session(url: str, pooler: bool) -> None:
    """It may give the next transaction another session of the server."""
    opened = Store(url + "&artemis_pooler=yes" * pooler)
    for _ in range(20):
        row = decision()
        opened.save(whole(row))
        assert opened.get(row["id"]) == row
    with opened.database.read() as reading:
        prepared = reading.execute(text("SELECT count(*) FROM pg_prepared_statements")).scalar_one()
    assert (prepared == 0) is pooler
    assert (setting(opened, "statement_timeout") == "0") is pooler
    opened.close()


def test_times_come_in_utc_whatever_the_session_says(url: str) -> None:
    other = Store(f"{url}&options=-c%20timezone%3DAsia/Seoul")
    row = decision()
    other.save(whole(row))
    found = other.get(row["id"])
    assert found is not None
    assert (found["created_at"], found["created_at"].tzinfo) == (row["created_at"], UTC)
    other.close()


@pytest.mark.parametrize("idle", [0, 60])
def test_a_connection_that_was_killed_in_the_pool_is_not_given_out(
    url: str, store: Store, monkeypatch: pytest.MonkeyPatch, idle: float
) -> None:
    pid = backend(store)
    kill(url, pid)
    let_idle(store, monkeypatch, idle)
    row = decision()
    store.save(whole(row))
    assert store.get(row["id"]) == row
    assert backend(store) != pid


def test_a_connection_that_froze_in_the_pool_is_given_up(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    pid = backend(store)
    let_idle(store, monkeypatch, 60)
    with frozen(pid):
        row = decision()
        store.save(whole(row))
        assert store.get(row["id"]) == row
        assert backend(store) != pid


def test_a_server_that_freezes_with_a_statement_is_given_up(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "SILENCE", 0.5)
    short = Store(store.database.engine.url.render_as_string(hide_password=False))
    pid = backend(short)
    with frozen(pid):
        with pytest.raises(Unavailable) as down:
            short.ping()
        assert "said nothing" in str(down.value.__cause__)
        row = decision()
        short.save(whole(row))
        assert backend(short) != pid
    short.close()


def test_a_server_that_freezes_with_a_transaction_is_given_up(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "SILENCE", 0.5)
    short = Store(store.database.engine.url.render_as_string(hide_password=False))
    pid = backend(short)
    row = decision()
    with frozen(pid):
        with pytest.raises(Unavailable):
            short.save(whole(row))
        assert short.get(row["id"]) is None
    short.close()


def test_what_answers_slowly_but_answers_is_waited_for(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "SILENCE", 1.0)
    short = Store(store.database.engine.url.render_as_string(hide_password=False))
    with short.database.read() as reading:  # rows come all the time, for longer than a silence may last
        query = text("SELECT repeat('x', 10000), pg_sleep(0.1) FROM generate_series(1, 15)")
        assert len(reading.execute(query).all()) == 15
    short.close()


def test_a_statement_that_takes_too_long_is_ended_by_the_server(url: str) -> None:
    """Which also bounds what a task reads."""
    short = Store(f"{url}&options=-c%20statement_timeout%3D200")
    with pytest.raises(Unavailable) as down, short.database.read() as reading:
        reading.execute(text("SELECT pg_sleep(30)"))
    assert "statement timeout" in str(down.value.__cause__)
    short.ping()
    short.close()


def test_a_busy_process_asks_nothing_of_its_connections(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    answers = connection._answers
    monkeypatch.setattr(connection, "_answers", lambda pgconn: asked.append(pgconn) or answers(pgconn))
    for _ in range(10):
        store.ping()
    assert asked == []
    let_idle(store, monkeypatch, connection.IDLE + 1)
    pid = backend(store)
    assert len(asked) == 1
    assert backend(store) == pid  # it was well
    assert len(asked) == 1


def test_a_notice_that_came_meanwhile_is_no_reason_to_give_a_connection_up(url: str, store: Store) -> None:
    with store.database.read() as reading:
        reading.execute(text("LISTEN news"))
        pid = reading.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("NOTIFY news, '소식'")
    with store.database.engine.connect() as reading:
        assert reading.execute(text("SELECT pg_backend_pid()")).scalar_one() == pid


def test_a_forked_process_opens_connections_of_its_own(store: Store) -> None:
    mine = backend(store)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(writing, str(backend(store)).encode())
        finally:
            os._exit(0)
    os.close(writing)
    assert os.waitpid(child, 0)[1] == 0
    theirs = int(os.read(reading, 100))
    os.close(reading)
    assert theirs != mine
    assert backend(store) == mine  # and the child's end did not end it


def test_the_pool_is_small_and_says_so_when_it_is_used_up(url: str) -> None:
    full = Store(url)
    most = postgres.POOL["pool_size"] + postgres.POOL["max_overflow"]
    full.database.engine.pool._timeout = 0.2
    with_all = [full.database.engine.connect() for _ in range(most)]
    with pytest.raises(Unavailable):
        full.ping()
    for each in with_all:
        each.close()
    full.ping()
    full.close()


def test_the_first_connection_costs_few_questions(store: Store) -> None:
    said: list[str] = []
    event.listen(
        store.database.engine, "before_cursor_execute", lambda c, cursor, statement, *_: said.append(statement)
    )
    store.ping()
    assert len(said) <= 6, said
