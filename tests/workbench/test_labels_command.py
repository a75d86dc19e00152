"""`artemis labels`: importing what people say, and drawing what they should look at."""

from __future__ import annotations

import csv
import json
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from labelled import HEADER, NOW, Decided, opened
from sqlalchemy import text, update
from uuid6 import uuid7

from chalicelib.labels import LabelRequest, label_row
from chalicelib.store import Store
from chalicelib.store.database import Database
from chalicelib.store.labels import IMPORTS, Labels
from chalicelib.store.tables import decisions, label_samples
from chalicelib.store.tables import labels as labels_table
from workbench.commands.labels import labels
from workbench.label_files import harmless


@pytest.fixture
def decided(project: Any, sound: Any, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Decided]:
    yield from opened(project, sound, database_url, monkeypatch)


@pytest.fixture
def embedded(project: Any, sound: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Decided]:
    """The same on SQLite alone."""
    yield from opened(project, sound, f"sqlite:///{project.root}/x.db", monkeypatch)


def test_labels_are_imported(decided: Decided) -> None:
    one, two, three = decided.add(3)
    done = decided.imported(
        f"decision_id,decided,outcome,who,reason,note\n"
        f'{one},approve,review,김민지,"흐리다, 매우",x\n'
        f"{two},approve,,,,\n"
        f"\n"
        f"{two.upper()},approve, approve ,이서준\n"
        f"{one},approve,approve,이서준,,\n"
        f"{three},approve,,김민지,,\n"
    )
    assert (done.exit_code, done.stderr) == (0, "")
    assert decided.labels() == sorted(
        [(one, "review", "김민지", "흐리다, 매우"), (one, "approve", "이서준", None), (two, "approve", "이서준", None)]
    )
    assert {row["client"] for row in decided.rows(labels_table)} == {"import"}
    assert "3 labels imported, 0 were there already, rows without an outcome yet: 2" in done.stdout
    assert "columns that are ignored: decided, note" in done.stdout


def test_a_file_that_is_imported_again_changes_nothing(decided: Decided) -> None:
    one, two = decided.add(2)
    lines = [HEADER, f"{one},review,김민지,흐리다", f"{one},review,김민지,흐리다", f"{two},approve,김민지,"]
    first = json.loads(decided.imported("\n".join(lines), "--format", "json", "--client", "labellers").stdout)
    assert (first["imported"], first["already_there"]) == (2, 1)
    before = decided.rows(labels_table)
    assert {row["client"] for row in before} == {"labellers"}
    again = json.loads(decided.imported("\n".join(lines), "--format", "json").stdout)
    assert (again["imported"], again["already_there"], again["problems"]) == (0, 3, [])
    assert decided.rows(labels_table) == before
    more = decided.imported("\n".join([*lines, f"{two},approve,이서준,", f"{two},review,김민지,"]))
    assert "2 labels imported, 3 were there already" in more.stdout


def test_imports_at_the_same_time_add_each_label_once(decided: Decided) -> None:
    ids = decided.add(30)

    def add(_: int) -> Any:
        said = [LabelRequest(outcome="review", who=f"사람-{number}") for number in range(3)]
        return decided.store.labels.add_new([label_row(one, label, "import") for one in ids for label in said])

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(add, range(4))) == [0, 0, 0, 90]
    assert len(decided.labels()) == 90


def test_an_import_waits_for_a_long_one(new_postgres: Callable[[], str]) -> None:
    url = new_postgres()
    waiting = Labels(Database(f"{url}&options=-c%20lock_timeout%3D50", patient=True))
    with Store(url).database.begin() as other, ThreadPoolExecutor(1) as pool:
        other.execute(text(f"SELECT pg_advisory_xact_lock({IMPORTS})"))
        added = pool.submit(waiting.add_new, [])
        with pytest.raises(TimeoutError):
            added.result(timeout=0.5)
        other.rollback()
        assert added.result(timeout=10) == 0


def test_a_decision_forgotten_while_its_label_is_checked_stops_the_import(decided: Decided) -> None:
    kept, gone = decided.add(2)
    with decided.store.database.begin() as connection:
        connection.execute(update(decisions).where(decisions.c.id == gone).values(status="forgotten"))
    label = LabelRequest(outcome="review", who="김민지")
    assert decided.store.labels.add_new([label_row(one, label, "import") for one in (kept, gone)]) == [gone]
    assert decided.labels() == []


