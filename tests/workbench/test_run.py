"""`artemis run`: one decision of the built use case, and where in the notebook a step of it failed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner, Result

from chalicelib.asking import Call
from chalicelib.run import Fact, Run
from workbench.cli import main
from workbench.live import Shown

CONTRACT = """\
from typing import Literal
from pydantic import BaseModel, ConfigDict
from chalicelib.usecase import Subject, task

class Request(BaseModel):
    model_config = ConfigDict(json_schema_extra={"examples": [{"user_id": "u-1", "amount": 12}]})
    user_id: Subject
    amount: int

class Decision(BaseModel):
    outcome: Literal["pay", "review"]"""
STEPS = """\
@task(timeout=5, fallback=-1)
def score(amount: int) -> int:
    if amount == 13:
        raise LookupError("no score")
    return amount

def share(amount: int) -> float:
    return limit / amount

def decide(score, share) -> Decision:
    return Decision(outcome="pay" if share > 1 else "review")"""


@pytest.fixture
def run(project: Any, cell: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """``artemis run payout …`` in this process, in a built project."""
    project.notebook(
        "payout",
        [
            cell(CONTRACT, "export", name="contract"),
            cell("limit: int = 100  # pay at once below", "parameters", name="limits"),
            cell(STEPS, "export", name="steps"),
        ],
    )
    project.stage("local", "deadline: 5\n")
    project.stage("strict", "use_cases:\n  payout:\n    parameters: {limit: 1}\n")
    assert not project.build().failed
    monkeypatch.chdir(project.root)
    return lambda *arguments: CliRunner().invoke(main, ["run", "payout", *arguments])


def test_the_contracts_example_is_decided(run: Callable[..., Result]) -> None:
    done = run()
    assert (done.exit_code, done.stdout) == (0, "pay\n")


def test_the_stage_gives_the_parameters(run: Callable[..., Result]) -> None:
    done = run("--stage", "strict", "--format", "json", "--trace")
    content = json.loads(done.stdout)
    assert (content["status"], content["stage"], content["decision"]) == ("decided", "strict", {"outcome": "review"})
    assert {step["step"]: step["result"] for step in content["steps"]}["score"] == 12


def test_a_request_from_a_file_and_from_the_input(run: Callable[..., Result], project: Any) -> None:
    path = project.file("request.json", '{"user_id": "u", "amount": 200}')
    assert run("--request", f"@{path}").stdout == "review\n"
    done = run("--request", "@nowhere.json")
    assert (done.exit_code, "cannot be read" in done.stderr) == (2, True)


def test_a_failed_step_is_shown_with_its_place(run: Callable[..., Result]) -> None:
    done = run("--request", '{"user_id": "u", "amount": 0}')
    assert done.exit_code == 1
    assert done.stdout.startswith("step-failed: step 'share': ZeroDivisionError")
    assert 'File "usecases/payout.ipynb", cell 3 [steps], line 8, in share\n' in done.stderr
    assert "-->  8 |     return limit / amount" in done.stderr
    assert ".py" not in done.stderr


def test_a_failure_as_json_holds_its_traceback(run: Callable[..., Result]) -> None:
    done = run("--request", '{"user_id": "u", "amount": 0}', "--format", "json")
    failure = json.loads(done.stdout)["failure"]
    assert (done.exit_code, failure["step"], failure["error"]["line"]) == (1, "share", 8)
    assert "cell 3 [steps], line 8, in share" in failure["traceback"]


def test_a_fallback_is_said_and_explained_in_the_trace(run: Callable[..., Result]) -> None:
    request = '{"user_id": "u", "amount": 13}'
    done = run("--request", request)
    assert (done.exit_code, done.stdout, done.stderr) == (0, "pay   degraded: score (failed)\n", "")
    assert "cell 3 [steps], line 4, in score" in run("--request", request, "--trace").stderr
    steps = json.loads(run("--request", request, "--trace", "--format", "json").stdout)["steps"]
    (score,) = [step for step in steps if step["step"] == "score"]
    assert (score["result"], score["error"]["message"]) == (-1, "no score")


def test_a_misspelt_use_case_of_a_history_is_told_before_it_is_served(
    run: Callable[..., Result], project: Any, cell: Any
) -> None:
    past = """\
@task(timeout=5)
def before(history) -> int:
    return len(history.decisions("payuot"))

