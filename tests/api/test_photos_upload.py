"""A large photo that was sent, on a stage that puts such in S3: what the caller, the store and the bucket get."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from dataclasses import replace

import pytest
from api_client import InProcess, MakeApi
from api_pictures import asking, encoded, photo
from moto.s3.models import s3_backends

from chalicelib.photo import Upload
from tests.emulators.aws import ACCOUNT
from tests.emulators.faults import Status
from tests.emulators.s3 import S3

JPEG = encoded("JPEG", (600, 400))


@pytest.fixture
def s3(s3: S3) -> S3:
    s3.put("member-photos", "other", b"x")
    return s3


@pytest.fixture
def api(make_api: MakeApi, s3: S3) -> InProcess:
    plain = make_api()
    settings = plain.service.settings
    photos = replace(settings.photos, upload=Upload("member-photos", 1000, "inbound/"), objects=s3.objects)
    plain.service.settings = replace(settings, photos=photos)
    return plain


def test_it_is_decided_on_and_lies_where_the_record_says(api: InProcess) -> None:
    assert api.decide("photo-probe", asking(photo(JPEG))).json["decision"]["pixels"] == 600 * 400
    with sqlite3.connect(api.database) as connection:
        ((text,),) = connection.execute("SELECT request FROM decisions").fetchall()
    record = json.loads(text)["photo"]
    key = f"inbound/{hashlib.sha256(JPEG).hexdigest()}.jpg"
    assert record["s3"]["uri"] == f"s3://member-photos/{key}"
    assert s3_backends[ACCOUNT]["aws"].get_object("member-photos", key).value == JPEG


def test_what_is_wrong_with_the_request_is_said_first(api: InProcess, s3: S3) -> None:
    s3.faults.always(Status(503))
    body = {**asking(photo(JPEG)), "more": 1}
    api.decide("photo-probe", body).problem(422, "invalid-request")
    assert s3.calls == []


def test_nothing_is_decided_where_it_cannot_be_put(api: InProcess, s3: S3) -> None:
    s3.faults.always(Status(503))
    api.decide("photo-probe", asking(photo(JPEG))).problem(503, "photo-store-unavailable")
    assert api.rows() == (0, 0)


def test_the_same_request_again_is_decided_on_the_same_facts(api: InProcess) -> None:
    for _ in range(2):
        assert api.decide("photo-probe", asking(photo(JPEG))).status == 200
    with sqlite3.connect(api.database) as connection:
        keys = connection.execute("SELECT DISTINCT fact_key FROM task_results").fetchall()
    assert len(keys) == 1
