"""What a stage file says of photos: their limits, the buckets they may lie in, where large ones are put.

photos:
  max_bytes: 10485760
  max_pixels: 25000000
  buckets: [member-photos]
  upload: {bucket: member-photos, above: 1000000, prefix: inbound/}
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chalicelib.photo import PhotoPolicy, Upload

LIMITS = ("max_bytes", "max_pixels")
KEYS = ("buckets", *LIMITS, "upload")
UPLOAD_KEYS = ("above", "bucket", "prefix")
# S3's "Bucket naming rules", without what only AWS may choose; an ARN, of an access point for instance, is no name.
BUCKET = re.compile(r"(?!xn--|[\d.]+$)[a-z0-9](?:[a-z0-9-]|\.(?!\.)){1,61}[a-z0-9]")
LONGEST_PREFIX = 900  # bytes; S3 takes keys of 1024, and the rest is the photo's


def check(name: str, value: Any) -> list[str]:
    """Every problem of one entry of ``photos``."""
    if name not in KEYS:
        return [f"unknown key; known: {', '.join(sorted(KEYS))}"]
    if name == "buckets":
        if not isinstance(value, list):
            return ["give a list of bucket names"]
        return [problem for bucket in value for problem in _check_bucket(bucket)]
    return _check_upload(value) if name == "upload" else _check_count(value)


def policy(content: Mapping[str, Any], samples: Path | None) -> PhotoPolicy:
    """The policy of a stage file without problems."""
    entries = content.get("photos") or {}
    upload = entries.get("upload")
    return PhotoPolicy(
        **{name: entries[name] for name in LIMITS if name in entries},
        samples=samples,
        buckets=tuple(entries.get("buckets", ())),
        upload=Upload(**upload) if upload else None,
    )


def check_objects(value: Any) -> list[str]:
    """Every problem of ``objects``: where large texts of records go."""
    return [] if value is None else [f"objects: {problem}" for problem in _check_upload(value)]


def _check_bucket(value: Any) -> list[str]:
    if isinstance(value, str) and BUCKET.fullmatch(value):
        return []
    return [f"{value!r} is not the name of an S3 bucket (3 to 63 of a-z, 0-9, '-' and '.'; no ARN, no path)"]


def _check_count(value: Any) -> list[str]:
    good = isinstance(value, int) and not isinstance(value, bool) and value > 0
    return [] if good else [f"{value!r} is not a positive whole number"]


def _check_upload(value: Any) -> list[str]:
    if not isinstance(value, dict) or "bucket" not in value:
        return ["give a mapping with the keys bucket and, if wanted, above (bytes) and prefix"]
    problems = [f"unknown key {key!r}; known: {', '.join(UPLOAD_KEYS)}" for key in value if key not in UPLOAD_KEYS]
    problems += [f"bucket: {problem}" for problem in _check_bucket(value["bucket"])]
    problems += [f"above: {problem}" for problem in _check_count(value.get("above", 1))]
    prefix = value.get("prefix", "")
    if not isinstance(prefix, str) or prefix.startswith("/") or len(prefix.encode()) > LONGEST_PREFIX:
        problems.append(f"prefix: give a text of at most {LONGEST_PREFIX} bytes that does not begin with '/'")
    return problems
