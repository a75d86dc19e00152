"""The engine: parallel, bounded, and whatever goes wrong is data."""

from __future__ import annotations

import subprocess
import sys
import threading
import time

import pytest

from chalicelib.errors import Unavailable

DECIDE = "\ndef decide(a, b, c) -> Decision:\n    return Decision(outcome=f'{a} {b} {c}')\n"


def test_independent_tasks_run_at_the_same_time(loaded, decide):
    """A barrier of three is passed only when three tasks are in it together."""
    code = "import threading\nmeet = threading.Barrier(3, timeout=5)\n"
    code += "".join(f"@task\ndef {name}(score) -> int:\n    meet.wait()\n    return 1\n" for name in "abc")
    assert decide(loaded(code + DECIDE)).decision == '{"outcome":"1 1 1"}'


def test_every_consumer_gets_the_value_as_it_is_recorded(loaded, decide):
    """A dict with int keys and a tuple comes out as JSON made it, live as in a replay."""
    code = """
@task
def found(score) -> dict:
    return {1: (1, 2)}

def decide(found) -> Decision:
    return Decision(outcome=str(found))
"""
    assert decide(loaded(code)).decision == '{"outcome":"{\'1\': [1, 2]}"}'


def test_no_consumer_sees_what_another_did_to_a_fact(loaded, decide):
    code = """
@task
def found(score) -> list[int]:
    return [1]

def one(found): found.append(2); return len(found)
def two(found): found.append(3); return len(found)
def decide(one, two, found) -> Decision:
    return Decision(outcome=f"{one} {two} {found}")
"""
    assert decide(loaded(code)).decision == '{"outcome":"2 2 [1]"}'


@pytest.mark.parametrize(
    ("returns", "value", "words"),
    [
        ("float", "float('nan')", "not finite"),
        ("float | None", "float('inf')", "not finite at the top"),
        ("dict", "{'x': [1, float('nan')]}", "not finite at /x/1"),
        ("str", "'a\\0b'", "NUL"),
        ("str", "'\\ud800'", "cannot be written"),
        ("int", "'1'", "does not fit its annotation int"),
        ("list[int]", "[1, 'x']", "at 1"),
        ("int", "open", "cannot be written"),
    ],
)
def test_a_result_that_cannot_be_recorded_fails_its_task(loaded, decide, returns, value, words):
    run = decide(loaded(f"@task\ndef a(score) -> {returns}:\n    return {value}\ndef decide(a) -> Decision: ..."))
    assert run.decision is None
    assert run.failure.kind == "task-failed"
    assert words in run.failure.error["message"]


def test_a_failing_task_with_a_fallback_degrades_the_decision(loaded, decide):
    code = """
@task(fallback=None)
def a(score) -> int | None:
    raise RuntimeError("no answer")

def decide(a) -> Decision:
    return Decision(outcome=str(a))
"""
    run = decide(loaded(code))
    assert run.decision == '{"outcome":"None"}'
    assert run.degraded == [{"task": "a", "error": "failed"}]
    assert run.facts[0].error["type"] == "RuntimeError"
    assert run.facts[0].fallback


def test_a_late_task_is_given_up_at_its_timeout(loaded, decide):
    code = "@task(timeout=0.05, fallback=7)\ndef a(score) -> int:\n    time.sleep(0.5)\n    return 1\n"
    began = time.perf_counter()
    run = decide(loaded(code + "def decide(a) -> Decision:\n    return Decision(outcome=str(a))"))
    assert time.perf_counter() - began < 0.4
    assert run.decision == '{"outcome":"7"}'
    assert run.degraded == [{"task": "a", "error": "timeout"}]


def test_without_a_fallback_the_failure_is_the_decisions_and_facts_are_kept(loaded, decide):
    code = """
@task
def good(score) -> int:
    time.sleep(0.05)
    return 1

@task
def bad(score) -> int:
    return 1 // 0

def decide(good, bad) -> Decision: ...
"""
    run = decide(loaded(code))
    assert (run.failure.kind, run.failure.status, run.failure.step) == ("task-failed", 502, "bad")
    assert run.failure.error["notebook"] == "usecases/case.ipynb"
    assert {fact.task: fact.output for fact in run.facts} == {"good": "1", "bad": None}


def test_a_plain_step_that_raises_names_notebook_cell_and_line(loaded, decide):
    usecase = loaded(
        "def a(score):\n    return helper(score)\ndef helper(x):\n    return x / 0\ndef decide(a) -> Decision: ..."
    )
    run = decide(usecase)
    error = run.failure.error
    assert (run.failure.kind, run.failure.status, run.failure.step) == ("step-failed", 500, "a")
    assert (error["type"], error["notebook"], error["cell"], error["cell_id"]) == (
        "ZeroDivisionError",
        "usecases/case.ipynb",
        3,
        "logic",
    )
    written = usecase.request_model.__module__
    line = sys.modules[written].helper.__code__.co_firstlineno + 1
    assert error["line"] == line


@pytest.mark.parametrize("raised", ["SystemExit(3)", "KeyboardInterrupt()", "GeneratorExit()", "BaseException('x')"])
def test_a_base_exception_in_a_task_is_a_failure_like_any(loaded, decide, raised):
    run = decide(loaded(f"@task\ndef a(score) -> int:\n    raise {raised}\ndef decide(a) -> Decision: ..."))
    assert run.failure.kind == "task-failed"


@pytest.mark.parametrize("raised", ["SystemExit(3)", "GeneratorExit()", "BaseException('x')"])
def test_a_base_exception_in_logic_is_a_failure_like_any(loaded, decide, raised):
    run = decide(loaded(f"def a(score):\n    raise {raised}\ndef decide(a) -> Decision: ..."))
    assert run.failure.kind == "step-failed"


