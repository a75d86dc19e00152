"""Forgetting a person: what was decided stays as a number, what it was decided on goes.

A forgotten decision keeps its use case, version, outcome and time. Everything else of it is erased, a batch of
decisions in one transaction, after their photos in S3. It can be repeated at any time: what is done is not found again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select, update

from chalicelib.blobs import Blobs, reference_in
from chalicelib.errors import Unavailable
from chalicelib.objects import S3Object
from chalicelib.store.challenger_tables import challenger_decisions
from chalicelib.store.database import Database
from chalicelib.store.tables import decisions, idempotency, labels, paid_answers, task_results
from workbench.retention.files import write_anew, write_over
from workbench.retention.mentions import FORGOTTEN, Mentions, count_given, find_mentions, replace_mentions
from workbench.retention.photos import Photos, named_by_others, objects_in
from workbench.retention.purging import NO_ID
from workbench.retention.rows import count, delete_claims_of, delete_keyed, in_turn, of, reading, remove

BATCH = 100  # decisions in one transaction
ROUNDS = 3  # over what is stored meanwhile
BLANK: dict[str, Any] = {"subject": None, "request": "{}", "decision": None, "failure": None, "salt": None}
EMPTY = {"degraded": "[]", "timings": "{}"}


@dataclass(slots=True)
class Forgotten:
    """What was done, or is to be done.

    Args:
        decisions: that were erased.
        rows: table -> rows deleted; of labels those that lost their reason.
        pending: decisions that stay as they are until their photos can be deleted.
        late: decisions of the person that were stored meanwhile.
        mentions: None: nobody looked for them.
        problems: what could not be done, as sentences.
        ids: of the decisions that were erased.
    """

    photos: Photos
    decisions: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    pending: int = 0
    late: int = 0
    mentions: Mentions | None = None
    problems: list[str] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)

    @property
    def is_known(self) -> bool:
        """Whether anything of the person was found."""
        found = self.mentions and (self.mentions.decisions or self.mentions.in_longer_texts or self.mentions.answers)
        return bool(self.decisions or self.rows.total() or self.pending or self.late or found)

    @property
    def is_complete(self) -> bool:
        """Whether nothing of the person is left, as far as it was looked for."""
        return not (self.pending or self.late or self.problems or (self.mentions and self.mentions.left))

    def as_dict(self) -> dict[str, Any]:
        return {
            "decisions": self.decisions,
            "rows": dict(self.rows),
            "photos": self.photos.as_dict(),
            "large_texts": self.photos.texts_as_dict(),
            "pending": self.pending,
            "late": self.late,
            "mentions": self.mentions and self.mentions.as_dict(),
            "problems": self.problems,
            "complete": self.is_complete,
        }


def planned(database: Database, subject: str, photos: Photos, look_around: bool) -> Forgotten:
    """What ``forget`` would do: nothing is changed. ``photos`` is a rehearsal."""
    done = Forgotten(photos)
    own = select(decisions.c.id).where(decisions.c.subject == subject)
    with reading(database) as connection:
        for table in (task_results, paid_answers, challenger_decisions):
            done.rows[table.name] = count(connection, table, table.c.decision_id.in_(own))
        done.rows[labels.name] = count(connection, labels, labels.c.decision_id.in_(own), labels.c.reason.is_not(None))
        keyed = idempotency.c.decision_id.in_(own) | (idempotency.c.subject == subject)
        done.rows[idempotency.name] = count(connection, idempotency, keyed)
    photos.shared = _shared(database, subject, photos)
    for ids, found in _batches(database, subject, photos.blobs):
        ready = [one for one in ids if found[one].settled(photos)]
        done.decisions, done.pending = done.decisions + len(ready), done.pending + len(ids) - len(ready)
    done.mentions = find_mentions(database, subject, photos.blobs.fetch_if_there) if look_around else None
    return done


def forget(
    database: Database, subject: str, photos: Photos, now: datetime, look_around: bool = True, replace: bool = False
) -> Forgotten:
    """Erase what is about a person.

    Raises Unavailable, or Unreadable, when the database stops answering: what was erased stays erased.

    Args:
        look_around: look for decisions of others that mention the person: all that are stored are read.
        replace: put a made-up name in the person's place there.
    """
    write_over(database)
    done = Forgotten(photos)
    photos.shared = _shared(database, subject, photos)
    for _ in range(ROUNDS):
        done.pending = 0
        _erase_all(database, subject, done, now)
        with database.read() as connection:
            done.late = max(0, count(connection, decisions, decisions.c.subject == subject) - done.pending)
        if not done.late:
            break
    if look_around:
        done.mentions = find_mentions(database, subject, photos.blobs.fetch_if_there)
        done.mentions.given = count_given(database, done.ids) if done.ids else 0
        if replace:
            replace_mentions(database, subject, done.mentions, photos.blobs)
    if problem := write_anew(database):
        done.problems.append(problem)
    return done


def _shared(database: Database, subject: str, photos: Photos) -> set[S3Object]:
    """The person's photos that others have, too; nobody looks when none is to be deleted."""
    if photos.keep:
        return set()
    lying = (named for _, found in _batches(database, subject, photos.blobs) for named in found.values())
    found = {one for named in lying for one in named.photos}
    return named_by_others(database, found, subject, photos.blobs.fetch_if_there) if found else set()


