"""A person is forgotten: nothing that is stored tells of them, and nothing of anybody else is lost."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from erasing_rows import NOW, claim, counts, id_at, label, save
from sqlalchemy import insert, select, text
from uuid6 import uuid7

from chalicelib.objects import ObjectError, S3Object
from chalicelib.store import Store
from chalicelib.store.database import Database
from chalicelib.store.tables import labels, paid_answers, task_results
from workbench.retention import files, forgetting
from workbench.retention.forgetting import Forgotten, erase, forget, planned
from workbench.retention.photos import Photos

WHO, OTHER = "회원-4711", "회원-47110"
BUCKET = "member-photos"


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    opened = Store(database_url)
    yield opened
    opened.close()


@pytest.fixture
def database(database_url: str, store: Store) -> Iterator[Database]:
    store.ping()
    opened = Database(database_url)
    yield opened
    opened.close()


class Deleting:
    """An object store that deletes, or says why not. What tells of S3 itself is in tests/runtime."""

    def __init__(self) -> None:
        self.deleted: list[S3Object] = []
        self.failing: str | None = None

    def delete(self, found: S3Object, until: float) -> bool:
        if self.failing:
            raise ObjectError(self.failing)
        self.deleted.append(found)
        return True


def photos(objects: Any = None, **more: Any) -> Photos:
    return Photos(objects or Deleting(), {BUCKET}, "local", **more)


def about(subject: str, **more: Any) -> dict[str, Any]:
    """A decision's columns that tell of the subject."""
    request = json.dumps({"user_id": subject, "name": "김민수", **more}, ensure_ascii=False)
    said = {"outcome": "reject", "to": subject}
    return {"subject": subject, "request": request, "decision": json.dumps(said, ensure_ascii=False)}


def photo(name: str, **state: str) -> dict[str, Any]:
    place = {"uri": f"s3://{BUCKET}/{name}", **(state or {"version": "v1"})}
    return {"digest": "sha256:" + "0" * 64, "format": "jpeg", "size": 9, "width": 3, "height": 3, "s3": place}


def whole(store: Store, subject: str, at: datetime = NOW, **more: Any) -> str:
    """A decision about the subject with something in each table."""
    decision_id = save(store, at, **{**about(subject), **more})
    label(store, decision_id, f"{subject}가 아님")
    claim(store, decision_id, NOW + timedelta(days=1))
    return decision_id


def stored(database: Database) -> str:
    """All texts of all tables, as a database's own tools show them."""
    with database.read() as connection:
        if connection.dialect.name == "postgresql":
            names = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
            tables = list(connection.scalars(text(names)))
            found = [connection.scalars(text(f"SELECT t::text FROM {name} t")).all() for name in tables]
        else:
            tables = list(connection.scalars(text("SELECT name FROM sqlite_master WHERE type = 'table'")))
            found = [connection.execute(text(f"SELECT * FROM {name}")).all() for name in tables]
    return str(found)


def test_nothing_of_a_person_is_left_and_everything_of_others(store: Store, database: Database) -> None:
    mine = [whole(store, WHO, NOW - timedelta(days=days)) for days in (0, 40, 400)]
    other = whole(store, OTHER)
    kept = store.get(other), store.results(other)
    done = forget(database, WHO, photos(), NOW)
    assert done.is_known and done.is_complete
    assert done.decisions == 3
    assert dict(done.rows) == {"task_results": 6, "paid_answers": 3, "labels": 3, "idempotency": 3, "claimed_facts": 3}
    assert (store.get(other), store.results(other)) == kept
    left = {"labels": 4, "label_samples": 4, "idempotency": 1, "claimed_facts": 1}
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
    assert dict(plan.rows) == {"task_results": 2, "paid_answers": 1, "labels": 1, "idempotency": 1}
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


# photos


def deleted_names(objects: Deleting) -> list[str]:
    return sorted(one.key for one in objects.deleted)


def test_photos_go_wherever_they_are_recorded(store: Store, database: Database) -> None:
    own = save(store, NOW, **about(WHO, photos=[photo("a.jpg"), photo("b.jpg", etag="e")]))
    save(store, NOW, **about(WHO, nested={"deep": [{"photo": photo("a.jpg")}]}))
    with database.begin() as connection:
        found = json.dumps({"crop": photo("c.jpg")})
        connection.execute(
            task_results.update().where(task_results.c.decision_id == own, task_results.c.task == "task_0"),
            {"output": found},
        )
    objects = Deleting()
    done = forget(database, WHO, photos(objects), NOW)
    assert done.is_complete
    assert deleted_names(objects) == ["a.jpg", "b.jpg", "c.jpg"], "each once"


