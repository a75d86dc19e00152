"""Files: digests, and writing that leaves no half of one."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def digest_of(path: Path) -> str | None:
    """A file's digest; None when there is none."""
    try:
        return digest(path.read_bytes())
    except FileNotFoundError:
        return None


def write(path: Path, data: bytes) -> None:
    """Atomically, and only what differs: a reader sees the old file or the new one."""
    if digest_of(path) == digest(data):
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
