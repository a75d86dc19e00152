"""`python generated.py PROJECT URL COUNT SEED`: so many decisions of made-up requests of every kind, stored."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from pathlib import Path

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from chalicelib import bootstrap
from chalicelib.errors import DecisionFailed, Invalid
from chalicelib.manifest import Manifest
from chalicelib.service import LOCAL_CLIENT
from chalicelib.settings import Settings

NAME = "varied"
TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=12)
NUMBER = st.floats(-1e6, 1e6, allow_nan=False)
REQUEST = st.fixed_dictionaries(
    {
        "who": st.text(st.characters(categories=("L", "N")), min_size=1, max_size=8),
        "numbers": st.lists(NUMBER, max_size=5),
        "words": st.lists(TEXT, max_size=5),
        "counts": st.dictionaries(TEXT, st.integers(-9, 9), max_size=4),
        "at": st.datetimes().map(lambda at: at.isoformat() + "Z"),
        "kind": st.sampled_from(["a", "b", "나"]),
    }
)
MODELS = """\
from datetime import datetime, timedelta
from enum import Enum
from typing import Literal

from pydantic import BaseModel

from chalicelib.usecase import Subject, task


class Kind(Enum):
    FIRST = "a"
    SECOND = "b"
    THIRD = "나"


class Request(BaseModel):
    who: Subject
    numbers: list[float]
    words: list[str]
    counts: dict[str, int]
    at: datetime
    kind: Kind


class Found(BaseModel):
    name: str
    score: float | None


class Decision(BaseModel):
    outcome: Literal["low", "high", "odd"]
    reasons: list[str]
    total: float
    kinds: dict[str, int]
    later: datetime
"""
PARAMETERS = """\
high: float = 10.0  # at or above: high
days: int = 3  # later by so many
"""
TASKS = '''\
@task
def found(words: list[str], numbers: list[float]) -> list[Found]:
    """Words with numbers, where there are."""
    return [Found(name=word, score=numbers[at] if at < len(numbers) else None) for at, word in enumerate(words)]


@task(fallback=(0, "none"))
def longest(words: list[str]) -> tuple[int, str]:
    """The longest word; it fails where there is none."""
    return max((len(word), word) for word in words)


@task
def kept(kind: Kind) -> Kind:
    """The kind."""
    return kind


@task
def early(at: datetime) -> datetime | None:
    """The day before, of some."""
    return at - timedelta(days=1) if at.year > 1900 else None


@task
def doubled(total: float) -> float:
    """What logic made, twice; it fails for large ones."""
    if total > 900_000:
        raise ValueError("too much")
    return total * 2
'''
LOGIC = '''\
def total(found: list[Found]) -> float:
    """The sum."""
    return sum(one.score or 0.0 for one in found)


def names(found: list[Found], counts: dict[str, int]) -> list[str]:
    """Every name once, in order."""
    return sorted({one.name for one in found} | counts.keys())


def odd(kept: Kind, longest: tuple[int, str]) -> bool:
    """Whether it is odd."""
    return kept is Kind.THIRD and longest[0] % 2 == 1


def later(early: datetime | None, now: datetime) -> datetime:
    """Some days later."""
    return (early or now) + timedelta(days=days)


def decide(
    total: float, doubled: float, names: list[str], odd: bool, counts: dict[str, int], later: datetime
) -> Decision:
    """By all of it."""
    outcome = "odd" if odd else "high" if doubled >= high else "low"
    return Decision(outcome=outcome, reasons=names[:3], total=round(total, 3), kinds=counts, later=later)
'''


def main(project: Path, url: str, count: int, start: int) -> None:
    content = Manifest.read(project / "chalicelib" / "usecases")
    service = bootstrap.build(Settings("local", url), content)

    @seed(start)
    @settings(max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(REQUEST)
    def decide(request: dict[str, object]) -> None:
        with suppress(DecisionFailed, Invalid):  # stored as failed; refused, as a key that is our own
            service.decide(LOCAL_CLIENT, NAME, json.dumps(request))

    decide()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
