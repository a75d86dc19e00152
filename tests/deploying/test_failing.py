"""A deployment that fails, wherever it does: what is live stays live, and the next one does what is left."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import boto3
import pytest
from deployed_project import deploy, deployed, record, run
from small import Next
from stage_at_aws import live, policies

from tests.emulators.aws import REGION
from tests.emulators.cloud import ACCOUNT, Cloud
from tests.emulators.faults import Status
from workbench.project import Project


@pytest.fixture(autouse=True)
def _small(next_package: Next) -> None:
    """Every deployment here is of a small package."""


def status() -> str:
    (stack,) = boto3.client("cloudformation").describe_stacks(StackName="artemis-staging")["Stacks"]
    return str(stack["StackStatus"])


def actions() -> list[str]:
    return [action for one in policies() for statement in one["Statement"] for action in statement["Action"]]


def test_a_stack_that_cannot_be_created_is_created_by_the_next_deployment(cloud: Cloud, project: Project) -> None:
    cloud.failing = "Role"

    done = deploy()

    assert done.exit_code == 1
    assert "Role (AWS::IAM::Role): as the test wants it" in done.output
    assert (status(), record().status, record().version) == ("ROLLBACK_COMPLETE", "failed", "none")
    deployed()
    assert (live(), record().status) == ("1", "succeeded")


def test_a_stack_that_cannot_be_changed_stays_as_it_was(cloud: Cloud, project: Project, next_package: Next) -> None:
    deployed()
    next_package(what="second", allowed="sqs:SendMessage")
    cloud.failing = "APIHandler"

    done = deploy()

    assert done.exit_code == 1 and "is as it was" in done.output and "APIHandler" in (record().error or "")
    assert (live(), actions()) == ("1", ["sns:Publish"])
    deployed()
    assert (live(), actions()) == ("2", ["sqs:SendMessage"])


def test_a_version_that_fails_its_smoke_test_gets_no_request_and_is_put_away(
    cloud: Cloud, project: Project, next_package: Next
) -> None:
    deployed()
    next_package(ready=503, what="broken", allowed="sqs:SendMessage")

    done = deploy()

    assert done.exit_code == 1
    assert "the smoke test failed: GET /ready: 503 instead of 200: the store is away" in done.output
    assert (live(), actions()) == ("1", ["sns:Publish"])
    assert (record().status, record().version) == ("failed", "2")
    next_package(what="mended")
    deployed()
    assert live() == "3"
    assert run("rollback", "--stage", "staging", "--yes").exit_code == 0
    assert live() == "1", "the broken one was never live, so nobody goes back to it"


def test_the_message_to_slack_says_why_it_failed(cloud: Cloud, project: Project, next_package: Next) -> None:
    deployed()
    next_package(ready=503, what="broken")
    deploy()

    told = run("notify", ".artemis/deployments/staging.json", "--language", "ko", "--dry-run")

    assert "배포 실패: staging" in told.output and "the store is away" in told.output


def test_a_version_that_crashes_is_told_with_its_log(cloud: Cloud, project: Project, tmp_path: Path) -> None:
    made = next(tmp_path.glob("package-*"))
    with zipfile.ZipFile(made / "deployment.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo("main.py"), "def handler(event, context):\n    raise KeyError('price_list')\n")

    done = deploy()

    assert done.exit_code == 1
    assert "price_list" in done.output and "/aws/lambda/artemis-staging-api" in done.output


def test_one_that_asks_for_no_key_or_knows_no_key_gets_no_request(
    cloud: Cloud, project: Project, next_package: Next, monkeypatch: pytest.MonkeyPatch
) -> None:
    next_package(unknown=200)
    assert "GET /v1/use-cases: 200 instead of 401" in deploy().output
    next_package()
    monkeypatch.setenv("ARTEMIS_SMOKE_KEY", "a-key-that-is-not-known")

    done = deploy()

    assert done.exit_code == 1 and "GET /v1/use-cases with a key: 401 instead of 200" in done.output
    assert "a-key-that-is-not-known" not in done.output


@pytest.mark.parametrize("fails", ["PutObject", "PublishVersion", "second UpdateStack"])
def test_whatever_fails_in_the_middle_is_done_by_the_next_deployment(
    cloud: Cloud, project: Project, next_package: Next, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    deployed()
    next_package(what="second", allowed="sqs:SendMessage")
    left, real = [2 if fails == "second UpdateStack" else 1], cloud.answer

    def answer(request: Any) -> Any:
        if left[0] and cloud._route(request).operation in fails:
            left[0] -= 1
            if left[0] == 0:
                cloud.faults.then(Status(403))
        return real(request)

    monkeypatch.setattr(cloud, "answer", answer)

    done = deploy()

    assert done.exit_code == 1, done.output
    assert (live(), actions(), record().status) == ("1", ["sns:Publish"], "failed")
    deployed()
    # what was published and put away is published again: the function was another one in between
    assert (live(), actions()) == ("3" if fails == "second UpdateStack" else "2", ["sqs:SendMessage"])


def test_one_that_is_interrupted_leaves_a_record_and_is_run_again(
    cloud: Cloud, project: Project, next_package: Next, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed()
    next_package(what="second")
    with monkeypatch.context() as patch:

        def interrupt(*_: Any) -> None:
            raise KeyboardInterrupt

        patch.setattr("workbench.deploying.target.Target.try_out", interrupt)
        assert deploy().exit_code == 1

    assert (live(), record().status, record().error) == ("1", "failed", "it was interrupted")
    deployed()
    assert live() == "2"


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("UPDATE_IN_PROGRESS", "is being changed (UPDATE_IN_PROGRESS): wait until that is over"),
        ("UPDATE_ROLLBACK_FAILED", "aws cloudformation continue-update-rollback --stack-name artemis-staging"),
    ],
)
def test_a_stack_that_cannot_be_changed_now_is_left_alone(
    cloud: Cloud, project: Project, state: str, said: str
) -> None:
    from moto.cloudformation.models import cloudformation_backends

    deployed()
    cloudformation_backends[ACCOUNT][REGION].get_stack("artemis-staging").status = state

    done = deploy()

    assert done.exit_code == 2 and said in done.output


def test_a_plan_that_was_overtaken_is_not_carried_out(
    cloud: Cloud, project: Project, next_package: Next, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed()
    next_package(what="slow")

    def ask(question: str, yes: bool) -> None:
        with monkeypatch.context() as patch:  # while somebody thinks about it, another deploys
            patch.setattr("workbench.commands.deploy._ask", lambda *_: None)
            next_package(what="fast")
            deployed()

    monkeypatch.setattr("workbench.commands.deploy._ask", ask)

    done = deploy()

    assert done.exit_code == 1
    assert "meanwhile somebody else deployed: version 2 is live, the plan is for version 1" in done.output
    assert live() == "2"


def test_one_that_is_overtaken_while_it_is_tried_leaves_the_other_alone(
    cloud: Cloud, project: Project, next_package: Next, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed()
    next_package(what="slow", allowed="sqs:SendMessage")

    def try_out(*_: Any) -> None:
        with monkeypatch.context() as patch:
            patch.setattr("workbench.deploying.target.Target.try_out", lambda *_: None)
            next_package(what="fast")
            deployed()

    monkeypatch.setattr("workbench.deploying.target.Target.try_out", try_out)

    done = deploy()

    assert done.exit_code == 1 and "version 3 is live, the plan is for version 1" in done.output
    assert (live(), actions()) == ("3", ["sns:Publish"])


def test_somebody_elses_bucket_is_not_written_to(cloud: Cloud, project: Project) -> None:
    cloud.foreign.add(f"artemis-deployments-{ACCOUNT}-{REGION}")

    done = deploy()

    assert done.exit_code == 1 and "is not ours to use (403)" in done.output
    assert cloud.count("PutObject") == 0
    assert "note: the record is only in .artemis/deployments/staging.json" in done.output


def test_a_plan_changes_nothing_and_nobody_is_asked_without_a_terminal(cloud: Cloud, project: Project) -> None:
    assert run("deploy", "--stage", "staging", "--plan").exit_code == 0
    refused = run("deploy", "--stage", "staging")

    assert refused.exit_code == 2 and "give --yes" in refused.output
    assert {call["operation"] for call in cloud.calls} == {"GetCallerIdentity", "DescribeStacks"}


def test_without_a_region_or_credentials_it_says_so(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)

    assert "name one in AWS_REGION" in deploy().output
    monkeypatch.setenv("AWS_REGION", REGION)
    done = deploy()

    assert done.exit_code == 2 and "Unable to locate credentials" in done.output


def test_going_back_tries_the_version_first(cloud: Cloud, project: Project, next_package: Next) -> None:
    deployed()
    next_package(what="second")
    deployed()
    real = cloud._invoke
    cloud._invoke = lambda request: (200, json.dumps({"statusCode": 503, "body": "old"}).encode(), {})  # type: ignore[method-assign]

    done = run("rollback", "--stage", "staging", "--yes")

    assert done.exit_code == 1 and "503 instead of 200: old" in done.output and live() == "2"
    assert run("rollback", "--stage", "staging", "--yes", "--no-test").exit_code == 0
    assert live() == "1"
    cloud._invoke = real  # type: ignore[method-assign]