def test_a_photo_of_somebody_else_too_is_kept(store: Store, database: Database) -> None:
    save(store, NOW, **about(WHO, photo=photo('같은 "사진".jpg'), other=photo("a.jpg", version="mine")))
    save(store, NOW, **about(OTHER, photo=photo('같은 "사진".jpg'), other=photo("a.jpg", version="another")))
    objects = Deleting()
    done = forget(database, WHO, photos(objects), NOW)
    assert [one.version for one in objects.deleted] == ["mine"]
    (kept,) = done.photos.as_dict()["kept"]
    assert kept["uri"].endswith('같은 "사진".jpg')
    assert "another subject" in kept["why"]
    assert done.is_complete


@pytest.mark.parametrize("place", [{"version": []}, {"etag": {}}, {"version": "1", "etag": "e"}, {}, {"uri": 1}])
def test_what_only_looks_like_a_photo_is_none(store: Store, database: Database, place: dict[str, Any]) -> None:
    """A field that takes any JSON may name an object of somebody else, or hold what no record has."""
    save(store, NOW, **about(WHO, free={"digest": "", "s3": {"uri": photo("a.jpg")["s3"]["uri"], **place}}))
    save(store, NOW, **about(OTHER, photo=photo("a.jpg", version="1")))
    objects = Deleting()
    done = forget(database, WHO, photos(objects), NOW)
    assert (objects.deleted, done.decisions, done.is_complete) == ([], 1, True)


def test_a_decision_stays_until_its_photo_can_be_deleted(store: Store, database: Database) -> None:
    for name in ("a.jpg", "b.jpg"):
        save(store, NOW, **about(WHO, photo=photo(name)))
    save(store, NOW, **about(WHO))
    objects = Deleting()
    objects.failing = "unreachable"
    done = forget(database, WHO, photos(objects), NOW)
    assert (done.decisions, done.pending, done.late, done.is_complete) == (1, 2, 0, False)
    assert [entry["why"].split(":")[0] for entry in done.photos.as_dict()["failed"]] == ["unreachable"] * 2
    objects.failing = None
    done = forget(database, WHO, photos(objects), NOW)
    assert (done.decisions, done.is_complete) == (2, True)
    assert deleted_names(objects) == ["a.jpg", "b.jpg"]


def test_a_photo_that_was_replaced_is_kept_and_its_decision_erased(store: Store, database: Database) -> None:
    save(store, NOW, **about(WHO, photo=photo("a.jpg", etag="e")))
    objects = Deleting()
    objects.failing = "changed"
    done = forget(database, WHO, photos(objects), NOW)
    assert (done.decisions, done.is_complete, len(done.photos.of("kept"))) == (1, True, 1)


def test_s3_is_left_alone_when_it_fails_again_and_again(store: Store, database: Database) -> None:
    save(store, NOW, **about(WHO, photos=[photo(f"{number}.jpg") for number in range(9)]))
    objects = Deleting()
    objects.failing = "timeout"
    done = forget(database, WHO, photos(objects), NOW)
    whys = [entry["why"] for entry in done.photos.as_dict()["failed"]]
    assert sum("timeout" in why for why in whys) == 3
    assert len(whys) == 9


def test_only_buckets_of_the_stage(store: Store, database: Database) -> None:
    save(store, NOW, **about(WHO, photo=photo("a.jpg")))
    objects = Deleting()
    elsewhere = Photos(objects, {"another"}, "staging")
    done = forget(database, WHO, elsewhere, NOW)
    assert (objects.deleted, done.pending) == ([], 1)
    assert "staging does not allow" in elsewhere.as_dict()["failed"][0]["why"]
    done = forget(database, WHO, photos(objects, keep=True), NOW)
    assert (objects.deleted, done.decisions, done.is_complete) == ([], 1, True)


# mentions


def mentioning(store: Store, subject: str, who: str = WHO) -> str:
    """Somebody else's decision in which the person is a candidate, in the request, a fact, and the decision."""
    request = {"user_id": subject, "candidates": [who, "회원-1"], "scores": {who: 0.5}, "note": f"{who}님과 만남"}
    decided = {"outcome": "pay", "chosen": who}
    decision_id = save(store, NOW, subject=subject, request=json.dumps(request), decision=json.dumps(decided))
    with store.database.begin() as connection:
        of = task_results.c.decision_id == decision_id, task_results.c.task == "task_0"
        connection.execute(task_results.update().where(*of), {"output": json.dumps([who], ensure_ascii=False)})
        answer = {"key": id_at(NOW), "decision_id": decision_id, "model": "m", "version": "1", "units": 1.0}
        said = json.dumps({"nearest": who}, ensure_ascii=False)
        connection.execute(insert(paid_answers).values(**answer, result=said, created_at=NOW))
    return decision_id


