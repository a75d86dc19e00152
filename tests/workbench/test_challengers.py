"""`artemis challengers`: what they would have decided, stored, continued, and compared with the champion."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from replayed import LOGIC, NAME, TASKS, Replayed
from sqlalchemy import select, update

from chalicelib.store.challenger_tables import challenger_decisions, challenger_runs
from chalicelib.store.tables import decisions
from workbench.commands import challengers as command
from workbench.replaying import past

INCOMES = 1, 30, 100, 400, 1000
STAGE = f"providers: {{}}\nuse_cases:\n  {NAME.replace('_', '-')}:\n    challengers:\n"


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decisions of the last minute, too."""
    monkeypatch.setattr(command, "_quiet", lambda _project, _stage: timedelta(0))


@pytest.fixture
def stage() -> Callable[[Replayed, str], None]:
    def write(replayed: Replayed, challengers: str) -> None:
        replayed.project.stage("local", STAGE + challengers)
        replayed.build()

    return write


STRICT = "      strict: {risk_deny: 0.7}\n"


def rows(replayed: Replayed, table: Any = challenger_decisions) -> list[dict[str, Any]]:
    with replayed.store.database.read() as connection:
        key = table.c.decision_id if "decision_id" in table.c else table.c.challenger
        return [dict(row) for row in connection.execute(select(table).order_by(key)).mappings()]


def ran(replayed: Replayed, *arguments: str) -> list[dict[str, Any]]:
    done = replayed.challengers("run", "--format", "json", *arguments)
    assert done.exit_code == 0, done.output
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def compared(replayed: Replayed) -> list[dict[str, Any]]:
    done = replayed.challengers("--format", "json")
    assert done.exit_code == 0, done.output
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_what_they_would_have_decided_is_stored(replayed_on_each: Replayed, stage: Any) -> None:
    ids = replayed_on_each.decide(*INCOMES)
    stage(replayed_on_each, STRICT + "      chatty: {words_max: 0}\n")
    found = {one["challenger"]: one for one in ran(replayed_on_each)}
    assert {name: (one["decisions"], one["flips"]) for name, one in found.items()} == {
        "strict": (5, 1),
        "chatty": (5, 0),
    }
    strict = {row["decision_id"]: row for row in rows(replayed_on_each) if row["challenger"] == "strict"}
    assert {row["status"] for row in strict.values()} == {"same", "other"}
    assert (strict[ids[1]]["outcome"], json.loads(strict[ids[1]]["decision"])["outcome"]) == ("deny", "deny")
    assert strict[ids[0]]["decision"] is None  # it is the champion's


def test_a_run_goes_on_where_the_last_one_ended(replayed_on_each: Replayed, stage: Any) -> None:
    replayed_on_each.decide(*INCOMES)
    stage(replayed_on_each, STRICT)
    assert ran(replayed_on_each)[0]["decisions"] == 5
    assert ran(replayed_on_each)[0]["decisions"] == 0
    replayed_on_each.decide(30)
    assert ran(replayed_on_each)[0]["decisions"] == 1
    (run,) = rows(replayed_on_each, challenger_runs)
    assert (run["decisions"], json.loads(run["parameters"])) == (6, {"risk_deny": 0.7})
    assert len(rows(replayed_on_each)) == 6


def test_other_parameters_under_the_same_name_begin_anew(replayed: Replayed, stage: Any) -> None:
    replayed.decide(*INCOMES)
    stage(replayed, STRICT)
    ran(replayed)
    stage(replayed, STRICT.replace("0.7", "0.95"))
    assert (ran(replayed)[0]["decisions"], ran(replayed)[0]["decisions"]) == (5, 0)
    assert len({row["definition"] for row in rows(replayed)}) == 2
    (one,) = compared(replayed)
    assert one["candidate"]["parameters"] == {"risk_deny": {"before": 0.8, "after": 0.95}}
    assert one["flips"]["count"] == 0  # 0.9901 is above it, too


def test_the_last_minute_is_left_to_the_next_run(replayed: Replayed, stage: Any, monkeypatch: Any) -> None:
    monkeypatch.undo()
    monkeypatch.chdir(replayed.project.root)
    replayed.decide(*INCOMES)
    stage(replayed, STRICT)
    assert ran(replayed)[0]["decisions"] == 0
    old = first_id_of(replayed, datetime.now(UTC) - timedelta(minutes=5))
    assert ran(replayed)[0]["decisions"] == 1
    assert [row["decision_id"] for row in rows(replayed)] == [old]


