"""`artemis replay`: real stores, written by the service; what is told, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from replayed import LOGIC, MODELS, NAME, PARAMETERS, Replayed
from sqlalchemy import select, update
from uuid6 import uuid7

from chalicelib.store.schema import SCHEMA_VERSION
from chalicelib.store.tables import decisions, task_results, use_case_versions
from workbench.replaying import past

# risks: 0.9901 0.7692 0.5 0.2 0.0909
INCOMES = 1, 30, 100, 400, 1000


def test_other_parameters_flip_what_they_should(replayed_on_each: Replayed) -> None:
    ids = replayed_on_each.decide(*INCOMES)
    report = replayed_on_each.report("--set", "risk_deny=0.7")
    assert report["decisions"] == {"read": 5, "replayed": 5, "apart": {}}
    assert report["flips"]["by_outcome"] == [{"from": "ask", "to": "deny", "count": 1}]
    assert (report["flips"]["count"], report["flips"]["share"]) == (1, 0.2)
    assert report["candidate"]["parameters"] == {"risk_deny": {"before": 0.8, "after": 0.7}}
    (example,) = report["examples"]
    assert (example["id"], example["before"]["outcome"], example["after"]["outcome"]) == (ids[1], "ask", "deny")
    (day,) = report["flips"]["by_day"]
    assert (day["decisions"], day["flips"]) == (5, 1)


def test_decisions_of_other_use_cases_lie_in_between(
    replayed_on_each: Replayed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past, "PAGE", 3)
    for income in INCOMES:
        (made,) = replayed_on_each.decide(income)
        with replayed_on_each.store.database.begin() as connection:
            row = connection.execute(select(decisions).where(decisions.c.id == made)).mappings().one()
            query = select(task_results).where(task_results.c.decision_id == made)
            facts = connection.execute(query).mappings().all()
            for _ in range(4):
                other = str(uuid7())
                connection.execute(decisions.insert().values({**row, "id": other, "use_case": "other"}))
                connection.execute(task_results.insert(), [{**fact, "decision_id": other} for fact in facts])
    report = replayed_on_each.report("--set", "risk_deny=0.7")
    assert (report["decisions"]["replayed"], report["flips"]["count"]) == (5, 1)


def test_nothing_is_written(replayed: Replayed, project: object) -> None:
    replayed.decide(*INCOMES)
    path = Path(replayed.url.removeprefix("sqlite:///"))
    before, files = path.read_bytes(), replayed.project.files()
    replayed.report("--set", "risk_deny=0.7")
    assert path.read_bytes() == before
    assert replayed.project.files() == files


def test_the_working_notebook_is_what_is_replayed_built_or_not(replayed: Replayed) -> None:
    replayed.decide(*INCOMES)
    replayed.write(logic=LOGIC.replace('"deny" if', '"ask" if'))
    report = replayed.report()
    assert report["flips"]["by_outcome"] == [{"from": "deny", "to": "ask", "count": 1}]
    assert report["candidate"]["same_code"] is False


def test_the_same_code_in_other_cells_is_the_same_code(replayed: Replayed) -> None:
    replayed.decide(*INCOMES)
    path = replayed.project.notebooks / f"{NAME}.ipynb"
    content = json.loads(path.read_bytes())
    content["cells"].insert(1, replayed.cell("print('a look at it')", name="scratch"))
    path.write_text(json.dumps(content), "utf-8")
    report = replayed.report()
    assert (report["candidate"]["same_code"], report["flips"]["count"]) == (True, 0)
    assert "It is the version that decided most of them." in replayed.run().stdout


def test_another_notebook_and_an_old_revision(replayed: Replayed, tmp_path: Path) -> None:
    replayed.decide(*INCOMES)
    other = tmp_path / "other.ipynb"
    replayed.write(logic=LOGIC.replace('"deny" if', '"ask" if'))
    other.write_bytes((replayed.project.notebooks / f"{NAME}.ipynb").read_bytes())
    replayed.write()
    assert replayed.report("--notebook", str(other))["flips"]["count"] == 1
    from workbench.git import git

    for command in (("init", "-q"), ("add", "."), ("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x")):
        assert git(replayed.project.root, *command).returncode == 0
    replayed.write(logic=LOGIC.replace('"deny" if', '"pay" if'))
    assert replayed.report()["flips"]["count"] == 1
    report = replayed.report("--rev", "HEAD")
    assert (report["flips"]["count"], report["candidate"]["what"]) == (0, f"usecases/{NAME}.ipynb at HEAD")
    assert "there is no revision 'nowhere'" in replayed.refused("--rev", "nowhere")


def test_an_old_version_is_run_from_the_store(replayed: Replayed) -> None:
    replayed.decide(*INCOMES)
    old = replayed.report()["candidate"]["version"]
    replayed.write(parameters=PARAMETERS.replace("0.8", "0.7"))
    replayed.build()
    replayed.decide(30)
    report = replayed.report("--version", old[:6])
    assert report["flips"]["by_outcome"] == [{"from": "deny", "to": "ask", "count": 1}]
    assert set(report["versions"]) == {old, replayed.report()["candidate"]["version"]}
    assert f"known: {', '.join(sorted(report['versions']))}" in replayed.refused("--version", "nope")


def test_another_runtime_is_said(replayed: Replayed) -> None:
    replayed.decide(*INCOMES)
    packages = json.dumps({"pydantic": "1.0", "nowhere": "3"})
    with replayed.store.database.begin() as connection:
        connection.execute(
            update(use_case_versions).values(runtime="other", python="CPython 3.12.9", packages=packages)
        )
    (said,) = replayed.report()["other_runtimes"].values()
    assert said.startswith("CPython 3.12.9, here CPython 3.") and "nowhere 3, here none" in said
    assert "pydantic 1.0, here 2." in said


def test_agreement_with_labels_before_and_after(replayed: Replayed) -> None:
    ids = replayed.decide(*INCOMES)
    for decision_id, outcome in zip(ids, ("deny", "deny", "ask", "pay", "pay"), strict=True):
        replayed.label(decision_id, outcome, weight=1.0)
    metrics = replayed.report("--set", "risk_deny=0.7")["agreement"]["metrics"]
    assert metrics["recall[deny]"]["before"]["value"] == 0.5
    assert metrics["recall[deny]"]["after"]["value"] == 1.0
    assert metrics["agreement"]["after"] == {**metrics["agreement"]["after"], "value": 1.0, "labels": 5}


@pytest.mark.parametrize(
    ("gate", "code"),
    [
        ("flips > 10%", 1),
        ("flips > 20%", 0),
        ("flips >= 0.2", 1),
        ("flips[ask->deny] > 0", 1),
        ("flips[pay->deny] > 0", 0),
        ("recall[deny] < 0.95", 0),
        ("precision[deny] < 95%", 0),
        ("needs_calls > 0%", 0),
        ("failed > 0%", 0),
        ("agreement < 1", 0),
    ],
)
def test_gates(replayed: Replayed, gate: str, code: int) -> None:
    ids = replayed.decide(*INCOMES)
    for decision_id, outcome in zip(ids, ("deny", "deny", "ask", "pay", "pay"), strict=True):
        replayed.label(decision_id, outcome)
    done = replayed.run("--set", "risk_deny=0.7", "--fail-if", gate)
    assert done.exit_code == code, done.output
    assert ("fails: " in done.stderr) == bool(code)
    assert "5 decisions of loan_check replayed: 1 flip" in done.stdout


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        ("flips", "write METRIC < NUMBER"),
        ("flips > 20", "is a share: write 2% or 0.02"),
        ("flops > 1%", "there is no metric 'flops'; there are: flips"),
        ("recall[deny] < 0.95", "there is no label in the period"),
        ("flips[ask->nay] > 1%", "outcomes are ask, deny, pay"),
    ],
)
def test_gates_that_cannot_be_judged(replayed: Replayed, gate: str, said: str) -> None:
    replayed.decide(*INCOMES)
    assert said in replayed.refused("--fail-if", gate)


def test_a_gate_about_an_outcome_that_nobody_labelled(replayed: Replayed) -> None:
    ids = replayed.decide(*INCOMES)
    replayed.label(ids[4], "pay")
    said = replayed.refused("--fail-if", "recall[deny] < 0.95")
    assert "there is no metric 'recall[deny]'; there are: " in said
    assert "no labelled decision says anything" in replayed.refused(
        "--set", "risk_ask=0", "--fail-if", "precision[pay] < 1"
    )


def test_forgotten_decisions_are_counted_and_left_out(replayed: Replayed) -> None:
    ids = replayed.decide(*INCOMES)
    blank = {"status": "forgotten", "request": "{}", "decision": None, "subject": None}
    with replayed.store.database.begin() as connection:
        connection.execute(update(decisions).where(decisions.c.id == ids[0]).values(**blank))
    assert replayed.report()["decisions"] == {"read": 5, "replayed": 4, "apart": {"forgotten": 1}}


def test_what_lies_apart_is_fetched_and_what_is_gone_is_counted(replayed: Replayed) -> None:
    import shutil

    made = replayed.decide(30, words="말 " * 30_000)
    with replayed.store.database.read() as connection:
        stored = connection.execute(select(decisions.c.request).where(decisions.c.id == made[0])).scalar_one()
    assert stored.startswith("@")
    replayed.decide(*INCOMES)
    assert replayed.report("--set", "words_max=100000")["flips"]["count"] == 0  # its risk: ask, too
    assert json.loads(replayed.run("--self-check", "--format", "json").stdout)["same"] == 6
    shutil.rmtree(f"{replayed.url.removeprefix('sqlite:///')}.objects")
    (why,) = replayed.report()["decisions"]["apart"]
    assert why.startswith("a part of the record that lies apart cannot be read")


def test_an_outcome_that_is_a_long_text_is_none_to_flip(replayed: Replayed) -> None:
    long = LOGIC.replace('outcome = "deny"', 'outcome = "그" * 200 + "deny"')
    replayed.write(models=MODELS.replace('Literal["pay", "ask", "deny"]', "str"), logic=long)
    replayed.build()
    replayed.decide(*INCOMES)
    report = replayed.report("--set", "risk_deny=0.7")
    assert report["outcomes"] == {
        "before": {"decided": 1, "ask": 2, "pay": 2},
        "after": {"decided": 2, "ask": 1, "pay": 2},
    }
    assert replayed.report()["flips"]["count"] == 0


def test_the_newest(replayed: Replayed) -> None:
    ids = replayed.decide(*INCOMES)
    report = replayed.report("--limit", "2", "--set", "risk_ask=0.01")
    assert report["decisions"]["replayed"] == 2
    assert {one["id"] for one in report["examples"]} == set(ids[3:])


def test_every_format_and_file(replayed: Replayed, tmp_path: Path) -> None:
    replayed.decide(*INCOMES)
    for name, start in (("a.json", "{"), ("b.md", "### 5 decisions of loan_check"), ("c.html", "<!doctype html>")):
        done = replayed.run("--set", "risk_deny=0.7", "--output", str(tmp_path / name))
        assert (done.exit_code, done.stdout) == (0, f"written: {tmp_path / name}\n")
        assert (tmp_path / name).read_text("utf-8").startswith(start)
    assert "| ask → deny | 1 | 20.0% |" in (tmp_path / "b.md").read_text("utf-8")
    text = replayed.run("--set", "risk_deny=0.7").stdout
    assert "Parameters: risk_deny 0.8 → 0.7." in text
    assert "History is held fixed" in text


def test_windows_that_hold_nothing(replayed: Replayed) -> None:
    replayed.service.store().ping()
    assert "is --database (ARTEMIS_DATABASE_URL) the one that the service uses?" in replayed.refused()
    replayed.decide(*INCOMES)
    said = replayed.refused("--since", "2020-01-01", "--until", "2020-02-01")
    assert "and before 2020-02-01 00:00 UTC; the last decision is of" in said and said.endswith("give a later --until")
    assert "there are decisions of local: name it with --stage" in replayed.refused("--stage", "moon")
    assert "is not before --until" in replayed.refused("--since", "1d", "--until", "2d")


def test_several_stages(replayed: Replayed) -> None:
    ids = replayed.decide(*INCOMES)
    with replayed.store.database.begin() as connection:
        connection.execute(update(decisions).where(decisions.c.id.in_(ids[:2])).values(stage="beta"))
    assert replayed.refused().endswith("name one with --stage: beta, local")
    assert "there is no stage 'beta': usecases/stages/ has local" in replayed.refused("--stage", "beta")
    replayed.project.stage("beta", f"providers: {{}}\nuse_cases:\n  {NAME}:\n    parameters: {{risk_deny: 0.99}}\n")
    report = replayed.report("--stage", "beta")
    assert (report["decisions"]["replayed"], report["candidate"]["parameters"]) == (
        2,
        {"risk_deny": {"before": 0.8, "after": 0.99}},
    )


def test_mistakes(replayed: Replayed, tmp_path: Path) -> None:
    replayed.decide(*INCOMES)
    assert "'risk_dny' is no parameter of this use case (did you mean 'risk_deny'?)" in replayed.refused(
        "--set", "risk_dny=0.7"
    )
    assert "Input should be less than or equal to 1" in replayed.refused("--set", "risk_deny=7")
    assert "--set risk_deny: write name=value" in replayed.refused("--set", "risk_deny")
    assert "name two candidates: give one" in replayed.refused("--rev", "HEAD", "--version", "a")
    assert "cannot be read: No such file" in replayed.refused("--notebook", str(tmp_path / "no.ipynb"))
    replayed.write(logic=LOGIC.replace("def decide(", "def decided("))
    said = replayed.refused()
    assert said.startswith(f"usecases/{NAME}.ipynb does not build:\n  cell ")
    assert "run `artemis check` for more" in said


def test_another_use_case_and_another_database(replayed: Replayed, tmp_path: Path) -> None:
    from click.testing import CliRunner

    from workbench.commands.replay import replay

    replayed.decide(*INCOMES)
    done = CliRunner().invoke(replay, ["nothing", "--database", replayed.url])
    assert done.exit_code == 2 and f"this database has decisions of {NAME}" in done.stderr
    done = CliRunner().invoke(replay, [NAME, "--database", f"sqlite:///{tmp_path}/no.db"])
    assert done.exit_code == 2 and f"there is no database {tmp_path}/no.db" in done.stderr


def test_a_store_of_another_schema(replayed: Replayed) -> None:
    from sqlalchemy import text

    replayed.decide(*INCOMES)
    with replayed.store.database.begin() as connection:
        connection.execute(text("UPDATE schema_version SET version = 3"))
    said = replayed.refused()
    assert f"schema 3, and this version needs {SCHEMA_VERSION}: run `artemis db upgrade` with the same" in said
