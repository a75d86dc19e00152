"""`artemis contract` in a real project: what is shown, refused, accepted, frozen and dropped."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner, Result

from chalicelib.http.openapi import document
from chalicelib.manifest import Manifest
from chalicelib.service import LOCAL_CLIENT
from workbench.cli import main
from workbench.contract.report import OUTDATED

if TYPE_CHECKING:
    from tests.workbench.conftest import Sound, TemporaryProject

Artemis = Callable[..., Result]
TWO, THREE = '["approve", "review"]', '["approve", "review", "보류"]'
ADDED = 'breaking: response: `decision.outcome` may be "보류" now'


@pytest.fixture
def artemis(project: TemporaryProject, monkeypatch: pytest.MonkeyPatch) -> Artemis:
    """The command line in this process, standing in the project."""
    monkeypatch.chdir(project.root)
    return lambda *arguments: CliRunner().invoke(main, ["contract", *arguments])


@pytest.fixture
def write(project: TemporaryProject, sound: Sound) -> Callable[..., None]:
    """Writes and builds the notebook: ``write(contract=2, outcomes=…)``."""

    def make(contract: Any = None, outcomes: str = TWO, cells: dict[str, str] | None = None) -> None:
        changed = {"models": sound.source("models").replace(TWO, outcomes), **(cells or {})}
        path = project.notebook("trial", sound(**changed))
        content = json.loads(path.read_text("utf-8"))
        content["metadata"] = {} if contract is None else {"artemis": {"contract": contract}}
        path.write_text(json.dumps(content), "utf-8")
        report = project.build()
        assert not report.failed, report.problems

    return make


@pytest.fixture
def published(project: TemporaryProject, write: Callable[..., None], artemis: Artemis) -> TemporaryProject:
    project.stage("local", "use_cases:\n  trial: {parameters: {faces_max: 3}}\n")
    write()
    assert artemis("--write").exit_code == 0
    return project


def test_without_a_published_contract_it_says_how_to_write_one(
    project: TemporaryProject, write: Callable[..., None], artemis: Artemis
) -> None:
    write()
    shown = artemis("--check")
    assert shown.exit_code == 2
    assert "there is no contracts/openapi.json" in shown.stderr
    assert "artemis contract --write" in shown.stderr


def test_without_a_build_it_says_to_build(project: TemporaryProject, artemis: Artemis) -> None:
    for arguments in (["--write"], ["--client", "client"]):
        ended = artemis(*arguments)
        assert (ended.exit_code, "run `artemis build`" in ended.stderr) == (2, True)
    assert not (project.root / "contracts").exists()


@pytest.mark.parametrize("content", ["<<<<<<< ours\n{}", "[]", '{"paths": 1}', ""])
def test_a_damaged_file_is_told(published: TemporaryProject, artemis: Artemis, content: str) -> None:
    published.file("contracts/openapi.json", content)
    ended = artemis("--check")
    assert ended.exit_code == 2
    assert "contracts/openapi.json is not" in ended.stderr


def test_the_file_is_what_clients_outside_see_and_the_same_every_time(
    published: TemporaryProject, artemis: Artemis
) -> None:
    path = published.root / "contracts" / "openapi.json"
    before = path.read_bytes()
    assert json.loads(before) == document(Manifest.read(published.generated), LOCAL_CLIENT, samples=False, buckets=True)
    assert b'"sample"' not in before
    assert artemis("--write").exit_code == 0
    assert path.read_bytes() == before
    checked = artemis("--check")
    assert (checked.exit_code, checked.output) == (0, "the contract is as it was published\n")


def test_a_breaking_change_is_told_and_refused_until_the_contract_is_raised(
    published: TemporaryProject, write: Callable[..., None], artemis: Artemis
) -> None:
    before = (published.root / "contracts" / "openapi.json").read_bytes()
    write(outcomes=THREE)
    checked = artemis("--check")
    assert checked.exit_code == 1
    assert ADDED in checked.output
    assert '{"artemis": {"contract": 2}}' in checked.output
    assert artemis().exit_code == 0
    refused = artemis("--write")
    assert (refused.exit_code, "not written" in refused.stderr) == (1, True)
    assert (published.root / "contracts" / "openapi.json").read_bytes() == before

    write(2, THREE)
    outdated = artemis("--check")
    assert outdated.exit_code == 1
    assert "run `artemis contract --write`" in outdated.output
    assert artemis("--write").exit_code == 0
    assert artemis("--check").exit_code == 0


def test_a_compatible_change_needs_only_to_be_written(
    published: TemporaryProject, write: Callable[..., None], artemis: Artemis
) -> None:
    write(outcomes='["approve"]')
    checked = artemis("--check")
    assert checked.exit_code == 1
    assert 'compatible: response: `decision.outcome` is never "review" any more' in checked.output
    assert "0 breaking" in checked.output
    assert "not up to date" in checked.output
    assert artemis("--write").exit_code == 0
    assert artemis("--check").exit_code == 0


def test_a_default_for_a_field_of_the_decision_breaks_nobody(
    published: TemporaryProject, write: Callable[..., None], artemis: Artemis
) -> None:
    """The field is in every answer all the same."""
    write(outcomes=f'{TWO} = "review"')
    checked = artemis("--check")
    assert (checked.exit_code, checked.output.splitlines()) == (1, [OUTDATED])
    assert artemis("--write").exit_code == 0
    assert artemis("--check").exit_code == 0


def test_a_use_case_that_is_gone_is_breaking_and_can_be_forced(published: TemporaryProject, artemis: Artemis) -> None:
    (published.root / "usecases" / "trial.ipynb").unlink()
    (published.root / "usecases" / "stages" / "local.yaml").write_text("")
    published.build()
    checked = artemis("--check")
    assert checked.exit_code == 1
    assert "breaking: the use case is removed" in checked.output
    assert artemis("--write").exit_code == 1
    assert artemis("--write", "--force").exit_code == 0
    assert artemis("--check").exit_code == 0


def test_reports_have_a_form_for_programs_and_one_for_reviews(
    published: TemporaryProject, write: Callable[..., None], artemis: Artemis
) -> None:
    write(outcomes=THREE)
    content = json.loads(artemis("--format", "json").stdout)
    assert (content["breaking"], content["up_to_date"]) == (True, False)
    assert content["changes"] == [
        {
            "use_case": "trial",
            "contract": 1,
            "where": "response",
            "path": "decision.outcome",
            "kind": "added",
            "severity": "breaking",
            "message": '`decision.outcome` may be "보류" now',
            "accepted": False,
        }
    ]
    assert f"### trial (contract 1)\n\n- **breaking**{ADDED[8:]}" in artemis("--format", "markdown").stdout


def test_a_frozen_contract_survives_builds_stages_and_the_next_contract(
    published: TemporaryProject, write: Callable[..., None], artemis: Artemis
) -> None:
    version = published.entry("trial")["versions"]["local"]
    module = published.module("trial").read_bytes()
    frozen = artemis("freeze", "trial")
    assert frozen.exit_code == 0
    assert "frozen/trial_v1.py" in frozen.output
    assert (published.generated / "frozen" / "trial_v1.py").read_bytes() == module
    assert artemis("--check").exit_code == 0  # nothing is new to callers

    renamed = {"parameters": "crowd: int = 1  # more faces: review", "decide": DECIDE.replace("faces_max", "crowd")}
    published.stage("local", "use_cases:\n  trial: {parameters: {crowd: 2}}\n")  # no longer fits what is frozen
    write(2, THREE, renamed)
    entry = published.manifest["frozen"]["trial"]["1"]
    assert entry["overrides"] == {"local": {"faces_max": 3}}
    assert entry["versions"]["local"] == version
    assert published.check().changes == {}
    assert published.build().changes == {}
    manifest = Manifest.read(published.generated)
    assert list(manifest.contracts("trial")) == [1, 2]
    assert manifest.module("trial", 1).name == "trial_v1.py"
    differences = artemis("--check").output
    assert "contract 2 is new: /v2/use-cases/trial/decisions" in differences
    assert 'breaking, contract raised: response: `decision.outcome` may be "보류" now' in differences

    assert artemis("--write").exit_code == 0
    dropped = artemis("unfreeze", "trial", "--contract", "1")
    assert dropped.exit_code == 0
    assert "frozen" not in published.manifest
    assert list((published.generated / "frozen").iterdir()) == []
    assert "contract 1 is no longer served; contract 2 is" in artemis().output


DECIDE = """\
def crowded(faces: list[Face]) -> bool:
    return len(faces) > faces_max


