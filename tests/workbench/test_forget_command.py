"""`artemis forget` as it is typed, with photos in an S3 that answers."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from click.testing import CliRunner, Result
from uuid6 import uuid7

from chalicelib.rows import Record
from chalicelib.store import Store
from tests.emulators.faults import Status
from tests.emulators.s3 import S3, started
from workbench.commands.forget import forget

WHO = "회원-4711"
BUCKET = "member-photos"


@pytest.fixture(scope="module")
def aws() -> Iterator[S3]:
    with started() as s3:
        yield s3


@pytest.fixture
def s3(aws: S3, monkeypatch: pytest.MonkeyPatch) -> S3:
    aws.clear()
    return aws


@pytest.fixture
def store(project: Any, s3: S3, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """The built project's own store, and the project's folder as the present one."""
    for name in ("ARTEMIS_DATABASE_URL", "ARTEMIS_STAGE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(project.root)
    project.stage("local", "providers: {}\n")
    project.stage("staging", f"photos: {{buckets: [{BUCKET}]}}\n")
    project.build()
    opened = Store(f"sqlite:///{project.root}/.artemis/artemis.db")
    opened.ping()
    yield opened
    opened.close()


def decided(store: Store, subject: str, **request: Any) -> str:
    texts = {"use_case": "review", "version": "v", "stage": "local", "client": "c", "status": "decided"}
    empty = dict.fromkeys(("outcome", "decision", "failure", "salt", "forgotten_at"))
    asked = json.dumps({"user_id": subject, **request}, ensure_ascii=False)
    row = {"id": str(uuid7()), "subject": subject, "request": asked, "degraded": "[]", "timings": "{}"}
    store.save(Record({**texts, **empty, **row, "duration_ms": 1.0, "created_at": datetime.now(UTC)}))
    return str(row["id"])


def photo(s3: S3, key: str, versioned: bool = True) -> dict[str, Any]:
    """An object that is there, as a photo is recorded."""
    s3.put(BUCKET, key, b"a photo", versioned)
    place = s3.objects.begin(BUCKET, key, 10, math.inf).found.recorded()
    return {"digest": "sha256:" + "0" * 64, "format": "jpeg", "size": 7, "width": 1, "height": 1, "s3": place}


def objects(s3: S3) -> list[str]:
    """Keys of all versions that are there."""
    found = boto3.client("s3", endpoint_url=s3.url).list_object_versions(Bucket=BUCKET)
    return [one["Key"] for kind in ("Versions", "DeleteMarkers") for one in found.get(kind, [])]


def run(*arguments: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(forget, arguments, input=typed)


def test_a_person_is_erased_with_their_photos(store: Store, s3: S3, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    first = decided(store, WHO, photo=photo(s3, "u/가나.jpg"))
    decided(store, WHO, photo=photo(s3, "u/나다.jpg"))
    other = decided(store, "회원-1", photo=photo(s3, "u/다라.jpg"))
    done = run(WHO, "--yes", "--stage", "staging")
    assert done.exit_code == 0, done.output
    assert "decisions: 2 erased" in done.output
    assert "photos in S3: 2 deleted" in done.output
    assert objects(s3) == ["u/다라.jpg"]
    rows = store.get(first), store.get(other)
    assert [row and row["status"] for row in rows] == ["forgotten", "decided"]
    assert WHO not in done.output, "what is printed may be kept"
    assert WHO not in caplog.text


def test_the_report_is_json(store: Store, s3: S3) -> None:
    decided(store, WHO, photo=photo(s3, "a.jpg", versioned=False))
    report = json.loads(run(WHO, "--yes", "--stage", "staging", "--format", "json").stdout)
    assert (report["found"], report["decisions"], report["complete"]) == (True, 1, True)
    assert report["photos"] == {"deleted": 1, "gone": 0, "kept": [], "failed": []}
    assert report["mentions"]["decisions"] == []


def test_a_dry_run(store: Store, s3: S3) -> None:
    kept = decided(store, WHO, photo=photo(s3, "a.jpg"))
    done = run(WHO, "--dry-run", "--stage", "staging")
    assert done.exit_code == 0
    assert "decisions: 1 would be erased" in done.output
    assert "1 would be deleted" in done.output
    row = store.get(kept)
    assert row is not None
    assert (row["subject"], objects(s3)) == (WHO, ["a.jpg"])


def test_a_photo_that_cannot_be_deleted_keeps_its_decision(store: Store, s3: S3) -> None:
    kept = decided(store, WHO, photo=photo(s3, "a.jpg"))
    s3.faults.always(Status(403))
    done = run(WHO, "--yes", "--stage", "staging")
    s3.faults.clear()
    assert done.exit_code == 1
    assert "not deleted: s3://member-photos/a.jpg" in done.output
    assert "1 decisions stay until their photos can be deleted" in done.output
    row = store.get(kept)
    assert row is not None and row["status"] == "decided"
    assert run(WHO, "--yes", "--stage", "staging").exit_code == 0
    assert objects(s3) == []


def test_a_bucket_that_the_stage_does_not_name(store: Store, s3: S3) -> None:
    decided(store, WHO, photo=photo(s3, "a.jpg"))
    done = run(WHO, "--yes")
    assert done.exit_code == 1
    assert "stage local does not allow the bucket member-photos" in done.output
    done = run(WHO, "--yes", "--keep-photos")
    assert (done.exit_code, objects(s3)) == (0, ["a.jpg"])
    assert "kept: s3://member-photos/a.jpg" in done.output


def test_the_database_of_the_stage_is_asked_over_tls(store: Store) -> None:
    done = run("회원-1", "--yes", "--stage", "staging", "--database", "postgresql://u:s3cret@db/x?sslmode=prefer")
    assert (done.exit_code, "--database: sslmode=prefer" in done.output) == (2, True), done.output
    assert "s3cret" not in done.output


def test_an_unknown_person(store: Store) -> None:
    done = run(WHO, "--yes")
    assert done.exit_code == 1
    assert "there is no decision of this subject" in done.output


def test_an_id_that_nobody_else_is_to_see_comes_from_standard_input(store: Store) -> None:
    decided(store, WHO)
    assert run("-", "--yes", typed=f"{WHO}\n").exit_code == 0


def test_mentions_are_said_and_replaced(store: Store) -> None:
    mentions = decided(store, "회원-1", candidates=[WHO])
    done = run(WHO, "--yes")
    assert done.exit_code == 1
    assert "others that mention the subject: 1\n" in done.output
    assert f"in texts of their own: {mentions}" in done.output
    done = run(WHO, "--yes", "--mentions", "replace")
    assert (done.exit_code, "1 of them under a made-up name now" in done.output) == (0, True)
    row = store.get(mentions)
    assert row is not None and WHO not in row["request"]


def test_nobody_to_ask(store: Store) -> None:
    decided(store, WHO)
    done = run(WHO)
    assert done.exit_code == 2
    assert "Erase 1 decisions" in done.output
    assert "--yes" in done.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((WHO, "--stage", "stagin"), "there is no stage 'stagin'; known: local, staging"),
        (("",), "it is empty"),
        ((WHO, "--database", "sqlite:///nowhere.db"), "there is no database"),
        ((WHO, "--mentions", "all"), "is not one of"),
    ],
)
def test_what_cannot_be_run(store: Store, arguments: tuple[str, ...], said: str) -> None:
    done = run(*arguments, "--yes")
    assert done.exit_code == 2
    assert said in done.output
