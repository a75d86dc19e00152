"""Decisions of others that mention a person: a candidate, a recipient. No index leads there: all of them are read.

What mentions somebody is a JSON text that is the person's id, or an object's key. It is replaced by a made-up name, the
same one within a decision, so that its logic still sees one person; which name it is cannot be told from the id. Longer
texts that contain the id are counted and left: an address that is changed leads nowhere. So are numbers that are it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass, field
from secrets import token_hex
from time import perf_counter
from typing import Any

from sqlalchemy import Table, and_, or_, select, update

from chalicelib.blobs import SIGN, Blobs
from chalicelib.objects import S3Object
from chalicelib.store.challenger_tables import challenger_decisions
from chalicelib.store.database import Database
from chalicelib.store.reading import stream
from chalicelib.store.tables import decisions, labels, paid_answers, task_results
from workbench.retention.rows import in_turn, remove

FORGOTTEN = "forgotten"
SECONDS = 15.0  # for an object
# table -> its columns that may mention somebody
TEXTS = {
    "decisions": ("request", "decision", "failure"),
    "task_results": ("output", "error"),
    "challenger_decisions": ("decision",),
}
OF_DECISIONS = {"task_results": task_results, "challenger_decisions": challenger_decisions}


@dataclass(slots=True)
class Mentions:
    """What mentions the person.

    Args:
        decisions: ids of those of others in which a whole text is the person's id.
        in_longer_texts: ids of those in which a longer text contains it, or a number is it.
        answers: stored answers that contain it, which may be given to others.
        given: facts of others that rest on an answer paid for by a decision that was erased just now; they keep it.
        replaced: in how many of ``decisions``, in their order, the id was replaced.
    """

    decisions: list[str] = field(default_factory=list)
    in_longer_texts: list[str] = field(default_factory=list)
    answers: int = 0
    given: int = 0
    replaced: int = 0

    @property
    def left(self) -> int:
        """How many still mention the person."""
        return len({*self.decisions[self.replaced :], *self.in_longer_texts}) + self.answers

    def as_dict(self) -> dict[str, Any]:
        return {**asdict(self), "left": self.left}


def of_others(subject: str) -> Any:
    """Decisions that are not the person's own."""
    other = or_(decisions.c.subject.is_(None), decisions.c.subject != subject)
    return and_(other, decisions.c.status != FORGOTTEN)


def written(text: str) -> set[str]:
    """How a text may stand within JSON."""
    return {json.dumps(text, ensure_ascii=ascii)[1:-1] for ascii in (False, True)}


def holding(column: Any, part: str) -> Any:
    """Rows whose text contains it; SQLite takes upper and lower case of ASCII for the same."""
    return column.contains(part, autoescape=True)


def is_apart(column: Any) -> Any:
    """Rows whose text lies apart: what is in it is seen when it is fetched."""
    return column.startswith(SIGN)


def find_mentions(database: Database, subject: str, fetch: Callable[[str], str] = str) -> Mentions:
    """Read everything that others have. ``fetch`` gives the text that a column stands for."""
    whole, inside = set[str](), set[str]()
    for decision_id, text in _texts(database, subject):
        seen = _Seen(subject)
        seen.walk(json.loads(fetch(text)))
        if seen.whole:
            whole.add(decision_id)
        if seen.inside:
            inside.add(decision_id)
    inside |= set(_reasons(database, subject))
    answers = sum(1 for _ in stream(database.engine, _answers(subject)))
    return Mentions(sorted(whole), sorted(inside), answers)


def count_given(database: Database, ids: Collection[str]) -> int:
    """How many facts there are whose answer was paid for by one of these decisions. Reads all facts."""
    query = select(task_results.c.calls).where(holding(task_results.c.calls, '"reused_from"'))
    given = ({call.get("reused_from") for call in json.loads(calls)} for (calls,) in stream(database.engine, query))
    return sum(1 for sources in given if not sources.isdisjoint(ids))