def test_every_problem_is_told_with_its_line_and_nothing_is_imported(decided: Decided) -> None:
    one, gone = decided.add(2)
    other = decided.add(use_case="old_check", outcome="fine")[0]
    with decided.store.database.begin() as connection:
        connection.execute(update(decisions).where(decisions.c.id == gone).values(status="forgotten"))
    nowhere = str(uuid7())
    rows = [
        f"{one},review,김민지,",
        f'{one},reject,김민지,"zwei\nZeilen"',
        f"{nowhere},review,김민지,",
        "17,review,김민지,",
        f"{gone},review,김민지,",
        f"{one},review,,",
        f"{one},review,{'가' * 201},",
        f"{one},review,김민지,a,b",
        f"{other},review,김민지,",
        f"{other},fine,김민지,",
        f"{one},review,김\0민지,",
    ]
    done = decided.imported("\n".join([HEADER, *rows]))
    assert done.exit_code == 1
    told = [line.partition("labels.csv:")[2] for line in done.stdout.splitlines() if "labels.csv:" in line]
    assert [line.split(": ", 1) for line in told] == [
        ["3", "'reject' is no outcome of photo_review; there are: approve, review"],
        ["5", f"there is no decision '{nowhere}'"],
        ["6", "there is no decision '17'"],
        ["7", f"decision {gone} was forgotten: it cannot be labelled"],
        ["8", "who: string should have at least 1 character"],
        ["9", "who: string should have at most 200 characters"],
        ["10", "5 cells under a header of 4: put a text with commas in double quotes"],
        ["11", "'review' is no outcome of old_check; there are: fine"],
        ["13", "who: the text holds a NUL character"],
    ]
    assert "nothing was imported" in done.stdout
    assert decided.labels() == []
    report = json.loads(decided.imported("\n".join([HEADER, *rows]), "--format", "json").stdout)
    assert [one["line"] for one in report["problems"]] == [3, 5, 6, 7, 8, 9, 10, 11, 13]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_what_spreadsheets_save_is_read(embedded: Decided, encoding: str, newline: str) -> None:
    one = embedded.add()[0]
    text = newline.join([HEADER, f'{one},review,김민지,"첫 줄{newline}둘째 줄"', ",,,", ""])
    assert embedded.imported(text.encode(encoding)).exit_code == 0
    assert embedded.labels() == [(one, "review", "김민지", f"첫 줄{newline}둘째 줄")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (HEADER.replace(",", ";"), "columns are separated by commas"),
        ("decision_id,outcome,reason\n", "the header lacks who"),
        ("", "it is empty"),
        (f"{HEADER},who\n", "the header has who twice"),
        ("가,나\n".encode("cp949"), "it is not UTF-8: save it as"),
        (f'{HEADER}\n"a"b,c\n', "it is no CSV"),
    ],
)
def test_what_is_no_file_of_labels_is_refused(embedded: Decided, content: Any, said: str) -> None:
    done = embedded.imported(content)
    assert done.exit_code == 2
    assert said in done.output
    assert "labels.csv" in done.output


def test_what_is_not_there_is_refused(embedded: Decided, project: Any) -> None:
    done = embedded.run("import", "nowhere.csv")
    assert (done.exit_code, "nowhere.csv: it cannot be read" in done.output) == (2, True)
    path = str(project.file("labels.csv", HEADER))
    for arguments in (["import", path], ["sample", "photo_review"]):
        done = CliRunner().invoke(labels, [*arguments, "--database", "sqlite:///nothing.db"])
        assert (done.exit_code, "there is no database" in done.output) == (2, True)
        assert not (project.root / "nothing.db").exists()
        done = CliRunner().invoke(labels, [*arguments, "--database", "postgresql://me:s3cret@127.0.0.1:1/x"])
        assert (done.exit_code, "the store cannot be reached" in done.output) == (2, True)
        assert "s3cret" not in done.output


