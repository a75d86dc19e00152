"""A stage deployed from end to end to an emulated AWS account: created, changed, gone back, deleted."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from deployed_project import KEY, change_stage, commit, deployed, record, run
from stage_at_aws import ask, decide, live, policies, written_policy

from tests.emulators.cloud import ACCOUNT, REGION, Cloud
from workbench.deploying.function import gateway_event
from workbench.project import Project

BUCKET = f"artemis-deployments-{ACCOUNT}-{REGION}"
ALARMS = 8


def test_a_stage_is_created_with_all_it_needs_and_answers(
    cloud: Cloud, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARTEMIS_SMOKE_KEY", KEY)

    told = deployed().output

    assert (
        "live       nothing" in told
        and "POST /v1/use-cases/profile-photo-review/decisions" in told
        and "version 1 is live" in told
    )
    functions = {one["FunctionName"]: one for one in boto3.client("lambda").list_functions()["Functions"]}
    assert set(functions) == {"artemis-staging-api", "artemis-staging-watch"}
    api = functions["artemis-staging-api"]
    assert (api["Runtime"], api["Timeout"], api["MemorySize"]) == ("python3.13", 28, 1769)
    variables = api["Environment"]["Variables"]
    assert variables["ARTEMIS_API_KEYS"] == cloud.secrets["/artemis/staging/api-keys"]
    assert variables["ARTEMIS_REVISION"] == record().commit
    assert policies() == [written_policy()]
    assert live() == "1"
    assert json.loads(ask(gateway_event("GET", "/health", {}))["body"])["status"] == "ok"
    assert_its_surroundings_are_there()
    assert_the_bucket_is_private(cloud)


def assert_its_surroundings_are_there() -> None:
    gateway = boto3.client("apigateway")
    (api,) = gateway.get_rest_apis()["items"]
    paths = {one["path"] for one in gateway.get_resources(restApiId=api["id"], limit=100)["items"]}
    assert {"/health", "/ready", "/v1/use-cases/{name}/decisions", "/v1/decisions/{decision_id}/labels"} <= paths
    assert "staging" in {one["stageName"] for one in gateway.get_stages(restApiId=api["id"])["item"]}
    groups = boto3.client("logs").describe_log_groups()["logGroups"]
    assert {one["logGroupName"] for one in groups} == {f"/aws/lambda/artemis-staging-{one}" for one in ("api", "watch")}
    assert len(boto3.client("cloudwatch").describe_alarms()["MetricAlarms"]) == ALARMS
    (rule,) = boto3.client("events").list_rules()["Rules"]
    assert rule["ScheduleExpression"] == "rate(1 hour)"


def assert_the_bucket_is_private(cloud: Cloud) -> None:
    """It keeps versions, and takes nothing without TLS."""
    s3 = boto3.client("s3")
    assert all(s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"].values())
    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    (statement,) = cloud.bucket_policies[BUCKET]["Statement"]
    assert statement["Effect"] == "Deny" and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_a_change_is_told_tried_beside_what_is_live_and_then_served(
    cloud: Cloud, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    deployed()
    assert decide(cloud, "one.jpg")["decision"]["outcome"] == "review"
    before = written_policy()
    change_stage("photos:", "use_cases:\n  profile_photo_review:\n    parameters: {nudity_reject: 0.7}\nphotos:")
    change_stage("  predict/match_score: sagemaker\n", "  predict/match_score: vertex_ai\n")
    commit("노출 기준을 낮춘다")
    during: list[Any] = []
    real = cloud._invoke
    monkeypatch.setattr(cloud, "_invoke", lambda request: (during.append((live(), policies())), real(request))[1])
    cloud.calls.clear()

    told = deployed().output

    assert "profile_photo_review.nudity_reject: 0.8 → 0.7" in told
    assert "profile_photo_review: 1 of 1 (100.0%)" in told
    assert "predict/match_score" in told and "version 1, " in told
    assert written_policy() != before
    version, allowed = during[0]
    assert version == "1" and before in allowed and written_policy() in allowed, "the live one loses nothing meanwhile"
    changes = [call["live"] for call in cloud.calls if call["operation"] == "UpdateStack"]
    assert (changes, live(), policies()) == (["1", "2"], "2", [written_policy()])
    made = record()
    assert [(one.name, one.before, one.after) for one in made.parameters] == [("nudity_reject", 0.8, 0.7)]
    assert [(one.flips, one.decisions) for one in made.flips] == [(1, 1)]
    assert (made.who, made.subject, made.rollback) == (
        "김하늘",
        "노출 기준을 낮춘다",
        "artemis rollback --stage staging",
    )
    assert decide(cloud, "two.jpg")["decision"]["outcome"] == "reject"


def test_going_back_brings_everything_back_and_forth_again(cloud: Cloud, project: Project) -> None:
    deployed()
    first = written_policy()
    change_stage("photos:", "use_cases:\n  profile_photo_review:\n    parameters: {nudity_reject: 0.7}\nphotos:")
    change_stage("  predict/match_score: sagemaker\n", "  predict/match_score: vertex_ai\n")
    commit("노출 기준을 낮춘다")
    deployed()

    done = run("rollback", "--stage", "staging", "--yes")

    assert done.exit_code == 0, done.output
    assert "profile_photo_review.nudity_reject: 0.7 → 0.8" in done.output
    assert (live(), policies()) == ("1", [first])
    assert decide(cloud, "one.jpg")["decision"]["outcome"] == "review"
    made = record()
    assert (made.status, made.version, made.subject) == ("rolled-back", "1", "사진 심사를 처음으로 (#41)")
    again = run("rollback", "--stage", "staging", "--yes")
    assert (
        again.exit_code == 2 and "before version 1 there was none" in again.output and "kept are: 1, 2" in again.output
    )
    assert run("rollback", "--stage", "staging", "--yes", "--to", "2").exit_code == 0
    assert live() == "2"


def test_deployed_twice_it_has_one_version_and_deleted_it_leaves_its_logs_only(cloud: Cloud, project: Project) -> None:
    deployed()

    told = deployed().output

    assert "no change in what is decided" in told and "version 1 is live" in told
    assert len(boto3.client("lambda").list_versions_by_function(FunctionName="artemis-staging-api")["Versions"]) == 2
    boto3.client("cloudformation").delete_stack(StackName="artemis-staging")

    assert boto3.client("lambda").list_functions()["Functions"] == []
    assert boto3.client("apigateway").get_rest_apis()["items"] == []
    assert boto3.client("iam").list_roles()["Roles"] == []
    assert len(boto3.client("logs").describe_log_groups()["logGroups"]) == 2
