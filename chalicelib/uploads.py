"""Large photos that were sent in a request are put in S3 by the service, where the stage says so.

The key is made of the content, so the same photo sent twice lies there once. The photo keeps its bytes and its digest,
and gains the place: models that take references are given one, and a record says what to erase.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from chalicelib.facts import find
from chalicelib.objects import ObjectError, S3Object
from chalicelib.photo import Photo, PhotoPolicy
from chalicelib.remote import unavailable

EXTENSIONS = {"jpeg": "jpg", "png": "png", "webp": "webp"}


def put_away(request: BaseModel, policy: PhotoPolicy) -> None:
    """Put the large photos of a validated request in the stage's bucket. Raises Unavailable when S3 does not answer."""
    if policy.upload is None or policy.objects is None:
        return
    done: dict[str, S3Object] = {}
    for photo in _photos(request):
        if photo.s3 is None and photo.size > policy.upload.above:
            place = done.get(photo.digest) or _put(photo, policy)
            done[photo.digest] = place
            photo.lies_at(place)


def _put(photo: Photo, policy: PhotoPolicy) -> S3Object:
    assert policy.upload and policy.objects
    key = f"{policy.upload.prefix}{photo.sha256()}.{EXTENSIONS[photo.format]}"
    try:
        return policy.objects.write(policy.upload.bucket, key, photo.read(), f"image/{photo.format}", policy.until)
    except ObjectError as error:
        raise unavailable(error) from None


def _photos(request: BaseModel) -> list[Photo]:
    found: list[Photo] = []

    def note(item: Any) -> bool:
        if isinstance(item, Photo):
            found.append(item)
        return False

    find(request, note)
    return found
