"""Killed, or cut off from its store, between any two commits of a keyed request: no stored fact is paid for again."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from keyed_project import DIED, TASKS, Shop, at_each_commit

from chalicelib.errors import Conflict, DecisionFailed, Unavailable
from workbench.project import Project

# The points of a keyed request: before and after its claim, before and after each of four facts is stored, then
# before its decision is, before that is committed, and after it.
WITH_THE_CLAIM, WITH_THE_DECISION = 2, 13
DECIDED = {"decisions": 1, "task_results": 4, "idempotency": 1, "claimed_facts": 0}
# Forks for each line that it is told: the child decides until it is killed, and its exit code is said.
KILLER = """
import os, sys
from pathlib import Path
import chalicelib.keyed, psycopg, sqlalchemy.dialects.postgresql.psycopg, sqlalchemy.dialects.sqlite
from keyed_project import die_at
for line in sys.stdin:
    generated, url, log, point = line.split()
    child = os.fork()
    if not child:
        die_at(Path(generated), url, Path(log), int(point))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def stored_facts(point: int) -> int:
    """How many facts are stored at a point: two points for each, after the two of the claim."""
    return max(0, min(4, (point - WITH_THE_CLAIM) // 2))


@pytest.fixture
def kill_at(shop: Shop, paid_project: Project, killer: subprocess.Popen[str]) -> Callable[[int], int]:
    """``kill_at(point)``: a process that decides and is killed there; its exit code."""

    def kill(point: int) -> int:
        assert killer.stdin and killer.stdout
        url = shop.service.settings.database_url
        print(paid_project.generated, url, shop.provider.log, point, file=killer.stdin, flush=True)
        return int(killer.stdout.readline())

    return kill


@pytest.fixture(scope="module")
def killer() -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    command = [sys.executable, "-c", KILLER]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process


def test_a_kill_at_any_point_loses_no_call_whose_fact_was_stored(shop: Shop, kill_at: Callable[[int], int]) -> None:
    for point in range(1, WITH_THE_DECISION):
        shop.start_over()
        assert kill_at(point) == DIED
        kept, made = stored_facts(point), shop.paid()
        found = {"decisions": 0, "task_results": 0, "idempotency": int(point >= WITH_THE_CLAIM), "claimed_facts": kept}
        assert shop.counts() == found, point
        if point >= WITH_THE_CLAIM:
            with pytest.raises(Conflict):
                shop.decide()
            shop.outlive_the_owner()
        answer = shop.decide()
        assert shop.paid() - made == dict.fromkeys(TASKS[kept:], 1), point
        assert shop.counts() == DECIDED
        assert shop.decide().envelope == answer.envelope


def test_a_kill_after_the_decision_leaves_its_reply(shop: Shop, kill_at: Callable[[int], int]) -> None:
    assert kill_at(WITH_THE_DECISION) == DIED
    assert shop.counts() == DECIDED
    assert shop.decide().replayed
    assert shop.paid() == dict.fromkeys(TASKS, 1)
    assert kill_at(WITH_THE_DECISION + 1) == 0  # there is no point after it


def move(shop: Shop, *tables: str, back: bool = False) -> None:
    """Tables that are not where they should be: every statement that needs one fails."""
    with shop.store.database.begin() as connection:
        for table in tables:
            old, new = (f"{table}_away", table) if back else (table, f"{table}_away")
            connection.exec_driver_sql(f"ALTER TABLE {old} RENAME TO {new}")


@contextmanager
def without(shop: Shop, at: str, *tables: str) -> Iterator[None]:
    """Tables are gone from a point on."""
    gone = False

    def act(name: str, _number: int) -> None:
        nonlocal gone
        if name == at and not gone:
            gone = True
            move(shop, *tables)

    with at_each_commit(act):
        yield
    move(shop, *tables, back=True)


def test_a_store_that_is_down_for_the_claim_is_a_503_and_nothing_was_paid(shop: Shop) -> None:
    shop.counts()  # the schema is there
    with without(shop, "before take", "idempotency"), pytest.raises(Unavailable):
        shop.decide()
    assert shop.paid() == {}
    shop.decide()
    assert shop.counts() == DECIDED


@pytest.mark.parametrize("task", TASKS)
def test_a_store_that_is_down_for_a_fact_does_not_keep_the_decision_from_being_made(
    shop: Shop, task: str, caplog: pytest.LogCaptureFixture
) -> None:
    at = 1 + 2 * (TASKS.index(task) + 1)

    def act(_name: str, number: int) -> None:
        if number == at:
            move(shop, "claimed_facts")
        if number == at + 1:  # of the next: the store is back
            move(shop, "claimed_facts", back=True)

    with at_each_commit(act):
        shop.decide()
    assert f"the fact {task!r} was not kept" in caplog.text
    assert shop.counts() == DECIDED
    assert shop.paid() == dict.fromkeys(TASKS, 1)


def test_a_fact_that_could_not_be_stored_is_stored_with_the_failed_decision(shop: Shop) -> None:
    def act(name: str, number: int) -> None:
        if number == 3:
            move(shop, "claimed_facts")
        if number == 4:
            move(shop, "claimed_facts", back=True)

    shop.provider.failing = "four"
    with at_each_commit(act), pytest.raises(DecisionFailed):
        shop.decide()
    shop.provider.failing = ""
    shop.decide()
    assert shop.paid() == {"one": 1, "two": 1, "three": 1, "four": 2}


def test_a_store_that_is_down_for_the_decision_is_a_503_and_the_retry_pays_nothing(shop: Shop) -> None:
    shop.counts()
    with without(shop, "before ending", "decisions"), pytest.raises(Unavailable):
        shop.decide()
    assert shop.claim()["state"] == "open"
    shop.decide()
    assert shop.counts() == DECIDED
    assert shop.paid() == dict.fromkeys(TASKS, 1)


def test_a_store_that_is_down_when_the_claim_is_released_lets_go_of_it_after_the_deadline(
    shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.counts()
    with without(shop, "before ending", "decisions", "idempotency"), pytest.raises(Unavailable):
        shop.decide()
    assert "its claim is not released" in caplog.text
    with pytest.raises(Conflict):
        shop.decide()
    shop.outlive_the_owner()
    shop.decide()
    assert shop.counts() == DECIDED
    assert shop.paid() == dict.fromkeys(TASKS, 1)