def first_id_of(replayed: Replayed, at: datetime) -> str:
    """Make the newest decision one of that time."""
    from chalicelib.store.ids import first_id
    from chalicelib.store.tables import task_results

    (made,) = replayed.decide(400)
    old = first_id(at)[:-1] + "7"
    with replayed.store.database.begin() as connection:
        row = connection.execute(select(decisions).where(decisions.c.id == made)).mappings().one()
        connection.execute(decisions.insert().values({**row, "id": old, "created_at": at}))
        connection.execute(update(task_results).where(task_results.c.decision_id == made).values(decision_id=old))
        connection.execute(decisions.delete().where(decisions.c.id == made))
    return old


def test_a_run_that_is_killed_is_ended_by_the_next(replayed: Replayed, stage: Any, monkeypatch: Any) -> None:
    from workbench.replaying import challengers as runs

    monkeypatch.setattr(past, "PAGE", 2)
    replayed.decide(*INCOMES)
    stage(replayed, STRICT)
    write, written = runs._write, []

    def dying(*arguments: Any) -> None:
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(write(*arguments))

    monkeypatch.setattr(runs, "_write", dying)
    assert replayed.challengers("run").exit_code == 130
    assert len(rows(replayed)) == 4
    monkeypatch.setattr(runs, "_write", write)
    assert ran(replayed)[0]["decisions"] == 1
    assert len(rows(replayed)) == 5


def test_what_was_forgotten_meanwhile_is_not_stored(replayed_on_each: Replayed, stage: Any, monkeypatch: Any) -> None:
    from workbench.replaying import challengers as runs

    ids = replayed_on_each.decide(*INCOMES)
    stage(replayed_on_each, STRICT)
    write = runs._write

    def forgetting(database: Any, *arguments: Any) -> None:
        with database.begin() as connection:
            gone = update(decisions).where(decisions.c.id == ids[1]).values(status="forgotten", decision=None)
            connection.execute(gone)
        write(database, *arguments)

    monkeypatch.setattr(runs, "_write", forgetting)
    ran(replayed_on_each)
    assert ids[1] not in {row["decision_id"] for row in rows(replayed_on_each)}


def test_a_person_is_forgotten_here_too(replayed_on_each: Replayed, stage: Any) -> None:
    from click.testing import CliRunner

    from workbench.commands.forget import forget

    ids = replayed_on_each.decide(*INCOMES)
    stage(replayed_on_each, STRICT)
    ran(replayed_on_each)
    done = CliRunner().invoke(forget, ["회원-1", "--yes", "--database", replayed_on_each.url])
    assert done.exit_code == 0, done.output
    assert {row["decision_id"] for row in rows(replayed_on_each)} == set(ids) - {ids[1]}
    (one,) = compared(replayed_on_each)
    assert one["decisions"]["replayed"] == 4


def test_they_are_compared_over_time_and_with_labels(replayed_on_each: Replayed, stage: Any) -> None:
    ids = replayed_on_each.decide(*INCOMES)
    for decision_id, outcome in zip(ids, ("deny", "deny", "ask", "pay", "pay"), strict=True):
        replayed_on_each.label(decision_id, outcome, weight=1.0)
    stage(replayed_on_each, STRICT)
    ran(replayed_on_each)
    (one,) = compared(replayed_on_each)
    assert (one["challenger"], one["flips"]["count"]) == ("challenger strict", 1)
    (week,) = one["weeks"]
    monday = datetime.now(UTC).date() - timedelta(days=datetime.now(UTC).weekday())
    assert (week["week"], week["decisions"], week["flips"]) == (monday.isoformat(), 5, 0.2)
    assert (week["champion"]["value"], week["challenger"]["value"]) == (0.8, 1.0)
    assert one["agreement"]["metrics"]["recall[deny]"]["after"]["value"] == 1.0
    text = replayed_on_each.challengers().stdout
    assert "Candidate: challenger strict" in text and "champion agrees" in text
    assert (
        "| week of | decisions | flips | champion agrees | challenger agrees |"
        in replayed_on_each.challengers("--format", "markdown").stdout
    )


