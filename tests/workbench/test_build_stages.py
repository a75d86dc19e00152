"""Stage files: what is wrong in one is named, and nothing that would not fit is built in."""

from __future__ import annotations

from typing import Any

import pytest

PRODUCTION = "usecases/stages/production.yaml"


@pytest.fixture
def review(project: Any, sound: Any) -> Any:
    """A project with the use case photo_review, not built yet."""
    project.notebook("photo_review", sound())
    return project


BAD = {  # a stage file -> (rule, what the message names)
    "an unknown key": ("provider: {faces: local}", "stage-file", "provider"),
    "an unknown use case": ("use_cases: {foto_review: {}}", "stage-file", "foto_review"),
    "an unknown capability": ("providers: {smell: local}", "stage-file", "smell: no such capability; known: moder"),
    "a misspelt capability": ("providers: {moderaton: local}", "stage-file", "did you mean 'moderation'?"),
    "an unknown provider": ("providers: {faces: nobody}", "stage-file", "nobody"),
    "a misspelt provider": ("providers: {faces: rekogniton}", "stage-file", "did you mean 'rekognition'?"),
    "a list of providers": ("providers: {faces: [local, nobody]}", "stage-file", "nobody"),
    "a list of nobody": ("providers: {faces: []}", "stage-file", "faces"),
    "a provider twice": ("providers: {faces: [local, local]}", "stage-file", "twice"),
    "a provider that cannot": ("providers: {labels: local}", "stage-file", "local does not answer it"),
    "a model of what has none": ("providers: {faces/mine: local}", "stage-file", "only predict has models"),
    "settings of nobody": ("provider_settings: {nobody: {}}", "stage-file", "nobody"),
    "an unknown setting": (
        "provider_settings: {rekognition: {regoin: eu-west-1}}",
        "stage-file",
        "provider_settings.rekognition.regoin: there is no such setting; did you mean 'region'?",
    ),
    "a setting of another kind": (
        "provider_settings: {rekognition: {timeout: soon}}",
        "stage-file",
        "provider_settings.rekognition.timeout",
    ),
    "an unknown setting of a model": (
        "provider_settings: {sagemaker: {models: {score: {endpiont: e}}}}",
        "stage-file",
        "provider_settings.sagemaker.models.score.endpiont: there is no such setting; did you mean 'endpoint'?",
    ),
    "a setting that is like none": ("provider_settings: {local: {zzz: 1}}", "stage-file", "known: "),
    "a word that YAML takes for true or false": (
        "provider_settings: {http: {models: {m: {url: 'http://127.0.0.1/', classes: [no, up]}}}}",
        "stage-file",
        'a valid string; yes, no, on and off are true and false in YAML: write "no" in quotes',
    ),
    "a server without TLS": (
        "provider_settings: {http: {models: {m: {url: 'http://far.example/'}}}}",
        "stage-file",
        "provider_settings.http: m: http is for this machine",
    ),
    "a key twice": (
        "providers: {faces: local}\nproviders: {faces: local}",
        "stage-file",
        "providers: stands there twice",
    ),
    "a capability twice": (
        "providers: {faces: local, faces: rekognition}",
        "stage-file",
        "providers.faces: stands there",
    ),
    "no place for a call": ("provider_settings: {local: {concurrency: 0}}", "stage-file", "concurrency: 0"),
    "a breaker that is a number": ("provider_settings: {local: {breaker: 5}}", "stage-file", "failures and seconds"),
    "a model that is not set up": (
        "providers: {predict/score: sagemaker}\nprovider_settings: {sagemaker: {models: {other: {endpoint: e}}}}",
        "stage-file",
        "provider_settings.sagemaker.models has no 'score'",
    ),
    "a pin of nobody": ('pin: {faces: "1"}', "stage-file", "nobody is named for it"),
    "a pin that is a number": ("providers: {faces: local}\npin: {faces: 7.0}", "stage-file", "write it in quotes"),
    "a pin for one of two": (
        'providers: {text: [google_vision, rekognition]}\npin: {text: "3"}',
        "stage-file",
        'say of which provider: {google_vision: "3"}',
    ),
    "a pin that could never hold": (
        'providers: {text: [google_vision, rekognition]}\npin: {text: {google_vision: "1"}}',
        "stage-file",
        "google_vision reports no version of it",
    ),
    "an age without a unit": ("reuse: {faces: 30}", "stage-file", "such as 30d"),
    "an unknown parameter": (
        "use_cases: {photo_review: {parameters: {face_max: 2}}}",
        "stage-parameters",
        "'face_max'",
    ),
    "a text for a number": (
        "use_cases: {photo_review: {parameters: {faces_max: '2'}}}",
        "stage-parameters",
        "'faces_max'",
    ),
    "a fraction for a whole number": (
        "use_cases: {photo_review: {parameters: {faces_max: 0.6}}}",
        "stage-parameters",
        "'faces_max'",
    ),
    "true for a number": (
        "use_cases: {photo_review: {parameters: {faces_max: yes}}}",
        "stage-parameters",
        "'faces_max'",
    ),
    "a date for a number": (
        "use_cases: {photo_review: {parameters: {faces_max: 2026-01-31}}}",
        "stage-parameters",
        "faces_max",
    ),
    "an endless number": (
        "use_cases: {photo_review: {parameters: {faces_max: .inf}}}",
        "stage-parameters",
        "parameter",
    ),
    "a key that is no text": ("use_cases: {3: {}}", "stage-file", "3"),
    "a parameter that is no text": (
        "use_cases: {photo_review: {parameters: {3: 4, faces_max: 1}}}",
        "stage-parameters",
        "3",
    ),
    "keys beside parameters": ("use_cases: {photo_review: {faces_max: 2}}", "stage-file", "photo_review"),
    "parameters that are a list": ("use_cases: {photo_review: {parameters: [2]}}", "stage-file", "parameters"),
    "use cases that are a list": ("use_cases: [photo_review]", "stage-file", "use_cases"),
    "a list": ("- providers", "stage-file", "mapping"),
    "a text": ("providers", "stage-file", "mapping"),
    "no YAML": ("providers: {faces: local", "stage-file", "not YAML"),
    "a tab for indentation": ("providers:\n\tfaces: local", "stage-file", "not YAML"),
    "a tag that would run code": ("providers: !!python/object/apply:os.getcwd []", "stage-file", "not YAML"),
    "a deadline that is no number": ("deadline: soon", "stage-file", "deadline"),
    "a date": ("deadline: 2026-01-31", "stage-file", "deadline"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_stage_file_is_reported_with_what_is_wrong_in_it(case: str, review: Any) -> None:
    text, rule, named = BAD[case]
    review.stage("production", text)
    problems = review.build().problems
    assert {(problem.rule, problem.notebook, problem.cell) for problem in problems} == {(rule, PRODUCTION, 0)}
    assert any(named in problem.message for problem in problems)


@pytest.mark.parametrize("case", BAD)
def test_a_bad_stage_file_is_reported_until_it_is_mended(case: str, review: Any) -> None:
    review.stage("production", BAD[case][0])
    assert review.build().failed
    assert review.check().failed
    assert review.build().failed
    review.stage("production", "providers: {faces: local}")
    assert review.build().problems == []
    assert review.check().changes == {}
    assert review.entry("photo_review")["versions"].keys() == {"production"}


def test_a_file_that_is_not_utf8_is_reported(review: Any) -> None:
    review.file(PRODUCTION, "# 설정\n".encode("cp949"))
    (problem,) = review.build().problems
    assert (problem.rule, problem.notebook) == ("stage-file", PRODUCTION)


def test_every_misfit_of_every_stage_is_reported(review: Any) -> None:
    review.stage("production", "use_cases: {photo_review: {parameters: {faces_max: x, face_max: 1}}}\nmore: 1")
    review.stage("staging", "use_cases: {photo_review: {parameters: {faces_max: []}}, other: {}}")
    found = sorted((problem.notebook, problem.rule) for problem in review.build().problems)
    assert found == [
        (PRODUCTION, "stage-file"),
        (PRODUCTION, "stage-parameters"),
        (PRODUCTION, "stage-parameters"),
        ("usecases/stages/staging.yaml", "stage-file"),
        ("usecases/stages/staging.yaml", "stage-parameters"),
    ]


def test_an_unknown_parameters_report_says_which_was_meant(review: Any) -> None:
    review.stage("production", "use_cases: {photo_review: {parameters: {face_max: 2}}}")
    (problem,) = review.build().problems
    assert "photo_review" in problem.message
    assert "did you mean 'faces_max'?" in problem.hint


def test_a_misfit_keeps_the_last_good_module_and_others_are_built(review: Any, sound: Any) -> None:
    review.build()
    before = review.module("photo_review").read_bytes()
    review.stage("production", "use_cases: {photo_review: {parameters: {faces_max: '2'}}}")
    review.notebook("other", sound())
    report = review.build()
    assert report.changes["photo_review"] == "not built"
    assert review.module("photo_review").read_bytes() == before
    assert review.module("other").exists()


@pytest.mark.parametrize(
    "text", ["", "# nothing yet\n", "{}", "use_cases:\n", "use_cases: {photo_review: {parameters: }}"]
)
def test_an_empty_stage_file_is_fine(text: str, review: Any) -> None:
    review.stage("production", text)
    assert review.build().problems == []
    assert review.entry("photo_review")["versions"].keys() == {"production"}


@pytest.mark.parametrize("name", ["photo_review", "photo-review"])
def test_a_stage_file_may_write_a_use_cases_name_either_way(name: str, review: Any) -> None:
    review.stage("production", f"use_cases: {{{name}: {{parameters: {{faces_max: 5}}}}}}")
    review.stage("staging", "")
    assert review.build().problems == []
    versions = review.entry("photo_review")["versions"]
    assert versions["production"] != versions["staging"]


WHOLE = """\
# production
providers:
  faces: local
use_cases:
  photo-review:
    parameters:
      faces_max: "2"
"""
PLACED = {  # a stage file -> line and column of the key that is wrong
    "a value that does not fit": (WHOLE, 7, 7),
    "an unknown parameter": (WHOLE.replace("faces_max", "face_max"), 7, 7),
    "an unknown use case": (WHOLE.replace("photo-review", "foto-review"), 5, 3),
    "an unknown provider": (WHOLE.replace("local", "nobody"), 3, 3),
    "an unknown key": (WHOLE.replace("providers:", "provider:"), 2, 1),
    "no YAML": (WHOLE.replace("local", "local: x"), 3, 15),
    "a key twice": (WHOLE + "providers: {}\n", 8, 1),
    "a model of predict twice": ("providers:\n  predict/a: local\n  predict/a: local\n", 3, 3),
    "in one line": ('use_cases: {photo_review: {parameters: {"faces_max": 0.5}}}', 1, 41),
}


@pytest.mark.parametrize("case", PLACED)
def test_a_problem_of_a_stage_file_has_its_line(case: str, review: Any) -> None:
    text, line, column = PLACED[case]
    review.stage("production", text)
    problem = next(problem for problem in review.build().problems if (problem.line, problem.column) == (line, column))
    assert (problem.notebook, problem.cell) == (PRODUCTION, 0)
    assert problem.code == text.split("\n")[line - 1]


def test_the_report_shows_the_line_and_a_caret(review: Any) -> None:
    review.stage("production", WHOLE)
    shown = review.artemis("check").stdout
    assert f"{PRODUCTION}  line 7" in shown
    assert '    7 |       faces_max: "2"\n              ^' in shown


def test_what_is_no_yaml_is_said_in_words(review: Any) -> None:
    review.stage("production", "providers: [\n")
    (problem,) = review.build().problems
    assert "byte string" not in problem.message
    assert "expected" in problem.message


def test_a_stage_that_keeps_its_last_good_file_gets_no_version_of_the_refused_one(project: Any, sound: Any) -> None:
    project.notebook("photo_review", sound())
    project.stage("local", "use_cases: {photo_review: {parameters: {faces_max: 3}}}")
    project.build()
    good = project.entry("photo_review")["versions"]["local"]
    project.stage("local", "use_cases: {photo_review: {parameters: {faces_max: 4}}}\nnonsense: 1")
    project.notebook("photo_review", sound.exporting("LIMIT = 3"))
    assert project.build().failed
    assert project.manifest["stages"]["local"]["use_cases"]["photo_review"]["parameters"] == {"faces_max": 3}
    assert "local" not in project.entry("photo_review")["versions"]
    project.stage("local", "use_cases: {photo_review: {parameters: {faces_max: 3}}}")
    assert not project.build().failed
    assert project.entry("photo_review")["versions"]["local"] not in (None, good)
