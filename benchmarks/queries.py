"""Finding among a million decisions: our store's functions, and the same questions asked by the ORM, in turn.

Both ask the same database, by the same indexes; what they find has to be as much.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from time import perf_counter
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from benchmarks.measure import Result, Series, alternate
from benchmarks.million import REFUNDS, SUBJECTS, Million
from benchmarks.projects import ROOT, NotMeasured
from chalicelib.history import Asker, Wanted
from chalicelib.store import Store

ROUNDS, BLOCK, PAGE = 10, 50, 50
MONTH = timedelta(days=30)
INDEX = re.compile(r"\b(?:using|USING)(?: COVERING)?(?: INDEX)? (\w+)")
PARTITION = re.compile(r"_(default|\d{4}_\d{2})(?=_)")

Ask = Callable[[int], Any]


@dataclass(frozen=True, slots=True)
class Question:
    """The same asked of both sides; a number says for which decision or subject. Each gives rows, or one."""

    name: str
    ours: Ask
    peer: Ask


def measured(where: str, url: str, filled: Million) -> Iterator[Result]:
    """Every question; the name of each says by which index our side is answered."""
    store = Store(url)
    try:
        for question in _questions(store, filled, _Peer(url)):
            _same(question)
            taken = alternate(ROUNDS, _block(question.ours), _block(question.peer))
            us, them = (Series(tuple(value for block in blocks for value in block)) for blocks in taken)
            index, sound = _indexes(store, question)
            yield Result(f"{where}, {question.name}: {index}", us, "the ORM", them, "µs", sound=sound)
    finally:
        store.close()


def _questions(store: Store, filled: Million, peer: _Peer) -> Iterator[Question]:
    ids, listing, past = filled.ids, store.listing, store.past
    since, now = filled.ended - MONTH, filled.ended
    spread = lambda number: ids[number * 7919 % len(ids)]  # noqa: E731
    subject = lambda number: f"회원-{number * 7919 % SUBJECTS}"  # noqa: E731

    def wanted(number: int) -> Wanted:
        return Wanted(Asker(REFUNDS, subject(number), now, stage="local"), REFUNDS, since, 100)

    page = lambda **filters: listing.page("local", [REFUNDS], PAGE, **filters)  # noqa: E731
    yield Question("GET", lambda n: store.get(spread(n)), lambda n: peer.get(spread(n)))
    yield Question(
        "trace",
        lambda n: (store.get(spread(n)), store.results(spread(n)))[1],
        lambda n: (peer.get(spread(n)), peer.results(spread(n)))[1],
    )
    yield Question("list", lambda _: page(), lambda _: peer.page(use_case=REFUNDS))
    yield Question(
        "list, outcome", lambda _: page(outcome="reject"), lambda _: peer.page(use_case=REFUNDS, outcome="reject")
    )
    yield Question(
        "list, cursor", lambda n: page(before=spread(n)), lambda n: peer.page(use_case=REFUNDS, before=spread(n))
    )
    yield Question("list, since", lambda _: page(since=since), lambda _: peer.page(use_case=REFUNDS, since=since))
    yield Question(
        "list, subject", lambda n: page(subject=subject(n)), lambda n: peer.page(use_case=REFUNDS, subject=subject(n))
    )
    yield Question("list, everything", lambda _: listing.page("local", None, PAGE), lambda _: peer.page())
    yield Question(
        "history, decisions",
        lambda n: past.decisions(wanted(n)),
        lambda n: peer.history(subject(n), since, now),
    )
    yield Question(
        "history, results",
        lambda n: past.results(wanted(n), "task_0"),
        lambda n: peer.past_results(subject(n), since, now),
    )


class _Peer:
    """The questions as they are asked by the ORM's own means."""

    def __init__(self, url: str) -> None:
        os.environ["PEER_DATABASE_URL"] = url
        sys.modules.pop("benchmarks.peer.app", None)  # its engine is made when it is imported
        app = import_module("benchmarks.peer.app")
        self.engine, self.decision, self.result = app.engine, app.DecisionRow, app.ResultRow

    def get(self, decision_id: str) -> Any:
        with Session(self.engine) as session:
            return session.get(self.decision, decision_id)

    def results(self, decision_id: str) -> Any:
        row = self.result
        query = select(row).where(row.decision_id == decision_id).order_by(row.started_ms, row.task)
        with Session(self.engine) as session:
            return session.scalars(query).all()

    def page(self, before: str | None = None, since: Any = None, **equal: str) -> Any:
        row = self.decision
        query = select(row).where(row.stage == "local", row.status != "forgotten")
        query = query.filter_by(**equal)
        if before is not None:
            query = query.where(row.id < before)
        if since is not None:
            query = query.where(row.created_at >= since)
        with Session(self.engine) as session:
            return session.scalars(query.order_by(row.id.desc()).limit(PAGE)).all()

    def history(self, subject: str, since: Any, now: Any) -> Any:
        row = self.decision
        query = select(row).where(*self._of(subject, since, now)).order_by(row.id.desc()).limit(100)
        with Session(self.engine) as session:
            return session.scalars(query).all()

    def past_results(self, subject: str, since: Any, now: Any) -> Any:
        row, fact = self.decision, self.result
        query = select(fact, row.use_case, row.created_at).join(row, row.id == fact.decision_id)
        query = query.where(*self._of(subject, since, now), fact.task == "task_0", fact.fallback_used.is_(False))
        with Session(self.engine) as session:
            return session.execute(query.order_by(row.id.desc()).limit(100)).all()

    def _of(self, subject: str, since: Any, now: Any) -> tuple[Any, ...]:
        row = self.decision
        time = row.created_at >= since, row.created_at < now
        return (row.subject == subject, row.use_case == REFUNDS, row.stage == "local", row.status == "decided", *time)


def _block(ask: Ask) -> Callable[[], list[float]]:
    """Seconds of each question of one block; each block goes on where the last one ended."""
    asked = iter(range(10**9))

    def block() -> list[float]:
        taken = []
        for _ in range(BLOCK):
            number = next(asked)
            started = perf_counter()
            ask(number)
            taken.append(perf_counter() - started)
        return taken

    return block


def _same(question: Question) -> None:
    for number in range(3):
        ours, peer = question.ours(number), question.peer(number)
        if not ours or not peer or (isinstance(ours, list) and len(ours) != len(peer)):
            raise NotMeasured(f"{question.name}: the two sides do not find the same")


def _indexes(store: Store, question: Question) -> tuple[str, bool]:
    """By which indexes our side is answered, and whether no table is read as a whole: as the tests judge it."""
    sys.path.insert(0, str(ROOT / "tests" / "store"))
    from plans import SCANS, plan, statements  # type: ignore[import-not-found]

    asked = statements(store.database, lambda: question.ours(1))
    lines = [line for one in asked for line in plan(store.database, one)]
    if any(SCANS.search(line.strip(" ->")) for line in lines):
        return "READS A TABLE", False
    names = [PARTITION.sub("", found[1]) for line in lines if (found := INDEX.search(line))]
    shown = ", ".join(dict.fromkeys(name.removeprefix("sqlite_autoindex_") for name in names))
    return f"index {shown}" if shown else "NO INDEX", bool(shown)
