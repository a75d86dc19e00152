"""Recorded cases: a stored decision becomes one, and notebook and module decide it again, without a model."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib import bootstrap
from chalicelib.calling.routing import Routing
from chalicelib.manifest import Manifest
from chalicelib.service import LOCAL_CLIENT, Service
from chalicelib.settings import Settings
from workbench.testing import cases, decisions
from workbench.testing.cases import BadCase
from workbench.testing.promote import promote
from workbench.testing.results import Suite

CONTRACT = """
from typing import Literal
from pydantic import BaseModel
from chalicelib.usecase import task

class Request(BaseModel):
    name: str

class Decision(BaseModel):
    outcome: Literal["approve", "review"]
    length: int = 0
"""
TASKS = "@task\ndef length(name: str) -> int:\n    return len(name)\n"
DECIDE = """
def decide(length) -> Decision:
    return Decision(outcome="review" if length > limit else "approve", length=length)
"""


@pytest.fixture
def written(project: Any, cell: Any) -> Any:
    def write(tasks: str = TASKS, decide: str = DECIDE) -> None:
        sources = [(CONTRACT, "export"), ("limit: int = 3  # longer: review", "parameters")]
        sources += [(tasks, "export"), (decide, "export")]
        project.notebook("naming", [cell(source, tag, name=f"c{n}") for n, (source, tag) in enumerate(sources)])

    project.stage("local", "providers: {}\n")
    write()
    assert not project.build().failed
    return write


@pytest.fixture
def decided(project: Any, written: Any) -> tuple[str, str]:
    """The store's URL, and the id of a decision on a Korean name."""
    url = f"sqlite:///{project.root / 'store.db'}"
    settings = Settings("local", url)
    service = Service(
        settings,
        Manifest.read(project.generated),
        bootstrap.engine(Routing()),
        bootstrap.build(settings, Manifest({}, {})).store,
    )
    return url, service.decide(LOCAL_CLIENT, "naming", json.dumps({"name": "김민지"})).id


def outcome_of(project: Any) -> Suite:
    (suite,) = decisions.run(project, ["naming"], "local", complete=True)
    return suite


def messages(suite: Suite) -> list[str]:
    return [fault.message for test in suite.tests for fault in test.faults]


def test_a_decision_becomes_a_case_that_passes(project: Any, decided: tuple[str, str]) -> None:
    case, path = promote(project, *decided, "짧은 이름", {})
    assert "김민지" in path.read_text("utf-8") and "짧은 이름" in path.read_text("utf-8")
    assert case.facts == {"length": 3} and case.expected == {"outcome": "approve", "length": 3}
    suite = outcome_of(project)
    assert (suite.passed, suite.failed) == (2, 0)  # parity and the case


def test_what_should_have_been_decided_fails_until_the_notebook_is_mended(
    project: Any, decided: tuple[str, str], written: Any
) -> None:
    promote(project, *decided, "", {"outcome": "review"})
    suite = outcome_of(project)
    (fault,) = [fault for test in suite.tests for fault in test.faults]
    assert '- outcome: "review"\n+ outcome: "approve"' in fault.detail and "length: 3" in fault.detail
    written(decide=DECIDE.replace("> limit", ">= limit"))
    project.build()
    assert outcome_of(project).failed == 0


def test_a_new_task_asks_to_record_again(project: Any, decided: tuple[str, str], written: Any) -> None:
    promote(project, *decided, "", {})
    written(
        tasks=TASKS.replace("length", "size", 1),
        decide=DECIDE.replace("length)", "size)").replace("=length", "=size").replace("length >", "size >"),
    )
    project.build()
    assert "the task 'size' is new: record the case again" in messages(outcome_of(project))


