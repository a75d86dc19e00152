"""Facts: what a task may return, because it can be recorded as JSON and read back, and what it may not."""

from __future__ import annotations

import textwrap
from typing import Any

import pytest

TYPES = """
import dataclasses
import datetime
import decimal
import enum
import typing
from typing import Annotated, Any, Literal, Optional, Union

from pydantic import Field
from typing_extensions import TypedDict


class Kind(enum.Enum):
    face = "face"
    text = "text"


@dataclasses.dataclass
class Spot:
    x: float
    y: float


class Row(TypedDict):
    name: str


class Found(BaseModel):
    kind: Kind
    spots: list[Spot] = []


class Crowd:
    pass
"""
RECORDABLE = [
    "str",
    "int",
    "float",
    "bool",
    "None",
    "dict",
    "list",
    "tuple",
    "dict[str, float]",
    "dict[str, Any]",
    "list[list[int]]",
    "tuple[int, str]",
    "tuple[float, ...]",
    "Literal['a', 'b']",
    "Kind",
    "datetime.datetime",
    "datetime.date",
    "Found",
    "list[Found]",
    "Spot",
    "Row",
    "Face",
    "Found | None",
    "Optional[float]",
    "Union[int, str, None]",
    "Annotated[float, Field(ge=0, le=1)]",
    "'Found'",
]
NOT_RECORDABLE = [
    "Any",
    "object",
    "typing.Any",
    "'Any'",
    "Any | None",
    "list[Any]",
    "set",
    "set[str]",
    "frozenset[str]",
    "bytes",
    "list[bytes]",
    "dict[str, set[int]]",
    "bytearray",
    "complex",
    "Crowd",
    "Crowd | None",
    "list[Crowd]",
    "type",
    "typing.Callable[[], int]",
    "typing.Iterator[int]",
    "Photo",
]
FALLBACKS = {  # annotation -> (those that fit, those that do not)
    "float | None": (["None", "0.5"], ["'0.5'", "[]"]),
    "list[Found]": (["[]", "[Found(kind=Kind.face)]"], ["None", "[None]", "{}"]),
    "dict": (["{}", "{'a': [1, None]}"], ["[]", "{'a': Crowd()}"]),
    "Literal['a', 'b']": (["'a'"], ["'c'", "None"]),
    "Annotated[float, Field(ge=0, le=1)]": (["1.0"], ["1.5", "float('nan')"]),
    "float": (["0.0"], ["float('inf')", "None"]),
    "str": (["''", "'없음'"], ["'a\\0b'", "3"]),
}


def cells(sound: Any, returns: str, fallback: str = "") -> Any:
    task = f"""
        @task(timeout=5{fallback and ", fallback=" + fallback})
        def faces(photo: Photo, models) -> {returns}:
            return models.faces(photo)"""
    decide = "def decide(faces) -> Decision:\n    return Decision(outcome='review')"
    return sound(models=sound.source("models") + "\n" + TYPES, tasks=textwrap.dedent(task), decide=decide)


@pytest.mark.parametrize("returns", RECORDABLE)
def test_a_task_may_return(returns: str, project: Any, sound: Any) -> None:
    assert project.problems(cells(sound, returns)) == []


@pytest.mark.parametrize("returns", NOT_RECORDABLE)
def test_a_task_may_not_return(returns: str, project: Any, sound: Any) -> None:
    (problem,) = project.problems(cells(sound, returns))
    assert (problem.rule, problem.cell) == ("fact", 4)
    assert problem.line in (2, 3)
    assert "'faces'" in problem.message
    assert not project.module("trial").exists()


@pytest.mark.parametrize(
    ("returns", "fallback"), [(returns, value) for returns, (fits, _) in FALLBACKS.items() for value in fits]
)
def test_a_fallback_that_fits_is_recorded(returns: str, fallback: str, project: Any, sound: Any) -> None:
    assert project.problems(cells(sound, returns, fallback)) == []
    step = project.load("trial").graph.by_name["faces"]
    assert step.codec.decode(project.entry("trial")["steps"][0]["fallback"]) == step.task.fallback


@pytest.mark.parametrize(
    ("returns", "fallback"), [(returns, value) for returns, (_, misfits) in FALLBACKS.items() for value in misfits]
)
def test_a_fallback_that_does_not_fit_is_refused(returns: str, fallback: str, project: Any, sound: Any) -> None:
    (problem,) = project.problems(cells(sound, returns, fallback))
    assert (problem.rule, problem.cell, problem.line) == ("fallback", 4, 2)
    assert "'faces'" in problem.message


@pytest.mark.parametrize("timeout", ["0", "-1", "'5'", "True", "float('inf')"])
def test_a_timeout_that_is_no_duration_is_refused(timeout: str, project: Any, sound: Any) -> None:
    tasks = sound.source("tasks").replace("timeout=5", f"timeout={timeout}")
    (problem,) = project.problems(sound(tasks=tasks))
    assert (problem.rule, problem.cell, problem.line) == ("load", 4, 1)
    assert "timeout" in problem.message


def test_the_alias_of_task_makes_no_difference(project: Any, sound: Any) -> None:
    models = sound.source("models") + "\n\nfrom chalicelib import usecase"
    tasks = sound.source("tasks").replace("@task", "@usecase.task").replace("list[Face]", "set")
    (problem,) = project.problems(sound(models=models, tasks=tasks))
    assert (problem.rule, problem.cell) == ("fact", 4)
