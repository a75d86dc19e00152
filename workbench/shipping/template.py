"""What the CloudFormation template has beyond Chalice's: alarms, log groups, the gateway's own errors, versions.

Requests reach the version that the alias ``live`` names. A deployment puts new code beside it, tries it, and only
then moves the alias; a rollback moves it back. While there is no ``LiveVersion``, in a stack's first minutes, nobody
is served.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from workbench.shipping.alarms import alarms
from workbench.shipping.stage import Deployed

ALIAS = "live"
API = "APIHandler"  # the function's id in Chalice's template
FUNCTIONS = {API: "api", "Watch": "watch"}  # id in the template -> the last part of its name in AWS
# API Gateway's own answers -> status, code, title, detail. Those of the service never come here.
GATEWAY_ERRORS = {
    "REQUEST_TOO_LARGE": (
        413,
        "too-large",
        "The request is too large",
        "Lambda takes 6 MB, and base64 adds a third: put the photo in a bucket and name it",
    ),
    "THROTTLED": (429, "throttled", "Too many requests", "ask again a little later"),
    "MISSING_AUTHENTICATION_TOKEN": (404, "not-found", "Not found", "nothing has this path and method"),
    "INTEGRATION_TIMEOUT": (
        504,
        "gateway-timeout",
        "No answer in time",
        "no answer within 29 s; a decision may be stored: ask again with the same Idempotency-Key",
    ),
    "INTEGRATION_FAILURE": (
        502,
        "gateway-failure",
        "No valid answer",
        "the service could not be reached or ended in the middle: ask again with the same Idempotency-Key",
    ),
    "DEFAULT_5XX": (
        500,
        "gateway-error",
        "The gateway failed",
        "API Gateway could not pass the request on: ask again with the same Idempotency-Key",
    ),
    "DEFAULT_4XX": (400, "gateway-refused", "The gateway refused the request", "$context.error.message"),
}


def merged(deployed: Deployed) -> dict[str, Any]:
    """For ``chalice package --merge-template``, which merges mappings and replaces lists."""
    resources: dict[str, Any] = {API: {"Properties": _function(deployed)}}
    shift = {"ARTEMIS_OUTCOME_SHIFT": str(deployed.options.alarms.outcome_shift)}
    variables = {"ARTEMIS_REVISION": {"Ref": "Revision"}, **shift, **deployed.environment}
    for identity, name in FUNCTIONS.items():
        resources.setdefault(identity, {}).setdefault("Properties", {})["FunctionName"] = deployed.function(name)
        resources[identity]["Properties"]["LoggingConfig"] = {"LogGroup": {"Ref": f"{identity}Logs"}}
        resources[identity]["Properties"].setdefault("Environment", {})["Variables"] = variables
        resources[f"{identity}Logs"] = _log_group(deployed, name)
    resources["RestAPI"] = {
        "Properties": {"DefinitionBody": {"x-amazon-apigateway-gateway-responses": dict(_gateway())}}
    }
    resources |= {"LiveAlias": _alias(deployed), "LivePermission": _permission(), **alarms(deployed, FUNCTIONS)}
    return {
        "Parameters": {
            "LiveVersion": {"Type": "String", "Default": "", "Description": "the version that is served"},
            "Revision": {"Type": "String", "Default": "", "Description": "the git revision that this is made of"},
        },
        "Conditions": {"IsLive": {"Fn::Not": [{"Fn::Equals": [{"Ref": "LiveVersion"}, ""]}]}},
        "Resources": resources,
    }


def finished(template: Mapping[str, Any]) -> dict[str, Any]:
    """Chalice's template with what merging cannot do: the API calls the alias."""
    text = json.dumps(template)
    made: dict[str, Any] = json.loads(
        text.replace(f"${{{API}.Arn}}/invocations", f"${{{API}.Arn}}:{ALIAS}/invocations")
    )
    del made["Resources"]["APIHandlerInvokePermission"]  # the alias has its own
    return made


def _function(deployed: Deployed) -> dict[str, Any]:
    return {"SnapStart": {"ApplyOn": "PublishedVersions"}} if deployed.options.snap_start else {}


def _alias(deployed: Deployed) -> dict[str, Any]:
    properties = {"FunctionName": {"Ref": API}, "FunctionVersion": {"Ref": "LiveVersion"}, "Name": ALIAS}
    if count := deployed.options.provisioned_concurrency:
        properties["ProvisionedConcurrencyConfig"] = {"ProvisionedConcurrentExecutions": count}
    return {"Type": "AWS::Lambda::Alias", "Condition": "IsLive", "Properties": properties}


def _permission() -> dict[str, Any]:
    source = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${RestAPI}/*"
    properties = {
        "FunctionName": {"Ref": "LiveAlias"},
        "Action": "lambda:InvokeFunction",
        "Principal": "apigateway.amazonaws.com",
    }
    return {
        "Type": "AWS::Lambda::Permission",
        "Condition": "IsLive",
        "Properties": {**properties, "SourceArn": {"Fn::Sub": source}},
    }


def _log_group(deployed: Deployed, name: str) -> dict[str, Any]:
    properties = {
        "LogGroupName": f"/aws/lambda/{deployed.function(name)}",
        "RetentionInDays": deployed.options.log_retention_days,
    }
    return {
        "Type": "AWS::Logs::LogGroup",
        "Properties": properties,
        "DeletionPolicy": "RetainExceptOnCreate",  # else a creation that failed could not be repeated
        "UpdateReplacePolicy": "Retain",
    }


def _gateway() -> Iterator[tuple[str, dict[str, Any]]]:
    for kind, (status, code, title, detail) in GATEWAY_ERRORS.items():
        body = {"type": f"urn:artemis:problem:{code}", "title": title, "status": status, "detail": detail}
        yield (
            kind,
            {
                "statusCode": status,
                "responseParameters": {"gatewayresponse.header.Content-Type": "'application/problem+json'"},
                "responseTemplates": {"application/json": json.dumps(body)},
            },
        )
