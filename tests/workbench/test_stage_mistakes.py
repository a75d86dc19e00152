"""Mistakes in stage files: all of them at once, with where to read on, and no warning that only follows from one."""

from __future__ import annotations

from typing import Any

import pytest

from workbench.build import build
from workbench.check import check


@pytest.fixture
def review(project: Any, sound: Any) -> Any:
    """A project with the use case photo_review, not built yet."""
    project.notebook("photo_review", sound())
    return project


def test_mistakes_of_form_and_in_settings_are_reported_together(review: Any) -> None:
    review.stage(
        "production",
        "providers: {faces: nobody, labels: local, text: rekognition}\n"
        "provider_settings: {rekognition: {min_confidence: 5, concurrency: 0, breaker: 5}}\n"
        "deadline: soon\n",
    )
    messages = [problem.message.partition(":")[0] for problem in review.build().problems]
    assert sorted(messages) == [
        "deadline",
        "provider_settings.rekognition",
        "provider_settings.rekognition",
        "provider_settings.rekognition.min_confidence",
        "providers.faces",
        "providers.labels",
    ]


def test_a_problem_says_which_document_explains_it(review: Any) -> None:
    review.stage("production", "providers: {faces: nobody}\npin: {faces: 7}\ndeadline: soon\n")
    hints = {problem.message.partition(":")[0]: problem.hint for problem in review.build().problems}
    assert hints == {
        "providers.faces": "see docs/models.md",
        "pin.faces": "see docs/models.md",
        "deadline": "see docs/operations.md",
    }


def test_a_stage_that_is_not_built_lacks_no_provider(review: Any) -> None:
    review.stage("production", "providers: {faces: rekognition}\nprovider_settings: {rekognition: {min_confidence: 5}}")
    assert [problem.rule for problem in build(review).problems] == ["stage-file"]
    review.stage("production", "providers: {text: local}")
    assert [problem.rule for problem in build(review).problems] == ["no-provider"]
    review.stage("production", "providers: {faces: nobody}")  # goes on serving what it has: nobody for faces
    assert {problem.rule for problem in build(review).problems} == {"stage-file", "no-provider"}


def test_a_check_of_one_use_case_shows_what_is_wrong_with_its_stages(review: Any, sound: Any) -> None:
    review.notebook("other", sound())
    review.notebook("third", sound.exporting("x = {}[0"))
    parameters = "{photo_review: {parameters: {nothing: 1}}, other: {parameters: {nothing: 1}}}"
    review.stage("production", f"deadline: soon\nuse_cases: {parameters}\n")
    review.stage("staging", "providers: {faces: local}\n")
    found = [problem for problem in check(review, {"photo_review"}) if problem.severity == "error"]
    assert {problem.notebook for problem in found} == {"usecases/stages/production.yaml"}
    assert [problem.rule for problem in found] == ["stage-file", "stage-parameters"]
    assert "use_cases.photo_review.parameters" in found[1].message
