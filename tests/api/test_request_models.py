"""Requests as pydantic lets people write them: whatever loads must decide, be stored and be traced."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from api_client import Contract, InProcess, resolve
from api_notebooks import make_project
from api_pictures import encoded, photo

from chalicelib import bootstrap
from chalicelib.http.openapi import document
from chalicelib.manifest import Manifest
from chalicelib.service import LOCAL_CLIENT
from chalicelib.settings import load

IMPORTS = """\
from typing import Any
from pydantic import BaseModel, ConfigDict, Field, computed_field
from chalicelib.usecase import Photo, Subject
"""
REQUESTS = {
    "renamed_on_the_way_in": """\
class Request(BaseModel):
    user_id: Subject = Field(validation_alias="userId")""",
    "renamed_beside_a_photo": """\
class Request(BaseModel):
    user_id: Subject = Field(validation_alias="userId")
    photo: Photo""",
    "renamed_both_ways": """\
class Request(BaseModel):
    user_id: Subject = Field(alias="userId")
    photo: Photo""",
    "computed_and_closed": """\
class Request(BaseModel):
    model_config = ConfigDict(extra="forbid")
    user_id: Subject
    photo: Photo

    @computed_field
    @property
    def loud(self) -> str:
        return self.user_id.upper()""",
    "open_in_one_place": """\
class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    a: int = 1

class Closed(BaseModel):
    a: int = 1

class Request(BaseModel):
    user_id: Subject
    open: Open = Open()
    closed: Closed = Closed()""",
    "writes_numbers_its_own_way": """\
class Request(BaseModel):
    model_config = ConfigDict(ser_json_inf_nan="constants")
    user_id: Subject
    share: float = 0""",
    "numbers_as_keys": """\
class Request(BaseModel):
    user_id: Subject
    shares: dict[float, int] = {}""",
    "photos_at_any_depth": """\
class Album(BaseModel):
    photos: list[Photo] = []

class Request(BaseModel):
    user_id: Subject
    albums: dict[str, Album] = {}
    cover: Photo | None = None""",
    "anything": """\
class Request(BaseModel):
    user_id: Subject
    free: Any = None""",
}
DECIDE = "def decide(user_id) -> Decision:\n    return Decision(user=user_id)"
DECISION = "class Decision(BaseModel):\n    user: str"


def notebook(request: str) -> list[tuple[str, str]]:
    model = f"{IMPORTS}\n{request}\n\n{DECISION}"
    return [("markdown", "# A request"), ("export", model), ("parameters", "unused: int = 1"), ("export", DECIDE)]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    notebooks = {name: notebook(request) for name, request in REQUESTS.items()}
    root = tmp_path_factory.mktemp("models")
    return Manifest.read(make_project(root, {"local": "deadline: 25\n"}, notebooks).generated)


@pytest.fixture
def api(models: Manifest, tmp_path: Path) -> InProcess:
    database = tmp_path / "decisions.db"
    settings = load({"ARTEMIS_DATABASE_URL": f"sqlite:///{database}"}, models.stages, models.use_cases)
    return InProcess(bootstrap.build(settings, models), database, Contract(document(models, LOCAL_CLIENT)))


def test_a_field_that_would_be_missing_from_the_record_is_refused_by_the_build(tmp_path: Path) -> None:
    """What was decided on must be what is stored: there is no field that only logic sees."""
    kept_out = "class Request(BaseModel):\n    user_id: Subject\n    token: str = Field(exclude=True)"
    with pytest.raises(AssertionError, match=r"request-record.*Request\.token"):
        make_project(tmp_path, {"local": "deadline: 25\n"}, {"kept_out": notebook(kept_out)})


PNG = photo(encoded("PNG"))
GOOD = {
    "renamed_on_the_way_in": {"userId": "u"},
    "renamed_beside_a_photo": {"userId": "u", "photo": PNG},
    "renamed_both_ways": {"userId": "u", "photo": PNG},
    "computed_and_closed": {"user_id": "u", "photo": PNG},
    "open_in_one_place": {"user_id": "u", "open": {"b": [1]}},
    "writes_numbers_its_own_way": {"user_id": "u", "share": 0.5},
    "numbers_as_keys": {"user_id": "u", "shares": {"0.5": 1}},
    "photos_at_any_depth": {"user_id": "u", "albums": {"a": {"photos": [PNG, PNG]}}, "cover": PNG},
    "anything": {"user_id": "u", "free": [{"a": None}]},
}


@pytest.mark.parametrize("name", GOOD)
def test_a_good_request_of_this_form_is_decided_and_traced(api: InProcess, name: str) -> None:
    made = api.decide(name, GOOD[name])
    assert made.status == 200, made.content
    assert made.json["decision"] == {"user": "u"}
    traced = api.get(made.headers["location"], {"include": ["trace"]})
    assert traced.status == 200
    assert PNG["base64"] not in traced.content.decode()


@pytest.mark.parametrize(
    ("name", "body", "pointer"),
    [
        ("open_in_one_place", {"user_id": "u", "closed": {"b": 1}}, "/closed/b"),
        ("open_in_one_place", {"user_id": "u", "b": 1}, "/b"),
        ("open_in_one_place", '{"user_id": "u", "open": {"b": [0, NaN]}}', "/open/b/1"),
        ("open_in_one_place", '{"user_id": "u", "open": {"b": "\\u0000"}}', "/open/b"),
        ("writes_numbers_its_own_way", '{"user_id": "u", "share": NaN}', "/share"),
        ("numbers_as_keys", '{"user_id": "u", "shares": {"NaN": 1}}', "/shares/NaN"),
        ("photos_at_any_depth", {"user_id": "u", "albums": {"a": {"photos": [PNG, {}]}}}, "/albums/a/photos/1"),
        ("photos_at_any_depth", {"user_id": "u", "albums": {"a": {"photo": []}}}, "/albums/a/photo"),
        ("photos_at_any_depth", {"user_id": "u", "cover": {"base64": ""}}, "/cover"),
        ("renamed_both_ways", {"userId": "", "photo": PNG}, "/userId"),
        ("renamed_both_ways", {"userId": "u", "user_id": "u", "photo": PNG}, "/user_id"),
    ],
)
def test_a_bad_request_of_this_form_is_refused_where_it_is_wrong(
    api: InProcess, name: str, body: Any, pointer: str
) -> None:
    (error,) = api.decide(name, body).problem(422, "invalid-request")["errors"]
    assert error["pointer"] == pointer
    resolve(pointer, json.loads(body) if isinstance(body, str) else body)
    assert api.rows() == (0, 0)


@pytest.mark.parametrize("depth", [50, 150, 190, *range(195, 204), 255, 300, 1000])
def test_what_can_be_read_at_any_depth_can_be_stored_and_shown(api: InProcess, depth: int) -> None:
    reply = api.decide("anything", f'{{"user_id": "u", "free": {"[" * depth}{"]" * depth}}}')
    if reply.status == 200:
        assert api.get(reply.headers["location"], {"include": ["trace"]}).status == 200
    else:
        reply.problem(400, "malformed-body")
        assert api.rows() == (0, 0)
