"""What Vision's messages mean in neutral terms: likelihoods, boxes, lines of text."""

from __future__ import annotations

import math
from typing import Any

import pytest
from vision_asking import page

from chalicelib.errors import ProviderError
from chalicelib.models import TextLine
from chalicelib.providers import vision_results as results

vision = pytest.importorskip("google.cloud.vision")


def answer(**members: Any) -> Any:
    """A message as it comes off the wire."""
    wire = vision.AnnotateImageResponse.serialize(vision.AnnotateImageResponse(members))
    return vision.AnnotateImageResponse.pb(vision.AnnotateImageResponse.deserialize(wire))


def lines(annotation: dict[str, Any], unreported: float | None = None) -> list[TextLine]:
    return results.text(answer(full_text_annotation=annotation), unreported)


def said(annotation: dict[str, Any]) -> list[str]:
    return [line.text for line in lines(annotation, unreported=1.0)]


@pytest.mark.parametrize(
    ("likelihood", "score"),
    [("VERY_UNLIKELY", 0.05), ("UNLIKELY", 0.2), ("POSSIBLE", 0.5), ("LIKELY", 0.75), ("VERY_LIKELY", 0.95)],
)
def test_each_likelihood_has_its_score(likelihood: str, score: float) -> None:
    judged = results.moderation(answer(safe_search_annotation={"adult": likelihood, "racy": "VERY_UNLIKELY"}))
    assert judged.score("nudity") == score


def test_an_unknown_likelihood_is_no_score() -> None:
    judged = results.moderation(answer(safe_search_annotation={"adult": "UNKNOWN", "violence": "LIKELY"}))
    assert judged.scores == {"violence": 0.75}
    with pytest.raises(ProviderError, match="does not judge 'nudity'"):
        judged.score("nudity")


def test_categories_have_their_neutral_names_and_medical_has_none() -> None:
    found = {"adult": 1, "racy": 2, "violence": 3, "spoof": 4, "medical": 5}
    judged = results.moderation(answer(safe_search_annotation=found))
    assert judged.scores == {"nudity": 0.05, "suggestive": 0.2, "violence": 0.5, "spoof": 0.75}


def test_safe_search_that_judges_nothing_is_a_bad_answer() -> None:
    with pytest.raises(ProviderError) as caught:
        results.moderation(answer(safe_search_annotation={"medical": 1}))
    assert caught.value.code == "bad-answer"


def face(*corners: tuple[int, int], poly: str = "fd_bounding_poly", confidence: float = 0.5) -> dict[str, Any]:
    return {poly: {"vertices": [{"x": x, "y": y} for x, y in corners]}, "detection_confidence": confidence}


def box_of(found: dict[str, Any]) -> tuple[float, float, float, float]:
    (only,) = results.faces(answer(face_annotations=[found]), 200, 100)
    return only.box.left, only.box.top, only.box.width, only.box.height


def test_a_box_is_in_fractions_and_cut_off_at_the_edge() -> None:
    assert box_of(face((20, 10), (60, 10), (60, 50), (20, 50))) == (0.1, 0.1, 0.2, 0.4)
    assert box_of(face((-20, 90), (20, 90), (20, 130), (-20, 130))) == (0.0, 0.9, 0.1, 0.1)
    assert box_of(face((60, 50), (20, 50), (20, 10), (60, 10))) == (0.1, 0.1, 0.2, 0.4)  # a face upside down
    assert box_of(face((0, 0), (60, 0), (60, 50), (0, 50))) == (0.0, 0.0, 0.3, 0.5)  # zeros are not on the wire


def test_the_tight_box_is_taken_and_the_wide_one_where_there_is_none() -> None:
    tight, wide = face((20, 10), (60, 50)), face((0, 0), (80, 70), poly="bounding_poly")
    assert box_of(tight | wide) == (0.1, 0.1, 0.2, 0.4)
    assert box_of(wide) == (0.0, 0.0, 0.4, 0.7)


def test_the_most_confident_face_and_label_come_first() -> None:
    faces = [face((0, 0), (9, 9), confidence=0.3), face((0, 0), (9, 9), confidence=0.8)]
    assert [one.confidence for one in results.faces(answer(face_annotations=faces), 10, 10)] == [0.8, 0.3]
    labels = [{"description": "Cat", "score": 0.6}, {"description": "Pet Store", "score": 0.9}]
    assert [one.name for one in results.labels(answer(label_annotations=labels))] == ["pet store", "cat"]


@pytest.mark.parametrize("wrong", [face(), face((1, 1), (2, 2), confidence=math.nan)])
def test_a_face_without_a_place_or_a_number_is_a_bad_answer(wrong: dict[str, Any]) -> None:
    with pytest.raises(ProviderError) as caught:
        results.faces(answer(face_annotations=[wrong]), 10, 10)
    assert caught.value.code == "bad-answer"


def test_korean_lines_survive_and_a_lines_confidence_is_the_mean_of_its_words() -> None:
    found = lines(page([("연락처:", 0.9), ("010-1234-5678", 0.7)], [("카톡", 0.5)]))
    assert found == [TextLine(text="연락처: 010-1234-5678", confidence=0.8), TextLine(text="카톡", confidence=0.5)]


@pytest.mark.parametrize(
    ("after", "text"),
    [(5, ["one", "two"]), (3, ["one", "two"]), (4, ["one-", "two-"]), (2, ["one two"]), (0, ["onetwo"])],
)
def test_each_kind_of_break_ends_a_line_or_does_not(after: int, text: list[str]) -> None:
    assert said(page([("one", 1.0)], [("two", 1.0)], after=after)) == text


def test_a_break_may_stand_before_its_symbol() -> None:
    found = page([("one", 0.9)], [("two", 0.5)], after=0)
    first = found["pages"][0]["blocks"][0]["paragraphs"][0]["words"][1]["symbols"][0]
    first["property"] = {"detected_break": {"type_": 5, "is_prefix": True}}
    assert lines(found) == [TextLine(text="one", confidence=0.9), TextLine(text="two", confidence=0.5)]


def test_paragraphs_and_blocks_are_lines_of_their_own() -> None:
    one, two = (page([(word, 1.0)], after=0)["pages"][0]["blocks"][0]["paragraphs"][0] for word in ("one", "two"))
    assert said({"pages": [{"blocks": [{"paragraphs": [one, two]}, {"paragraphs": [two]}]}]}) == ["one", "two", "two"]


def test_a_word_without_a_confidence_has_that_of_its_page() -> None:
    assert lines(page([("one", 0.0), ("two", 0.9)], confidence=0.7)) == [TextLine(text="one two", confidence=0.8)]
    assert lines(page([("one", 0.0), ("two", 0.9)])) == [TextLine(text="one two", confidence=0.9)]


def test_text_without_any_confidence_is_a_bad_answer_unless_the_settings_say_what_it_counts_for() -> None:
    silent = page([("one", 0.0)])
    with pytest.raises(ProviderError, match="unreported_confidence") as caught:
        lines(silent)
    assert caught.value.code == "bad-answer"
    assert lines(silent, unreported=0.6) == [TextLine(text="one", confidence=0.6)]


def test_where_the_page_is_missing_the_whole_text_is_split_into_lines() -> None:
    found = answer(text_annotations=[{"description": "안녕 hello\ntwo\n"}, {"description": "안녕"}])
    assert [line.text for line in results.text(found, 1.0)] == ["안녕 hello", "two"]
