"""What is written for a notebook: its cells verbatim and in order, each line with its way back."""

from __future__ import annotations

import json
import re
import shutil
from typing import Any

import pytest

from chalicelib.manifest import Manifest
from workbench.draft import HEADER

ODD = 'NOTE = """\n# %% not a marker\n\n한국어 텍스트 🌏\ttab   \n"""\n\n\n\f\nLAST = 3  # 끝'


def cell_texts(cells: list[dict[str, Any]]) -> dict[str, str]:
    return {cell["id"]: "".join(cell["source"]) for cell in cells}


@pytest.fixture
def photo_review(project: Any, sound: Any, cell: Any) -> Any:
    """A built project with one use case whose cells are not all exported."""
    more = [
        cell("print('not exported')", name="look"),
        cell(ODD, "export", name="odd"),
        cell("", "export", name="empty"),
    ]
    project.notebook("photo_review", sound(*more))
    assert project.build().problems == []
    return project


def test_the_header_names_the_notebook_and_that_the_module_is_not_to_be_edited(photo_review: Any) -> None:
    first = photo_review.module("photo_review").read_text("utf-8").split("\n")[0]
    assert first.startswith("# ")
    assert "usecases/photo_review.ipynb" in first
    assert "Edit the notebook, not this file" in first


def test_exported_cells_stand_verbatim_and_in_order_each_after_a_marker_with_its_id(
    photo_review: Any, sound: Any
) -> None:
    module = photo_review.module("photo_review").read_text("utf-8")
    texts = cell_texts(sound()) | {"odd": ODD}
    at = 0
    for number, name in [(2, "models"), (3, "parameters"), (4, "tasks"), (5, "decide"), (7, "odd")]:
        block = f"\n# %% usecases/photo_review.ipynb cell {number} [{name}]\n{texts[name]}\n"
        assert block in module[at:], f"cell {name} is missing, changed or out of order"
        at = module.index(block, at) + len(block)


def test_nothing_but_header_markers_cells_and_the_bind_call_is_in_the_module(photo_review: Any, sound: Any) -> None:
    module = photo_review.module("photo_review").read_text("utf-8")
    header = HEADER.format(path="usecases/photo_review.ipynb")
    assert module.startswith(header)
    rest = module.removeprefix(header)
    for text in sorted([*cell_texts(sound()).values(), ODD], key=len, reverse=True):
        rest = rest.replace(text, "", 1)
    lines = [line for line in rest.split("\n") if line.strip()]
    assert len([line for line in lines if re.fullmatch(r"# %% \S+ cell \d+ \[\S+\]", line)]) == 6
    (bind,) = [line for line in lines if not line.startswith("# %%")]
    assert '__bind__(globals(), "faces_max")' in bind


def test_what_is_not_exported_is_not_in_the_module(photo_review: Any) -> None:
    assert "not exported" not in photo_review.module("photo_review").read_text("utf-8")


def test_the_parameters_are_bound_before_the_next_cells_code(photo_review: Any) -> None:
    lines = photo_review.module("photo_review").read_text("utf-8").split("\n")
    at = next(number for number, line in enumerate(lines) if line.startswith("faces_max"))
    assert "__bind__(globals()" in lines[at + 1]


def test_the_line_map_leads_every_line_of_every_exported_cell_back(photo_review: Any, sound: Any) -> None:
    path = photo_review.module("photo_review")
    lines = path.read_text("utf-8").split("\n")
    cells = photo_review.entry("photo_review")["cells"]
    texts = cell_texts(sound()) | {"odd": ODD, "empty": ""}
    assert [(number, name) for _, _, number, name in cells] == [
        (2, "models"),
        (3, "parameters"),
        (4, "tasks"),
        (5, "decide"),
        (7, "odd"),
        (8, "empty"),
    ]
    for first, last, _, name in cells:
        assert "\n".join(lines[first - 1 : last]) == texts[name]


