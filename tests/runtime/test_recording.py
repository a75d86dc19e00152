"""What is decided on is what is recorded: facts, decisions and requests."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys

import pytest

from chalicelib.errors import ContractError


def test_a_fact_given_as_a_dict_is_recorded_as_its_annotation_reads_it(loaded, decide):
    code = """
class Found(BaseModel):
    value: int
    note: str = "none"

@task
def found(score) -> Found:
    return {"value": 1, "secret": "x"}

def decide(found) -> Decision:
    return Decision(outcome=f"{found.value} {found.note}")
"""
    run = decide(loaded(code))
    assert json.loads(run.facts[0].output) == {"value": 1, "note": "none"}
    assert run.decision == '{"outcome":"1 none"}'


def test_a_decision_given_as_a_dict_publishes_nothing_undeclared(loaded, decide):
    run = decide(loaded("def decide(score) -> Decision:\n    return {'outcome': 'y', 'leak': score}"))
    assert run.decision == '{"outcome":"y"}'


def test_logic_sees_the_request_as_it_is_recorded_whatever_a_task_does_to_it(loaded, decide):
    models = """
class Request(BaseModel):
    user_id: Subject
    tags: list[str] = ["t"]
class Decision(BaseModel):
    outcome: str
"""
    code = """
@task
def spoil(request) -> int:
    request.tags.append("more")
    return 1

def decide(spoil, tags) -> Decision:
    return Decision(outcome=str(tags))
"""
    assert decide(loaded(code, models=models)).decision == '{"outcome":"[\'t\']"}'


def test_a_request_that_reads_differently_the_second_time_is_refused(loaded, decide):
    models = """
from pydantic import field_validator
class Request(BaseModel):
    user_id: Subject
    name: str = "a"

    @field_validator("name")
    @classmethod
    def prefixed(cls, value): return "u-" + value
class Decision(BaseModel):
    outcome: str
"""
    usecase = loaded("def decide(name) -> Decision:\n    return Decision(outcome=name)", models=models)
    with pytest.raises(ContractError, match="another request"):
        decide(usecase, name="b")


@pytest.mark.parametrize("value", ["iter([1.0])", "(x for x in [float('nan')])"])
def test_an_iterator_is_no_result(loaded, decide, value):
    run = decide(
        loaded(f"@task\ndef a(score) -> list[float | None]:\n    return {value}\ndef decide(a) -> Decision: ...")
    )
    assert "iterator" in run.failure.error["message"]


@pytest.mark.parametrize(
    ("returns", "words"),
    [
        ("dict[tuple[str, str], int]", "a key of type"),
        ("dict[None, int]", "a key of type"),
        ("dict[Literal[1], int]", "a key of type"),
        ("Holder", "is a Photo"),
        ("Keeper", "exclude=True"),
    ],
)
def test_a_result_that_could_never_be_read_back_is_refused_when_loaded(loaded, returns, words):
    code = "class Holder(BaseModel):\n    p: Photo\nclass Keeper(BaseModel):\n    x: int = Field(0, exclude=True)\n"
    code += f"@task\ndef a(score) -> {returns}: ...\ndef decide(a) -> Decision: ..."
    with pytest.raises(ContractError, match=words):
        loaded(code)


KEYS = """
import sys
sys.path.insert(0, {root!r})
from datetime import UTC, datetime
from pathlib import Path
from chalicelib import intake
from chalicelib.engine import Engine
from chalicelib.models import Models
from chalicelib.photo import PhotoPolicy
from chalicelib.usecase import Source, load
source = Source(tasks={{"a": {{"source": "s", "parameters": []}}}})
usecase = load("keys", Path({path!r}), None, source)
request = intake.read(usecase.request_model, '{{"user_id": "u"}}', PhotoPolicy())
run = Engine(lambda asking, ledger: Models(None)).run(usecase, request, datetime.now(UTC), 5)
print(run.facts[0].key, run.facts[0].error)
"""
USE_CASE = """
from pydantic import BaseModel
from chalicelib.usecase import task
class Request(BaseModel):
    user_id: str
class Decision(BaseModel):
    outcome: str
def passed(user_id):
    return {passed}
@task
def a(passed) -> int:
    return 1
def decide(a) -> Decision:
    return Decision(outcome="x")
"""


def key_of(tmp_path, root, passed: str, seed: str) -> str:
    path = tmp_path / "keys.py"
    path.write_text(USE_CASE.format(passed=passed))
    code = KEYS.format(root=str(root), path=str(path))
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=30)
    assert done.stderr == ""
    return done.stdout.strip()


def test_a_fact_key_does_not_depend_on_the_order_of_a_dict_or_on_the_process(tmp_path, pytestconfig):
    root = pytestconfig.rootpath
    keys = {
        key_of(tmp_path, root, passed, seed) for passed, seed in [("{'a': 1, 'b': 2}", "1"), ("{'b': 2, 'a': 1}", "2")]
    }
    assert len(keys) == 1
    assert key_of(tmp_path, root, "{'a': 1, 'b': 3}", "1") not in keys


@pytest.mark.parametrize(("passed", "words"), [("{'a', 'b'}", "no order"), ("object()", "cannot be written")])
def test_what_cannot_be_digested_fails_the_task_it_is_passed_to(tmp_path, pytestconfig, passed, words):
    assert words in key_of(tmp_path, pytestconfig.rootpath, passed, "1")


def test_a_module_rewritten_within_a_second_is_not_run_from_old_byte_code(tmp_path, monkeypatch):
    from chalicelib.usecase import load
    from workbench.files import forget_bytecode, write

    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    path = tmp_path / "swift.py"
    for limit in ("0.80", "0.70", "0.60"):
        write(path, USE_CASE.format(passed=limit).encode())
        forget_bytecode(path)
        importlib.invalidate_caches()
        usecase = load("swift", path)
        assert usecase.graph.by_name["passed"].function("u") == float(limit)
