"""The tier of notebooks: nbval in a process of its own, many kernels at a time, and what came out as suites.

pytest is given nothing of the project's own: no conftest, no settings, no plugins but those needed here.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from workbench.notebook import Notebook, Unreadable
from workbench.notebook import read as read_notebook
from workbench.project import Project
from workbench.testing import cells, sanitize
from workbench.testing.plan import Plan
from workbench.testing.results import Fault, Suite, Test
from workbench.testing.sanitize import CannotTest

START = 60  # seconds that a kernel may take to start
FINE = (0, 1, 5)  # pytest's exit codes: passed, some failed, there were no tests


def start(project: Project, plan: Plan) -> Running:
    """Begin. Raises CannotTest when the sanitize file will not do."""
    path = sanitize.find(project)
    if path:
        sanitize.check(path)
    return Running(project, plan, path)


class Running:
    """A run of pytest over the notebooks, shared by as many processes as there may be kernels.

    Processes of our own, each with every n-th notebook: xdist's workers take more than twice the processor time.
    """

    def __init__(self, project: Project, plan: Plan, sanitizing: Path | None) -> None:
        self._project, self._plan, self._sanitizing = project, plan, sanitizing
        self._temporary = tempfile.TemporaryDirectory(prefix="artemis-test-")
        self._folder = Path(self._temporary.name)
        (self._folder / "pytest.ini").write_text("[pytest]\n")
        jobs = min(plan.jobs, len(plan.names))
        self._processes = [self._start(number, plan.names[number::jobs]) for number in range(jobs)]

    def _start(self, number: int, names: list[str]) -> subprocess.Popen[bytes]:
        with (self._folder / f"log-{number}").open("wb") as log:
            return subprocess.Popen(  # noqa: S603
                self._command(number, names),
                cwd=self._project.root,
                env=self._environment(),
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
            )

    def _command(self, number: int, names: list[str]) -> list[str]:
        plan, project = self._plan, self._project
        command = [sys.executable, "-m", "pytest", "-q", "-c", str(self._folder / "pytest.ini"), "--noconftest"]
        command += ["--rootdir", str(project.root), "-p", "no:cacheprovider", "-p", "nbval.plugin"]
        command += ["-p", "workbench.nbval_plugin", "--artemis-report", str(self._folder / f"report-{number}")]
        command += ["--nbval", "--nbval-current-env", f"--nbval-cell-timeout={plan.timeout:g}"]
        command += [f"--nbval-kernel-startup-timeout={START}", "--color=no"]
        command += ["--nbval-sanitize-with", str(self._sanitizing)] if self._sanitizing else []
        return command + [str(project.notebooks / f"{name}.ipynb") for name in names]

    def _environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if key not in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")}
        return kept | {
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "ARTEMIS_STAGE": self._plan.stage,
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
            "JUPYTER_PLATFORM_DIRS": "1",
        }

    def wait(self) -> list[Suite]:
        """Every notebook's suite. Raises CannotTest when pytest itself could not run."""
        codes = [process.wait() for process in self._processes]
        outcomes = self._outcomes()
        broken = any(outcome["when"] == "collect" for outcome in outcomes)
        for number, code in enumerate(codes):
            if code not in FINE and not broken:
                tail = (self._folder / f"log-{number}").read_text("utf-8", "replace").strip()[-2000:]
                raise CannotTest(f"the notebooks cannot be run: pytest ended with exit code {code}:\n{tail}")
        return [
            self._suite(name, [one for one in outcomes if one["notebook"] == f"{name}.ipynb"])
            for name in self._plan.names
        ]

    def _outcomes(self) -> list[dict[str, Any]]:
        reports = sorted(self._folder.glob("report-*"))
        return [json.loads(line) for path in reports for line in path.read_text("utf-8").splitlines()]

    def _suite(self, name: str, outcomes: list[dict[str, Any]]) -> Suite:
        place = f"usecases/{name}.ipynb"
        suite = Suite("notebooks", name)
        tests = [cells.test(place, outcome) for outcome in outcomes if outcome["when"] != "collect"]
        _blame_death(tests, place)
        suite.tests = tests
        for outcome in outcomes:
            if outcome["when"] == "collect":
                fault = Fault("the notebook cannot be read", outcome["message"][-1000:], place=place)
                suite.tests.append(Test("notebook", [fault]))
        suite.seconds = sum(test.seconds for test in tests)
        ran = sum(not test.skipped for test in tests)
        suite.ran = f"{ran} cell{'' if ran == 1 else 's'} in a kernel"
        self._look_at(suite, place)
        return suite

    def _look_at(self, suite: Suite, place: str) -> None:
        try:
            notebook = read_notebook(place, suite.use_case, (self._project.root / place).read_bytes())
        except (OSError, Unreadable) as error:
            if not suite.failed:
                suite.tests.append(Test("notebook", [Fault(f"it cannot be read: {error}", place=place)]))
            return
        if not suite.tests and any(notebook.code):
            message = "no cell was run: pytest ended before"
            suite.tests.append(Test("notebook", [Fault(message, place=place)]))
        if cells.is_stripped(notebook):
            suite.ran += ", outputs unchecked"
            suite.warnings.append(_unchecked(notebook))

    def end(self) -> None:
        """Stop what still runs, kernels included, and tidy up."""
        running = [process for process in self._processes if process.poll() is None]
        for process in running:
            process.send_signal(signal.SIGINT)  # as Ctrl-C: pytest ends its kernels, too
        for process in running:
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self._temporary.cleanup()


def _unchecked(notebook: Notebook) -> Fault:
    message = "unchecked: no cell has outputs or an execution count, so cells were only run, and nothing was compared"
    return Fault(message, hint="run the notebook from top to bottom and save it with its outputs", place=notebook.path)


def _blame_death(tests: list[Test], place: str) -> None:
    """A kernel that died between two cells failed no cell: then the first that it could not run has failed."""
    first = next((number for number, test in enumerate(tests) if test.skipped == cells.ENDED), None)
    if first is not None and not any(test.faults for test in tests[:first]):
        tests[first].skipped = ""
        tests[first].faults.append(Fault("the kernel had died before this cell ran", place=place))
