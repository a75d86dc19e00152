"""A task's fingerprint: it changes with whatever may change the task's answer, and with nothing else.

A recorded fact is used again under the same fingerprint, so one that stays when it should not
gives old answers to new questions; one that changes when it should not pays for a model again.
"""

from __future__ import annotations

from typing import Any

import pytest

PARAMETERS = "share_min: float = 0.1  # smaller faces do not count\nfaces_max: int = 1  # more: review"
BEFORE = '''LIMITS = {"low": 0.1, "high": 0.9}
SCALE = 2
PROMPT = """Describe the photo.

Be brief.  # really
"""
DERIVED = share_min * 2


def rounded(value: float) -> float:
    """The value as it is stored."""
    return round(value, 3)  # three places


def scaled(value: float) -> float:
    return rounded(value * SCALE)


def guarded(limit: float):
    def wrap(function):
        return lambda value: min(function(value), limit)

    return wrap


@guarded(0.5)
def clipped(value: float) -> float:
    return value


def noted(text: str):
    def keep(function):
        function.note = text
        return function

    return keep


def unrelated(value: int) -> int:
    return value + 1


class Base(BaseModel):
    name: str = ""


class Finding(Base):
    """What was found."""

    share: float = 0.0


class Named(BaseModel):
    label: str = ""
'''
TASK = '''@task(timeout=5)
def faces(photo: Photo, models) -> list[Finding]:
    """Every face in the photo."""
    # the smallest first
    found = models.faces(photo)
    share = scaled(clipped(found[0].box.height)) if found else DERIVED
    assert math.isfinite(share), PROMPT
    return [{"share": share}] if share > LIMITS["low"] else []


@task
def text(photo: Photo, models) -> "list[Named]":
    return models.text(photo)[:faces_max]
'''
MODELS = "import math\nimport statistics\n"

CHANGES = {  # what is changed -> (from, to)
    "its body": ("found = models.faces(photo)", "found = models.faces(photo)[:1]"),
    "a number in its body": ('LIMITS["low"]', 'LIMITS["high"]'),
    "its arguments": ("def faces(photo: Photo, models)", "def faces(photo: Photo, models, user_id)"),
    "what it returns": ("-> list[Finding]", "-> list[Finding] | None"),
    "a helper": ("value * SCALE", "value + SCALE"),
    "a helper's helper": ("round(value, 3)", "round(value, 2)"),
    "a helper's decorator": ("@guarded(0.5)", "@guarded(0.6)"),
    "what decorates a helper": ("min(function(value), limit)", "max(function(value), limit)"),
    "a constant": ('"low": 0.1', '"low": 0.2'),
    "a constant that a helper uses": ("SCALE = 2", "SCALE = 3"),
    "a word of a long text": ("Be brief.", "Be long."),
    "a blank line of a long text": ("photo.\n\nBe", "photo.\nBe"),
    "what looks like a comment in a text": ("# really", "# truly"),
    "a space at the end of a line of a text": ("Describe the photo.", "Describe the photo. "),
    "a model class in its annotation": ("share: float = 0.0", "share: float = 0.0\n    side: str = ''"),
    "a base of that class": ('name: str = ""', 'name: str = "none"'),
    "an import it uses": ("import math\n", "import cmath as math\n"),
    "how a value is derived from a parameter": ("share_min * 2", "share_min * 3"),
}
NO_CHANGES = {
    "a comment in its body": ("# the smallest first", "# the largest first"),
    "a comment beside a constant": ("SCALE = 2", "SCALE = 2  # twice"),
    "a comment in a helper": ("# three places", "# it is enough"),
    "its docstring": ("Every face in the photo.", "All\n\n    faces."),
    "a helper's docstring": ('    """The value as it is stored."""\n', ""),
    "a class's docstring": ("What was found.", "What there is."),
    "a blank line in its body": ("    found = models", "\n\n    found = models"),
    "a blank line between helpers": ("\n\n\ndef scaled", "\n\n\n\n\n\ndef scaled"),
    "spaces at the end of a line": ("found = models.faces(photo)", "found = models.faces(photo)   "),
    "an unrelated function": ("return value + 1", "return value + 2"),
    "an unrelated class": ('label: str = ""', 'label: str = "none"'),
    "an unrelated import": ("import statistics\n", "import decimal\n"),
    "another task": ("models.text(photo)", "models.text(photo)[1:]"),
    "its timeout": ("timeout=5", "timeout=9"),
    "its fallback": ("timeout=5", "timeout=5, fallback=[]"),
    "its decorator's comment": ("@task(timeout=5)", "@task(timeout=5)  # seconds"),
    "a parameter's default": ("share_min: float = 0.1", "share_min: float = 0.2"),
    "a parameter's comment": ("# smaller faces do not count", "# smaller ones do not count"),
}


