"""What `artemis record` keeps of a run, and what it does not run at all. The runs here are only said to have been."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from chalicelib.calling.router import Answered
from chalicelib.errors import ProviderError
from chalicelib.models import ModelSource, Prediction
from chalicelib.questions import Question
from chalicelib.recordings import Recording, read, recordings
from tests.workbench.conftest import Sound, TemporaryProject
from workbench import record as recording
from workbench.commands.record import record as command
from workbench.record import Outcome, planned
from workbench.recordings import RECORD, Recorder, failed, noted
from workbench.validation.execute import Executed
from workbench.validation.failure import Failure
from workbench.validation.plan import BadSetting

SOURCE = ModelSource(provider="http", model="likeness-2", version="7")


@pytest.fixture
def written(project: TemporaryProject, sound: Sound) -> TemporaryProject:
    """A project with the use case `trial`."""
    project.notebook("trial", sound())
    project.stage("local", "providers: {faces: recorded}\n")
    project.stage("staging", "providers: {faces: http}\n")
    return project


def file_of(project: TemporaryProject) -> Path:
    return project.root / "usecases" / "recordings" / "trial.jsonl"


def held(project: TemporaryProject) -> list[Recording]:
    return read(file_of(project).read_text("utf-8"))


def answered(gap: float, value: float = 1.0, source: ModelSource = SOURCE) -> Recording:
    question = Question("predict", ({"gap": gap},), "likeness")
    return recordings(question, [Prediction(value=value)], source)[0]


@pytest.fixture
def kept(written: TemporaryProject, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Outcome]:
    """Records what a run is said to have noted."""

    def keep(
        *noted: Recording, merge: bool = False, failures: tuple[Failure, ...] = (), refused: tuple[str, ...] = ()
    ) -> Outcome:
        def execute(plan: Any, limit: float, tell: Any) -> Executed:
            notes = Path(os.environ[RECORD])
            if noted:
                notes.write_text("".join(f"{one.line()}\n" for one in noted), "utf-8")
            if refused:
                notes.with_suffix(".failed").write_text("\n".join(refused), "utf-8")
            return Executed(plan, failures=list(failures))

        monkeypatch.setattr(recording, "_execute", execute)
        plan = planned(written, "trial", "staging")
        return recording.record(written, plan, 60, merge, lambda *_: None, {"PATH": os.environ["PATH"]})

    return keep


def test_the_same_answers_in_any_order_give_the_same_file(written: TemporaryProject, kept: Any) -> None:
    kept(answered(1), answered(2), answered(3), answered(2))
    first = file_of(written).read_bytes()
    kept(answered(3), answered(2), answered(1))
    assert file_of(written).read_bytes() == first
    assert len(held(written)) == 3


def test_what_this_run_did_not_ask_goes_unless_it_is_merged(written: TemporaryProject, kept: Any) -> None:
    kept(answered(1), answered(2))
    merged = kept(answered(3), answered(2, value=5.0), merge=True)
    assert (len(held(written)), merged.gone) == (3, 0)
    assert answered(2, value=5.0) in held(written)
    replaced = kept(answered(3))
    assert (held(written), replaced.gone) == ([answered(3)], 2)


def test_one_question_with_two_answers_keeps_the_first_and_is_told(written: TemporaryProject, kept: Any) -> None:
    outcome = kept(answered(1, value=0.25), answered(1, value=0.75), answered(1, value=0.25))
    assert outcome.differing == 1
    assert held(written) == [answered(1, value=0.25)]


def test_accounts_are_scrubbed_and_counted(written: TemporaryProject, kept: Any) -> None:
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/x"
    outcome = kept(answered(1, source=ModelSource(provider="sagemaker", model=arn, version="1")))
    assert "123456789012" not in file_of(written).read_text("utf-8")
    assert outcome.scrubbed == {"AWS account": 1}


def test_answers_and_failures_are_noted_as_they_come(tmp_path: Path) -> None:
    question, recorder = Question("predict", ({"gap": 1}, {"gap": 2}), "likeness"), Recorder(tmp_path / "notes.jsonl")

    def note(number: int) -> None:
        recorder(question, Answered([Prediction(value=0.5), Prediction(value=1.0)], SOURCE))
        recorder(question, ProviderError("match-3:\n status 429", code="throttled"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(note, range(20)))
    assert len(noted(recorder.path)) == 40
    assert {one.key for one in noted(recorder.path)} == {("predict", digest) for digest in question.digests}
    assert failed(recorder.path) == {"predict/likeness: throttled: match-3: status 429": 20}


def test_what_failed_meanwhile_is_said(written: TemporaryProject, kept: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = kept(answered(1), refused=("predict/likeness: throttled",) * 2)
    assert (outcome.verdict, outcome.failed) == ("recorded", {"predict/likeness: throttled": 2})
    assert "not recorded: 2 × predict/likeness: throttled" in run(written, monkeypatch).output


def test_a_run_that_asks_nothing_or_fails_writes_nothing(written: TemporaryProject, kept: Any) -> None:
    assert kept().verdict == "nothing asked"
    assert kept(refused=("faces: timeout",)).verdict == "nothing answered"
    assert kept(answered(1), failures=(Failure("raised", "no"),)).verdict == "failed"
    assert not file_of(written).parent.exists()


def test_a_file_that_holds_something_else_is_replaced(written: TemporaryProject, kept: Any) -> None:
    written.file("usecases/recordings/trial.jsonl", "<<<<<<< HEAD\n")
    kept(answered(1))
    assert held(written) == [answered(1)]


def test_the_process_has_its_own_environment_again_afterwards(kept: Any) -> None:
    before = dict(os.environ)
    kept(answered(1))
    assert dict(os.environ) == before


# What cannot be run


@pytest.mark.parametrize("chain", ["recorded", "[http, recorded]"])
def test_a_stage_that_answers_from_recordings_records_nothing(written: TemporaryProject, chain: str) -> None:
    written.stage("local", f"providers: {{faces: {chain}}}\n")
    with pytest.raises(BadSetting, match="the stage local answers faces from recordings"):
        planned(written, "trial", "local")


def run(project: TemporaryProject, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Result:
    monkeypatch.chdir(project.root)
    return CliRunner().invoke(command, ["trial", *arguments])


def test_the_command_says_why_it_cannot_run(written: TemporaryProject, monkeypatch: pytest.MonkeyPatch) -> None:
    for arguments, why in (
        (["--stage", "local"], "answers faces from recordings"),
        (["--stage", "nowhere"], "nowhere"),
        (["--emulators"], "no tests/emulators here"),
    ):
        done = run(written, monkeypatch, *arguments)
        assert done.exit_code == 2
        assert why in done.output


def test_a_notebook_with_problems_is_not_run(written: TemporaryProject, monkeypatch: pytest.MonkeyPatch) -> None:
    written.notebook("trial", [])
    done = run(written, monkeypatch)
    assert done.exit_code == 1
    assert "was not run, and nothing was recorded" in done.output


# What is said


def test_what_was_kept_is_said(written: TemporaryProject, kept: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    arn = "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/x"
    kept(answered(9))
    kept(answered(1), answered(2, source=ModelSource(provider="sagemaker", model=arn, version="1")))
    done = run(written, monkeypatch)
    assert done.exit_code == 0
    assert done.output.splitlines() == [
        "usecases/recordings/trial.jsonl: 2 answers of staging",
        "  1 × predict from http",
        "  1 × predict from sagemaker",
        "  scrubbed: 1 × AWS account",
    ]


def test_that_nothing_was_asked_is_said(written: TemporaryProject, kept: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    kept()
    done = run(written, monkeypatch)
    assert (done.exit_code, "asked no model on staging" in done.output) == (1, True)
    kept(refused=("faces: timeout",))
    done = run(written, monkeypatch)
    assert done.exit_code == 1
    assert done.output.splitlines() == [
        "no model answered trial on staging",
        "  not answered: 1 × faces: timeout",
    ]


def test_a_failing_cell_is_told_with_the_calls_that_failed_before_it(
    written: TemporaryProject, kept: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cell, call = Failure("raised", "TypeError: no number"), "predict/likeness: refused: the server answered status 404"
    kept(failures=(cell,), refused=(call,))
    told = ["usecases/trial.ipynb  no cell", "  TypeError: no number"]
    assert run(written, monkeypatch).output.splitlines() == [
        *told,
        "nothing was recorded",
        f"  not answered: 1 × {call}",
    ]
    kept(answered(1))
    kept(failures=(cell,))
    as_it_was = "nothing was recorded: usecases/recordings/trial.jsonl is as it was"
    assert run(written, monkeypatch).output.splitlines() == [*told, as_it_was]
