"""The role of GitHub's workflow: valid for CloudFormation, trusted for one environment, and able to do what we ask."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent.parent
TEMPLATE = ROOT / "deploy" / "github-role.yaml"
# What the code asks of AWS (boto3's method, or a waiter) -> the action that allows it.
ACTIONS = {
    "create_bucket": "s3:CreateBucket",
    "put_public_access_block": "s3:PutBucketPublicAccessBlock",
    "put_bucket_versioning": "s3:PutBucketVersioning",
    "put_bucket_policy": "s3:PutBucketPolicy",
    "head_bucket": "s3:ListBucket",
    "list_objects_v2": "s3:ListBucket",
    "head_object": "s3:GetObject",
    "get_object": "s3:GetObject",
    "put_object": "s3:PutObject",
    "describe_stacks": "cloudformation:DescribeStacks",
    "describe_stack_events": "cloudformation:DescribeStackEvents",
    "create_stack": "cloudformation:CreateStack",
    "update_stack": "cloudformation:UpdateStack",
    "delete_stack": "cloudformation:DeleteStack",
    "stack_create_complete": "cloudformation:DescribeStacks",
    "stack_update_complete": "cloudformation:DescribeStacks",
    "stack_delete_complete": "cloudformation:DescribeStacks",
    "publish_version": "lambda:PublishVersion",
    "published_version_active": "lambda:GetFunctionConfiguration",
    "invoke": "lambda:InvokeFunction",
}
PLANNING = {"describe_stacks", "get_object"}  # what a plan asks


class _Loader(yaml.SafeLoader):
    """With CloudFormation's tags: a function's value is what it is given."""


_Loader.add_multi_constructor("!", lambda loader, _tag, node: _given(loader, node))


def _given(loader: Any, node: Any) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    return loader.construct_sequence(node)


def role(name: str) -> dict[str, Any]:
    content = yaml.load(TEMPLATE.read_text("utf-8"), _Loader)
    found: dict[str, Any] = content["Resources"][name]["Properties"]
    return found


def allowed(name: str) -> set[str]:
    (policy,) = role(name)["Policies"]
    given = [statement["Action"] for statement in policy["PolicyDocument"]["Statement"]]
    return {action for one in given for action in ([one] if isinstance(one, str) else one)}


def asked() -> set[str]:
    """Every call of boto3 that the code of deployments makes."""
    text = "".join(path.read_text("utf-8") for path in (ROOT / "workbench" / "deploying").glob("*.py"))
    methods = {name for name in re.findall(r"self\._(?:s3|client)\.(\w+)", text) if not name.startswith("get_")}
    named = re.findall(r'get_(?:waiter|paginator)\("(\w+)"\)', text) + re.findall(r'"(stack_\w+_complete)"', text)
    return methods | set(named) | {"get_object"}


def test_cloudformation_takes_it(tools: Callable[[str], Path]) -> None:
    done = subprocess.run([tools("cfn-lint"), TEMPLATE], capture_output=True, text=True)

    assert done.returncode == 0, done.stdout


def test_it_may_do_whatever_the_code_asks() -> None:
    assert asked() == ACTIONS.keys(), "say here which action allows it"
    assert {ACTIONS[name] for name in asked()} <= allowed("Deploying")
    assert {ACTIONS[name] for name in PLANNING} <= allowed("Planning")


def test_a_plan_changes_nothing() -> None:
    reading = ("Describe", "Get", "List", "connect")
    assert [one for one in allowed("Planning") if not one.partition(":")[2].startswith(reading)] == []


def test_no_action_is_a_pattern_and_only_logs_name_no_resource() -> None:
    for name in ("Deploying", "Planning"):
        for statement in role(name)["Policies"][0]["PolicyDocument"]["Statement"]:
            assert "*" not in str(statement["Action"]), statement
            assert statement["Resource"] != "*" or statement["Sid"] == "ListLogs"


def test_each_is_trusted_for_its_own_environment() -> None:
    for name, environment in (("Deploying", "${Stage}"), ("Planning", "${Stage}-plan")):
        (statement,) = role(name)["AssumeRolePolicyDocument"]["Statement"]
        (condition,) = statement["Condition"].values()
        assert condition["token.actions.githubusercontent.com:sub"] == ("repo:${Repository}:environment:" + environment)
        assert condition["token.actions.githubusercontent.com:aud"] == "sts.amazonaws.com"
