"""Which facts a replay uses: those that answer what the candidate would ask; and what is said of the others."""

from __future__ import annotations

import json

from replayed import LOGIC, MODELS, NAME, PARAMETERS, TASKS, Replayed
from sqlalchemy import update

from chalicelib.store.tables import use_case_versions

# risks: 0.9901 0.7692 0.5 0.2 0.0909
INCOMES = 1, 30, 100, 400, 1000


def test_a_changed_task_needs_calls(replayed: Replayed) -> None:
    replayed.decide(*INCOMES)
    replayed.write(tasks=TASKS.replace("income / 100", "income / 200"))
    said = replayed.refused()
    assert said.startswith("none of 5 decisions can be replayed: task 'rated' is changed. Calling for them would cost")
    assert said.endswith("$0.00")


def test_a_task_whose_parameter_changed_needs_calls(replayed: Replayed) -> None:
    replayed.write(parameters=PARAMETERS + "per: int = 100\n", tasks=TASKS.replace("income / 100", "income / per"))
    replayed.build()
    replayed.decide(*INCOMES)
    assert replayed.report("--set", "words_max=3")["flips"]["count"] == 0
    said = replayed.refused("--set", "per=200")
    assert "task 'rated' is asked about something else" in said


def test_facts_of_a_vanished_task(replayed: Replayed) -> None:
    """A task that was renamed: nobody asked it, and who was asked is gone."""
    replayed.decide(*INCOMES)
    replayed.write(
        tasks=TASKS.replace("def rated", "def scored"),
        logic=LOGIC.replace("rated: float", "scored: float")
        .replace("rated >=", "scored >=")
        .replace("=rated", "=scored"),
    )
    said = replayed.refused()
    assert "task 'scored' is new" in said
    assert "the facts of 'rated' are of tasks that are gone: was one renamed?" in said


def test_a_task_that_is_dropped_is_no_obstacle(replayed: Replayed) -> None:
    replayed.decide(*INCOMES, words="a b c d e f")
    replayed.write(
        tasks=TASKS.partition("\n\n\n@task(timeout=5, fallback=None)")[0] + "\n",
        logic='def decide(rated: float) -> Decision:\n    return Decision(outcome="deny", risk=rated)\n',
        parameters="risk_deny: float = 0.8\n",
    )
    report = replayed.report()
    assert report["flips"]["count"] == 4
    assert "Facts of tasks that the candidate does not have are not used: read." in report["notes"]


def test_some_facts_suffice_and_others_do_not(replayed: Replayed) -> None:
    """Two versions decided: of one the task asks what the candidate asks."""
    replayed.decide(1, 30)
    replayed.write(tasks=TASKS.replace("income / 100", "income / 200"))
    replayed.build()
    replayed.decide(1, 30, 100)
    report = replayed.report("--set", "risk_deny=0.6")
    assert report["decisions"] == {"read": 5, "replayed": 3, "apart": {"needs calls": 2}}
    (need,) = report["needs_calls"]
    assert (need["task"], need["why"], need["decisions"]) == ("rated", "changed", 2)
    assert report["flips"]["by_outcome"] == [{"from": "ask", "to": "deny", "count": 1}]


def test_failures_take_the_fallback_that_the_task_has_now(replayed: Replayed) -> None:
    replayed.decide(1000, words="what!")  # read as None: ask
    (failed,) = replayed.decide(-1)
    report = replayed.report()
    assert report["outcomes"]["before"] == {"ask": 1, "failed": 1}
    assert report["flips"]["count"] == 0
    replayed.write(
        tasks=TASKS.replace("fallback=None", "fallback=[]").replace("@task(timeout=5)\n", "@task(fallback=0.9)\n")
    )
    report = replayed.report()
    assert {(one["from"], one["to"]) for one in report["flips"]["by_outcome"]} == {("ask", "pay"), ("failed", "deny")}
    replayed.write(tasks=TASKS.replace("(timeout=5, fallback=None)", "(timeout=5)"))
    report = replayed.report()
    assert report["flips"]["by_outcome"] == [{"from": "ask", "to": "failed", "count": 1}]
    (example,) = report["examples"]
    assert example["after"] == {"failed": "read"}
    assert failed not in {one["id"] for one in report["examples"]}


def test_a_step_that_raises_is_a_failure_that_is_named(replayed: Replayed) -> None:
    replayed.decide(*INCOMES)
    replayed.write(logic=LOGIC.replace("return read is None", "assert read, words_max\n    return read is None"))
    report = replayed.report()
    assert report["outcomes"]["after"] == {"failed": 5}
    assert report["examples"][0]["after"]["failed"] == "wordy"


def test_fields_that_change_while_the_outcome_stays(replayed: Replayed) -> None:
    replayed.decide(*INCOMES)
    replayed.write(logic=LOGIC.replace("risk=rated", "risk=rated + 1"))
    report = replayed.report()
    assert (report["flips"]["count"], report["same_outcome_but"]) == (0, {"risk": 5})


