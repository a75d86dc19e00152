"""Before a kernel starts: parameters and stages are checked; and what metrics and failures are made of."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from tests.workbench.conftest import Sound, TemporaryProject
from workbench.commands.validate import validate
from workbench.notebook import Cell
from workbench.validation.failure import raised
from workbench.validation.metrics import MetricsWrong, changed, numbers
from workbench.validation.plan import BadSetting, Refused, plan, read_stage, settings_of


@pytest.fixture
def trial(project: TemporaryProject, sound: Sound, monkeypatch: pytest.MonkeyPatch) -> TemporaryProject:
    """A project with one sound notebook; no kernel can be started in it."""
    project.notebook("trial", sound())
    project.stage("local", "providers: {}\n")
    monkeypatch.chdir(project.root)
    monkeypatch.setattr("jupyter_client.manager.KernelManager._async_start_kernel", _no_kernel)
    return project


def _no_kernel(*_: Any, **__: Any) -> None:
    raise AssertionError("a kernel was started")


def _said(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(validate, arguments)
    return result.exit_code, result.output


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("face_max=2", "'face_max' is no parameter of this use case; did you mean 'faces_max'?"),
        ('faces_max="2"', "the override of 'faces_max' does not fit"),
        ("faces_max=true", "the override of 'faces_max' does not fit"),
        ("faces_max=1.5", "the override of 'faces_max' does not fit"),
        ("faces_max=NaN", "'NaN' is not a JSON value"),
        ("faces_max=two", """a text needs quotes: --set 'faces_max="two"'"""),
        ("faces_max", "write name=value"),
    ],
)
def test_a_setting_that_does_not_fit_is_refused(trial: TemporaryProject, setting: str, said: str) -> None:
    code, output = _said("trial", "--set", setting)
    assert code == 2 and said in output
    assert not (trial.root / "reports").exists()


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ("{faces_mix: 2}", "'faces_mix' is no parameter of this use case"),
        ("{faces_max: '2'}", "the override of 'faces_max' does not fit"),
    ],
)
def test_a_misfit_in_the_stage_file_is_refused_there(trial: TemporaryProject, parameters: str, said: str) -> None:
    trial.stage("local", f"use_cases:\n  trial:\n    parameters: {parameters}\n")
    code, output = _said("trial")
    assert code == 1 and said in output
    assert "usecases/stages/local.yaml" in output and "no kernel was started" in output


def test_a_stage_that_is_not_there_or_broken_is_refused(trial: TemporaryProject) -> None:
    assert _said("trial", "--stage", "prod") == (2, "Error: there is no stage 'prod': usecases/stages/ has local\n")
    trial.stage("odd", "provider: {}\n")
    code, output = _said("trial", "--stage", "odd")
    assert code == 1 and "unknown key 'provider'" in output


def test_what_to_run_is_said_once(trial: TemporaryProject) -> None:
    assert _said()[1] == "Error: name a use case, or say --all\n"
    assert "not both" in _said("trial", "--all")[1]
    assert "did you mean 'trial'?" in _said("trail")[1]
    trial.notebook("second", [])
    assert "--set is for one use case" in _said("--all", "--set", "faces_max=2")[1]


def test_a_plan_holds_validated_values_and_the_version_the_build_would_give(
    trial: TemporaryProject, sound: Sound
) -> None:
    source = "pair: tuple[int, float] = [1, 2]\nfaces_max: int | None = 1\nname: str = 'a'"
    trial.notebook("trial", sound(parameters=source))
    trial.stage("local", "use_cases:\n  trial:\n    parameters: {pair: [3, 4]}\n")
    made = plan(trial, "trial", "local", read_stage(trial, "local"), {"name": "quoted \" ' \\ 한글"})
    assert made.overrides == {"pair": (3, 4.0), "name": "quoted \" ' \\ 한글"}
    assert made.changes["pair"] == ([1, 2], (3, 4.0))
    bare = plan(trial, "trial", "local", read_stage(trial, "local"), {})
    trial.build()
    assert bare.version == trial.entry("trial")["versions"]["local"] != made.version


def test_a_notebook_that_cannot_be_read_is_refused(trial: TemporaryProject) -> None:
    trial.file("usecases/trial.ipynb", "<<<<<<< HEAD")
    with pytest.raises(Refused, match="not JSON"):
        plan(trial, "trial", "local", {}, {})


def test_settings_are_json() -> None:
    assert settings_of(("a=1", 'b="x=y"', "c=[1, null]")) == {"a": 1, "b": "x=y", "c": [1, None]}
    with pytest.raises(BadSetting):
        settings_of(("a-b=1",))


def test_metrics_are_plain_numbers_whoever_made_them() -> None:
    given = {"i": np.int64(3), "f": np.float32(0.5), "z": np.array(2.0), "half": Fraction(1, 2), "n": 1}
    assert numbers(given) == {"i": 3, "f": 0.5, "z": 2.0, "half": 0.5, "n": 1}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([1, 2], "a list, not a dict"),
        ({}, "the dict is empty"),
        ({"a": {"b": 1}}, "'a' is a dict"),
        ({"a": None}, "'a' is a NoneType"),
        ({"a": float("inf")}, "'a' is inf"),
        ({"a": np.float64("nan")}, "'a' is nan"),
        ({"a": np.array([1, 2])}, "'a' is a ndarray"),
        ({"a": np.True_}, "'a' is a bool"),
        ({"a": Decimal(1)}, "'a' is a Decimal"),
        ({1: 1}, "the name 1 is no text"),
    ],
)
def test_anything_else_is_refused(value: Any, said: str) -> None:
    with pytest.raises(MetricsWrong) as caught:
        numbers(value)
    assert said in str(caught.value)


def test_what_is_gone_is_shown_last() -> None:
    assert changed({"a": 1, "b": 2}, {"c": 3, "a": 1}) == [("c", None, 3), ("a", 1, 1), ("b", 2, None)]


def test_a_syntax_error_is_placed_in_its_cell() -> None:
    cell = Cell(4, "odd", "code", "x = (\n1 +", ())
    output = {
        "ename": "SyntaxError",
        "evalue": "incomplete input (1234567.py, line 2)",
        "traceback": ["  \x1b[36mCell\x1b[39m\x1b[36m \x1b[39m\x1b[32mIn[7]\x1b[39m\x1b[32m, line 2\x1b[39m\n    1 +"],
    }
    failure = raised(output, cell, 7, {7: cell})
    assert (failure.place, failure.code) == ("cell 4 [odd] line 2", "1 +")
    assert failure.message == "SyntaxError: incomplete input"