def test_a_sample_is_drawn_from_every_outcome_and_can_be_filled_in_and_imported(decided: Decided) -> None:
    decided.add(60, outcome="approve")
    decided.add(3, outcome="review")
    decided.add(4, outcome=None)
    decided.add(2, status="failed", outcome=None)
    decided.add(2, status="forgotten")
    decided.add(2, created_at=NOW - timedelta(days=40))  # retried: an old time under a new id
    decided.add(2, use_case="refund")
    found = decided.sampled("--size", "11", "--output", "out.csv", "--seed", "7")
    assert found["strata"] == [
        {"outcome": "approve", "population": 60, "drawn": 8, "weight": 7.5},
        {"outcome": "review", "population": 3, "drawn": 3, "weight": 1.0},
    ]
    assert (found["seed"], found["file"], found["without_outcome"]) == (7, "out.csv", 4)
    stored = decided.rows(label_samples)
    assert Counter((row["stratum"], row["weight"]) for row in stored) == {("approve", 7.5): 8, ("review", 1.0): 3}
    assert {(row["sample"], row["use_case"]) for row in stored} == {(found["sample"], "photo_review")}
    path = decided.project.root / "out.csv"
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600, "it is about people"
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["decision_id"] for row in rows} == {row["decision_id"] for row in stored}
    assert rows[0].keys() == {
        *("decision_id", "decided", "created_at", "request", "labels", "outcome", "who", "reason"),
    }
    assert rows[0]["request"] == '{"user_id":"회원-1"}'
    assert "rows without an outcome yet: 11" in decided.run("import", "out.csv").stdout
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows([{**row, "outcome": "review", "who": "김민지"} for row in rows])
    assert "11 labels imported" in decided.run("import", "out.csv").stdout
    again = decided.sampled("--size", "11", "--output", "again.csv", "--seed", "7")
    assert again["sample"] != found["sample"]
    with (decided.project.root / "again.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [(row["decision_id"], row["labels"]) for row in csv.DictReader(file)] == [
            (row["decision_id"], "1") for row in rows
        ]


def test_the_table_says_what_was_drawn(embedded: Decided) -> None:
    embedded.add(5, outcome="approve")
    embedded.add(1, outcome="review")
    done = embedded.run("sample", "photo_review", "--size", "3")
    assert done.exit_code == 0, done.output
    assert [line.split() for line in done.stdout.splitlines()[:3]] == [
        ["outcome", "population", "drawn", "weight"],
        ["approve", "5", "2", "2.50"],
        ["review", "1", "1", "1.00"],
    ]
    assert "--seed" in done.stdout
    path = embedded.project.root / "labels-photo_review.csv"
    assert path.stat().st_mode & 0o077 == 0  # it holds requests
    again = embedded.run("sample", "photo_review")
    assert (again.exit_code, "is there already, and may hold labels" in again.output) == (2, True)
    assert len(embedded.rows(label_samples)) == 3


def test_sensitive_values_are_masked_and_no_cell_is_a_formula(embedded: Decided) -> None:
    embedded.add(request='{"phone":{"$sealed":"gAAAAABl-x_y="},"note":"' + "가" * 900 + '"}', outcome="=1+1")
    embedded.sampled("--output", "out.csv")
    text = (embedded.project.root / "out.csv").read_text("utf-8-sig")
    assert "gAAAAA" not in text
    assert "[sensitive]" in text
    assert ",'=1+1," in text
    assert len(text) < 1000


@pytest.mark.parametrize("text", ["=1+1", "+82 10", "-2", "@SUM(A1)", "\tx", "\r=1", "＝1"])
def test_a_cell_that_would_be_a_formula_is_a_text(text: str) -> None:
    assert harmless(text) == f"'{text}"
    assert harmless(f"a{text}") == f"a{text}"


def test_what_cannot_be_drawn_is_told(embedded: Decided) -> None:
    def told(*arguments: str) -> str:
        done = embedded.run("sample", *arguments)
        assert done.exit_code == 2, done.output
        return done.output

    assert "nothing was decided by photo_review since" in told("photo_review")
    assert "no use case 'photo_revue'; did you mean 'photo_review'?" in told("photo_revue")
    assert "--since" in told("photo_review", "--since", "yesterday")
    assert "--size" in told("photo_review", "--size", "0")
    embedded.add(2, outcome=None)
    assert "the 2 decisions of photo_review have no outcome" in told("photo_review")
    embedded.add(2, outcome="approve")
    embedded.add(2, outcome="review")
    assert "draw at least one of each" in told("photo_review", "--size", "1")
    assert "cannot be written" in told("photo_review", "--output", "no/folder/x.csv")
    embedded.add(1, stage="staging")
    assert "name one with --stage: local, staging" in told("photo_review")
    assert embedded.rows(label_samples) == []
    found = embedded.sampled("--stage", "staging")
    assert [(one["outcome"], one["population"]) for one in found["strata"]] == [("approve", 1)]
