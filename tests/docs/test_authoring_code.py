"""The Python of docs/authoring.md: block after block in one namespace, as the cells of a notebook; then it decides."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest

from benchmarks.reviews import fill

ROOT = Path(__file__).resolve().parents[2]


def blocks() -> list[str]:
    page = (ROOT / "docs/authoring.md").read_text("utf-8")
    return re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def test_the_blocks_make_a_use_case_that_decides_on_real_photos(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("ARTEMIS_DATABASE_URL", f"sqlite:///{tmp_path}/reviews.db")
    fill(f"sqlite:///{tmp_path}/reviews.db", 300)  # what was decided before: the blocks decide it again
    monkeypatch.delenv("ARTEMIS_STAGE", raising=False)
    notebook = ModuleType("__main__")
    monkeypatch.setitem(__import__("sys").modules, "__main__", notebook)  # as in a kernel
    namespace = vars(notebook)
    for block in blocks():
        exec(compile(block, "docs/authoring.md", "exec"), namespace)
    assert len(namespace["month"]) > 290  # the first may be over 30 days old by now
    assert "approve" in capsys.readouterr().out  # what show(...) displays of the portrait
    exec('decided = run(Request(user_id="u-1", photo=Photo.sample("landscape.jpg")))', namespace)
    decided = namespace["decided"]
    assert (decided.outcome, decided.reasons) == ("review", ["no_single_face"])