def test_an_invalid_decision_is_a_failure(loaded, decide):
    models = """
class Request(BaseModel):
    user_id: Subject
class Decision(BaseModel):
    outcome: Literal["a", "b"]
"""
    run = decide(
        loaded("def decide(user_id) -> Decision:\n    return Decision.model_construct(outcome='z')", models=models)
    )
    assert (run.failure.kind, run.failure.status, run.failure.step) == ("invalid-decision", 500, "decide")


@pytest.mark.parametrize("returned", ["None", "3", "{'outcome': 3}", "{}"])
def test_what_is_no_decision_is_invalid(loaded, decide, returned):
    run = decide(loaded(f"def decide(score) -> Decision:\n    return {returned}"))
    assert run.failure.kind == "invalid-decision"


def test_the_deadline_ends_a_request_whose_task_hangs(loaded, decide):
    code = "@task\ndef a(score) -> int:\n    time.sleep(3)\n    return 1\ndef decide(a) -> Decision: ..."
    began = time.perf_counter()
    run = decide(loaded(code), deadline=0.2)
    assert time.perf_counter() - began < 0.5
    assert (run.failure.kind, run.failure.status) == ("task-timeout", 504)


def test_logic_that_is_slower_than_the_deadline_is_a_failure(loaded, decide):
    run = decide(
        loaded("def decide(score) -> Decision:\n    time.sleep(0.2)\n    return Decision(outcome='x')"), deadline=0.1
    )
    assert (run.failure.kind, run.failure.status, run.decision) == ("deadline", 504, None)


def test_after_too_many_hung_tasks_new_decisions_are_refused_until_they_return(loaded, decide, engine):
    """Three hung threads is this engine's cap."""
    hang = "import threading\nfree = threading.Event()\n@task(timeout=0.02, fallback=0)\n"
    hang += "def a(score) -> int:\n    free.wait(20)\n    return 1\n"
    hang += "def decide(a) -> Decision:\n    return Decision(outcome='x')"
    usecase = loaded(hang)
    for _ in range(3):
        assert decide(usecase).degraded
    assert engine.workers.hung == 3
    with pytest.raises(Unavailable) as refused:
        decide(usecase)
    assert (refused.value.status, refused.value.code, refused.value.headers["Retry-After"]) == (503, "overloaded", "5")
    sys.modules[usecase.request_model.__module__].free.set()
    deadline = time.perf_counter() + 5
    while engine.workers.hung and time.perf_counter() < deadline:
        time.sleep(0.01)
    assert decide(usecase).decision == '{"outcome":"x"}'


def test_a_late_result_is_discarded(loaded, decide):
    code = """
done = []
@task(timeout=0.05, fallback=0)
def a(score) -> int:
    time.sleep(0.15)
    done.append(1)
    return 1

@task
def b(a) -> int:
    time.sleep(0.3)
    return a

def decide(b) -> Decision:
    return Decision(outcome=f"{b} {len(done)}")
"""
    assert decide(loaded(code)).decision == '{"outcome":"0 1"}'


def test_tasks_beyond_the_worker_cap_wait_for_a_thread(loaded, decide):
    """This engine has four threads; ten tasks still all run."""
    names = [f"t{number}" for number in range(10)]
    code = "".join(f"@task\ndef {name}(score) -> int:\n    time.sleep(0.01)\n    return 1\n" for name in names)
    code += f"def decide({', '.join(names)}) -> Decision:\n    return Decision(outcome=str({' + '.join(names)}))"
    before = threading.active_count()
    assert decide(loaded(code)).decision == '{"outcome":"10"}'
    assert threading.active_count() - before <= 4


def test_a_task_is_given_its_own_models_and_now_is_the_decisions_time(loaded, decide):
    code = """
@task
def a(models, now) -> list[str]:
    return [now.isoformat(), type(models).__name__]

def decide(a, now) -> Decision:
    return Decision(outcome=f"{a} {now.isoformat() in a}")
"""
    assert "True" in decide(loaded(code)).decision


HANG = """
import socket, sys, time
sys.path.insert(0, {root!r})
from datetime import UTC, datetime
from pathlib import Path
from chalicelib import intake
from chalicelib.engine import Engine
from chalicelib.models import Models
from chalicelib.photo import PhotoPolicy
from chalicelib.usecase import load
usecase = load("hang", Path({path!r}))
engine = Engine(lambda asking, ledger: Models(None))
request = intake.read(usecase.request_model, '{{"user_id": "u"}}', PhotoPolicy())
run = engine.run(usecase, request, datetime.now(UTC), 0.3)
print(run.failure.kind, engine.workers.hung, flush=True)
"""


@pytest.mark.parametrize("hang", ["time.sleep(60)", "listener.accept()"])
def test_a_hung_task_does_not_hold_the_process_at_exit(tmp_path, pytestconfig, hang):
    path = tmp_path / "hang.py"
    path.write_text(
        "import socket, time\nfrom pydantic import BaseModel\nfrom chalicelib.usecase import task\n"
        "listener = socket.create_server(('127.0.0.1', 0))\n"
        "class Request(BaseModel):\n    user_id: str\nclass Decision(BaseModel):\n    outcome: str\n"
        f"@task\ndef a(user_id) -> int:\n    {hang}\n    return 1\n"
        "def decide(a) -> Decision: ...\n"
    )
    code = HANG.format(root=str(pytestconfig.rootpath), path=str(path))
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["task-timeout", "1"], "")
    assert time.perf_counter() - began < 10
