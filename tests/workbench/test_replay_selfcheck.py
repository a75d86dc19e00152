"""Honesty: the version that decided decides again, to the last byte; what is not pure is found, and named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from secrets import randbelow
from typing import Any

import generated
import pytest
from replayed import LOGIC, NAME, Replayed
from sqlalchemy import update

from chalicelib.store.tables import decisions

COUNT = 10_000
INCOMES = 1, 30, 100, 400, 1000
IMPORTS = "import itertools, os, random, time\n"


def test_ten_thousand_generated_decisions_are_reproduced_in_a_process_with_another_hash_seed(
    project: Any, cell: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    cells = [
        {"cell_type": "markdown", "id": "title", "metadata": {}, "source": ["# Varied\n", "\n", "Every kind.\n"]},
        cell(generated.MODELS, "export", name="models"),
        cell(generated.PARAMETERS, "parameters", name="parameters"),
        cell(generated.TASKS, "export", name="tasks"),
        cell(generated.LOGIC, "export", name="logic"),
    ]
    project.notebook(generated.NAME, cells)
    project.stage("local", "providers: {}\n")
    assert not [one for one in project.build().problems if one.severity == "error"]
    url, seed = f"sqlite:///{tmp_path}/generated.db", randbelow(2**31)
    arguments = [sys.executable, generated.__file__, str(project.root), url, str(COUNT), str(seed)]
    done = subprocess.run(arguments, env={**os.environ, "PYTHONHASHSEED": "1"}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    found = project.artemis(
        "replay", "varied", "--database", url, "--self-check", "--format", "json", PYTHONHASHSEED="2"
    )
    check = json.loads(found.stdout)
    assert check["differing"] == 0, f"seed {seed}: {check}"
    assert check["checked"] == check["same"] >= COUNT * 0.9, check  # of those that hypothesis does not make twice
    again = project.artemis("replay", "varied", "--database", url, "--format", "json", PYTHONHASHSEED="3")
    report = json.loads(again.stdout)  # with results that are kept
    assert (report["flips"]["count"], report["same_outcome_but"]) == (0, {}), f"seed {seed}"
    assert report["decisions"]["replayed"] == check["checked"]
    assert {"low", "high", "odd", "failed"} == set(report["outcomes"]["before"])


def test_the_self_check_of_what_is_pure(replayed: Replayed) -> None:
    replayed.decide(*INCOMES, words="a b")
    replayed.decide(-1)  # a task fails
    replayed.decide(5, words="!")  # a fallback is used
    done = replayed.run("--self-check")
    assert done.exit_code == 0
    verdict = "run again by the version that decided: all of them decide again as they did"
    assert done.stdout == f"7 decisions of {NAME} {verdict}\n"


def test_every_version_is_run_under_its_own_parameters(replayed: Replayed) -> None:
    replayed.decide(*INCOMES)
    replayed.project.stage("local", f"providers: {{}}\nuse_cases:\n  {NAME}:\n    parameters: {{risk_deny: 0.55}}\n")
    replayed.build()
    replayed.decide(*INCOMES)
    replayed.write(logic=LOGIC.replace("risk=rated", "risk=0.0"))
    replayed.build()
    replayed.decide(*INCOMES)
    found = json.loads(replayed.run("--self-check", "--format", "json").stdout)
    assert (found["checked"], found["same"]) == (15, 15)


@pytest.mark.parametrize(
    ("step", "changed"),
    [
        ("decide", LOGIC.replace("risk=rated)", "risk=random.random())  # artemis: ignore[purity]")),
        ("decide", LOGIC.replace("reasons=reasons", 'reasons=list({"a", "b", "c", "d", "e"})')),
        ("wordy", LOGIC.replace("return read is None", "return next(COUNT) % 2 == 1 or read is None")),
        ("decide", LOGIC.replace("risk=rated)", "risk=time.perf_counter())")),
    ],
    ids=["random", "order of a set", "state", "clock"],
)
def test_steps_that_are_not_pure_are_found_and_named(replayed: Replayed, step: str, changed: str) -> None:
    write_unchecked(replayed, changed)
    replayed.decide(*INCOMES * 6)
    done = run_elsewhere(replayed, "--self-check")
    assert done.returncode == 1, done.stdout
    assert "decisions of loan_check run again" in done.stdout
    assert f"the step {step!r} of version" in done.stdout and "is not pure" in done.stdout


def test_what_looked_at_something_that_has_changed_since(replayed: Replayed, monkeypatch: Any) -> None:
    write_unchecked(replayed, LOGIC.replace("risk=rated)", 'risk=float(os.environ.get("LIMIT", "0")))'))
    monkeypatch.setenv("LIMIT", "1")
    replayed.decide(*INCOMES)
    monkeypatch.delenv("LIMIT")
    found = json.loads(replayed.run("--self-check", "--format", "json").stdout)
    assert (found["differing"], found["impure_steps"]) == (5, [])
    (said,) = found["unexplained"].values()
    assert "the runtime, a file, the clock or the environment" in said
    assert found["examples"][0]["stored"].endswith('"risk":1.0}')


def test_it_takes_no_candidate(replayed: Replayed) -> None:
    replayed.decide(*INCOMES)
    said = replayed.refused("--self-check", "--set", "risk_deny=0.7", "--fail-if", "flips > 1%", "--workers", "2")
    assert said.endswith("it takes no --set, --fail-if, --workers")
    assert replayed.refused("--self-check", "--format", "html").endswith("as text or json, not html")


def test_a_decision_that_somebody_changed_is_found(replayed: Replayed) -> None:
    ids = replayed.decide(*INCOMES)
    with replayed.store.database.begin() as connection:
        changed = '{"outcome":"pay","reasons":[],"risk":0.5}'
        connection.execute(update(decisions).where(decisions.c.id == ids[0]).values(decision=changed))
    done = replayed.run("--self-check")
    assert (done.exit_code, ids[0] in done.stdout) == (1, True)


def write_unchecked(replayed: Replayed, logic: str) -> None:
    """Build what the rules refuse: as if they had not seen it."""
    from replayed import MODELS

    replayed.write(models=IMPORTS + MODELS, logic=f"COUNT = itertools.count()\n\n\n{logic}")
    from workbench.draft import draft
    from workbench.examine import examine
    from workbench.files import digest
    from workbench.manifest import compose, read, render
    from workbench.notebook import read as read_notebook

    path = replayed.project.notebooks / f"{NAME}.ipynb"
    drafted = draft(read_notebook(f"usecases/{NAME}.ipynb", NAME, path.read_bytes()))
    examined, problems = examine(drafted)
    assert examined is not None, problems
    module = replayed.project.generated / f"{NAME}.py"
    module.write_text(drafted.code, "utf-8")
    old = read(replayed.project.generated / "manifest.json")
    entry = examined.entry | {"module": digest(drafted.code.encode()), "versions": {}}
    content = compose(old.stages, {NAME: entry}, {}, {})
    (replayed.project.generated / "manifest.json").write_bytes(render(content))


def run_elsewhere(replayed: Replayed, *arguments: str) -> subprocess.CompletedProcess[str]:
    found: subprocess.CompletedProcess[str] = replayed.project.artemis(
        "replay", NAME, "--database", replayed.url, *arguments, PYTHONHASHSEED="7"
    )
    return found