def test_a_line_that_belongs_to_no_cell_leads_nowhere(photo_review: Any) -> None:
    usecase = photo_review.load("photo_review")
    source, path = usecase.source, str(photo_review.module("photo_review"))
    lines = photo_review.module("photo_review").read_text("utf-8").split("\n")
    for number, line in enumerate(lines, 1):
        place = source.place(path, number)
        if line.startswith(("# %% usecases", "# Generated", "from chalicelib.usecase import bind")):
            assert place is None
        elif line.startswith("def decide"):
            assert str(place) == "usecases/photo_review.ipynb, cell 5, line 6"


def test_an_error_in_a_step_leads_back_to_its_cell_and_line(project: Any, sound: Any) -> None:
    project.notebook("photo_review", sound(decide=sound.source("decide").replace("len(faces)", "len(faces) / 0")))
    project.build()
    usecase = project.load("photo_review")
    with pytest.raises(ZeroDivisionError) as raised:
        usecase.graph.by_name["crowded"].function([])
    assert str(usecase.place_of(raised.value)) == "usecases/photo_review.ipynb, cell 5, line 3"


def test_korean_names_comments_and_texts_reach_the_module_byte_for_byte(project: Any, notebooks: Any) -> None:
    data = (notebooks / "good" / "korean.ipynb").read_bytes()
    project.file("usecases/korean.ipynb", data)
    assert project.build().problems == []
    module = project.module("korean").read_bytes()
    for cell in json.loads(data)["cells"]:
        if cell["metadata"].get("tags"):
            assert "".join(cell["source"]).encode() in module
    entry = project.entry("korean")
    assert entry["title"] == "프로필 사진 검토"
    assert entry["parameters"]["얼굴_최대"]["description"] == "이보다 얼굴이 많으면 검토"
    assert [step["name"] for step in entry["steps"]] == ["faces", "붐빔", "decide"]
    decide = project.load("korean").graph.by_name["decide"].function
    assert decide(True).outcome == "검토"


def test_text_in_the_projects_files_is_utf8_whatever_the_machine_prefers(project: Any, notebooks: Any) -> None:
    project.file("usecases/korean.ipynb", (notebooks / "good" / "korean.ipynb").read_bytes())
    done = project.artemis("build", LC_ALL="C", LANG="C", PYTHONUTF8="0", PYTHONIOENCODING="")
    assert done.returncode == 0, done.stderr
    assert "def 붐빔(".encode() in project.module("korean").read_bytes()
    assert project.artemis("build", "--check", LC_ALL="C", LANG="C", PYTHONUTF8="0").returncode == 0


def test_a_build_is_the_same_byte_for_byte_in_another_process_and_place(
    project: Any, another: Any, notebooks: Any, sound: Any
) -> None:
    for made in (project, another):
        shutil.copytree(notebooks / "good", made.notebooks, dirs_exist_ok=True)
        made.stage("production", "use_cases: {sound: {parameters: {faces_max: 3}}}")
        made.generated.mkdir(parents=True)
    first = project.artemis("build", PYTHONHASHSEED="1")
    second = another.artemis("build", cwd=another.generated, PYTHONHASHSEED="2", TZ="Asia/Seoul")
    assert (first.returncode, second.returncode) == (0, 0), first.stdout + second.stdout
    written = [{path.name: path.read_bytes() for path in made.generated.iterdir()} for made in (project, another)]
    assert written[0] == written[1]
    assert len(written[0]) == len(list((notebooks / "good").glob("*.ipynb"))) + 1


def test_a_build_in_this_process_is_what_the_command_line_builds(project: Any, another: Any, sound: Any) -> None:
    for made in (project, another):
        made.notebook("photo_review", sound())
    project.build()
    assert another.artemis("build").returncode == 0
    for name in ("photo_review.py", "manifest.json"):
        assert (project.generated / name).read_bytes() == (another.generated / name).read_bytes()


def test_what_is_built_can_be_served(photo_review: Any) -> None:
    manifest = Manifest.read(photo_review.generated)
    assert manifest.use_cases["photo_review"]["versions"] == {}
    usecase = photo_review.load("photo_review")
    assert usecase.parameters == {"faces_max": 1}
    assert usecase.graph.by_name["crowded"].function([1, 2]) is True
    assert photo_review.load("photo_review", faces_max=2).graph.by_name["crowded"].function([1, 2]) is False
