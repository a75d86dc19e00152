"""`artemis validate` against real kernels: what passes, what fails and where, and what is kept.

Several notebooks share one run of the command (`everything`): a kernel costs a second.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any, NamedTuple

import pytest

from tests.workbench.conftest import ROOT, Sound, TemporaryProject

Cell = Callable[..., dict[str, Any]]
SECRET = "a-secret-that-no-report-may-hold"
BROKEN = "def decide(nothing) -> Decision:\n    return Decision(outcome='review')"
MEASURED = (
    "import os, numpy as np\n"
    "{'faces': faces_max, 'derived': np.float64(derived), 'staging': int(os.environ['ARTEMIS_STAGE'] == 'staging'),"
    " 'here': int(os.path.basename(os.getcwd()) == 'usecases')}"
)


class Everything(NamedTuple):
    project: TemporaryProject
    outcomes: dict[str, Any]
    code: int
    errors: str
    seconds: float

    def failure(self, name: str) -> dict[str, Any]:
        failures = self.outcomes[name]["failures"]
        assert len(failures) == 1, failures
        return dict(failures[0])

    def report(self, name: str, kind: str) -> str:
        return (self.project.root / f"reports/staging/{name}.{kind}").read_text("utf-8")


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory, sound: Sound, cell: Cell) -> Everything:
    """One run of ten notebooks, under the stage `staging`."""
    project = TemporaryProject(tmp_path_factory.mktemp("everything") / "project")
    stale = cell("faces_max = 99", "injected-parameters", name="stale")
    derived = cell("derived = faces_max * 2", name="derived")
    cells = sound()
    notebooks = {
        "measured": [*cells[:3], stale, *cells[3:], derived, cell(MEASURED, "metrics", name="numbers")],
        "asserting": sound.then("def check(value):\n    assert value == 2, 'not two'", "x = 1\n\ncheck(x)", "y = 3"),
        "dying": sound.then("import os\nprint('so far')\nos._exit(3)"),
        "slow": sound.then("import time\ntime.sleep(60)"),
        "expected": sound(cell("1 / 0", "raises-exception", name="zero"), cell("x = 1", name="after")),
        "mismeasured": sound(cell("{'a': float('nan'), 'b': 'text', 'c': True}", "metrics", name="numbers")),
        "silent": sound(cell("print({'a': 1})", "metrics", name="numbers")),
        "leaving": sound.then("import sys\nsys.exit(0)", "assert False"),
        "printing": sound.then("import os\nprint(os.environ['SOME_TOKEN'])"),
        "broken": sound(decide=BROKEN),
    }
    for name, content in notebooks.items():
        project.notebook(name, content)
    project.stage("staging", "use_cases:\n  measured:\n    parameters: {faces_max: 3}\n")
    began = time.monotonic()
    arguments = ("validate", "--all", "--stage", "staging", "--cell-timeout", "5", "--format", "json")
    done = project.artemis(*arguments, SOME_TOKEN=SECRET)
    seconds = time.monotonic() - began
    outcomes = {outcome["use_case"]: outcome for outcome in json.loads(done.stdout)}
    return Everything(project, outcomes, done.returncode, done.stderr, seconds)


def test_all_are_run_and_one_that_fails_fails_the_command(everything: Everything) -> None:
    verdicts = {name: outcome["verdict"] for name, outcome in everything.outcomes.items()}
    passed = {name for name, verdict in verdicts.items() if verdict == "passed"}
    assert len(verdicts) == 10
    assert passed == {"measured", "expected", "printing"}
    assert everything.code == 1


def test_nothing_but_the_report_is_said(everything: Everything) -> None:
    """No warning of ipykernel's about TCP, no bar where nobody watches."""
    assert everything.errors == ""


def test_parameters_of_the_stage_are_in_force_and_derived_values_follow(everything: Everything) -> None:
    metrics = {name: row["now"] for name, row in everything.outcomes["measured"]["metrics"].items()}
    assert metrics == {"faces": 3, "derived": 6.0, "staging": 1, "here": 1}
    assert everything.outcomes["measured"]["changes"] == {"faces_max": {"default": 1, "now": 3}}


def test_metrics_are_kept_with_what_they_were_measured_on(everything: Everything) -> None:
    kept = json.loads(everything.report("measured", "metrics.json"))
    assert kept["metrics"]["faces"] == 3
    assert kept["parameters"] == {"faces_max": 3}
    everything.project.build()
    assert kept["version"] == everything.project.entry("measured")["versions"]["staging"]
    assert kept["at"] and kept["seconds"] > 0 and len(kept["notebook_sha256"]) == 64


def test_an_injected_cell_of_an_earlier_run_is_replaced(everything: Everything) -> None:
    executed = json.loads(everything.report("measured", "ipynb"))
    injected = [cell for cell in executed["cells"] if "injected-parameters" in cell["metadata"].get("tags", [])]
    assert ["".join(cell["source"]).splitlines()[-1] for cell in injected] == ["faces_max = 3"]


def test_a_failed_assertion_names_cell_line_code_and_where_it_was_raised(everything: Everything) -> None:
    failure = everything.failure("asserting")
    assert failure["kind"] == "raised"
    assert (failure["cell"], failure["cell_id"], failure["line"], failure["code"]) == (7, "then-1", 3, "check(x)")
    assert failure["message"] == "AssertionError: not two"
    assert failure["raised_in"] == "cell 6 [then-0] line 2: assert value == 2, 'not two'"