def decide(crowded: bool) -> Decision:
    return Decision(outcome="review" if crowded else "approve")"""


def test_a_frozen_contract_that_was_damaged_is_told_and_stays_in_the_manifest(
    published: TemporaryProject, artemis: Artemis
) -> None:
    assert artemis("freeze", "trial").exit_code == 0
    before = published.manifest
    module = published.generated / "frozen" / "trial_v1.py"
    module.write_bytes(module.read_bytes() + b"\n# edited\n")
    (problem,) = published.build().problems
    assert (problem.rule, problem.notebook) == ("frozen-module", "chalicelib/usecases/frozen/trial_v1.json")
    assert "was edited after it was frozen" in problem.message
    assert published.manifest == before


def test_freezing_what_cannot_be_frozen_says_why(project: TemporaryProject, sound: Sound, artemis: Artemis) -> None:
    project.notebook("trial", sound())
    unbuilt = artemis("freeze", "trial")
    assert (unbuilt.exit_code, "trial is not built here: run `artemis build`" in unbuilt.stderr) == (2, True)
    project.build()
    assert artemis("freeze", "trial").exit_code == 0
    again = artemis("freeze", "trial")
    assert (again.exit_code, "contract 1 of trial is frozen already" in again.stderr) == (2, True)
    assert "contract 7 of trial is not frozen; frozen: 1" in artemis("unfreeze", "trial", "--contract", "7").stderr
    assert "there is no use case 'trail': did you mean 'trial'?" in artemis("freeze", "trail").stderr
    assert "no contract of other is frozen" in artemis("unfreeze", "other").stderr
    project.module("trial").write_bytes(b"# edited\n")
    assert artemis("unfreeze", "trial").exit_code == 0
    edited = artemis("freeze", "trial")
    assert (edited.exit_code, "is not the one that was built" in edited.stderr) == (2, True)


def test_a_contract_that_was_built_over_is_frozen_from_a_revision(
    published: TemporaryProject, write: Callable[..., None], artemis: Artemis
) -> None:
    def git(*arguments: str) -> None:
        settings = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *settings, *arguments], cwd=published.root, check=True, capture_output=True)

    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "-m", "one")
    module = published.module("trial").read_bytes()
    write(2, THREE)
    assert "git knows no revision '--help' here" in artemis("freeze", "trial", "--rev", "--help").stderr
    assert artemis("freeze", "trial", "--rev", "HEAD").exit_code == 0
    assert (published.generated / "frozen" / "trial_v1.py").read_bytes() == module
    assert list(Manifest.read(published.generated).contracts("trial")) == [1, 2]
    git("rm", "--cached", "--quiet", "-r", "chalicelib")
    git("commit", "--quiet", "-m", "two")
    assert "trial is not built at HEAD" in artemis("freeze", "trial", "--rev", "HEAD").stderr


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"contract": 0}, "the contract is 0, not a whole number from 1 to 99"),
        ({"contract": True}, "the contract is true, not"),
        ({"contract": "2"}, 'the contract is "2", not'),
        ({"contract": 2.0}, "the contract is 2.0, not"),
        ({"contract": None}, "the contract is null, not"),
        ({"contracts": 2}, "unknown key 'contracts' under 'artemis' in the notebook's metadata; it is 'contract'"),
        ("2", "'artemis' in the notebook's metadata is \"2\", not an object"),
    ],
    ids=str,
)
def test_a_contract_version_that_is_none_is_a_problem(
    project: TemporaryProject, sound: Sound, settings: Any, message: str
) -> None:
    path = project.notebook("trial", sound())
    content = json.loads(path.read_text("utf-8"))
    content["metadata"]["artemis"] = settings
    path.write_text(json.dumps(content), "utf-8")
    (problem,) = project.build().problems
    assert (problem.rule, problem.cell) == ("contract-version", 0)
    assert message in problem.message
    assert '{"artemis": {"contract": 2}}' in problem.hint


def test_a_manifest_of_before_there_were_contracts_has_contract_1(published: TemporaryProject) -> None:
    content = published.manifest
    del content["use_cases"]["trial"]["contract"]
    published.file("chalicelib/usecases/manifest.json", json.dumps(content))
    assert list(Manifest.read(published.generated).contracts("trial")) == [1]


def test_only_what_was_promised_is_frozen(
    published: TemporaryProject, write: Callable[..., None], artemis: Artemis
) -> None:
    """Frozen otherwise, it would serve what nobody was promised, or break who was."""
    write(outcomes=THREE)
    broken = artemis("freeze", "trial")
    assert (broken.exit_code, "freeze what is deployed with --rev REV" in broken.stderr) == (2, True)
    write(contract=2, outcomes=THREE)
    unpublished = artemis("freeze", "trial")
    assert "contract 2 of trial is not in contracts/openapi.json" in unpublished.stderr
    assert not (published.generated / "frozen").exists()


def test_a_client_that_cannot_be_written_says_why(published: TemporaryProject, artemis: Artemis) -> None:
    (published.root / "a-file").write_text("")
    refused = artemis("--client", "a-file/client")
    assert (refused.exit_code, "a-file/client: the folder cannot be made" in refused.stderr) == (2, True)
