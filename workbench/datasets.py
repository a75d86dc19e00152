"""The dataset argument of a validation: which data a notebook is evaluated on, beside its own.

`artemis validate NAME --dataset FILE` says so to the kernel by the environment; the notebook asks for it:

    from workbench import dataset

    chosen = dataset("usecases' own")       # what --dataset named, or this
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

CHOSEN, ASKED = "ARTEMIS_DATASET", "ARTEMIS_DATASET_ASKED"


def dataset(default: str) -> str:
    """What `artemis validate --dataset` named: a file's absolute path, or the text as it was given; else ``default``.

    In JupyterLab, in `artemis test` and in `artemis record` it is the default.
    """
    if seen := os.environ.get(ASKED):
        Path(seen).touch()
    return os.environ.get(CHOSEN) or default


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset that was named. ``value`` is what the notebook gets, ``name`` what reports call it.

    ``sha256``: of a file's content, the first 12 hex digits; empty where it is no file.
    """

    value: str
    name: str
    sha256: str = ""

    @classmethod
    def of(cls, given: str) -> Dataset:
        """The dataset that a command line names. Raises ValueError for an empty text and for a folder, OSError."""
        path = Path(given)
        if not given.strip() or path.is_dir():
            raise ValueError(f"--dataset {given!r}: name a file, or a dataset that the notebook knows")
        if not path.is_file():
            return cls(given, given)
        return cls(str(path.resolve()), path.name, hashlib.sha256(path.read_bytes()).hexdigest()[:12])

    @property
    def slug(self) -> str:
        """The name as it stands in file names."""
        return re.sub(r"[^\w-]+", "_", Path(self.name).stem).strip("_") or "dataset"

    def as_dict(self) -> dict[str, str]:
        return {"name": self.name} | ({"sha256": self.sha256} if self.sha256 else {})


@contextmanager
def chosen(named: Dataset | None) -> Iterator[Choice]:
    """What a kernel is told of it; afterwards it is known whether the notebook asked."""
    with TemporaryDirectory(prefix="artemis-dataset-") as folder:
        yield Choice(named, Path(folder) / "asked")


@dataclass(frozen=True, slots=True)
class Choice:
    """The choice of one run. Without a named dataset a kernel is told that there is none."""

    named: Dataset | None
    seen: Path

    @property
    def environment(self) -> dict[str, str]:
        return {CHOSEN: self.named.value if self.named else "", ASKED: str(self.seen)}

    @property
    def ignored(self) -> bool:
        """Whether a dataset was named that the notebook never asked for."""
        return self.named is not None and not self.seen.exists()