def test_a_task_that_is_given_what_steps_gave(replayed: Replayed) -> None:
    """Its fact is used only where the candidate's steps give the same."""
    tasks = TASKS + '\n\n@task\ndef weighed(level: int) -> int:\n    """Twice."""\n    return level * 2\n'
    logic = "def level(rated: float) -> int:\n    return int(rated * 10 * factor)\n\n\n" + LOGIC.replace(
        "wordy: bool) -> D", "wordy: bool, weighed: int) -> D"
    ).replace("risk=rated", "risk=weighed")
    replayed.write(tasks=tasks, logic=logic, parameters=PARAMETERS + "factor: float = 1.0\n")
    replayed.build()
    replayed.decide(*INCOMES)
    assert replayed.report("--set", "risk_deny=0.7")["flips"]["count"] == 1
    report = replayed.report("--set", "factor=1.05")  # 9.9 7.7 5 2 0.9: of the first three another level
    assert report["decisions"]["apart"] == {"needs calls": 2}
    (need,) = report["needs_calls"]
    assert (need["task"], need["why"]) == ("weighed", "asked about something else")


GIVEN = (
    TASKS
    + '''

@task
def weighed(level: int) -> int:
    """Twice; of some levels nothing is known."""
    if level == 7:
        raise ValueError("unknown")
    return level * 2
'''
)
LEVELS = "def level(rated: float) -> int:\n    return int(rated * 10 * factor)\n\n\n" + LOGIC.replace(
    "wordy: bool) -> D", "wordy: bool, weighed: int) -> D"
).replace("risk=rated", "risk=weighed")


def test_a_task_that_failed_on_what_steps_gave_fails_again_where_they_give_the_same(replayed: Replayed) -> None:
    replayed.write(tasks=GIVEN, logic=LEVELS, parameters=PARAMETERS + "factor: float = 1.0\n")
    replayed.build()
    replayed.decide(*INCOMES)  # the second fails: 7
    report = replayed.report("--set", "risk_deny=0.7")
    assert report["outcomes"]["before"] == {"deny": 1, "failed": 1, "ask": 1, "pay": 2}
    assert (report["outcomes"]["after"]["failed"], report["decisions"]["apart"]) == (1, {})
    assert json.loads(replayed.run("--self-check", "--format", "json").stdout)["same"] == 5
    report = replayed.report("--set", "factor=1.1")  # 10.8 8.4 5.5 2.2 1
    assert report["decisions"] == {"read": 5, "replayed": 3, "apart": {"needs calls": 2}}


def test_what_failed_before_a_task_was_asked_fails_again(replayed: Replayed) -> None:
    """A step raised at once, so a task that waits for another step has no fact at all."""
    raising = "def first(income: int) -> int:\n    return 1 // (income - 30)\n\n\n"
    logic = raising + LEVELS.replace("weighed: int) -> D", "weighed: int, first: int) -> D")
    replayed.write(tasks=GIVEN, logic=logic, parameters=PARAMETERS + "factor: float = 1.0\n")
    replayed.build()
    replayed.decide(*INCOMES)
    found = json.loads(replayed.run("--self-check", "--format", "json").stdout)
    assert (found["checked"], found["differing"]) == (5, 0), found
    assert replayed.report()["decisions"] == {"read": 5, "replayed": 5, "apart": {}}


def test_a_failed_task_that_changed_needs_a_call(replayed: Replayed) -> None:
    replayed.decide(-1, 30)
    with replayed.store.database.begin() as connection:
        connection.execute(use_case_versions.delete())  # so that each key is made
    replayed.write(tasks=TASKS.replace("income / 100", "income / 200"))
    assert "none of 2 decisions can be replayed: task 'rated' is asked about something else" in replayed.refused()


def test_a_request_that_is_read_otherwise_asks_otherwise(replayed: Replayed) -> None:
    replayed.decide(*INCOMES)
    replayed.write(models=MODELS.replace("income: int", "income: float"))
    assert "task 'rated' is asked about something else" in replayed.refused()  # {"income":1.0}


def test_a_request_that_no_longer_fits(replayed: Replayed) -> None:
    replayed.decide(*INCOMES)
    replayed.write(models=MODELS.replace("income: int\n", "income: Annotated[int, Field(le=100)]\n"))
    report = replayed.report()
    assert report["decisions"]["apart"] == {"the recorded request no longer fits Request, at income": 2}


def test_versions_that_the_store_does_not_have(replayed: Replayed) -> None:
    """Then every fact's key is made, and the facts suffice all the same."""
    replayed.decide(*INCOMES)
    with replayed.store.database.begin() as connection:
        connection.execute(use_case_versions.delete())
    report = replayed.report("--set", "risk_deny=0.7")
    assert report["flips"]["count"] == 1
    assert any("has no code of" in note for note in report["notes"])
    replayed.write(tasks=TASKS.replace("income / 100", "income / 200"))
    assert "task 'rated' is asked about something else" in replayed.refused()


def test_code_that_is_not_what_decided_is_not_run(replayed: Replayed) -> None:
    replayed.decide(*INCOMES)
    with replayed.store.database.begin() as connection:
        connection.execute(update(use_case_versions).values(module="raise SystemExit('run')"))
    said = replayed.refused("--self-check")
    assert said == f"no decision of {NAME} can be run again: the store does not have their version (5)"