def test_what_a_challenger_cannot_decide(replayed: Replayed, stage: Any) -> None:
    """A parameter that a task reaches: its facts answer another question."""
    replayed.write(tasks=TASKS.replace("income / 100", "income / (words_max * 20)"))
    replayed.build()
    replayed.decide(*INCOMES)
    stage(replayed, "      long: {words_max: 9}\n")
    (one,) = ran(replayed)
    assert (one["decisions"], one["apart"]) == (5, {"needs calls": 5})
    assert {(row["status"], row["said"]) for row in rows(replayed)} == {("apart", "needs a call: rated")}
    (report,) = compared(replayed)
    assert report["decisions"]["apart"] == {"needs a call: rated": 5}


def test_new_code_goes_on_with_the_same_challenger(replayed: Replayed, stage: Any) -> None:
    replayed.decide(*INCOMES)
    stage(replayed, STRICT)
    ran(replayed)
    replayed.write(logic=LOGIC.replace("risk=rated", "risk=round(rated, 1)"))
    replayed.build()
    replayed.decide(30)
    assert ran(replayed)[0]["decisions"] == 1
    assert len({row["version"] for row in rows(replayed)}) == 2
    assert compared(replayed)[0]["flips"]["count"] == 2


def test_failed_decisions(replayed: Replayed, stage: Any) -> None:
    replayed.decide(-1)
    stage(replayed, STRICT)
    (one,) = ran(replayed)
    assert (one["decisions"], one["flips"]) == (1, 0)
    (row,) = rows(replayed)
    assert (row["status"], row["said"]) == ("failed", "rated")
    assert compared(replayed)[0]["outcomes"] == {"before": {"failed": 1}, "after": {"failed": 1}}


def test_a_stage_without_challengers_and_one_that_never_ran(replayed: Replayed, stage: Any) -> None:
    replayed.decide(1)
    done = replayed.challengers("run")
    assert done.exit_code == 2 and "stage local names no challenger: write `challengers:" in done.stderr
    assert replayed.challengers("--stage", "moon").exit_code == 2
    stage(replayed, STRICT)
    done = replayed.challengers()
    assert done.stdout == f"{NAME}, challenger strict: never ran: `artemis challengers run`\n"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("      strict: {risk_dny: 0.7}\n", "use_cases.loan_check.challengers.strict: 'risk_dny' is no parameter"),
        ("      strict: {risk_deny: 7}\n", "challengers.strict: the override of 'risk_deny' does not fit"),
        ("      strict: {}\n", "challengers.strict: give a name of letters"),
        ('      "st rict": {risk_deny: 0.7}\n', "challengers.st rict: give a name of letters"),
        ("      - strict\n", "challengers: not a mapping of names to parameters"),
    ],
)
def test_mistakes_in_a_stage_file(replayed: Replayed, written: str, said: str) -> None:
    replayed.project.stage("local", STAGE + written)
    (problem,) = [one for one in replayed.project.build().problems if one.severity == "error"]
    assert said in problem.message
    assert problem.line > 0


def test_purging_takes_them_along(replayed_on_each: Replayed, stage: Any) -> None:
    from workbench.retention.purging import purge

    replayed_on_each.decide(*INCOMES)
    stage(replayed_on_each, STRICT)
    ran(replayed_on_each)
    later = datetime.now(UTC) + timedelta(days=3)
    done = purge(replayed_on_each.store.database, later, later)
    assert (done.rows["decisions"], done.rows["challenger_decisions"], rows(replayed_on_each)) == (5, 5, [])


def test_what_belongs_to_nothing_goes_with_the_next_purge(replayed: Replayed, stage: Any) -> None:
    """Earlier software deletes decisions without knowing of challengers."""
    from workbench.retention.purging import purge

    replayed.decide(*INCOMES)
    stage(replayed, STRICT)
    ran(replayed)
    with replayed.store.database.begin() as connection:
        connection.execute(decisions.delete())
    later = datetime.now(UTC) + timedelta(days=3)
    assert purge(replayed.store.database, later, later).rows["challenger_decisions"] == 5
    assert rows(replayed) == []
