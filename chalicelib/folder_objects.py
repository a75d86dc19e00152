"""An object store that is a folder: beside an embedded database file, where there is no S3.

Objects are written whole or not at all. Folder and files are their owner's: what lies there is as private as the
database.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from chalicelib.objects import FOLDER, Beginning, ObjectError, S3Object

CHUNK = 1024 * 1024  # bytes


class Folder:
    """A :class:`chalicelib.objects.Objects` without buckets: what is asked about is in ``FOLDER``."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def begin(self, bucket: str, key: str, size: int, until: float) -> Beginning:
        """The object as it is now, with its first ``size`` bytes."""
        with _told():
            data = self._path(key).read_bytes()
        return Beginning(S3Object(FOLDER, key, etag=_etag(data)), len(data), data[:size])

    def stream(self, found: S3Object, start: int, until: float) -> Iterator[bytes]:
        """The bytes from ``start`` on. Raises ObjectError (changed) for an object in another state."""
        with _told():
            data = self._path(found.key).read_bytes()
        if _etag(data) != found.etag:
            raise ObjectError("changed")
        yield from (data[at : at + CHUNK] for at in range(start, len(data), CHUNK))

    def write(self, bucket: str, key: str, data: bytes, media_type: str, until: float) -> S3Object:
        """Put ``data`` there, in the place of what lies there."""
        path = self._path(key)
        with _told():
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(data)
            draft.replace(path)
        return S3Object(FOLDER, key, etag=_etag(data))

    def delete(self, found: S3Object, until: float) -> bool:
        """Remove the object; whether it was there. Its folder goes with the last object in it."""
        path = self._path(found.key)
        try:
            path.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise ObjectError("credentials", error.strerror or "") from None
        with suppress(OSError):  # there is more in it
            path.parent.rmdir()
        return True

    def before(self, name: str) -> Iterator[S3Object]:
        """Every object in a subfolder whose name comes before ``name``, in order."""
        if not self.root.is_dir():
            return
        for folder in sorted(path for path in self.root.iterdir() if path.is_dir() and path.name < name):
            for path in sorted(folder.iterdir()):
                yield S3Object(FOLDER, f"{folder.name}/{path.name}")

    def _path(self, key: str) -> Path:
        parts = key.split("/")
        if any(part in ("", ".", "..") or "\0" in part for part in parts):
            raise ObjectError("not-configured", "no such key")
        return self.root.joinpath(*parts)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise ObjectError("missing") from None
    except OSError as error:
        raise ObjectError("credentials", error.strerror or "") from None


def _etag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
