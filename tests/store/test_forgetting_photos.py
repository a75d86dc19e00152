"""Photos of a person who is forgotten: deleted where they are theirs alone, kept and said where not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from erasing_rows import NOW, save
from forgetting_people import OTHER, WHO, Deleting, about, photo, photos

from chalicelib.store import Store
from chalicelib.store.database import Database
from chalicelib.store.tables import task_results
from workbench.retention.forgetting import forget
from workbench.retention.photos import Photos


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
