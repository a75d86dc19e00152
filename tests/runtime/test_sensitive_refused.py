"""Where nothing can be sensitive, and what would write a value plainly: both are refused."""

from __future__ import annotations

import json
import textwrap
import traceback
from typing import Any

import pytest
from sensitive_cases import decided, executed

from chalicelib import intake
from chalicelib.engine import Engine
from chalicelib.errors import ContractError
from chalicelib.photo import PhotoPolicy
from chalicelib.sensitive import masked
from chalicelib.vault import Vault, new_key

CONTRACT = """
class Request(BaseModel):
    user_id: {subject}
    photo: {photo} = None
    tags: {tags} = {{}}

class Decision(BaseModel):
    outcome: {outcome}

@task
def found(user_id: str) -> {found}:
    return {{}}

def decide(found) -> Decision:
    return Decision(outcome="a")
"""
SOUND = {
    "subject": "Subject",
    "photo": "Photo | None",
    "tags": "Sensitive[dict[str, str]]",
    "outcome": "str",
    "found": "dict[str, Sensitive[str]]",
}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"subject": "Sensitive[Subject]"}, "Request.user_id is Sensitive, but decisions are looked up by the Subject"),
        ({"outcome": "Sensitive[str]"}, "Decision.outcome is Sensitive, but decisions are looked up by the outcome"),
        ({"photo": "Sensitive[Photo] | None"}, "Request.photo: a Photo cannot be Sensitive"),
        ({"photo": "Sensitive[list[Photo]] | None"}, "Request.photo: a Photo cannot be Sensitive"),
        ({"tags": "dict[Sensitive[str], str]"}, "Request.tags: the keys of a dict cannot be Sensitive"),
        ({"found": "dict[Sensitive[str], str]"}, "'found': the keys of a dict cannot be Sensitive"),
    ],
)
def test_what_cannot_be_sensitive(changes: dict[str, str], said: str) -> None:
    assert executed(CONTRACT.format(**SOUND)).sensitive
    with pytest.raises(ContractError) as refused:
        executed(CONTRACT.format(**SOUND | changes))
    assert [fault.rule for fault in refused.value.faults] == ["sensitive"]
    assert said in refused.value.faults[0].message


SERIALIZED = """
from pydantic import (
    BaseModel, PlainSerializer, SerializeAsAny, WrapSerializer, field_serializer, model_serializer
)

class Inner(BaseModel):
    number: Sensitive[str]

class Request(BaseModel):
    user_id: Subject
    phone: {phone}
    inner: Inner | None = None
{method}

class Decision(BaseModel):
    outcome: str

@task
def found(user_id: str) -> {found}:
    return ""

def decide(found) -> Decision:
    return Decision(outcome="a")
"""


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"phone": "Annotated[Sensitive[str], PlainSerializer(lambda value: value)]"}, "Request.phone"),
        ({"phone": "list[Annotated[Inner, WrapSerializer(lambda value, write: value.number)]]"}, "Request.phone"),
        ({"phone": "SerializeAsAny[Sensitive[str]]"}, "Request.phone"),
        ({"method": "@field_serializer('phone')\ndef write(self, value): return value"}, "Request.phone"),
        (
            {"method": "@field_serializer('inner')\ndef write(self, value): return value and dict(value)"},
            "Request.inner",
        ),
        ({"method": "@model_serializer\ndef write(self): return dict(self)"}, "Request"),
        ({"found": "Annotated[Sensitive[str], PlainSerializer(lambda value: value)]"}, "found"),
    ],
)
def test_a_serializer_that_would_write_sensitive_values_plainly_is_refused(changes: dict[str, str], place: str) -> None:
    sound = {"phone": "Sensitive[Annotated[str, PlainSerializer(str.upper)]]", "found": "str", "method": ""}
    assert executed(SERIALIZED.format(**sound)).sensitive
    parts = sound | {"phone": "Sensitive[str]"} | changes
    parts["method"] = textwrap.indent(parts["method"], "    ")
    with pytest.raises(ContractError) as refused:
        executed(SERIALIZED.format(**parts))
    assert [fault.rule for fault in refused.value.faults] == ["sensitive"]
    assert refused.value.faults[0].message.startswith(f"{place}: what a serializer writes is stored as it is")


