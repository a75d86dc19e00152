"""The tier of cases: the notebook and its module are the same, and decide every recorded case as expected."""

from __future__ import annotations

from functools import cache
from time import perf_counter
from typing import Any

from chalicelib.errors import SettingsError
from chalicelib.manifest import Manifest
from chalicelib.usecase import UseCase
from workbench import stages
from workbench.draft import Draft, draft
from workbench.notebook import Unreadable
from workbench.notebook import read as read_notebook
from workbench.project import Project
from workbench.testing import cases, load
from workbench.testing.cases import Case
from workbench.testing.judge import NotDecided, compare, decide, facts_shown
from workbench.testing.results import Fault, Suite, Test

PARITY = "parity"


def run(project: Project, names: list[str], stage: str, complete: bool) -> list[Suite]:
    """A suite for each use case; with ``complete`` also for cases of which the notebook is gone."""
    manifest = _manifest(project)
    suites = [_Tester(project, manifest, name, stage).run() for name in names]
    gone = sorted(set(cases.names(project)) - set(names)) if complete else []
    return suites + [_orphaned(project, name) for name in gone]


def _manifest(project: Project) -> Manifest:
    try:
        return Manifest.read(project.generated)
    except SettingsError:  # nothing is built; each use case says so
        return Manifest({}, {}, project.generated)


def _orphaned(project: Project, name: str) -> Suite:
    place = project.relative(cases.path_of(project, name))
    fault = Fault(f"there is no notebook usecases/{name}.ipynb", hint="rename the file, or remove it", place=place)
    return Suite("cases", name, "", [Test("file", [fault])])


class _Tester:
    """Tests one use case."""

    def __init__(self, project: Project, manifest: Manifest, name: str, stage: str) -> None:
        self.project, self.manifest, self.name, self.stage = project, manifest, name, stage
        self.path = project.relative(cases.path_of(project, name))

    def run(self) -> Suite:
        began = perf_counter()
        suite = Suite("cases", self.name)
        found, bad = cases.read(self.project, self.name)
        suite.tests = [
            Test(f"line {line.line}", [Fault(line.message, place=self.path, line=line.line)]) for line in bad
        ]
        try:
            drafted = self._draft()
        except load.NotLoaded as error:
            suite.tests.append(Test(PARITY, [error.fault]))
        else:
            self._test_all(suite, drafted, found)
        suite.ran = f"parity, {len(found)} case{'' if len(found) == 1 else 's'}" if found else "parity, no case"
        suite.seconds = perf_counter() - began
        return suite

    def _draft(self) -> Draft:
        path = self.project.notebooks / f"{self.name}.ipynb"
        place = self.project.relative(path)
        try:
            return draft(read_notebook(place, self.name, path.read_bytes()))
        except Unreadable as error:
            raise load.NotLoaded(Fault(error.message, hint=error.hint, place=place)) from None

    def _test_all(self, suite: Suite, drafted: Draft, found: list[Case]) -> None:
        """The cases by the overrides they are decided under: each set is loaded once."""
        groups: dict[str, list[Case]] = {repr(sorted(self._overrides(None).items())): []}
        for case in found:
            groups.setdefault(repr(sorted(self._overrides(case).items())), []).append(case)
        for group in groups.values():
            self._test_group(suite, drafted, group, self._overrides(group[0] if group else None))

    def _test_group(self, suite: Suite, drafted: Draft, group: list[Case], overrides: dict[str, Any]) -> None:
        parity = next((test for test in suite.tests if test.name == PARITY), None)
        if parity is None:
            suite.tests.append(parity := Test(PARITY))
        try:
            with load.of_notebook(drafted, overrides) as live:
                built = self._built(parity, live, overrides)
                suite.tests += [self._test(case, live, built) for case in group]
        except load.NotLoaded as error:
            if error.fault not in parity.faults:
                parity.faults.append(error.fault)
            reason = "the notebook cannot be loaded"
            suite.tests += [Test(case.id, skipped=reason) for case in group]

    def _built(self, parity: Test, live: UseCase, overrides: dict[str, Any]) -> UseCase | None:
        try:
            built = load.of_module(self.manifest, self.name, overrides)
        except load.NotLoaded as error:
            if error.fault not in parity.faults:
                parity.faults.append(error.fault)
            return None
        if differing := _differing(live, built):
            message = f"the notebook and its built module differ in {differing}"
            fault = Fault(message, hint="run `artemis build`", place=f"usecases/{self.name}.ipynb")
            if fault not in parity.faults:
                parity.faults.append(fault)
        return built

    def _test(self, case: Case, live: UseCase, built: UseCase | None) -> Test:
        """A case by the notebook, and by the module: both have to decide the same, and what is expected."""
        began = perf_counter()
        test = Test(case.id)
        ours = _judged(live, case)
        if isinstance(ours, Fault):
            test.faults.append(ours)
        elif lines := compare(case.expected, ours):
            test.faults.append(self._unexpected(case, lines))
        theirs = _judged(built, case) if built else ours
        if _plain(ours) != _plain(theirs):
            message = "the built module decides otherwise than the notebook"
            detail = f"- notebook: {_plain(ours)}\n+ module:   {_plain(theirs)}"
            test.faults.append(Fault(message, detail, "run `artemis build`", self.path))
        test.seconds = perf_counter() - began
        return test

    def _unexpected(self, case: Case, lines: list[str]) -> Fault:
        note = f" ({case.note})" if case.note else ""
        detail = "\n".join(["- expected", "+ decided", *lines, facts_shown(case)])
        return Fault(f"the decision is not what is expected{note}", detail, place=self.path)

    def _overrides(self, case: Case | None) -> dict[str, Any]:
        """The parameters in force: those of the case's stage as it is now, and the case's own."""
        found = dict(self._of_stage(case.stage if case and case.stage else self.stage))
        return found | (case.parameters if case else {})

    def _of_stage(self, stage: str) -> dict[str, Any]:
        return stages.overrides_of(stage_content(self.project, stage), self.name)


@cache
def _parsed(data: bytes) -> Any:
    try:
        return stages.parse(data)
    except ValueError:  # a problem of the rules
        return {}


def stage_content(project: Project, stage: str) -> Any:
    """A stage file's content; empty where there is none."""
    try:
        return _parsed((project.stages / f"{stage}.yaml").read_bytes())
    except OSError:
        return {}


def _judged(usecase: UseCase, case: Case) -> dict[str, Any] | Fault:
    try:
        return decide(usecase, case)
    except NotDecided as error:
        return error.fault


def _plain(judged: dict[str, Any] | Fault) -> str:
    return judged.message if isinstance(judged, Fault) else repr(judged)


def _differing(live: UseCase, built: UseCase) -> str:
    """In what a notebook and its module are not the same; empty when they are."""
    if live.parameters != built.parameters:
        names = sorted(
            name
            for name in live.parameters.keys() | built.parameters.keys()
            if live.parameters.get(name) != built.parameters.get(name)
        )
        return f"parameters: {', '.join(names)}"
    steps = [{step.name: (step.kind, step.needs, step.fallback) for step in one.graph.steps} for one in (live, built)]
    names = sorted(name for name in steps[0].keys() | steps[1].keys() if steps[0].get(name) != steps[1].get(name))
    if names:
        return f"steps: {', '.join(names)}"
    return "their code" if live.version != built.version else ""