def _erase_all(database: Database, subject: str, done: Forgotten, now: datetime) -> None:
    with in_turn(database) as connection:
        done.rows += delete_claims_of(connection, subject)
    for ids, named in _batches(database, subject, done.photos.blobs):
        ready = [one for one in ids if named[one].settled(done.photos)]
        done.pending += len(ids) - len(ready)
        if ready:
            with in_turn(database) as connection:
                done.rows += erase(connection, ready, now)
            done.decisions += len(ready)
            done.ids.update(ready)


def erase(connection: Connection, ids: Sequence[str], now: datetime) -> Counter[str]:
    """Leave of decisions what is about nobody. ``ids`` in their order. Table -> rows."""
    rows = delete_keyed(connection, ids)
    for table in (task_results, paid_answers):
        rows += remove(connection, table, of(table.c.decision_id, ids))
    said = of(labels.c.decision_id, ids), labels.c.reason.is_not(None)
    rows[labels.name] += connection.execute(update(labels).where(*said).values(reason=None)).rowcount
    values = {**BLANK, **EMPTY, "status": FORGOTTEN, "forgotten_at": now}
    connection.execute(update(decisions).where(of(decisions.c.id, ids)).values(**values))
    # last: who stores what a challenger decides holds the decision's row meanwhile, or sees that it is forgotten
    return rows + remove(connection, challenger_decisions, of(challenger_decisions.c.decision_id, ids))


@dataclass(slots=True)
class Named:
    """The objects that a decision names: photos, and its own large texts."""

    photos: set[S3Object] = field(default_factory=set)
    texts: set[S3Object] = field(default_factory=set)

    def add(self, text: str | None, blobs: Blobs) -> None:
        """What a column's text names."""
        apart = reference_in(text)
        if apart is not None:
            self.texts.add(apart)
            text = _fetched(text or "", blobs)
        self.photos |= objects_in(text)

    def settled(self, photos: Photos) -> bool:
        """Delete them, the texts last: they say which photos there are. Whether the decision may go."""
        return photos.settle(self.photos) and photos.settle_texts(self.texts)


def _fetched(text: str, blobs: Blobs) -> str | None:
    """A text that lies apart; None where it is gone, or cannot be had: then it cannot be deleted either."""
    try:
        return blobs.fetch(text)
    except Unavailable:
        return None


def _batches(database: Database, subject: str, blobs: Blobs) -> Iterator[tuple[list[str], dict[str, Named]]]:
    """Ids of the person's decisions in their order, and the objects that each names."""
    after, own = NO_ID, select(decisions.c.id, decisions.c.request).where(decisions.c.subject == subject)
    while True:
        with database.read() as connection:
            page = own.where(decisions.c.id > after).order_by(decisions.c.id).limit(BATCH)
            rows = connection.execute(page).all()
            if not rows:
                return
            ids = [row.id for row in rows]
            outputs = connection.execute(
                select(task_results.c.decision_id, task_results.c.output).where(of(task_results.c.decision_id, ids))
            ).all()
        named = {row.id: Named() for row in rows}
        for decision_id, text in (*rows, *outputs):
            named[decision_id].add(text, blobs)
        after = ids[-1]
        yield ids, named