def test_a_failed_run_leaves_notebook_and_page_but_no_metrics(everything: Everything) -> None:
    assert sorted(everything.outcomes["asserting"]["files"]) == ["html", "ipynb"]
    assert not (everything.project.root / "reports/staging/asserting.metrics.json").exists()
    assert "AssertionError: not two" in everything.report("asserting", "html")
    executed = json.loads(everything.report("asserting", "ipynb"))
    assert executed["cells"][-1]["outputs"] == [] and executed["cells"][-1]["execution_count"] is None
    assert not list(everything.project.root.glob("reports/**/.*"))


def test_a_dead_kernel_and_a_slow_cell_end_in_seconds_and_are_named(everything: Everything) -> None:
    died, slow = everything.failure("dying"), everything.failure("slow")
    assert (died["kind"], died["cell"], died["cell_id"]) == ("died", 6, "then-0")
    assert (slow["kind"], slow["cell"], slow["cell_id"]) == ("timeout", 6, "then-0")
    assert "longer than 5 s" in slow["message"]
    assert "so far" in everything.report("dying", "html")
    assert everything.seconds < 50


def test_a_cell_that_is_to_raise_passes(everything: Everything) -> None:
    assert everything.outcomes["expected"]["failures"] == []
    assert json.loads(everything.report("expected", "ipynb"))["cells"][-1]["execution_count"]


def test_leaving_the_kernel_is_no_success(everything: Everything) -> None:
    failure = everything.failure("leaving")
    assert failure["cell"] == 6 and failure["message"].startswith("SystemExit: 0")


def test_metrics_that_are_no_finite_numbers_are_refused_by_name(everything: Everything) -> None:
    failure = everything.failure("mismeasured")
    assert (failure["kind"], failure["cell"], failure["line"]) == ("metrics", 6, 1)
    assert all(part in failure["message"] for part in ("'a' is nan", "'b' is a str", "'c' is a bool"))
    assert "the cell gives nothing" in everything.failure("silent")["message"]


def test_a_broken_notebook_is_refused_with_its_problems_and_never_run(everything: Everything) -> None:
    outcome = everything.outcomes["broken"]
    assert outcome["verdict"] == "refused"
    assert [problem["rule"] for problem in outcome["problems"]] == ["unknown-argument"]
    assert not list(everything.project.root.glob("reports/staging/broken.*"))


def test_no_secret_of_the_environment_is_kept(everything: Everything) -> None:
    kept = [path.read_text("utf-8") for path in (everything.project.root / "reports").rglob("*.*")]
    assert len(kept) > 10 and not any(SECRET in text for text in kept)
    assert "&lt;SOME_TOKEN&gt;" in everything.report("printing", "html")


class Links(HTMLParser):
    """What a page would load, and its policy."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.policy = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attributes}
        self.loaded += [found[name] for name in ("src",) if name in found]
        self.loaded += [found["href"]] if tag == "link" else []
        if found.get("http-equiv") == "Content-Security-Policy":
            self.policy = found["content"]


def test_the_page_needs_no_network_and_says_what_changed(everything: Everything) -> None:
    page = everything.report("measured", "html")
    links = Links()
    links.feed(page)
    assert [link for link in links.loaded if not link.startswith("data:")] == []
    assert "default-src 'none'" in links.policy
    assert "<h1>Photo review</h1>" in page and "passed" in page
    assert '<td>faces_max</td><td class="number changed">3</td><td class="number">1</td>' in page


def test_the_next_run_shows_what_changed(project: TemporaryProject, sound: Sound, cell: Cell) -> None:
    project.notebook("trial", sound(cell("{'faces': faces_max, 'same': 0.5}", "metrics", name="numbers")))
    project.stage("local", "providers: {}\n")
    first = project.artemis("validate", "trial")
    second = project.artemis("validate", "trial", "--set", "faces_max=4")
    assert first.returncode == second.returncode == 0, first.stdout + second.stdout
    assert first.stdout.startswith("trial on local: passed")
    assert "faces_max: 1 → 4" in second.stdout
    rows = [line.split() for line in second.stdout.splitlines()]
    assert ["faces", "1", "→", "4"] in rows and ["same", "0.5", "0.5"] in rows
    assert "report: reports/local/trial.html" in second.stdout


def test_stopping_it_ends_the_kernels_and_keeps_nothing(project: TemporaryProject, sound: Sound) -> None:
    started = project.root / "started"
    source = f"import os, time, pathlib\npathlib.Path({str(started)!r}).write_text(str(os.getpid()))\ntime.sleep(60)"
    project.notebook("trial", sound.then(source))
    project.stage("local", "providers: {}\n")
    command = [sys.executable, "-m", "workbench", "validate", "trial"]
    process = subprocess.Popen(
        command, cwd=project.root, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}, stderr=subprocess.PIPE
    )
    _until(lambda: started.exists() and started.read_text() != "")
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130
    assert b"the kernels were ended" in errors
    assert not (project.root / "reports").exists()
    _until(lambda: not _runs(int(started.read_text())))


def _until(holds: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)


def _runs(process: int) -> bool:
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