@pytest.fixture
def fingerprint(project: Any, sound: Any, cell: Any) -> Any:
    """Builds the use case with one text put for another; gives a task's entry of the manifest."""

    def build(old: str = "", new: str = "", task: str = "faces") -> dict[str, Any]:
        sources = {
            "models": MODELS + sound.source("models"),
            "parameters": PARAMETERS,
            "tasks": BEFORE + "\n\n" + TASK,
            "decide": sound.source("decide").replace("decide(crowded: bool)", "decide(crowded: bool, text)"),
        }
        assert any(old in source for source in sources.values())
        if old:
            sources = {name: source.replace(old, new) for name, source in sources.items()}
        project.notebook("trial", sound(**sources))
        assert project.build().problems == []
        found: dict[str, Any] = project.entry("trial")["tasks"][task]
        return found

    return build


@pytest.mark.parametrize("case", CHANGES)
def test_it_changes_with(case: str, fingerprint: Any) -> None:
    assert fingerprint()["source"] != fingerprint(*CHANGES[case])["source"]


@pytest.mark.parametrize("case", NO_CHANGES)
def test_it_does_not_change_with(case: str, fingerprint: Any) -> None:
    assert fingerprint()["source"] == fingerprint(*NO_CHANGES[case])["source"]


def test_it_changes_with_a_model_class_in_a_quoted_annotation(fingerprint: Any) -> None:
    changed = fingerprint('label: str = ""', 'label: str = "none"', task="text")
    assert changed["source"] != fingerprint(task="text")["source"]


def test_two_tasks_have_two(fingerprint: Any) -> None:
    assert fingerprint(task="faces")["source"] != fingerprint(task="text")["source"]


def test_it_does_not_depend_on_where_the_cells_stand(fingerprint: Any, project: Any, sound: Any) -> None:
    before = fingerprint()
    cells = sound(models="\n\n# more lines above\n" + MODELS + sound.source("models"), parameters=PARAMETERS)
    parts = [BEFORE, TASK]
    cells[3:4] = [cells[3] | {"id": f"part-{number}", "source": part} for number, part in enumerate(parts)]
    cells[-1]["source"] = sound.source("decide").replace("decide(crowded: bool)", "decide(crowded: bool, text)")
    project.notebook("trial", cells)
    assert project.build().problems == []
    assert project.entry("trial")["tasks"]["faces"] == before


def test_the_parameters_it_reaches_are_listed_also_through_helpers_and_derived_values(fingerprint: Any) -> None:
    assert fingerprint()["parameters"] == ["share_min"]
    assert fingerprint(task="text")["parameters"] == ["faces_max"]
    assert fingerprint("round(value, 3)", "round(value, faces_max)")["parameters"] == ["faces_max", "share_min"]


def test_the_loaded_use_cases_fingerprint_changes_with_the_values_it_reaches(fingerprint: Any, project: Any) -> None:
    fingerprint()
    plain = project.load("trial").fingerprints
    other = project.load("trial", share_min=0.3).fingerprints
    assert plain["faces"] != other["faces"]
    assert plain["text"] == other["text"]


def test_the_loaded_use_cases_fingerprint_does_not_change_with_other_parameters(fingerprint: Any, project: Any) -> None:
    fingerprint()
    plain = project.load("trial").fingerprints
    other = project.load("trial", faces_max=4).fingerprints
    assert plain["faces"] == other["faces"]
    assert plain["text"] != other["text"]


def test_an_override_with_the_defaults_value_is_the_same_question(fingerprint: Any, project: Any) -> None:
    fingerprint()
    assert project.load("trial").fingerprints == project.load("trial", share_min=0.1).fingerprints


def test_a_changed_default_is_another_question_where_it_is_in_force(fingerprint: Any, project: Any) -> None:
    fingerprint()
    plain, overridden = (project.load("trial", **values).fingerprints for values in ({}, {"share_min": 0.3}))
    fingerprint("share_min: float = 0.1", "share_min: float = 0.2")
    assert project.load("trial").fingerprints["faces"] != plain["faces"]
    assert project.load("trial", share_min=0.3).fingerprints["faces"] == overridden["faces"]


def test_it_is_the_same_in_another_process(fingerprint: Any, project: Any) -> None:
    before = fingerprint()
    (project.generated / "manifest.json").unlink()
    assert project.artemis("build", PYTHONHASHSEED="7").returncode == 0
    assert project.entry("trial")["tasks"]["faces"] == before


def test_another_decorator_of_the_task_may_change_its_answer(fingerprint: Any) -> None:
    texts = ["", '@noted("first")\n', '@noted("second")\n']
    found = [fingerprint("@task(timeout=5)\n", f"@task(timeout=5)\n{text}")["source"] for text in texts]
    assert len(set(found)) == 3
