"""``artemis clean``: what a run and an editor leave goes, what people wrote and saw stays, byte for byte."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.clean import clean
from workbench.cli import main
from workbench.notebook import Unreadable

ROOT = Path(__file__).parents[2]


def bytes_of(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode()


def cleaned(content: Any) -> Any:
    return json.loads(clean("x.ipynb", bytes_of(content)))


def notebook(*cells: Any, **metadata: Any) -> Any:
    return {"cells": list(cells), "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def run(name: str, count: int | None, *outputs: Any, **metadata: Any) -> Any:
    """A code cell that was run."""
    return {
        "cell_type": "code",
        "execution_count": count,
        "id": name,
        "metadata": metadata,
        "outputs": list(outputs),
        "source": ["1 + 1"],
    }


def result(count: int, **data: Any) -> Any:
    return {
        "output_type": "execute_result",
        "execution_count": count,
        "metadata": {},
        "data": data or {"text/plain": "2"},
    }


def stream(text: str, name: str = "stdout") -> Any:
    return {"output_type": "stream", "name": name, "text": [text]}


VOLATILE = {
    "execution": {"iopub.execute_input": "2026-01-01T00:00:00Z"},
    "ExecuteTime": {"end_time": "2026-01-01"},
    "collapsed": True,
    "scrolled": True,
    "jupyter": {"outputs_hidden": True},
    "papermill": {"duration": 1.5},
    "editable": True,
    "slideshow": {"slide_type": ""},
    "vscode": {"languageId": "python"},
}


def test_what_running_and_editing_leave_in_a_cell_goes_and_tags_stay() -> None:
    content = cleaned(notebook(run("a", 1, tags=["export", "mine"], mine={"kept": 1}, **VOLATILE)))
    assert content["cells"][0]["metadata"] == {"mine": {"kept": 1}, "tags": ["export", "mine"]}
    assert content["cells"][0]["id"] == "a"


def test_what_is_said_on_purpose_stays() -> None:
    metadata = {"editable": False, "slideshow": {"slide_type": "slide"}}
    assert cleaned(notebook(run("a", 1, tags=[], **metadata)))["cells"][0]["metadata"] == metadata


def test_of_the_notebooks_metadata_what_depends_on_the_machine_goes() -> None:
    language = {"name": "python", "version": "3.11.7", "pygments_lexer": "ipython3"}
    content = cleaned(
        notebook(
            run("a", 1),
            kernelspec={"display_name": ".venv (3.11.7)", "language": "python", "name": "mine"},
            language_info=language,
            papermill={"input_path": "/home/me/x.ipynb"},
            widgets={"application/vnd.jupyter.widget-state+json": {"state": {}}},
            artemis={"contract": 2},
            authors=[{"name": "지수"}],
        )
    )
    assert content["metadata"] == {
        "artemis": {"contract": 2},
        "authors": [{"name": "지수"}],
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python", "pygments_lexer": "ipython3"},
    }


def test_counts_of_a_run_from_top_to_bottom_begin_at_one() -> None:
    content = cleaned(notebook(run("a", 4, result(4)), run("b", None), run("c", 9, stream("x"), result(9))))
    assert [cell["execution_count"] for cell in content["cells"]] == [1, None, 2]
    assert [output.get("execution_count") for cell in content["cells"] for output in cell["outputs"]] == [1, None, 2]


@pytest.mark.parametrize("counts", [(2, 1), (1, 3, 2), (1, 1), (5, None, 4)])
def test_counts_that_tell_of_a_hidden_state_stay(counts: tuple[int | None, ...]) -> None:
    content = cleaned(notebook(*(run(f"c{at}", count) for at, count in enumerate(counts))))
    assert tuple(cell["execution_count"] for cell in content["cells"]) == counts


def test_outputs_stay_but_for_the_state_of_widgets_and_where_a_stream_was_cut() -> None:
    widget = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": ["IntSlider()"]}
    shown = {"output_type": "display_data", "metadata": {}, "data": widget}
    outputs = [stream("안녕\n하"), stream("세요\n"), stream("e", "stderr"), shown, result(1)]
    found = cleaned(notebook(run("a", 1, *outputs)))["cells"][0]["outputs"]
    assert [output["output_type"] for output in found] == ["stream", "stream", "display_data", "execute_result"]
    assert found[0]["text"] == ["안녕\n", "하세요\n"]
    assert found[2]["data"] == {"text/plain": ["IntSlider()"]}


SAMPLES = sorted([*(ROOT / "tests/notebooks/good").glob("*.ipynb"), *(ROOT / "usecases").glob("*.ipynb")])


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_the_bytes_are_jupyters_own_and_a_second_cleaning_changes_nothing(path: Path) -> None:
    once = clean(path.name, path.read_bytes())
    assert clean(path.name, once) == once
    assert nbformat.writes(nbformat.reads(once.decode(), nbformat.NO_CONVERT)) + "\n" == once.decode()


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
OUTPUT = st.one_of(
    st.builds(lambda text, name: stream(text, name), TEXT, st.sampled_from(["stdout", "stderr"])),
    st.builds(lambda text: result(1, **{"text/plain": text, "application/json": {"a": text}}), TEXT),
)
CELL = st.builds(
    lambda source, outputs, count, extra: {**run("a", count, *outputs, **extra), "source": source},
    TEXT,
    st.lists(OUTPUT, max_size=4),
    st.one_of(st.none(), st.integers(1, 9)),
    st.dictionaries(st.sampled_from([*VOLATILE, "mine"]), st.just(True)),
)


@settings(max_examples=80, deadline=None)
@given(st.lists(CELL, min_size=1, max_size=4))
def test_any_notebook_keeps_its_code_and_output_and_is_clean_after_one_cleaning(cells: list[Any]) -> None:
    for at, cell in enumerate(cells):
        cell["id"] = f"c{at}"
    before = bytes_of(notebook(*copy.deepcopy(cells)))
    once = clean("x.ipynb", before)
    assert clean("x.ipynb", once) == once
    old, new = (nbformat.reads(data.decode(), nbformat.NO_CONVERT) for data in (before, once))
    assert nbformat.writes(new) + "\n" == once.decode()
    assert [cell.source for cell in new.cells] == [cell.source for cell in old.cells]
    for was, now in zip(old.cells, new.cells, strict=True):
        for name in ("stdout", "stderr"):
            said = ["".join(o.text for o in c.outputs if o.get("name") == name) for c in (was, now)]
            assert said[0] == said[1]
        results = [[o.data for o in c.outputs if o.output_type == "execute_result"] for c in (was, now)]
        assert results[0] == results[1]


@pytest.mark.parametrize(
    "name", ["not_json", "truncated", "merge_conflict", "old_nbformat", "not_utf8", "other_language"]
)
def test_what_is_no_notebook_is_refused_and_left(name: str, notebooks: Path, tmp_path: Path) -> None:
    data = (notebooks / "broken" / f"{name}.ipynb").read_bytes()
    with pytest.raises(Unreadable):
        clean("x.ipynb", data)
    bad, good = tmp_path / "bad.ipynb", tmp_path / "good.ipynb"
    bad.write_bytes(data)
    good.write_bytes(bytes_of(notebook(run("a", 1))))
    done = artemis(str(bad), str(good))
    assert done.exit_code == 2
    assert "bad.ipynb is left as it is" in done.output
    assert "hint:" in done.output
    assert bad.read_bytes() == data
    assert good.read_bytes().endswith(b"\n}\n")


def artemis(*arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["clean", *arguments], input=stdin, catch_exceptions=False)


def test_a_check_names_what_would_change_and_writes_nothing(project: Any, sound: Any, monkeypatch: Any) -> None:
    path = project.notebook("first", sound())
    monkeypatch.chdir(project.root)
    before = path.read_bytes()
    done = artemis("--check")
    assert (done.exit_code, path.read_bytes()) == (1, before)
    assert "first.ipynb: would be cleaned" in done.output
    path.chmod(0o600)
    assert "first.ipynb: cleaned" in artemis().output
    assert path.stat().st_mode & 0o777 == 0o600
    state = path.stat()
    assert artemis().exit_code == 0
    assert "nothing to clean" in artemis("--check").output
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == (state.st_mtime_ns, state.st_ino)


def test_a_cleaned_notebook_builds_the_same(project: Any, sound: Any) -> None:
    path = project.notebook("first", sound())
    project.build()
    path.write_bytes(clean("first.ipynb", path.read_bytes()))
    assert project.check().changes == {}


def test_standard_input_goes_to_standard_output() -> None:
    data = bytes_of(notebook(run("a", 3, stream("한국어"))))
    assert artemis("--stdin", stdin=data).stdout_bytes == clean("x.ipynb", data)
    done = artemis("--stdin", "usecases/x.ipynb", stdin=b"<<<<<<< ours")
    assert (done.exit_code, done.stdout) == (0, "<<<<<<< ours")
    assert "usecases/x.ipynb is taken as it is: the file is not JSON" in done.stderr


def test_the_repositorys_own_notebooks_are_clean() -> None:
    assert [
        path.name for path in (ROOT / "usecases").glob("*.ipynb") if clean("", path.read_bytes()) != path.read_bytes()
    ] == []


def test_nbval_compares_what_was_cleaned(tmp_path: Path) -> None:
    """With a real kernel: the cleaned notebook passes, and fails when an output is another."""
    cells = [run("a", 7, result(7)), run("b", 9, stream("a\n"), stream("b\n"), result(9), scrolled=True)]
    cells[1]["source"] = "print('a')\nprint('b')\n1 + 1"
    good = clean("x.ipynb", bytes_of(notebook(*cells, kernelspec={"name": "gone", "display_name": "Gone"})))
    (tmp_path / "good.ipynb").write_bytes(good)
    (tmp_path / "other.ipynb").write_bytes(good.replace(b'"b\\n"', b'"c\\n"'))
    command = [sys.executable, "-m", "pytest", "-q", "--nbval", "-p", "no:cacheprovider", "--nbval-cell-timeout", "60"]
    done = subprocess.run([*command, "."], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert "1 failed, 3 passed" in done.stdout, done.stdout
    assert "other.ipynb::Cell 1" in done.stdout