def test_decisions_of_others_that_mention_a_person_are_counted(store: Store, database: Database) -> None:
    mentions = mentioning(store, OTHER)
    mentioning(store, OTHER, who="회원-47111")
    whole(store, OTHER), whole(store, WHO)
    before = store.get(mentions)
    done = forget(database, WHO, photos(), NOW)
    assert done.mentions is not None
    assert (done.mentions.decisions, done.mentions.in_longer_texts) == ([mentions], [mentions])
    assert (done.mentions.answers, done.is_complete) == (1, False)
    assert store.get(mentions) == before


def test_a_made_up_name_takes_their_place(store: Store, database: Database) -> None:
    mentions, another = mentioning(store, OTHER), mentioning(store, OTHER)
    save(store, NOW, subject=None, request=json.dumps({"who": WHO}))
    done = forget(database, WHO, photos(), NOW, replace=True)
    row = store.get(mentions)
    assert row is not None
    request, decided = json.loads(row["request"]), json.loads(row["decision"])
    name = decided["chosen"]
    assert name.startswith("forgotten-")
    assert (request["candidates"], request["scores"]) == ([name, "회원-1"], {name: 0.5})
    assert json.loads(next(f["output"] for f in store.results(mentions) if f["task"] == "task_0")) == [name]
    other = store.get(another)
    assert other is not None
    assert name not in other["decision"], "who is the same person cannot be told"
    assert WHO in request["note"], "longer texts are left, and said"
    assert done.mentions is not None
    assert (done.mentions.answers, done.mentions.left) == (0, 2)
    assert done.mentions.replaced == 3


def test_what_others_were_given_of_a_persons_answers_stays_theirs_and_is_said(store: Store, database: Database) -> None:
    mine, other = whole(store, WHO), whole(store, OTHER)
    with store.database.begin() as connection:
        of = task_results.c.decision_id == other, task_results.c.task == "task_0"
        calls = [{"capability": "moderation", "reused_from": mine}, {"capability": "faces"}]
        connection.execute(task_results.update().where(*of), {"calls": json.dumps(calls, separators=(",", ":"))})
    facts = store.results(other)
    done = forget(database, WHO, photos(), NOW)
    assert done.mentions is not None
    assert (done.mentions.given, done.is_complete) == (1, True)
    assert store.results(other) == facts


@pytest.mark.parametrize("subject", ["100%_a", 'say "hi"\\', "a'; DROP TABLE decisions; --", "Ünï/code"])
def test_ids_are_texts_whatever_is_in_them(store: Store, database: Database, subject: str) -> None:
    whole(store, subject), whole(store, OTHER)
    mentions = mentioning(store, OTHER, who=subject)
    save(store, NOW, request=json.dumps({"user_id": "100xxa"}), subject="100xxa")
    done = forget(database, subject, photos(), NOW)
    assert done.decisions == 1
    assert done.mentions is not None
    assert done.mentions.decisions == [mentions]


def test_an_id_that_others_have_as_a_number_is_told(store: Store, database: Database) -> None:
    whole(store, "4711")
    mentions = save(store, NOW, subject=OTHER, request=json.dumps({"to": [4711], "sum": 47110, "yes": True}))
    done = forget(database, "4711", photos(), NOW, replace=True)
    assert done.mentions is not None
    assert (done.mentions.decisions, done.mentions.in_longer_texts, done.is_complete) == ([], [mentions], False)


def test_nobody_looks_around_when_told_not_to(store: Store, database: Database) -> None:
    mentioning(store, OTHER), whole(store, WHO)
    done = forget(database, WHO, photos(), datetime.now(UTC), look_around=False)
    assert (done.mentions, done.is_complete) == (None, True)


def test_the_report_is_json(store: Store, database: Database) -> None:
    whole(store, WHO, request=about(WHO, photo=photo("a.jpg"))["request"])
    done: Forgotten = forget(database, WHO, photos(), NOW)
    assert json.loads(json.dumps(done.as_dict())) == {
        "decisions": 1,
        "rows": {"task_results": 2, "paid_answers": 1, "labels": 1, "idempotency": 1, "claimed_facts": 1},
        "photos": {"deleted": 1, "gone": 0, "kept": [], "failed": []},
        "pending": 0,
        "late": 0,
        "mentions": {"decisions": [], "in_longer_texts": [], "answers": 0, "given": 0, "replaced": 0, "left": 0},
        "problems": [],
        "complete": True,
    }
