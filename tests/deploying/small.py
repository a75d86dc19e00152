"""A package that is quickly made and deployed: three answers, a role, a function and its alias.

What it is about is how a deployment goes; that of the real package is tested in test_deploy.py.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from chalicelib import __version__
from workbench.shipping.package import Packed

Next = Callable[..., None]  # says what the next deployment packages
HANDLER = """\
ANSWERS = %r

def handler(event, context):
    status, body = ANSWERS[event["path"]]
    return {"statusCode": status, "headers": {}, "body": body}
"""


def small(
    folder: Path, ready: int = 200, what: str = "first", allowed: str = "sns:Publish", unknown: int = 401
) -> Packed:
    """A package.

    ``ready``: what /ready answers; ``what`` tells it from others; ``allowed``: its role's action; ``unknown``: what it
    answers to whom it does not know, which is everybody.
    """
    folder.mkdir(parents=True, exist_ok=True)
    answers = {
        "/health": (200, json.dumps({"version": __version__})),
        "/ready": (ready, "the store is away" if ready >= 500 else what),
        "/v1/use-cases": (unknown, "{}"),
    }
    with zipfile.ZipFile(folder / "deployment.zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo("main.py"), HANDLER % answers)
    (folder / "template.json").write_text(json.dumps(_template(allowed)), "utf-8")
    return Packed("staging", folder, {}, {"ours": 1}, 0)


def _template(allowed: str) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": [allowed], "Resource": "*"}
    policy = {"PolicyName": "Own", "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]}}
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    function = {
        "FunctionName": "artemis-staging-api",
        "Handler": "main.handler",
        "Runtime": "python3.13",
        "CodeUri": "./deployment.zip",
        "Role": {"Fn::GetAtt": ["Role", "Arn"]},
        "Environment": {"Variables": {"ARTEMIS_REVISION": {"Ref": "Revision"}}},
    }
    alias = {"FunctionName": {"Ref": "APIHandler"}, "FunctionVersion": {"Ref": "LiveVersion"}, "Name": "live"}
    role = {"AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]}, "Policies": [policy]}
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Transform": "AWS::Serverless-2016-10-31",
        "Parameters": {"LiveVersion": {"Type": "String", "Default": ""}, "Revision": {"Type": "String", "Default": ""}},
        "Conditions": {"IsLive": {"Fn::Not": [{"Fn::Equals": [{"Ref": "LiveVersion"}, ""]}]}},
        "Resources": {
            "APIHandler": {"Type": "AWS::Serverless::Function", "Properties": function},
            "LiveAlias": {"Type": "AWS::Lambda::Alias", "Condition": "IsLive", "Properties": alias},
            "Role": {"Type": "AWS::IAM::Role", "Properties": role},
        },
    }
