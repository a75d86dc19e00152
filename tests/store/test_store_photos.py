"""A photo's bytes are stored nowhere: what is kept is its digest, format and size."""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.asking import Answer, Asking
from chalicelib.calling.router import Router
from chalicelib.engine import Engine
from chalicelib.manifest import Manifest
from chalicelib.models import Box, Face, Moderation
from chalicelib.service import LOCAL_CLIENT, Service
from chalicelib.settings import load

PORTRAIT = Path(__file__).resolve().parents[2] / "usecases" / "samples" / "portrait.jpg"
PIECE = 40  # bytes; long enough to be nothing else


class Fake:
    """A provider that sees a face in everything."""

    def moderation(self, photo: Any, asking: Asking) -> Answer:
        return Answer(Moderation(scores={"nudity": 0.0}), "fake", "1")

    def faces(self, photo: Any, asking: Asking) -> Answer:
        box = Box(left=0.2, top=0.2, width=0.5, height=0.5)
        return Answer([Face(box=box, confidence=0.99)], "fake", "1")

    def text(self, photo: Any, asking: Asking) -> Answer:
        return Answer([], "fake", "1")


class Failing(Fake):
    """One that fails with the photo in its hands."""

    def faces(self, photo: Any, asking: Asking) -> Answer:
        raise RuntimeError(f"cannot see: {photo!r} {photo}")


def decide(provider: Fake, database: Path) -> Service:
    manifest = Manifest.read()
    environment = {"ARTEMIS_DATABASE_URL": f"sqlite:///{database}"}
    service = bootstrap.build(load(environment, manifest.stages, manifest.use_cases), manifest)
    service.engine = Engine(Router.to(provider).models)
    photo = {"base64": base64.b64encode(PORTRAIT.read_bytes()).decode()}
    body = json.dumps({"user_id": "u-1", "photo": photo})
    try:
        service.decide(LOCAL_CLIENT, "profile_photo_review", body)
    except Exception as error:
        assert isinstance(provider, Failing), error
    return service


@pytest.mark.parametrize("provider", [Fake(), Failing()], ids=["decided", "failed"])
def test_no_file_of_the_database_holds_a_piece_of_the_photo(tmp_path: Path, provider: Fake) -> None:
    database = tmp_path / "decisions.db"
    decide(provider, database)
    data = PORTRAIT.read_bytes()
    encoded = base64.b64encode(data)
    forms = [
        form
        for start in range(0, len(data) - PIECE, len(data) // 50)
        for form in (data[start : start + PIECE], data[start : start + PIECE].hex().encode())
    ]
    forms += [encoded[start : start + PIECE] for start in range(0, len(encoded) - PIECE, len(encoded) // 50)]
    files = [path.read_bytes() for path in tmp_path.iterdir()]
    assert sum(map(len, files)) > 4096
    assert not [form for form in forms for content in files if form in content]


def test_what_is_kept_is_digest_format_and_size(tmp_path: Path) -> None:
    database = tmp_path / "decisions.db"
    decide(Fake(), database)
    connection = sqlite3.connect(database)
    (request,) = connection.execute("SELECT request FROM decisions").fetchone()
    photo = json.loads(request)["photo"]
    data = PORTRAIT.read_bytes()
    assert photo.keys() == {"digest", "format", "size", "width", "height"}
    assert photo["digest"] == "sha256:" + hashlib.sha256(data).hexdigest()
    assert (photo["format"], photo["size"]) == ("jpeg", len(data))


def test_no_column_can_hold_bytes(tmp_path: Path) -> None:
    database = tmp_path / "decisions.db"
    decide(Fake(), database)
    connection = sqlite3.connect(database)
    for table in ("decisions", "task_results", "paid_answers"):
        for row in connection.execute(f"SELECT * FROM {table}"):
            assert not [value for value in row if isinstance(value, bytes)]
