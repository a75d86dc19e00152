"""Policies: every AWS operation that the code can ask for is allowed where it is used, and nothing else is."""

from __future__ import annotations

import ast
import fnmatch
import json
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from chalicelib.manifest import Manifest
from workbench.shipping.errors import CannotShip
from workbench.shipping.policy import NOT_SERVED, REKOGNITION, UNNAMED, policy
from workbench.shipping.stage import Deployed, Options, read

ROOT = Path(__file__).parent.parent.parent
SERVICES = ("s3", "rekognition", "sagemaker-runtime", "secretsmanager", "rds")
# What botocore's methods need, where the action has another name than the operation or there are several.
NEEDS = {
    ("s3", "head_object"): {"s3:GetObject"},
    ("s3", "get_object"): {
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:ListBucket",
    },  # without the last, what is not there is a 403
    ("sagemaker-runtime", "invoke_endpoint"): {"sagemaker:InvokeEndpoint"},
}
ELSEWHERE = {"logs:CreateLogStream", "logs:PutLogEvents", "rds-db:connect"} | {
    name for name in UNNAMED if not name.startswith("rekognition")
}

EVERYTHING: dict[str, Any] = {
    "providers": {**dict.fromkeys(REKOGNITION, "rekognition"), "predict": "sagemaker"},
    "provider_settings": {
        "sagemaker": {"models": {"match_score": {"endpoint": "Match-Score", "classes": ["no", "yes"]}}}
    },
    "photos": {"buckets": ["member-photos"], "upload": {"bucket": "inbound", "prefix": "photos/"}},
    "objects": {"bucket": "records", "prefix": "large/"},
}


def deployed(**content: Any) -> Deployed:
    variables = content.pop("environment", {"ARTEMIS_DATABASE_URL": "postgresql://maria@db.example/artemis"})
    return Deployed("staging", "artemis", {"environment_variables": variables, **content}, Options())


def actions(document: dict[str, Any]) -> dict[str, list[str]]:
    """Action -> the resources that it is allowed on."""
    found: dict[str, list[str]] = {}
    for statement in document["Statement"]:
        resources = statement["Resource"]
        for action in statement["Action"]:
            found.setdefault(action, []).extend([resources] if isinstance(resources, str) else resources)
    return found


def called() -> set[tuple[str, str]]:
    """(service, botocore's method) of each call of AWS that stands in what ships."""
    session = botocore.session.get_session()
    methods: dict[str, str] = {}
    for service in SERVICES:
        for operation in session.get_service_model(service).operation_names:
            methods.setdefault(botocore.xform_name(operation), service)
    found = set()
    for path in (ROOT / "chalicelib").rglob("*.py"):
        text = path.read_text("utf-8")
        if "usecases" in path.parts or not ("boto" in text or "providers.aws" in text or "_client()" in text):
            continue
        for node in ast.walk(ast.parse(text)):
            name = node.func.attr if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else None
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                name = node.value
            if name in methods:
                found.add((methods[name], name))
    return found


def test_every_operation_in_the_code_is_allowed_and_nothing_else_is() -> None:
    secret = {"ARTEMIS_DATABASE_AUTH": "secret:artemis-db", "ARTEMIS_DATABASE_URL": "postgresql://db.example/artemis"}
    by_iam = {"ARTEMIS_DATABASE_AUTH": "iam", "ARTEMIS_DATABASE_URL": "postgresql://maria@db.example/artemis"}
    whole = {"xray": True, "subnet_ids": ["subnet-1"]}
    allowed = set(actions(policy(EVERYTHING, deployed(environment=secret, **whole))))
    allowed |= set(actions(policy(EVERYTHING, deployed(environment=by_iam))))

    needed = set()
    for service, method in called():
        if method not in NOT_SERVED:
            operation = "".join(part.title() for part in method.split("_"))
            needed |= NEEDS.get((service, method), {f"{service}:{operation}"})
    needed |= {
        f"rekognition:{operation}" for operation in REKOGNITION.values()
    }  # composed of the table's names in the code

    assert {
        ("s3", "put_object"),
        ("secretsmanager", "get_secret_value"),
        ("sagemaker-runtime", "invoke_endpoint"),
    } <= called()
    assert needed == allowed - ELSEWHERE


def test_rekognitions_operations_are_those_of_its_provider() -> None:
    text = (ROOT / "chalicelib" / "providers" / "rekognition.py").read_text("utf-8")

    assert {one for one in text.split('"') if one.startswith("Detect") and one.isalnum()} == set(REKOGNITION.values())


def test_a_resource_is_open_only_where_the_service_knows_no_other() -> None:
    for action, resources in actions(policy(EVERYTHING, deployed(xray=True, subnet_ids=["s"]))).items():
        assert "*" not in action
        assert ("*" in resources) == (action in UNNAMED), action


def test_what_a_stage_does_not_use_is_not_allowed() -> None:
    assert set(actions(policy({}, deployed()))) == {"logs:CreateLogStream", "logs:PutLogEvents"}
    only_faces = actions(policy({"providers": {"faces": ["google_vision", "rekognition"]}}, deployed()))
    assert [name for name in only_faces if name.startswith("rekognition")] == ["rekognition:DetectFaces"]


def test_resources_are_those_of_the_stage_file() -> None:
    allowed = actions(policy(EVERYTHING, deployed()))

    assert allowed["sagemaker:InvokeEndpoint"] == ["arn:*:sagemaker:*:*:endpoint/match-score"]
    assert allowed["s3:PutObject"] == ["arn:*:s3:::inbound/photos/*", "arn:*:s3:::records/large/*"]
    assert any(fnmatch.fnmatch("arn:aws:s3:::member-photos/a.jpg", one) for one in allowed["s3:GetObject"])
    assert not any(fnmatch.fnmatch("arn:aws:s3:::records/other", one) for one in allowed["s3:GetObject"])


def test_a_database_user_that_cannot_be_known_is_asked_for() -> None:
    url = {"ARTEMIS_DATABASE_AUTH": "iam", "ARTEMIS_DATABASE_URL": "{{resolve:ssm:/artemis/url}}"}

    with pytest.raises(CannotShip, match="write it in plain"):
        policy({}, deployed(environment=url))


@pytest.mark.parametrize("stage", ["staging", "production"])
def test_the_committed_policies_are_what_their_stages_need(stage: str) -> None:
    manifest = Manifest.read()

    kept = json.loads((ROOT / ".chalice" / f"policy-{stage}.json").read_bytes())
    assert kept == policy(manifest.stages[stage], read(ROOT, stage))
