"""Large texts of a record lie apart: what stays in the rows, what is read back, and what happens when it cannot be."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from store_rows import decision, facts

from chalicelib.blobs import SIGN, Blobs, Place, reference_in
from chalicelib.database_settings import folder_beside
from chalicelib.errors import Unavailable
from chalicelib.folder_objects import Folder
from chalicelib.objects import ObjectError, S3Object
from chalicelib.rows import Record
from tests.emulators.faults import Status
from tests.emulators.s3 import S3

BIG = json.dumps({"후보": [f"회원-{number}" for number in range(5000)]}, ensure_ascii=False)
SMALL = '{"user_id":"회원-1"}'


@pytest.fixture
def beside(tmp_path: Path) -> Blobs:
    return Blobs(Place(), folder=Folder(tmp_path / "decisions.db.objects"))


@pytest.fixture(params=["folder", "bucket", "versions"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    if request.param == "folder":
        return Blobs(Place(), folder=Folder(tmp_path / "decisions.db.objects"))
    s3: S3 = request.getfixturevalue("s3")
    s3.put("large-texts", "other", b"x", versioned=request.param == "versions")
    return Blobs(Place("large-texts", "records/"), s3=lambda: s3.objects)


def record(request: str = SMALL, **outputs: str) -> Record:
    row = decision(request=request)
    (fact,) = facts(row["id"], 1)
    return Record(row, [fact | {"task": task, "output": output} for task, output in outputs.items()])


def size(made: Record) -> int:
    return len(made.decision["request"].encode()) + sum(len(one["output"].encode()) for one in made.results)


def test_a_small_record_is_left_alone(beside: Blobs) -> None:
    small = record(found="[1,2]")
    assert beside.put_away(small, 5) is small


def test_the_largest_texts_are_put_away_until_the_record_is_small(blobs: Blobs) -> None:
    large = record(BIG, found=f"[{BIG}]", few="[1]", many=json.dumps(list(range(5000))))
    made = blobs.put_away(large, 5)
    assert size(made) < 32_768 < size(large)
    assert [one["output"].startswith(SIGN) for one in made.results] == [True, False, False]
    row, results = blobs.whole(made.decision, made.results)
    assert (row, results) == (large.decision, large.results)
    assert made.decision["id"] in str(reference_in(made.decision["request"]))


def test_ascii_and_wide_characters_have_the_same_budget_in_bytes(beside: Blobs) -> None:
    for text, is_apart in (("가" * 10_900, False), ("가" * 11_000, True), ("a" * 32_700, False), ("a" * 32_800, True)):
        assert beside.put_away(record(json.dumps(text, ensure_ascii=False)), 5).decision["request"].startswith(
            SIGN
        ) == (is_apart)


def test_files_are_their_owners(beside: Blobs, tmp_path: Path) -> None:
    beside.put_away(record(BIG), 5)
    for path in (tmp_path / "decisions.db.objects").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_what_was_changed_or_is_gone_is_no_record(beside: Blobs, tmp_path: Path) -> None:
    text = beside.put_away(record(BIG), 5).decision["request"]
    (path,) = (tmp_path / "decisions.db.objects").rglob("request.json")
    for damage, said in ((lambda: path.write_bytes(b"{}"), "changed"), (path.unlink, "no such object")):
        damage()
        with pytest.raises(Unavailable, match=said) as refused:
            beside.fetch(text)
        assert refused.value.code == "record-unavailable"


def test_a_reference_with_another_digest_is_refused(beside: Blobs) -> None:
    text = beside.put_away(record(BIG), 5).decision["request"]
    reference = json.loads(text[1:]) | {"sha256": "0" * 64}
    with pytest.raises(Unavailable, match="is not what was put there"):
        beside.fetch(SIGN + json.dumps(reference))


def test_a_store_that_does_not_take_it_loses_no_decision(s3: S3, caplog: pytest.LogCaptureFixture) -> None:
    s3.put("large-texts", "other", b"x")
    s3.faults.always(Status(503))
    blobs, large = Blobs(Place("large-texts"), s3=lambda: s3.objects), record(BIG)
    assert blobs.put_away(large, 5) == blobs.put_away(large, 5) == large
    assert caplog.text.count("large texts stay in their rows") == 1  # once a minute
    assert blobs.put_away(large, 0.0) == large  # and no time is waited for where there is none


def test_without_a_place_texts_stay_where_they_are() -> None:
    large = record(BIG)
    assert Blobs().put_away(large, 5) is large
    assert Blobs().fetch(BIG) == BIG
    with pytest.raises(Unavailable, match="no folder beside this database"):
        Blobs().fetch(SIGN + '{"uri":"file:a/request.json","etag":"e","sha256":"s","bytes":1}')


@pytest.mark.parametrize(
    "key", ["../a", "a/../../b", "/etc/x", "a//b", ""], ids=["up", "inside", "root", "empty", "no"]
)
def test_no_key_leads_out_of_the_folder(tmp_path: Path, key: str) -> None:
    folder = Folder(tmp_path / "objects")
    steps: list[Callable[[], Any]] = [
        lambda: folder.write("", key, b"x", "", 0),
        lambda: folder.delete(S3Object("", key, etag="e"), 0),
        lambda: list(folder.stream(S3Object("", key, etag="e"), 0, 0)),
    ]
    for step in steps:
        with pytest.raises(ObjectError):
            step()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("sqlite:///.artemis/artemis.db", ".artemis/artemis.db.objects"),
        ("sqlite:////data/a.db?timeout=5", "/data/a.db.objects"),
        ("sqlite+pysqlite:///a.db", "a.db.objects"),
        ("sqlite://", None),
        ("sqlite:///:memory:", None),
        ("postgresql+psycopg://u:p@h/db", None),
    ],
    ids=["relative", "absolute", "driver", "memory", "memory-named", "postgresql"],
)
def test_the_folder_is_beside_an_embedded_databases_file(url: str, folder: str | None) -> None:
    assert folder_beside(url) == (None if folder is None else Path(folder))
