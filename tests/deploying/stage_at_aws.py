"""Asking what is at the emulated account, and the live version as API Gateway does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import boto3
from deployed_project import KEY

from tests.emulators.cloud import Cloud
from workbench.deploying.function import gateway_event


def live() -> str:
    """The version that requests reach."""
    found = boto3.client("lambda").get_alias(FunctionName="artemis-staging-api", Name="live")
    return str(found["FunctionVersion"])


def ask(event: dict[str, Any]) -> dict[str, Any]:
    """As API Gateway asks: by the alias."""
    done = boto3.client("lambda").invoke(
        FunctionName="artemis-staging-api", Qualifier="live", Payload=json.dumps(event).encode()
    )
    answer: dict[str, Any] = json.loads(done["Payload"].read())
    return answer


def decide(cloud: Cloud, photo: str) -> dict[str, Any]:
    """A decision of the live version about a photo that Rekognition finds rather naked."""
    cloud.put("member-photos", photo, Path(__file__).parents[2].joinpath("usecases/samples/coffee.jpg").read_bytes())
    label = {"Name": "Explicit", "ParentName": "", "Confidence": 75.0, "TaxonomyLevel": 1}
    cloud.answers["DetectModerationLabels"] = {"ModerationLabels": [label], "ModerationModelVersion": "7.0"}
    box = {"Left": 0.3, "Top": 0.2, "Width": 0.4, "Height": 0.4}
    cloud.answers["DetectFaces"] = {"FaceDetails": [{"BoundingBox": box, "Confidence": 99.0}]}
    cloud.answers["DetectText"] = {"TextDetections": [], "TextModelVersion": "3.0"}
    path, pattern = "/v1/use-cases/profile-photo-review/decisions", "/v1/use-cases/{name}/decisions"
    body = json.dumps({"user_id": "u-1", "photo": {"s3": f"s3://member-photos/{photo}"}})
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    answer = ask(gateway_event("POST", path, headers, body, pattern, {"name": "profile-photo-review"}))
    assert answer["statusCode"] == 200, answer
    envelope: dict[str, Any] = json.loads(answer["body"])
    return envelope


def policies() -> list[dict[str, Any]]:
    """What the function's role may do."""
    iam = boto3.client("iam")
    function = boto3.client("lambda").get_function(FunctionName="artemis-staging-api")["Configuration"]
    role = function["Role"].rpartition("/")[2]
    names = iam.list_role_policies(RoleName=role)["PolicyNames"]
    return [iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"] for name in names]


def written_policy() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(".chalice/policy-staging.json").read_text("utf-8"))
    return found
