"""`decisions`, `replay`, `sweep` and `explain` as a notebook calls them; once in a real kernel."""

from __future__ import annotations

import json
from typing import Any

import pytest
from replayed import LOGIC, NAME, Replayed

import workbench
from workbench.replaying.errors import CannotReplay
from workbench.replaying.kernel import drift

INCOMES = 1, 30, 100, 400, 1000


@pytest.fixture
def notebook(replayed: Replayed, monkeypatch: pytest.MonkeyPatch) -> Replayed:
    """The project, as a kernel of its notebook sees it."""
    monkeypatch.setenv("ARTEMIS_DATABASE_URL", replayed.url)
    monkeypatch.setenv("JPY_SESSION_NAME", f"{NAME}.ipynb")
    monkeypatch.chdir(replayed.project.notebooks)
    return replayed


def test_past_decisions_as_a_table(notebook: Replayed) -> None:
    ids = notebook.decide(*INCOMES, words="안녕 hi")
    notebook.label(ids[0], "deny", weight=4.0)
    (failed,) = notebook.decide(-1)
    table = workbench.decisions("loan-check", since="1d")
    assert list(table.index) == [*ids, failed]
    assert table.columns[:6].tolist() == ["created_at", "version", "status", "outcome", "label", "label_weight"]
    row = table.loc[ids[0]]
    assert (row["outcome"], row["label"], row["label_weight"]) == ("deny", "deny", 4.0)
    assert (row["request.income"], row["request.words"], row["decision.risk"]) == (1, "안녕 hi", 0.9901)
    assert (row["facts.rated"], row["facts.read"]) == (0.9901, ["안녕", "hi"])
    assert table.loc[failed]["status"] == "failed"
    assert table["outcome"].isna().tolist() == [False] * 5 + [True]


def test_a_table_that_is_cut_says_so(notebook: Replayed) -> None:
    ids = notebook.decide(*INCOMES)
    with pytest.warns(UserWarning, match="the newest 2 of 5 decisions: say limit=None for all"):
        assert list(workbench.decisions(NAME, limit=2).index) == ids[3:]
    assert len(workbench.decisions(NAME, limit=None)) == 5


def test_a_table_of_what_was_forgotten_is_empty(notebook: Replayed) -> None:
    from sqlalchemy import update

    from chalicelib.store.tables import decisions

    notebook.decide(1)
    with notebook.store.database.begin() as connection:
        connection.execute(update(decisions).values(status="forgotten", decision=None, request="{}"))
    assert workbench.decisions(NAME).empty


def test_what_cannot_be_read(notebook: Replayed) -> None:
    with pytest.raises(CannotReplay, match="there is no database"):
        workbench.decisions(NAME)
    notebook.decide(1)
    with pytest.raises(CannotReplay, match="this database has decisions of loan_check"):
        workbench.decisions("nothing")
    with pytest.raises(CannotReplay, match="is neither an age"):
        workbench.decisions(NAME, since="soon")


def test_a_replay_of_this_notebook(notebook: Replayed) -> None:
    ids = notebook.decide(*INCOMES)
    notebook.label(ids[1], "deny", weight=1.0)
    made = workbench.replay({"risk_deny": 0.7})
    assert made.flips.to_dict("records") == [{"from": "ask", "to": "deny", "count": 1}]
    assert made.examples["id"].tolist() == [ids[1]]
    assert made.days["flips"].tolist() == [1]
    assert made.reasons.empty
    # of the two that were asked about, one is labelled: the other is taken to be like it
    assert made.agreement.set_index("metric").loc["agreement"].tolist() == [0.0, 0.5]
    html = made._repr_html_()
    assert "<svg" in html and "ask → deny" in html
    assert repr(made).startswith("### 5 decisions of loan_check replayed: 1 flip")


def test_a_notebook_that_is_not_this_one(notebook: Replayed, monkeypatch: pytest.MonkeyPatch) -> None:
    notebook.decide(*INCOMES)
    monkeypatch.setenv("JPY_SESSION_NAME", "scratch.ipynb")
    with pytest.raises(CannotReplay, match='say use_case="…"'):
        workbench.replay()
    assert workbench.replay(use_case="loan-check").flips.empty


def test_what_the_kernel_has_and_the_saved_notebook_has_not(
    notebook: Replayed, monkeypatch: pytest.MonkeyPatch
) -> None:
    from workbench.replaying import kernel

    usecase = notebook.project.load(NAME)
    live: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(notebook.project.module(NAME).read_text("utf-8"), "<cells>", "exec"), live)
    monkeypatch.setattr(kernel, "namespace", lambda: live)
    assert drift(usecase) == []
    exec("def wordy(read):\n    return read is None or len(read) >= words_max\nrisk_ask = 0.4", live)
    functions, parameters = drift(usecase)
    assert functions.endswith("which is replayed: wordy.")
    assert parameters.endswith("not those of the replay: risk_ask is 0.4 here.")


