"""The model of introductions: it is what the training data gives, its card says what was measured, and the data is
what its script writes."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

USE_CASES = Path(__file__).resolve().parents[2] / "usecases"


def read(table: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (USE_CASES / "data" / table).read_text("utf-8").splitlines()]


@pytest.mark.parametrize(
    ("script", "made"),
    [
        ("dating/make_members.py", ["members.jsonl", "meetings.jsonl"]),
        ("content/make_content.py", ["catalogue.jsonl", "readings.jsonl"]),
    ],
    ids=["dating", "content"],
)
def test_a_script_writes_the_data_that_is_there(tmp_path: Path, script: str, made: list[str]) -> None:
    folder = USE_CASES / "data" / Path(script).parent
    shutil.copytree(folder, tmp_path / "data")
    for name in made:
        (tmp_path / "data" / name).unlink()
    subprocess.run([sys.executable, tmp_path / "data" / Path(script).name], check=True, timeout=60)
    for name in made:
        assert (tmp_path / "data" / name).read_bytes() == (folder / name).read_bytes(), name


def test_the_coefficients_are_those_of_the_data_and_the_notebooks_own_features() -> None:
    from datetime import UTC, datetime

    import numpy as np
    from sklearn.linear_model import LogisticRegression

    from workbench import exported

    match, now = exported("match_recommendation"), datetime(2026, 11, 1, tzinfo=UTC)
    members = {row["id"]: match.Candidate.model_validate(row) for row in read("dating/members.jsonl")}
    meetings = read("dating/meetings.jsonl")
    pairs = [(members[one["member"]], members[one["candidate"]]) for one in meetings]
    rows = [match.pair_features(a, b, match.distance(a, b), now) for a, b in pairs]
    fitted = LogisticRegression(C=1.0, max_iter=5000).fit(
        np.array([list(row.values()) for row in rows]), np.array([one["liked"] for one in meetings])
    )
    file = json.loads((USE_CASES / "models" / "match_score.json").read_text("utf-8"))
    assert list(file["coefficients"]) == list(rows[0])
    assert list(file["coefficients"].values()) == pytest.approx(fitted.coef_[0].tolist(), abs=2e-3)
    assert file["intercept"] == pytest.approx(float(fitted.intercept_[0]), abs=2e-3)


def test_the_card_says_what_the_training_notebook_measured() -> None:
    notebook = json.loads((USE_CASES / "training" / "match_score.ipynb").read_text("utf-8"))
    said = "".join(
        text for cell in notebook["cells"] for output in cell.get("outputs", ()) for text in output.get("text", ())
    )
    card = (USE_CASES / "models" / "match_score.md").read_text("utf-8")
    measured = re.findall(
        r"^(this model|gradient boosting|popularity alone) +AUC ([\d.]+) \(([\d.]+) to ([\d.]+)\)", said, re.M
    )
    assert len(measured) == 3
    for name, *figures in measured:
        assert f"| {name} | {figures[0]} | {figures[1]} to {figures[2]} |" in card


def test_the_catalogue_is_as_its_readme_says() -> None:
    items = {row["id"]: row for row in read("content/catalogue.jsonl")}
    assert len(items) == 300 and sum(one["language"] == "ko" for one in items.values()) == 150
    assert len({one["title"] for one in items.values()}) == 300
    pairs = [(one, items[one["pair"]]) for one in items.values() if one["pair"]]
    assert len(pairs) == 90
    assert all(b["pair"] == a["id"] and {a["language"], b["language"]} == {"ko", "en"} for a, b in pairs)
    assert all(one["min_age"] == 19 for one in items.values() if "alcohol" in one["flags"])
    assert all((one["ends"] is not None) == (one["kind"] == "event") for one in items.values())
    assert {row["item"] for row in read("content/readings.jsonl")} <= items.keys()
