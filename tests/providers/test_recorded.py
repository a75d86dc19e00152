"""Recorded answers: every capability gives back what was recorded, and a miss says what to record."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from chalicelib.asking import ANY_TIME, Asking
from chalicelib.calling.ledger import Ledger
from chalicelib.calling.router import Router
from chalicelib.errors import ProviderError
from chalicelib.models import Box, Face, Label, Models, ModelSource, Moderation, Prediction, TextLine
from chalicelib.photo import Photo
from chalicelib.providers.recorded import Recorded
from chalicelib.questions import Question
from chalicelib.recordings import recordings

SAMPLES = Path(__file__).parents[2] / "usecases" / "samples"
PHOTO = Photo.open(SAMPLES / "tiny.jpg")
SOURCE = ModelSource(provider="sagemaker", model="match-3", version="7")
SQL = "SELECT name, age FROM people WHERE name = 'Kim Minji' AND age > @age"
FACE = Face(box=Box(left=0.1, top=0.2, width=0.3, height=0.4), confidence=0.99)
YES = Prediction(value="yes", scores={"yes": 0.75, "no": 0.25})
ANSWERS = {
    "moderation": (Question("moderation", (PHOTO,)), [Moderation(scores={"nudity": 0.25})]),
    "faces": (Question("faces", (PHOTO,)), [[FACE]]),
    "text": (Question("text", (PHOTO,)), [[TextLine(text="카톡 lovely22", confidence=0.5)]]),
    "labels": (Question("labels", (PHOTO,)), [[Label(name="dog", confidence=0.9)]]),
    "embedding": (Question("embedding", ("hello", "안녕")), [[0.25, -0.5], [0.125, 1.0]]),
    "predict": (Question("predict", ({"age": 3}, {"age": 4}), "match_score"), [YES, Prediction(value=0.1)]),
    "query": (Question("query", ((SQL, {"age": 18}),)), [[{"name": "Kim", "age": 21, "at": None}]]),
}


class Folder:
    """``usecases/recordings`` of a project whose root is the current folder."""

    def __init__(self, root):
        self.path = root / "usecases" / "recordings"
        self.path.mkdir(parents=True)

    def put(self, name, question, results, source=SOURCE):
        lines = [recording.line() for recording in recordings(question, results, source)]
        path = self.path / f"{name}.jsonl"
        path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
        return path


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Folder(tmp_path)


def answer(question, asking=ANY_TIME, provider=None):
    return getattr(provider or Recorded(), question.capability)(*question.arguments, asking)


def miss(question, asking=ANY_TIME, code="not-recorded"):
    with pytest.raises(ProviderError) as caught:
        answer(question, asking)
    assert (caught.value.code, caught.value.attempts) == (code, 0)
    return str(caught.value)


@pytest.mark.parametrize("capability", ANSWERS)
def test_what_was_recorded_is_answered(folder, capability):
    question, results = ANSWERS[capability]
    folder.put("trial", question, results)
    found = answer(question)
    assert found.result == (results if len(results) > 1 else results[0])
    assert type(found.result) is type(results if len(results) > 1 else results[0])
    assert (found.provider, found.model, found.version) == ("sagemaker", "match-3", "7")


def test_a_task_is_told_who_gave_it_first_and_the_trace_who_was_asked(folder):
    question, results = ANSWERS["predict"]
    folder.put("trial", question, results)
    ledger = Ledger()
    models: Models = Router.to(Recorded(), "recorded").models(ANY_TIME, ledger)
    assert models.predict("match_score", {"age": 3}) == YES.model_copy(update={"source": SOURCE})
    (call,) = ledger.calls
    assert (call.provider, call.model, call.version) == ("recorded", "match-3", "7")
    assert not call.paid


def test_items_are_answered_one_by_one_whatever_they_were_asked_with(folder):
    question, results = ANSWERS["embedding"]
    folder.put("trial", question, results)
    assert answer(Question("embedding", ("안녕",))).result == results[1:]
    assert answer(Question("embedding", ("안녕", "hello", "안녕"))).result == [results[1], results[0], results[1]]


def test_the_same_question_in_other_words_is_the_same(folder):
    features = {"b": 1, "a": [2.5, "x"]}
    folder.put("trial", Question("predict", (features,), "m"), [YES])
    assert answer(Question("predict", (dict(reversed(features.items())),), "m")).result == [YES]


@pytest.mark.parametrize(
    "other",
    [
        Question("predict", ({"age": 3},), "other_model"),
        Question("predict", ({"age": 3.5},), "match_score"),
        Question("predict", ({"age": 3, "x": 0},), "match_score"),
    ],
)
def test_another_model_or_other_features_are_not_recorded(folder, other):
    folder.put("trial", *ANSWERS["predict"])
    assert "no recording answers predict/" in miss(other)


def test_a_miss_names_what_is_missing_and_the_command_that_records_it(folder):
    question = ANSWERS["predict"][0]
    folder.put("trial", question.only([0]), [YES])
    assert miss(question, Asking(use_case="match_quality")) == (
        "no recording answers predict/match_score for these features (item 2 of 2); "
        "record it: artemis record match_quality --stage STAGE"
    )


@pytest.mark.parametrize(
    ("capability", "said"),
    [
        ("faces", f"faces of the photo {PHOTO.digest[:19]}…;"),
        ("embedding", "embedding of a text of 5 characters (2 of 2 items);"),
        ("predict", "predict/match_score for these features (2 of 2 items);"),
        ("query", "query of SELECT name, age FROM people WHERE name…;"),
    ],
)
def test_a_miss_has_the_words_of_the_recordings(folder, capability, said):
    question, results = ANSWERS[capability]
    assert said in miss(question)
    assert recordings(question, results, SOURCE)[0].asked in said


def test_a_miss_in_a_notebook_leaves_its_name_open(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "artemis record NAME --stage STAGE" in miss(ANSWERS["faces"][0], Asking(use_case="notebook"))


def test_a_miss_shows_neither_text_nor_values(folder):
    for capability in ("embedding", "query", "predict"):
        said = miss(ANSWERS[capability][0])
        assert not any(word in said for word in ("hello", "안녕", "Kim", "18"))


def test_the_asking_use_cases_own_recording_comes_first(folder):
    question = Question("predict", ({"a": 1},), "m")
    for name, value in (("alpha", 1.0), ("beta", 2.0)):
        folder.put(name, question, [Prediction(value=value)])
    values = [answer(question, Asking(use_case=name)).result[0].value for name in ("beta", "alpha", "gamma")]
    assert values == [2, 1, 1]


def test_a_file_that_changes_is_read_again(folder):
    question, provider = Question("predict", ({"a": 1},), "m"), Recorded()
    folder.put("trial", question, [Prediction(value=1.0)])
    assert answer(question, provider=provider).result[0].value == 1
    folder.put("trial", question, [Prediction(value=22.0)])
    assert answer(question, provider=provider).result[0].value == 22


def test_a_file_is_read_once_while_it_stays(folder, monkeypatch):
    path, provider = folder.put("trial", *ANSWERS["faces"]), Recorded()
    answer(ANSWERS["faces"][0], provider=provider)
    status = path.stat()
    path.write_text("x" * status.st_size)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))  # as if nothing had been written
    assert answer(ANSWERS["faces"][0], provider=provider).result == [FACE]


def test_recordings_are_found_from_the_notebooks_folder_or_where_the_stage_says(folder, tmp_path, monkeypatch):
    path = folder.put("trial", *ANSWERS["faces"])
    monkeypatch.chdir(tmp_path / "usecases")
    assert answer(ANSWERS["faces"][0]).result == [FACE]
    (tmp_path / "kept").mkdir()
    path.rename(tmp_path / "kept" / path.name)
    assert answer(ANSWERS["faces"][0], provider=Recorded({"folder": "kept"})).result == [FACE]


def test_many_threads_get_their_answers(folder):
    items = [{"n": n} for n in range(50)]
    folder.put("trial", Question("predict", tuple(items), "m"), [Prediction(value=float(n)) for n in range(50)])
    provider = Recorded()
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda item: provider.predict("m", [item]).result[0].value, items)
    assert list(found) == list(range(50))


@pytest.mark.parametrize("line", ["{", "<<<<<<< HEAD", "[]", '{"capability": "faces"}', "7"])
def test_a_file_that_holds_something_else_is_named_with_the_line(folder, line):
    path = folder.put("trial", *ANSWERS["faces"])
    path.write_text(path.read_text("utf-8") + line + "\n", "utf-8")
    said = miss(ANSWERS["faces"][0], code="bad-answer")
    assert said == "usecases/recordings/trial.jsonl: line 2 is no recording"


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.write_bytes(b"\xff\xfe\n")])
def test_a_file_that_cannot_be_read_is_named(folder, make):
    make(folder.path / "other.jsonl")
    assert miss(ANSWERS["faces"][0], code="bad-answer").startswith("usecases/recordings/other.jsonl: ")


def test_a_recorded_result_of_another_form_is_no_answer(folder):
    path = folder.put("trial", *ANSWERS["faces"])
    line = json.loads(path.read_text("utf-8")) | {"result": [{"box": None}]}
    path.write_text(json.dumps(line))
    assert miss(ANSWERS["faces"][0], code="bad-answer") == "a recording of faces is not of its form: record it anew"


def test_items_of_several_models_name_them_all(folder):
    question = ANSWERS["predict"][0]
    folder.put("one", question.only([0]), [YES])
    folder.put("two", question.only([1]), [YES], SOURCE.model_copy(update={"version": "8"}))
    assert answer(question).version == "7, 8"


# What a line says


def test_a_line_hints_at_what_was_asked_without_what_is_personal():
    hints = {name: recordings(question, results, SOURCE)[0].asked for name, (question, results) in ANSWERS.items()}
    assert hints["faces"] == PHOTO.digest[:19]
    assert hints["embedding"] == "a text of 5 characters"
    assert hints["predict"] == "match_score"
    assert hints["query"] == "SELECT name, age FROM people WHERE name…"
    assert len(hints["query"]) == 40


@pytest.mark.parametrize("sql", ["SELECT 'Kim Minji'", 'SELECT "Kim"', "SELECT 'it''s Kim'", "SELECT 'Kim"])
def test_texts_in_sql_are_left_out_of_the_hint(sql):
    question = Question("query", ((sql, {}),))
    assert recordings(question, [[]], SOURCE)[0].asked == "SELECT '…'"


@pytest.mark.parametrize("table", ["`my-firm-123.people.all`", "my-firm-123.people.all"])
def test_the_project_of_a_table_is_left_out_of_the_hint(table):
    question = Question("query", ((f"SELECT a.b FROM {table}", {}),))
    assert "my-firm" not in recordings(question, [[]], SOURCE)[0].asked
    assert "people.all" in recordings(question, [[]], SOURCE)[0].asked


def test_a_result_is_written_without_its_source_which_the_line_names():
    question, (moderation,) = ANSWERS["moderation"]
    (line,) = recordings(question, [moderation.model_copy(update={"source": SOURCE})], SOURCE)
    assert json.loads(line.line()) == {
        "capability": "moderation",
        "digest": question.digests[0],
        "asked": PHOTO.digest[:19],
        "provider": "sagemaker",
        "model": "match-3",
        "version": "7",
        "result": {"scores": {"nudity": 0.25}},
    }