def test_a_sweep_marks_the_present_value(notebook: Replayed) -> None:
    ids = notebook.decide(*INCOMES)
    for decision_id, outcome in zip(ids, ("deny", "deny", "ask", "pay", "pay"), strict=True):
        notebook.label(decision_id, outcome, weight=1.0)
    swept = workbench.sweep("risk_deny", 0.6, 1.0, points=5)
    assert swept.table.index.tolist() == [0.6, 0.7, 0.8, 0.9, 1.0]
    assert swept.table["recall[deny]"].tolist() == [1.0, 1.0, 0.5, 0.5, 0.0]
    assert swept.table["flips"].tolist() == [0.2, 0.2, 0.0, 0.0, 0.2]
    assert "present 0.8" in swept._repr_html_()
    assert "5 decisions; risk_deny is 0.8" in repr(swept)
    assert workbench.sweep("words_max", 0, 9, points=4).table.index.tolist() == [0, 3, 5, 6, 9]


def test_sweeps_that_cannot_be(notebook: Replayed) -> None:
    notebook.decide(*INCOMES)
    with pytest.raises(CannotReplay, match="did you mean 'risk_deny'"):
        workbench.sweep("risk_dney", 0, 1)
    with pytest.raises(CannotReplay, match="from 1 to 0 there is nothing to look at"):
        workbench.sweep("risk_deny", 1, 0)
    with pytest.raises(CannotReplay, match="less than or equal to 1"):
        workbench.sweep("risk_deny", 0, 3)


def test_one_decision_is_explained(notebook: Replayed) -> None:
    ids = notebook.decide(*INCOMES)
    notebook.label(ids[1], "deny")
    made = workbench.explain(ids[1])  # risk 0.7692
    assert made.same
    smallest, *others = made.changes
    assert (smallest.parameter, smallest.present, smallest.value, smallest.outcome) == (
        "risk_deny",
        0.8,
        0.7692,
        "deny",
    )
    assert {one.parameter: (one.value, one.outcome) for one in others} == {"risk_ask": (0.7693, "pay")}
    text = repr(made)
    assert text.startswith(f"loan_check {ids[1]}, ") and "labelled deny" in text
    assert "  rated: 0.7692" in text
    assert "The smallest change that flips it: risk_deny 0.8 → 0.7692: deny" in text
    assert "<svg" in made._repr_html_()


def test_whole_numbers_and_what_only_the_trace_tells(notebook: Replayed) -> None:
    (made,) = notebook.decide(1000, words="a b c d e f g h")
    explained = workbench.explain(made)
    found = {one.parameter: (one.value, one.outcome) for one in explained.changes}
    assert found["words_max"] == (8, "pay")


def test_a_decision_that_nothing_flips(notebook: Replayed) -> None:
    notebook.write(logic=LOGIC.replace('"deny" if', '"pay" if True else "ask" if'))
    notebook.build()
    (made,) = notebook.decide(1000)
    assert "No change of a single parameter that was tried gives another outcome." in repr(workbench.explain(made))


def test_an_old_version_explains_its_own_decision(notebook: Replayed) -> None:
    (made,) = notebook.decide(30)
    notebook.write(logic=LOGIC.replace("risk=rated", "risk=0.0"))
    notebook.build()
    explained = workbench.explain(made)
    assert explained.same and "risk: 0.77" in repr(explained)


def test_failed_decisions_are_explained_too(notebook: Replayed) -> None:
    (made,) = notebook.decide(-1)
    assert "failed: step 'rated'" in repr(workbench.explain(made))


def test_decisions_that_are_not_there(notebook: Replayed) -> None:
    (made,) = notebook.decide(1)
    for unknown in ("nonsense", "019aa5d0-0f3a-7c4e-9a3c-6d2f8f2f5b11"):
        with pytest.raises(CannotReplay, match="there is no decision"):
            workbench.explain(unknown)
    from sqlalchemy import update

    from chalicelib.store.tables import decisions

    with notebook.store.database.begin() as connection:
        connection.execute(update(decisions).values(status="forgotten", decision=None, request="{}"))
    with pytest.raises(CannotReplay, match="was forgotten"):
        workbench.explain(made)


def test_in_a_real_kernel(notebook: Replayed, monkeypatch: pytest.MonkeyPatch) -> None:
    import nbformat
    from nbclient import NotebookClient

    ids = notebook.decide(*INCOMES)
    path = notebook.project.notebooks / f"{NAME}.ipynb"
    content: Any = nbformat.read(path, as_version=4)
    for source in (
        "from workbench import decisions, explain, replay, sweep",
        f'decisions("{NAME}")[["outcome", "facts.rated"]]',
        'replay({"risk_deny": 0.7})',
        'sweep("risk_deny", 0.5, 0.95, points=4)',
        f'explain("{ids[1]}")',
    ):
        content.cells.append(nbformat.v4.new_code_cell(source))
    client = NotebookClient(content, timeout=60, resources={"metadata": {"path": str(notebook.project.notebooks)}})
    client.execute()
    shown = [cell.outputs[0]["data"] for cell in content.cells[-4:]]
    assert "facts.rated" in shown[0]["text/html"]
    assert all("<svg" in data["text/html"] for data in shown[1:])
    assert "The smallest change that flips it: risk_deny 0.8 → 0.7692: deny" in shown[3]["text/plain"]
    assert json.dumps(shown)
