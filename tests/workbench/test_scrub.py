"""What is taken out of recordings before they are committed, and what is let be."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.recordings import Recording
from workbench.scrub import Scrubber

KEY = "AKIA" + "Q" * 12 + "7XYZ"  # of the form of an AWS access key, and nobody's


def recording(**fields: Any) -> Recording:
    plain = {"capability": "predict", "digest": "ab" * 32, "asked": "m", "provider": "p", "model": "m", "version": "1"}
    return Recording(**{**plain, "result": {"value": 1.0}, **fields})


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("arn:aws:sagemaker:eu-west-1:123456789012:endpoint/x", "arn:aws:sagemaker:eu-west-1:000000000000:endpoint/x"),
        ("arn:aws-cn:s3:::bucket-123456789012/key", "arn:aws-cn:s3:::bucket-000000000000/key"),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/m:1", "000000000000.dkr.ecr.eu-west-1.amazonaws.com/m:1"),
        ("https://sqs.eu-west-1.amazonaws.com/123456789012/q", "https://sqs.eu-west-1.amazonaws.com/000000000000/q"),
        ("projects/my-firm-42/locations/eu/endpoints/7", "projects/project/locations/eu/endpoints/7"),
        ("projects/123456789", "projects/project"),
        ("run by bot@my-firm-42.iam.gserviceaccount.com", "run by service-account@project.iam.gserviceaccount.com"),
        ("12-compute@developer.gserviceaccount.com", "service-account@project.iam.gserviceaccount.com"),
        ("Bearer abcdefghijklmnopqrstuvwxyz", "Bearer token"),
        ("ya29.a0AfH6SMBx-abcdef", "token"),
        (
            "https://b.s3.amazonaws.com/k?X-Amz-Signature=abc123&x=1",
            "https://b.s3.amazonaws.com/k?X-Amz-Signature=none&x=1",
        ),
        (f"key {KEY}!", "key ********!"),
    ],
)
def test_accounts_and_secrets_are_replaced_once_and_for_all(text: str, instead: str) -> None:
    scrubber = Scrubber({})
    assert scrubber.text(text) == instead
    assert scrubber.found.total() == 1
    assert scrubber.text(instead) == instead
    assert scrubber.found.total() == 1


@pytest.mark.parametrize(
    "text",
    [
        "call me 010-1234-5678",
        "123456789012",
        "sha256:" + "0123456789ab" * 5,
        "all my projects/ideas",
        "kim@example.com",
        "the bearer of this letter",
        "KakaoTalk ID: lovely22",
    ],
)
def test_what_a_model_may_have_read_in_a_photo_is_let_be(text: str) -> None:
    scrubber = Scrubber({})
    assert scrubber.text(text) == text
    assert not scrubber.found


def test_the_values_of_secret_environment_variables_are_replaced_by_their_names() -> None:
    scrubber = Scrubber({"FRAUD_TOKEN": "correct-horse", "HOME": "/home/kim-minji", "API_KEY": "short"})
    assert scrubber.text("correct-horse at /home/kim-minji, short") == "<FRAUD_TOKEN> at /home/kim-minji, short"
    assert scrubber.found == {"value of FRAUD_TOKEN": 1}


def test_all_of_a_recording_is_looked_at_but_its_digest() -> None:
    arn = "arn:aws:iam::123456789012:role/x"
    result = [{"who": arn, "n": 123456789012, "more": [arn, None, 0.5], arn: True}]
    scrubber = Scrubber({})
    found = scrubber.recording(
        recording(capability="query", result=result, asked=arn, model=arn, version=arn, provider=arn, digest=arn)
    )
    clean = "arn:aws:iam::000000000000:role/x"
    assert found.result == [{"who": clean, "n": 123456789012, "more": [clean, None, 0.5], clean: True}]
    assert (found.asked, found.model, found.version, found.provider, found.digest) == (*[clean] * 4, arn)
    assert scrubber.found == {"AWS account": 7}


def test_a_recording_without_any_of_it_stays_as_it_is() -> None:
    assert Scrubber({}).recording(recording()) == recording()
