"""Recording a use case: its notebook is run against a stage's providers, and what they answered is kept.

The file holds just what this run asked, sorted, each item once, and it is put in place whole. A notebook that fails,
and one that asks nothing, leave it as it was.
"""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chalicelib.recordings import FOLDER, Recording, read
from workbench.files import write
from workbench.problems import Problem
from workbench.project import Project
from workbench.recordings import RECORD, failed, noted
from workbench.scrub import Scrubber
from workbench.validation.plan import BadSetting, Plan, plan, read_stage

if TYPE_CHECKING:
    from workbench.validation.execute import Executed, Tell


@dataclass
class Outcome:
    """What came of it.

    ``recordings`` are those in the file now; ``gone``: how many were in it and were not asked for; ``differing``: how
    many items were answered once so and once otherwise, of which the first answer is kept; ``failed``: what was asked
    and not answered, with the error's code and text, and how often; ``existed``: the file was there before.
    """

    name: str
    stage: str
    file: str
    problems: list[Problem] = field(default_factory=list)
    executed: Executed | None = None
    recordings: list[Recording] = field(default_factory=list)
    scrubbed: Counter[str] = field(default_factory=Counter)
    gone: int = 0
    differing: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    existed: bool = False

    @property
    def verdict(self) -> str:
        if self.executed is None:
            return "refused"
        if not self.executed.passed:
            return "failed"
        return "recorded" if self.recordings else "nothing answered" if self.failed else "nothing asked"

    @property
    def answers(self) -> dict[str, int]:
        """``moderation from rekognition`` -> how many."""
        counted = Counter(f"{one.capability} from {one.provider}" for one in self.recordings)
        return dict(sorted(counted.items()))

    def as_dict(self) -> dict[str, Any]:
        """The form for CI."""
        return {
            "use_case": self.name,
            "stage": self.stage,
            "verdict": self.verdict,
            "file": self.file,
            "answers": self.answers,
            "scrubbed": dict(sorted(self.scrubbed.items())),
            "gone": self.gone,
            "differing": self.differing,
            "failed": dict(sorted(self.failed.items())),
            "failures": [failure.as_dict() for failure in self.executed.failures] if self.executed else [],
            "problems": [problem.as_dict() for problem in self.problems],
        }


def planned(project: Project, name: str, stage: str) -> Plan:
    """What to run. Raises Refused, and BadSetting for a stage that does not ask models itself."""
    content = read_stage(project, stage)
    chains = content.get("providers") or {}
    recorded = [key for key, chain in chains.items() if "recorded" in ([chain] if isinstance(chain, str) else chain)]
    if recorded:
        message = f"the stage {stage} answers {', '.join(recorded)} from recordings: name one whose providers are real"
        raise BadSetting(message)
    return plan(project, name, stage, content, {})


def record(
    project: Project, plan: Plan, limit: float, merge: bool, tell: Tell, environment: Mapping[str, str]
) -> Outcome:
    """Run it, and keep what was answered. ``limit`` is in seconds for each cell; ``environment``: the kernel's."""
    path = project.root / FOLDER / f"{plan.name}.jsonl"
    outcome = Outcome(plan.name, plan.stage, project.relative(path), existed=path.exists())
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder) / "notes.jsonl"
        with _environment({**environment, RECORD: str(notes)}):
            outcome.executed = _execute(plan, limit, tell)
        found = noted(notes) if outcome.executed.passed else []
        outcome.failed = failed(notes)
    if found:
        _keep(outcome, found, path, merge, Scrubber(environment))
    return outcome


def _execute(plan: Plan, limit: float, tell: Tell) -> Executed:
    from workbench.quick import without_grammar

    with without_grammar():
        from workbench.validation.execute import Kernels, execute

    kernels = Kernels()
    try:
        return execute(plan, limit, tell, kernels)
    except BaseException:
        kernels.stop()
        raise


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    """This process has just these variables, and its kernel with it; afterwards it has its own again."""
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _keep(outcome: Outcome, found: list[Recording], path: Path, merge: bool, scrubber: Scrubber) -> None:
    old = {one.key: one for one in _old(path)}
    new: dict[tuple[str, str], Recording] = {}
    for recording in found:
        first = new.setdefault(recording.key, recording)
        outcome.differing += first.result != recording.result
    new = {key: scrubber.recording(recording) for key, recording in new.items()}
    kept = old | new if merge else new
    outcome.gone = len(old.keys() - kept.keys())
    outcome.recordings = sorted(kept.values(), key=lambda one: (one.capability, one.asked, one.digest))
    outcome.scrubbed = scrubber.found
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, "".join(f"{recording.line()}\n" for recording in outcome.recordings).encode())


def _old(path: Path) -> list[Recording]:
    """What the file holds; nothing where it holds something else, which is to be replaced."""
    try:
        return read(path.read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return []
