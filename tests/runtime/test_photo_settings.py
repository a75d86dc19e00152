"""What a stage file may say of photos."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from chalicelib.photo import PhotoPolicy, Upload
from chalicelib.photo_settings import check, policy

WRONG: list[tuple[str, Any, str]] = [
    ("bucket", "member-photos", "unknown key"),
    ("buckets", "member-photos", "list of bucket names"),
    ("buckets", {"a": 1}, "list of bucket names"),
    ("buckets", ["arn:aws:s3:::member-photos"], "not the name of an S3 bucket"),
    ("buckets", ["arn:aws:s3:eu-west-1:123456789012:accesspoint/photos"], "not the name of an S3 bucket"),
    ("buckets", ["s3://member-photos"], "not the name of an S3 bucket"),
    ("buckets", ["member-photos/inbound"], "not the name of an S3 bucket"),
    ("buckets", ["*"], "not the name of an S3 bucket"),
    ("buckets", ["Member-Photos"], "not the name of an S3 bucket"),
    ("buckets", ["member_photos"], "not the name of an S3 bucket"),
    ("buckets", ["a..b"], "not the name of an S3 bucket"),
    ("buckets", ["127.0.0.1"], "not the name of an S3 bucket"),
    ("buckets", ["ab"], "not the name of an S3 bucket"),
    ("buckets", ["a" * 64], "not the name of an S3 bucket"),
    ("buckets", ["photos\n"], "not the name of an S3 bucket"),
    ("buckets", [7], "not the name of an S3 bucket"),
    ("max_bytes", 0, "positive whole number"),
    ("max_bytes", True, "positive whole number"),
    ("max_pixels", "25", "positive whole number"),
    ("upload", "member-photos", "mapping with the keys bucket"),
    ("upload", {"above": 1}, "mapping with the keys bucket"),
    ("upload", {"bucket": "*"}, "bucket: '*' is not the name"),
    ("upload", {"bucket": "photos", "above": -1}, "above: -1 is not a positive"),
    ("upload", {"bucket": "photos", "prefix": "/a"}, "prefix: "),
    ("upload", {"bucket": "photos", "prefix": "a" * 901}, "prefix: "),
    ("upload", {"bucket": "photos", "url": "x"}, "unknown key 'url'"),
]


@pytest.mark.parametrize(("name", "value", "words"), WRONG, ids=str)
def test_a_mistake_is_named(name: str, value: Any, words: str) -> None:
    (problem,) = check(name, value)
    assert words in problem


def test_every_mistake_is_named_at_once() -> None:
    assert len(check("buckets", ["*", "a", "good-one"])) == 2
    assert len(check("upload", {"bucket": "*", "above": 0, "prefix": 1})) == 3


def test_what_is_said_is_the_policy() -> None:
    upload = {"bucket": "inbound.photos", "above": 500_000, "prefix": "회원/"}
    content = {"photos": {"max_bytes": 5, "buckets": ["member-photos", "123photos"], "upload": upload}}
    assert [problem for name, value in content["photos"].items() for problem in check(name, value)] == []
    assert policy(content, Path("samples")) == PhotoPolicy(
        max_bytes=5,
        samples=Path("samples"),
        buckets=("member-photos", "123photos"),
        upload=Upload("inbound.photos", 500_000, "회원/"),
    )


def test_a_stage_that_says_nothing_has_the_usual_limits_and_no_bucket() -> None:
    assert policy({}, None) == PhotoPolicy()
    assert policy({"photos": {"buckets": []}}, None) == PhotoPolicy()
