"""Large texts that lie apart, when a person is forgotten, and when decisions are purged."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from erasing_rows import NOW
from forgetting_people import BUCKET, OTHER, WHO, Deleting, photo, photos
from store_rows import decision, facts
from uuid6 import uuid7

from chalicelib.blobs import SIGN, Blobs, Place
from chalicelib.folder_objects import Folder
from chalicelib.objects import ObjectError, S3Object
from chalicelib.rows import Record
from chalicelib.store import Store
from chalicelib.store.ids import first_id
from tests.emulators.s3 import S3
from workbench.retention.forgetting import forget
from workbench.retention.purging import Purged, purge_texts

FILLING = ["x" * 100] * 400


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(Place(), folder=Folder(tmp_path / "objects"))


def save(store: Store, blobs: Blobs, subject: str, **request: object) -> str:
    """A decision with a large request and a large fact; both name who is in the request."""
    text = json.dumps({"user_id": subject, "filling": FILLING, **request}, ensure_ascii=False)
    row = decision(NOW, subject=subject, request=text)
    (fact,) = facts(row["id"], 1)
    store.save(blobs.put_away(Record(row, [fact | {"output": text}]), 5))
    return str(row["id"])


def files(tmp_path: Path) -> list[str]:
    return sorted(str(path.relative_to(tmp_path / "objects")) for path in (tmp_path / "objects").rglob("*.json"))


def test_a_persons_texts_go_with_their_decisions_and_others_stay(store: Store, blobs: Blobs, tmp_path: Path) -> None:
    save(store, blobs, WHO)
    kept = save(store, blobs, OTHER)
    done = forget(store.database, WHO, photos(blobs=blobs), NOW)
    assert done.is_complete and done.as_dict()["large_texts"] == {"deleted": 2, "gone": 0, "failed": []}
    assert files(tmp_path) == [f"{kept}/request.json", f"{kept}/task_0.json"]


def test_photos_named_in_them_are_deleted_unless_another_has_them(store: Store, blobs: Blobs) -> None:
    save(store, blobs, WHO, photos=[photo("own.jpg"), photo("shared.jpg")])
    save(store, blobs, OTHER, photo=photo("shared.jpg"))
    objects = Deleting()
    forget(store.database, WHO, photos(objects, blobs=blobs), NOW)
    assert [one.uri for one in objects.deleted] == [f"s3://{BUCKET}/own.jpg"]


class Stuck(Folder):
    """A folder that cannot be written to."""

    def delete(self, found: S3Object, until: float) -> bool:
        raise ObjectError("credentials")


def test_a_decision_whose_text_cannot_be_deleted_stays_until_it_can(store: Store, blobs: Blobs, tmp_path: Path) -> None:
    save(store, blobs, WHO)
    stuck = Blobs(Place(), folder=Stuck(tmp_path / "objects"))
    done = forget(store.database, WHO, photos(blobs=stuck), NOW)
    assert (done.decisions, done.pending) == (0, 1) and not done.is_complete
    assert forget(store.database, WHO, photos(blobs=blobs), NOW).decisions == 1
    assert files(tmp_path) == []


@pytest.fixture(params=["folder", "versions"])
def anywhere(request: pytest.FixtureRequest, blobs: Blobs) -> Blobs:
    if request.param == "folder":
        return blobs
    s3: S3 = request.getfixturevalue("s3")
    s3.put("large-texts", "other", b"x", versioned=True)
    return Blobs(Place("large-texts"), s3=lambda: s3.objects)


def test_who_is_mentioned_in_anothers_text_is_found_and_replaced(store: Store, anywhere: Blobs) -> None:
    other = save(store, anywhere, OTHER, candidates=[WHO, "회원-3"])
    before = store.get(other)
    assert before and before["request"].startswith(SIGN)
    counted = forget(store.database, WHO, photos(blobs=anywhere), NOW).mentions
    assert counted and counted.decisions == [other]
    replaced = forget(store.database, WHO, photos(blobs=anywhere), NOW, replace=True).mentions
    assert replaced and replaced.left == 0
    row = store.get(other)
    (fact,) = store.results(other)
    assert row
    for text in (row["request"], fact["output"]):
        names = json.loads(anywhere.fetch(text))["candidates"]
        assert names[0].startswith("forgotten-") and names[1] == "회원-3"
    reference = json.loads(before["request"][1:])
    if "version" in reference:  # the earlier version is gone, too
        old = S3Object.from_record(reference)
        with pytest.raises(ObjectError):
            list(anywhere.objects(old.bucket).stream(old, 0, float("inf")))


def test_purging_takes_older_texts_and_those_that_no_decision_names(tmp_path: Path) -> None:
    blobs = Blobs(Place(), folder=Folder(tmp_path / "a.db.objects"))
    text = json.dumps(FILLING)
    old, orphan, new = (
        first_id(NOW - timedelta(days=200))[:14] + "7" + str(uuid7())[15:],
        first_id(NOW - timedelta(days=190))[:14] + "7" + str(uuid7())[15:],
        str(uuid7()),
    )
    for one in (old, orphan, new):
        blobs.put_away(Record(replace_id(decision(request=text), one), []), 5)
    done, url = Purged(NOW - timedelta(days=180)), f"sqlite:///{tmp_path}/a.db"
    purge_texts(done, url, is_rehearsal=True)
    assert done.texts == 2
    done = replace(done, texts=0)
    purge_texts(done, url, is_rehearsal=False)
    assert done.texts == 2 and [path.name for path in (tmp_path / "a.db.objects").iterdir()] == [new]


def replace_id(row: dict[str, object], decision_id: str) -> dict[str, object]:
    return row | {"id": decision_id}


def test_what_expired_elsewhere_does_not_stop_forgetting_somebody(store: Store, blobs: Blobs, tmp_path: Path) -> None:
    save(store, blobs, WHO)
    other = save(store, blobs, OTHER, candidates=[WHO])
    (tmp_path / "objects" / other / "request.json").unlink()
    done = forget(store.database, WHO, photos(blobs=blobs), NOW, replace=True)
    assert done.is_complete and done.mentions and done.mentions.decisions == [other]  # its fact is still there
    (fact,) = store.results(other)
    assert json.loads(blobs.fetch(fact["output"]))["candidates"][0].startswith("forgotten-")
