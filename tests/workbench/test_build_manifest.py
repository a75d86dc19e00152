"""The manifest: what serving and documentation know of a use case without its notebook."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

PARAMETERS = """from typing import Annotated

from pydantic import Field

# where a comment of its own line means nothing
faces_max: Annotated[int, Field(ge=1, le=50)] = 2  # more faces than this: review
share_min: Annotated[float, Field(ge=0, le=1)] = 0.1  #얼굴 크기 # in relation to the photo
words: list[str] = ["sale", "# no comment"]
levels: dict[str, float] = {
    "low": 0.1,
    "high": 0.9,
}  # by name
silent: str | None = None
"""
MODELS = '''from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.models import Face
from chalicelib.usecase import Photo, Subject, task


class Place(BaseModel):
    city: str


class Notes(BaseModel):
    model_config = ConfigDict(extra="allow")

    text: str = ""


class Request(BaseModel):
    """One photo of a member."""

    user_id: Subject
    photo: Photo
    place: Place
    notes: Notes = Notes()


class Decision(BaseModel):
    outcome: Literal["approve", "review"] = Field(description="what happens")
    doubt: float = 0.0
'''


@pytest.fixture
def entry(project: Any, sound: Any, cell: Any) -> dict[str, Any]:
    """The entry of a use case with a helper that no step needs, and a step that decide does not reach."""
    tasks = sound.source("tasks") + (
        "\n\n\n@task(timeout=2.5, fallback=None)\ndef text(photo: Photo, models) -> str | None:\n    return None"
        "\n\n\n@task\ndef unreached(photo: Photo) -> int:\n    return 1"
    )
    decide = sound.source("decide").replace("decide(crowded: bool)", "decide(crowded: bool, text, place, now)")
    helper = cell("def helper(limit=3):\n    return limit", "export", name="helper")
    project.notebook("photo_review", sound(helper, models=MODELS, parameters=PARAMETERS, tasks=tasks, decide=decide))
    project.stage("local", "")
    project.stage("staging", "use_cases: {photo_review: {parameters: {faces_max: 2}}}")
    project.stage("production", "use_cases: {photo_review: {parameters: {faces_max: 3}}}")
    assert project.build().problems == []
    found: dict[str, Any] = project.entry("photo_review")
    return found


def test_the_title_and_description_come_from_the_first_markdown_cell(entry: dict[str, Any]) -> None:
    assert (entry["title"], entry["description"]) == ("Photo review", "May this photo go live?")
    assert entry["notebook"] == "usecases/photo_review.ipynb"


def test_a_notebook_without_a_heading_is_titled_by_its_name(project: Any, sound: Any) -> None:
    project.notebook("photo_review", sound()[1:])
    project.build()
    assert (project.entry("photo_review")["title"], project.entry("photo_review")["description"]) == (
        "Photo review",
        "",
    )


def test_a_parameters_description_is_the_comment_that_ends_its_line(entry: dict[str, Any]) -> None:
    assert {name: parameter["description"] for name, parameter in entry["parameters"].items()} == {
        "faces_max": "more faces than this: review",
        "share_min": "얼굴 크기 # in relation to the photo",
        "words": "",
        "levels": "by name",
        "silent": "",
    }


def test_a_parameter_has_its_default_and_its_annotation_as_written(entry: dict[str, Any]) -> None:
    parameters = entry["parameters"]
    assert {name: parameter["default"] for name, parameter in parameters.items()} == {
        "faces_max": 2,
        "share_min": 0.1,
        "words": ["sale", "# no comment"],
        "levels": {"low": 0.1, "high": 0.9},
        "silent": None,
    }
    assert parameters["faces_max"]["type"] == "Annotated[int, Field(ge=1, le=50)]"
    assert parameters["levels"]["type"] == "dict[str, float]"


def test_the_steps_are_those_decide_reaches_each_after_those_it_needs(entry: dict[str, Any]) -> None:
    steps = {step["name"]: step for step in entry["steps"]}
    order = [step["name"] for step in entry["steps"]]
    assert sorted(order) == ["crowded", "decide", "faces", "text"]
    assert order[-1] == "decide"
    for step in entry["steps"]:
        assert all(order.index(need) < order.index(step["name"]) for need in step["needs"] if need in steps)
    assert steps["decide"]["needs"] == ["crowded", "text", "place", "now"]


def test_a_step_says_what_kind_it_is_and_where_it_stands(entry: dict[str, Any]) -> None:
    steps = {step["name"]: step for step in entry["steps"]}
    assert {name: step["kind"] for name, step in steps.items()} == {
        "faces": "task",
        "text": "task",
        "crowded": "step",
        "decide": "decide",
    }
    assert {name: step["cell"] for name, step in steps.items()} == {"faces": 4, "text": 4, "crowded": 5, "decide": 5}
    assert steps["faces"]["description"] == "Every face in the photo."
    assert steps["text"]["description"] == ""


def test_a_task_says_its_timeout_and_its_fallback(entry: dict[str, Any]) -> None:
    steps = {step["name"]: step for step in entry["steps"]}
    assert (steps["faces"]["timeout"], steps["faces"]["fallback"]) == (5, None)
    assert (steps["text"]["timeout"], steps["text"]["fallback"]) == (2.5, "null")
    assert "timeout" not in steps["crowded"]


def test_the_subject_is_the_field_that_is_marked(entry: dict[str, Any], project: Any, sound: Any) -> None:
    assert entry["subject"] == "user_id"
    project.notebook("anonymous", sound(models=sound.source("models").replace("    user_id: Subject\n", "")))
    project.build()
    assert project.entry("anonymous")["subject"] is None


def test_the_request_schema_refuses_unknown_fields_nested_too_unless_the_model_allows_them(
    entry: dict[str, Any],
) -> None:
    schema = entry["request"]
    jsonschema.Draft202012Validator.check_schema(schema)
    request = {"user_id": "u-1", "photo": {"sample": "a.jpg"}, "place": {"city": "서울"}}
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid(request)
    assert not validator.is_valid(request | {"extra": 1})
    assert not validator.is_valid(request | {"place": {"city": "서울", "extra": 1}})
    assert validator.is_valid(request | {"notes": {"text": "", "extra": 1}})
    assert schema["additionalProperties"] is False
    assert schema["$defs"]["Place"]["additionalProperties"] is False


def test_the_request_schema_holds_the_words_and_bounds_of_the_model(entry: dict[str, Any]) -> None:
    schema = entry["request"]
    assert schema["description"] == "One photo of a member."
    assert schema["required"] == ["user_id", "photo", "place"]
    assert schema["properties"]["user_id"]["maxLength"] == 200


def test_the_decision_schema_is_of_what_is_written(entry: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator.check_schema(entry["decision"])
    assert entry["decision"]["properties"]["outcome"]["enum"] == ["approve", "review"]
    assert entry["decision"]["properties"]["outcome"]["description"] == "what happens"


def test_every_stage_has_its_version_which_differs_when_its_parameters_do(entry: dict[str, Any]) -> None:
    versions = entry["versions"]
    assert versions.keys() == {"local", "staging", "production"}
    assert versions["local"] == versions["staging"]  # an override with the default's value decides the same
    assert versions["local"] != versions["production"]


def test_a_stages_version_is_that_of_the_loaded_use_case(entry: dict[str, Any], project: Any) -> None:
    assert project.load("photo_review").version == entry["versions"]["local"]
    assert project.load("photo_review", faces_max=3).version == entry["versions"]["production"]


def test_the_version_differs_when_the_code_does(entry: dict[str, Any], project: Any, sound: Any) -> None:
    before = entry["versions"]
    project.notebook("photo_review", sound())
    project.build()
    after = project.entry("photo_review")["versions"]
    assert all(after[stage] != before[stage] for stage in before)


def test_the_manifest_holds_every_stage_file(entry: dict[str, Any], project: Any) -> None:
    assert project.manifest["stages"] == {
        "local": {},
        "staging": {"use_cases": {"photo_review": {"parameters": {"faces_max": 2}}}},
        "production": {"use_cases": {"photo_review": {"parameters": {"faces_max": 3}}}},
    }