def replace_mentions(database: Database, subject: str, found: Mentions, blobs: Blobs | None = None) -> None:
    """Put a made-up name in the person's place, decision by decision; delete the answers that contain it."""
    for decision_id in found.decisions:
        name, replaced = f"{FORGOTTEN}-{token_hex(4)}", list[S3Object]()
        with in_turn(database) as connection:
            for table in (decisions, *OF_DECISIONS.values()):
                key = table.c.id if table is decisions else table.c.decision_id
                for row in connection.execute(select(table).where(key == decision_id)).mappings().all():
                    replaced += _replace(connection, table, dict(row), _Renaming(subject, name, blobs or Blobs()))
        for old in replaced:  # an earlier version, where a bucket keeps them
            (blobs or Blobs()).objects(old.bucket).delete(old, perf_counter() + SECONDS)
        found.replaced += 1
    keys = [(row.key, row.decision_id) for row in stream(database.engine, _answers(subject))]
    for key, decision_id in keys:
        with in_turn(database) as connection:
            remove(connection, paid_answers, paid_answers.c.key == key, paid_answers.c.decision_id == decision_id)
    found.answers = 0


@dataclass(frozen=True, slots=True)
class _Renaming:
    """A made-up name in a person's place, in texts in rows and in those that lie apart."""

    subject: str
    name: str
    blobs: Blobs

    def of(self, text: str) -> tuple[str, S3Object | None] | None:
        """The column's new text, and the object to delete when it is written; None where nothing is to be changed."""
        seen = _Seen(self.subject)
        seen.walk(json.loads(self.blobs.fetch_if_there(text)))
        return self.blobs.rewrite(text, self._renamed) if seen.whole else None

    def _renamed(self, text: str) -> str:
        node = _Seen(self.subject, self.name).walk(json.loads(text))
        return json.dumps(node, ensure_ascii=False, separators=(",", ":"))


def _replace(connection: Any, table: Table, row: dict[str, Any], renaming: _Renaming) -> list[S3Object]:
    """Write a row's texts anew; the objects that are to be deleted then."""
    found = {column: renaming.of(row[column]) for column in TEXTS[table.name] if row[column]}
    changed = {column: text for column, new in found.items() if new for text in new[:1]}
    if changed:
        same = [column == row[column.name] for column in table.primary_key.columns]
        connection.execute(update(table).where(*same).values(**changed))
    return [new[1] for new in found.values() if new and new[1]]


class _Seen:
    """A JSON value with a name in the person's place, and how often the person was met."""

    def __init__(self, subject: str, name: str | None = None) -> None:
        self.subject, self.name = subject, subject if name is None else name
        self.whole = self.inside = 0
        # words of Korean end in particles: "회원-1님에게" is about 회원-1, while "회원-12" is not
        self._within = re.compile(rf"(?<![0-9A-Za-z]){re.escape(subject)}(?![0-9A-Za-z])")

    def walk(self, node: Any) -> Any:
        if isinstance(node, str):
            return self._text(node)
        if isinstance(node, list):
            return [self.walk(part) for part in node]
        if isinstance(node, dict):
            return {self._text(key): self.walk(value) for key, value in node.items()}
        if type(node) is int:  # an id that is a number where it is not a Subject; no name can take its place
            self.inside += str(node) == self.subject
        return node

    def _text(self, text: str) -> str:
        if text == self.subject:
            self.whole += 1
            return self.name
        self.inside += self._within.search(text) is not None
        return text


def _texts(database: Database, subject: str) -> Iterator[tuple[str, str]]:
    """(decision id, JSON text) of all that may mention the person."""
    parts = written(subject)
    for table, columns in TEXTS.items():
        of = OF_DECISIONS.get(table, decisions)
        any_of = or_(*(holding(of.c[column], part) for column in columns for part in parts), is_apart(of.c[columns[0]]))
        query = select(decisions.c.id, *(of.c[column] for column in columns)).where(of_others(subject), any_of)
        joined = query if of is decisions else query.join_from(decisions, of, of.c.decision_id == decisions.c.id)
        for decision_id, *texts in stream(database.engine, joined):
            yield from ((decision_id, text) for text in texts if text)


def _reasons(database: Database, subject: str) -> Iterator[str]:
    """Ids of decisions about which a label's reason mentions the person."""
    query = select(labels.c.decision_id, labels.c.reason).where(holding(labels.c.reason, subject))
    seen = _Seen(subject)
    for decision_id, reason in stream(database.engine, query):
        before = seen.whole + seen.inside
        seen.walk(reason)
        if seen.whole + seen.inside > before:
            yield decision_id


def _answers(subject: str) -> Any:
    any_of = or_(*(holding(paid_answers.c.result, f'"{part}"') for part in written(subject)))
    return select(paid_answers.c.key, paid_answers.c.decision_id).where(any_of)