def test_a_step_that_raises_is_named_with_cell_and_line(project: Any, decided: tuple[str, str], written: Any) -> None:
    promote(project, *decided, "", {})
    written(decide=DECIDE.replace("    return", "    1 / 0\n    return"))
    project.build()
    (fault,) = [fault for test in outcome_of(project).tests for fault in test.faults]
    assert (fault.cell, fault.line) == (4, 3) and "ZeroDivisionError" in fault.message


def test_a_module_that_is_not_the_notebooks_is_found(project: Any, decided: tuple[str, str], written: Any) -> None:
    promote(project, *decided, "", {})
    written(decide=DECIDE.replace("> limit", ">= limit"))  # not built
    assert "the built module decides otherwise than the notebook" in messages(outcome_of(project))


def test_a_failed_task_takes_the_fallback_of_today(project: Any, decided: tuple[str, str], written: Any) -> None:
    _, path = promote(project, *decided, "", {})
    line = json.loads(path.read_text("utf-8")) | {"facts": {}, "failures": {"length": {"error": "timeout"}}}
    path.write_text(json.dumps(line))
    assert "has no fallback" in messages(outcome_of(project))[0]
    written(tasks=TASKS.replace("@task", "@task(fallback=9)"))
    project.build()
    assert "length: 3\n+ length: 9" in "".join(f.detail for t in outcome_of(project).tests for f in t.faults)


@pytest.mark.parametrize(
    ("expect", "said"),
    [({"outcome": "maybe"}, "no decision of naming can be so"), ({"outcom": "review"}, "no such field")],
)
def test_an_impossible_expectation_is_refused(
    project: Any, decided: tuple[str, str], expect: dict[str, Any], said: str
) -> None:
    with pytest.raises(BadCase, match=said):
        promote(project, *decided, "", expect)
    assert not cases.path_of(project, "naming").exists()


def test_what_cannot_be_a_case_is_refused(project: Any, decided: tuple[str, str]) -> None:
    url, decision = decided
    with pytest.raises(BadCase, match="there is no decision"):
        promote(project, url, "nope", "", {})
    with pytest.raises(BadCase, match="there is no database"):
        promote(project, "sqlite:///nowhere.db", decision, "", {})
    promote(project, url, decision, "", {})
    with pytest.raises(BadCase, match="is a case of naming already"):
        promote(project, url, decision, "", {})
    (project.notebooks / "naming.ipynb").unlink()
    with pytest.raises(BadCase, match="has no notebook here"):
        promote(project, url, decision, "", {})


def test_malformed_lines_are_named_and_the_others_used(project: Any, decided: tuple[str, str]) -> None:
    case, path = promote(project, *decided, "", {})
    path.write_bytes(path.read_bytes() + b'{"id": 3}\n{\n\xff\n' + path.read_bytes())
    found, bad = cases.read(project, "naming")
    assert [one.id for one in found] == [case.id]
    assert [line.line for line in bad] == [2, 3, 4, 5]
    assert outcome_of(project).failed == 4


def test_a_case_is_removed_and_the_others_stay(project: Any, decided: tuple[str, str]) -> None:
    case, path = promote(project, *decided, "", {})
    other = case.line().replace(case.id, "other")
    path.write_text(case.line() + other, "utf-8")
    cases.remove(project, case.id)
    assert path.read_text("utf-8") == other
    with pytest.raises(BadCase, match="there is no case"):
        cases.remove(project, case.id)


def test_the_command_reports_and_ends_with_1(project: Any, decided: tuple[str, str]) -> None:
    url, decision = decided
    added = project.artemis("case", "add", decision, "--expect", "outcome=review", "--database-url", url)
    assert added.returncode == 0, added.stderr
    ran = project.artemis("test", "naming", "--tier", "cases", "--format", "json", "--junit", "junit.xml")
    assert ran.returncode == 1 and json.loads(ran.stdout)[0]["failed"] == 1
    assert "<failure" in (project.root / "junit.xml").read_text("utf-8")
    assert project.artemis("case", "add", "nope", "--database", url).returncode == 2