def decide(before) -> Decision:
    return Decision(outcome="pay" if before else "review")"""
    cells = [
        cell(CONTRACT, "export", name="contract"),
        cell("limit: int = 100  # pay at once below", "parameters", name="limits"),
        cell(past, "export", name="steps"),
    ]
    project.notebook("payout", cells)
    assert not project.build().failed
    done = run()
    assert (done.exit_code, "did you mean 'payout'?" in done.output) == (1, True)


def test_a_provider_that_stood_in_is_told_apart_from_a_fallback() -> None:
    calls = [Call("predict", "http", "", "", 1.0, error="unreachable"), Call("predict", "local", "m", "1", 1.0)]
    result = Run('{"outcome": "pay"}', facts=[Fact("score", "k", "1", None, False, calls)])
    usecase: Any = None  # a headline does not need it
    assert Shown(usecase, result, {}).headline() == "pay   degraded: score (http unreachable, local answered)"


def test_a_photo_that_cannot_be_had_exits_with_2_and_says_why(
    project: Any, sound: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    project.notebook("review", sound())
    project.stage("staging", "photos: {buckets: [member-photos]}\n")
    assert not project.build().failed
    monkeypatch.chdir(project.root)
    request = '{"user_id": "u", "photo": {"s3": "s3://member-photos/a.jpg"}}'
    done = CliRunner().invoke(main, ["run", "review", "--stage", "staging", "--request", request])
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: a photo in S3 cannot be read") and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--request", '{"user_id": "u", "amont": 1}'], "/amont: there is no such field"),
        (["--request", '{"user_id": "u", "amount": "1"}'], "/amount: "),
        (["--request", "{"], "--request is no JSON text"),
        (["--stage", "nowhere"], "there is no stage 'nowhere'; there are: local, strict"),
    ],
)
def test_what_cannot_be_decided_exits_with_2(run: Callable[..., Result], arguments: list[str], said: str) -> None:
    done = run(*arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr


def test_a_changed_notebook_is_told_apart_from_what_was_built(run: Callable[..., Result], project: Any) -> None:
    path = project.notebooks / "payout.ipynb"
    path.write_text(path.read_text("utf-8").replace("share > 1", "share > 2"), "utf-8")
    done = run()
    assert (done.exit_code, done.stdout) == (0, "pay\n")
    assert "has changed since it was built" in done.stderr


def test_a_changed_stage_file_is_told_apart_from_what_was_built(run: Callable[..., Result], project: Any) -> None:
    project.stage("local", "# another comment\ndeadline: 5\n")
    assert run().stderr == ""
    project.stage("local", "deadline: 6\n")
    done = run()
    assert (done.exit_code, done.stdout) == (0, "pay\n")
    assert done.stderr.startswith("note: usecases/stages/local.yaml has changed since it was built")
    assert run("--stage", "strict").stderr == ""


def test_serving_says_so_too(run: Callable[..., Result], project: Any) -> None:
    served = ("serve", "--stage", "strict", "--port", "0")
    assert "has changed" not in project.artemis(*served, ARTEMIS_API_KEYS="[").stderr  # refused for its keys
    project.stage("strict", "deadline: 6\n")
    assert "note: usecases/stages/strict.yaml has changed" in project.artemis(*served, ARTEMIS_API_KEYS="[").stderr


def test_code_that_does_not_load_exits_with_2_and_its_place(run: Callable[..., Result], project: Any) -> None:
    path = project.module("payout")
    path.write_text(path.read_text("utf-8").replace("def share", "1 / 0\ndef share"), "utf-8")
    done = run()
    assert done.exit_code == 2
    assert "payout does not load:" in done.stderr
    assert 'File "usecases/payout.ipynb", cell 3 [steps], line 7, in <module>' in done.stderr


def test_a_command_that_exported_code_ends_names_the_place(project: Any, run: Callable[..., Result]) -> None:
    """The process's last words, from whichever command."""
    code = "import sys; from workbench.cli import main; from unittest import mock\n"
    code += "import workbench.once\n"
    code += f"sys.path.insert(0, {str(project.generated)!r})\n"
    code += "def broken(*_):\n    import payout\n    return payout.share(0)\n"
    code += "with mock.patch('workbench.once.prepare', broken):\n    main(['run', 'payout'])\n"
    import subprocess
    import sys

    done = subprocess.run([sys.executable, "-c", code], cwd=project.root, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert 'File "usecases/payout.ipynb", cell 3 [steps], line 8, in share\n' in done.stderr
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")
