"""The graph is refused when a use case is loaded, with every fault, never in the middle of a request."""

from __future__ import annotations

import pytest

from chalicelib.errors import ContractError

DECIDE = "def decide({}) -> Decision:\n    return Decision(outcome='x')\n"

BROKEN = {
    "cycle": ("def a(b): ...\ndef b(a): ...\n" + DECIDE.format("a"), "steps need each other: a -> b -> a"),
    "self": ("def a(a): ...\n" + DECIDE.format("a"), "steps need each other: a -> a"),
    "decide itself": ("def a(decide): ...\n" + DECIDE.format("a"), "decide -> a -> decide"),
    "unknown": (DECIDE.format("scor"), "'scor' of 'decide' is neither"),
    "missing decide": ("x = 1\n", "no function decide"),
    "default": ("def a(score=1): ...\n" + DECIDE.format("a"), "has a default"),
    "star": ("def a(*, score): ...\n" + DECIDE.format("a"), "marked by"),
    "args": ("def a(*score): ...\n" + DECIDE.format("a"), "marked by"),
    "kwargs": ("def a(**score): ...\n" + DECIDE.format("a"), "marked by"),
    "positional": ("def a(score, /): ...\n" + DECIDE.format("a"), "marked by"),
    "clash": ("def score(user_id): ...\n" + DECIDE.format("score"), "both a step and a field"),
    "reserved": ("def now(score): ...\n" + DECIDE.format("now"), "'now' is a given name"),
    "models in logic": ("def a(models): ...\n" + DECIDE.format("a"), "only tasks are given"),
    "async": ("async def a(score): ...\n" + DECIDE.format("a"), "async"),
    "no annotation": ("@task\ndef a(score): ...\n" + DECIDE.format("a"), "no return annotation"),
    "any": ("@task\ndef a(score) -> Any: ...\n" + DECIDE.format("a"), "Any says nothing"),
    "object": ("@task\ndef a(score) -> object: ...\n" + DECIDE.format("a"), "object says nothing"),
    "list of any": ("@task\ndef a(score) -> list[Any]: ...\n" + DECIDE.format("a"), "Any says nothing"),
    "set": ("@task\ndef a(score) -> set[int]: ...\n" + DECIDE.format("a"), "cannot be recorded"),
    "bytes": ("@task\ndef a(score) -> bytes: ...\n" + DECIDE.format("a"), "cannot be recorded"),
    "class": ("class C: ...\n@task\ndef a(score) -> C: ...\n" + DECIDE.format("a"), "cannot be recorded"),
    "photo": ("@task\ndef a(score) -> Photo: ...\n" + DECIDE.format("a"), "not a result"),
    "fallback": ("@task(fallback='x')\ndef a(score) -> int: ...\n" + DECIDE.format("a"), "fallback of task 'a'"),
    "fallback none": ("@task(fallback=None)\ndef a(score) -> int: ...\n" + DECIDE.format("a"), "fallback of task"),
    "decide task": ("@task\n" + DECIDE.format("score"), "decide is logic"),
    "decide returns": ("def decide(score): ...\n", "annotated to return Decision"),
    "parameter": ("t: float = 1\nbind(globals(), 't')\n" + DECIDE.format("t"), "is a parameter"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_graph_is_refused_when_loaded(loaded, name):
    code, words = BROKEN[name]
    with pytest.raises(ContractError, match="(?s)" + words):
        loaded(code)


def test_all_faults_are_reported_at_once(loaded):
    code = "def a(b): ...\ndef b(a, nothing): ...\ndef c(models): ...\n" + DECIDE.format("a, c, scor")
    with pytest.raises(ContractError) as refused:
        loaded(code)
    assert {fault.rule for fault in refused.value.faults} == {"cycle", "unknown-argument", "given-to-tasks"}
    assert len(refused.value.faults) == 4
    assert all(fault.line for fault in refused.value.faults)


def test_missing_models_are_faults_too(loaded):
    with pytest.raises(ContractError) as refused:
        loaded("def decide(x): ...", models="Decision = 3\n")
    rules = [fault.rule for fault in refused.value.faults]
    assert rules.count("model-missing") == 2


def test_two_subjects_are_refused(loaded):
    models = """
class Request(BaseModel):
    a: Subject
    b: Subject
class Decision(BaseModel):
    outcome: str
"""
    with pytest.raises(ContractError, match="2 Subject fields"):
        loaded(DECIDE.format("a"), models=models)


def test_helpers_and_imports_are_no_steps(loaded):
    usecase = loaded("def helper(x, *y, z=1): ...\nfrom math import sqrt\n" + DECIDE.format("score"))
    assert [step.name for step in usecase.graph.steps] == ["decide"]


@pytest.mark.parametrize("timeout", [0, -1, float("inf"), float("nan"), True, "5"])
def test_a_timeout_is_a_positive_number_of_seconds(loaded, timeout):
    with pytest.raises(ValueError, match="positive number of seconds"):
        loaded(
            f"@task(timeout={timeout!r})\ndef a(score) -> int: ...\n".replace("inf", "1e999").replace(
                "nan", "(1e999-1e999)"
            )
        )