def test_what_is_sensitive_within_sensitive_is_sealed_once(engine: Engine, vault: Vault) -> None:
    """Once at each depth, 90 of them would make terabytes of a request of a kilobyte."""
    code = """
class Node(BaseModel):
    name: Sensitive[str]
    below: Sensitive[list["Node"]] = []

class Request(BaseModel):
    user_id: Subject
    node: Node

class Decision(BaseModel):
    outcome: str

def decide(request) -> Decision:
    return Decision(outcome="a")
"""
    node: dict[str, Any] = {"name": "김철수", "below": []}
    for _ in range(90):
        node = {"name": "김철수", "below": [node]}
    request, _, record = decided(executed(code), json.dumps({"user_id": "u", "node": node}), engine, vault)
    stored = record.decision["request"]
    assert "김철수" not in stored and len(stored) < 10_000
    assert vault.open(stored) == request.record
    assert json.loads(masked(stored))["node"] == {"name": "[sensitive]", "below": "[sensitive]"}


CHANGING = """
from pydantic import field_validator

class Request(BaseModel):
    user_id: Subject
    names: {request} = ()

    @field_validator("names")
    @classmethod
    def once(cls, names):
        return tuple(dict.fromkeys(names))

class Found(BaseModel):
    names: {found}

    @field_validator("names")
    @classmethod
    def once(cls, names):
        return tuple(dict.fromkeys(names))

class Decision(BaseModel):
    outcome: str

@task
def found(user_id: str) -> Found:
    return Found(names=["김철수"])

def decide(found) -> Decision:
    return Decision(outcome="a")
"""


def test_a_validator_whose_result_pydantic_would_write_without_its_marks_is_refused(engine: Engine) -> None:
    """A tuple under list[Sensitive[str]] is written as any tuple is, and the marks in it count for nothing."""
    names = {"request": "tuple[Sensitive[str], ...]", "found": "tuple[Sensitive[str], ...]"}
    body, vault = '{"user_id": "u", "names": ["길동", "길동"]}', Vault([new_key()])
    _, run, record = decided(executed(CHANGING.format(**names)), body, engine, vault)
    assert run.failure is None
    assert "길동" not in record.decision["request"] and "김철수" not in str(record.results)
    changing = executed(CHANGING.format(**names | {"request": "list[Sensitive[str]]"}))
    with pytest.raises(ContractError, match="stored plainly: annotate what it gives") as refused:
        intake.read(changing.request_model, body, PhotoPolicy())
    assert "길동" not in "".join(traceback.format_exception(refused.value))
    _, run, record = decided(
        executed(CHANGING.format(**names | {"found": "list[Sensitive[str]]"})), body, engine, vault
    )
    assert run.failure is not None and run.failure.step == "found"
    assert "so what is Sensitive in it would be stored plainly" in run.failure.error["message"]
    assert "김철수" not in str((record, run.failure.error["message"]))


@pytest.mark.parametrize("place", ["request", "decision", "task", "nested", "root", "generic", "dataclass"])
def test_a_mark_is_found_wherever_it_is(place: str) -> None:
    parts = dict.fromkeys(["request", "decision", "task", "nested", "root", "generic", "dataclass"], "str")
    parts[place] = "Sensitive[str]"
    code = f"""
import dataclasses
from typing import Generic, TypeVar
T = TypeVar("T")

class Inner(BaseModel):
    a: {parts["nested"]}

class Root(RootModel[list[{parts["root"]}]]):
    pass

class Box(BaseModel, Generic[T]):
    a: T

@dataclasses.dataclass
class Data:
    a: {parts["dataclass"]}

class Request(BaseModel):
    user_id: Subject
    a: {parts["request"]} = ""
    inner: list[Inner] = []
    root: Root | None = None
    box: Box[{parts["generic"]}] | None = None

class Decision(BaseModel):
    outcome: str
    a: {parts["decision"]} = ""

@task
def found(a: str) -> {parts["task"]}:
    return a

@task
def data(a: str) -> Data | None:
    return None

def decide(found, data) -> Decision:
    return Decision(outcome="a")
"""
    assert executed(code).sensitive
    assert not executed(code.replace("Sensitive[str]", "str")).sensitive
