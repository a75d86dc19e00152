"""Parameters: strict overrides, two sets side by side, and what is derived from them follows."""

from __future__ import annotations

import sys

import pytest

from chalicelib.errors import ContractError

CODE = """
limit: Annotated[float, Field(ge=0, le=1)] = 0.5
words: list[str] = ["a"]
bind(globals(), "limit", "words")
double = limit * 2

def decide(score) -> Decision:
    return Decision(outcome=f"{score >= limit} {double} {words}")
"""


def test_an_override_is_in_force_before_later_code_runs(loaded, decide):
    usecase = loaded(CODE, {"limit": 0.25})
    assert decide(usecase, score=0.3).decision == '{"outcome":"True 0.5 [\'a\']"}'


def test_two_parameter_sets_live_side_by_side(loaded, decide):
    """As two modules under two names; neither changes the other."""
    low, high = loaded(CODE, {"limit": 0.1}), loaded(CODE, {"limit": 0.9})
    assert decide(low, score=0.5).decision != decide(high, score=0.5).decision
    assert decide(low, score=0.5).decision == '{"outcome":"True 0.2 [\'a\']"}'
    assert low.version != high.version
    assert low.request_model is not high.request_model


def test_modules_of_two_sets_have_names_of_their_own_in_sys_modules(loaded):
    one, two = loaded(CODE, {"limit": 0.2}), loaded(CODE)
    names = {usecase.request_model.__module__ for usecase in (one, two)}
    assert len(names) == 2
    assert all("@" in name and name in sys.modules for name in names)


def test_equal_parameters_are_the_same_version(loaded):
    assert loaded(CODE, {"limit": 0.5}).parameters == loaded(CODE).parameters


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ({"limit": "0.6"}, "'limit' does not fit"),
        ({"limit": True}, "'limit' does not fit"),
        ({"limit": 1.5}, "'limit' does not fit"),
        ({"limit": None}, "'limit' does not fit"),
        ({"limit": float("nan")}, "not a finite JSON value"),
        ({"limit": float("inf")}, "not a finite JSON value"),
        ({"words": "a"}, "'words' does not fit"),
        ({"words": {1, 2}}, "not a finite JSON value"),
        ({"lmit": 0.5}, "'lmit' is no parameter"),
    ],
)
def test_an_override_that_does_not_fit_is_refused(loaded, override, words):
    with pytest.raises(ContractError, match=words):
        loaded(CODE, override)


def test_every_misfit_is_reported_and_a_near_miss_gets_a_hint(loaded):
    with pytest.raises(ContractError) as refused:
        loaded(CODE, {"limit": "x", "words": 3, "lmit": 1})
    assert len(refused.value.faults) == 3
    assert "did you mean 'limit'?" in [fault.hint for fault in refused.value.faults]


def test_an_int_is_taken_for_a_float(loaded):
    assert loaded(CODE, {"limit": 1}).parameters["limit"] == 1


def test_a_default_that_does_not_fit_its_own_annotation_is_refused(loaded):
    with pytest.raises(ContractError, match="the default of 'limit'"):
        loaded(CODE.replace("= 0.5", "= 5.0"))


def test_a_refused_module_leaves_nothing_behind(loaded):
    before = set(sys.modules)
    with pytest.raises(ContractError):
        loaded(CODE, {"limit": "x"})
    assert set(sys.modules) == before


def test_forward_references_resolve_within_their_own_parameter_set(loaded, decide):
    code = """
size: int = 1
bind(globals(), "size")

@task
def box(score) -> "Box":
    return Box(size=size)

class Box(BaseModel):
    size: int = Field(default_factory=lambda: size)

def decide(box) -> Decision:
    return Decision(outcome=f"{box.size} {isinstance(box, Box)}")
"""
    one, two = loaded(code, {"size": 1}), loaded(code, {"size": 2})
    assert decide(two).decision == '{"outcome":"2 True"}'
    assert decide(one).decision == '{"outcome":"1 True"}'
