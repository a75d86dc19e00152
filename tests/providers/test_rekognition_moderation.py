"""What Rekognition's moderation labels, of taxonomy 6 and 7, mean in our categories."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aws_account import failure
from pydantic import ValidationError

from chalicelib.photo import Photo
from chalicelib.providers.local import Local
from chalicelib.providers.rekognition import Rekognition
from chalicelib.providers.rekognition_taxonomy import NAMES, TABLE
from tests.emulators.aws import Aws

SAMPLES = Path(__file__).parents[2] / "usecases" / "samples"
NOTHING = dict.fromkeys(NAMES, 0.0)


@pytest.fixture(scope="module")
def portrait() -> Photo:
    return Photo.open(SAMPLES / "portrait.jpg")


def provider(aws: Aws, **settings: Any) -> Rekognition:
    return Rekognition({"endpoint": aws.url, "timeout": 60, **settings})


def moderated(aws: Aws, photo: Photo, *labels: tuple[str, str, float], **settings: Any) -> Any:
    """The answer where Rekognition reports these labels: name, parent, confidence."""
    said = [{"Name": name, "ParentName": parent, "Confidence": confidence} for name, parent, confidence in labels]
    aws.answers["DetectModerationLabels"] = {"ModerationLabels": said, "ModerationModelVersion": aws.taxonomy}
    return provider(aws, **settings).moderation(photo)


def test_every_label_of_both_taxonomies_has_a_category_and_none_is_in_two() -> None:
    names = [name for text in NAMES.values() for line in text.splitlines() for name in line.split(" / ")]
    assert len([name for name in names if name.strip()]) == len({name.strip().casefold() for name in names} - {""})
    assert set().union(*TABLE.values()) == set(NAMES)


# The taxonomies' tops, as Amazon's documentation lists them.
TOPS = {
    "7.0": {
        "Explicit": ["nudity"],
        "Non-Explicit Nudity of Intimate parts and Kissing": ["suggestive"],
        "Swimwear or Underwear": ["suggestive"],
        "Violence": ["violence"],
        "Visually Disturbing": ["disturbing"],
        "Drugs & Tobacco": ["drugs", "tobacco"],
        "Alcohol": ["alcohol"],
        "Rude Gestures": ["rude"],
        "Gambling": ["gambling"],
        "Hate Symbols": ["hate"],
    },
    "6.1": {
        "Explicit Nudity": ["nudity"],
        "Suggestive": ["suggestive"],
        "Violence": ["violence"],
        "Visually Disturbing": ["disturbing"],
        "Rude Gestures": ["rude"],
        "Drugs": ["drugs"],
        "Tobacco": ["tobacco"],
        "Alcohol": ["alcohol"],
        "Gambling": ["gambling"],
        "Hate Symbols": ["hate"],
    },
}


@pytest.mark.parametrize(
    ("taxonomy", "name", "categories"),
    [(taxonomy, name, categories) for taxonomy, tops in TOPS.items() for name, categories in tops.items()],
)
def test_each_top_level_label_scores_its_category(
    aws: Aws, portrait: Photo, taxonomy: str, name: str, categories: list[str]
) -> None:
    aws.taxonomy = taxonomy
    answer = moderated(aws, portrait, (name, "", 87.5))
    assert answer.result.scores == NOTHING | dict.fromkeys(categories, 0.875)
    assert answer.version == taxonomy


EXPLICIT, BARE, DRUGS = "Explicit", "Non-Explicit Nudity of Intimate parts and Kissing", "Drugs & Tobacco"
USE = "Drugs & Tobacco Paraphernalia & Use"


@pytest.mark.parametrize(
    ("labels", "scores"),
    [
        ([("Explicit Nudity", EXPLICIT, 80), ("Sex Toys", EXPLICIT, 90)], {"nudity": 0.9}),
        ([("Exposed Male Nipple", "Non-Explicit Nudity", 95), (BARE, "", 99)], {"suggestive": 0.99}),
        ([("Female Swimwear Or Underwear", "Suggestive", 95)], {"suggestive": 0.95}),
        ([("Graphic Male Nudity", "Explicit Nudity", 95)], {"nudity": 0.95}),
        ([("Smoking", "Tobacco", 70), ("Pills", "Drugs", 60)], {"tobacco": 0.7, "drugs": 0.6}),
        ([("Smoking", USE, 99), (USE, DRUGS, 99), (DRUGS, "", 99)], {"tobacco": 0.99}),
        ([("Pills", "Products", 99), ("Products", DRUGS, 99), (DRUGS, "", 99)], {"drugs": 0.99}),
        ([("Smoking", USE, 60), (USE, DRUGS, 99), (DRUGS, "", 99)], {"tobacco": 0.99, "drugs": 0.99}),
        ([("Products", DRUGS, 99), (DRUGS, "", 99)], {"tobacco": 0.99, "drugs": 0.99}),
        ([("Explosions and Blasts", "Graphic Violence", 50), ("Graphic Violence", "Violence", 50)], {"violence": 0.5}),
        ([("Explosions And Blasts", "Visually Disturbing", 50), ("Visually Disturbing", "", 50)], {"disturbing": 0.5}),
        ([("A Later Label", "Hate Symbols", 40), ("Hate Symbols", "", 40)], {"hate": 0.4}),
        ([("Newer", "New", 40), ("New", "Violence", 40), ("Violence", "", 40)], {"violence": 0.4}),
    ],
)
def test_lower_labels_score_what_they_mean(
    aws: Aws, portrait: Photo, labels: list[tuple[str, str, float]], scores: dict[str, float]
) -> None:
    assert moderated(aws, portrait, *labels).result.scores == NOTHING | scores


def test_a_label_that_nobody_knows_is_no_silent_zero(aws: Aws, portrait: Photo) -> None:
    error = failure(moderated, aws, portrait, ("Rogue Drones", "", 80), ("Violence", "", 10))
    assert (error.code, error.attempts) == ("bad-answer", 1)
    assert "Rogue Drones" in str(error) and "moderation_labels" in str(error)
    assert failure(moderated, aws, portrait, ("Loop", "Loop", 80)).code == "bad-answer"
    assert "\n" not in str(failure(moderated, aws, portrait, ("arn:aws:x\n", "", 80)))


def test_the_settings_say_what_a_new_label_means(aws: Aws, portrait: Photo) -> None:
    labels = {"rogue drones": "violence", "Nice Weather": None, "Mask": "spoof"}
    seen = [("Rogue Drones", "", 80.0), ("Nice Weather", "", 99.0)]
    answer = moderated(aws, portrait, *seen, moderation_labels=labels)
    assert answer.result.scores == NOTHING | {"violence": 0.8, "spoof": 0.0}
    with pytest.raises(ValidationError):
        provider(aws, moderation_labels={"Rogue Drones": "violense"})


def test_the_emulator_reports_nudity_in_either_taxonomy(
    aws: Aws, portrait: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    nude = SimpleNamespace(result=SimpleNamespace(scores={"nudity": 0.93}))
    monkeypatch.setattr(Local, "moderation", lambda self, photo: nude)
    for aws.taxonomy in ("6.1", "7.0"):
        answer = provider(aws).moderation(portrait)
        assert (answer.result.scores, answer.version) == (NOTHING | {"nudity": 0.93}, aws.taxonomy)


@pytest.mark.parametrize("confidence", [math.nan, math.inf, -1, 101, "high", None])
def test_a_confidence_that_is_no_percentage_is_a_bad_answer(aws: Aws, portrait: Photo, confidence: Any) -> None:
    error = failure(moderated, aws, portrait, ("Explicit", "", confidence))
    assert error.code == "bad-answer"
