"""The IAM policy of a stage's functions: what the code can ask of AWS there, and nothing else.

Resources are named wherever the service lets a policy name them. Accounts and regions are left open: a role belongs
to one account, and the policy lies in the repository, which knows neither.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url

from chalicelib.calling.routing import Routing
from workbench.shipping.errors import CannotShip
from workbench.shipping.stage import REFERENCE, Deployed

Statement = dict[str, Any]

# Capability -> Rekognition's operation.
REKOGNITION = {
    "moderation": "DetectModerationLabels",
    "faces": "DetectFaces",
    "text": "DetectText",
    "labels": "DetectLabels",
}
# Action -> why a policy cannot name what it is about.
UNNAMED = {
    **{
        f"rekognition:{name}": "the photo is in the request or in a bucket; Rekognition's Detect calls have no resource"
        for name in REKOGNITION.values()
    },
    "xray:PutTraceSegments": "X-Ray has no resource for segments",
    "xray:PutTelemetryRecords": "X-Ray has no resource for telemetry",
    "ec2:CreateNetworkInterface": "Lambda makes the interface in the VPC before it has a name",
    "ec2:DescribeNetworkInterfaces": "EC2's Describe calls have no resource",
    "ec2:DeleteNetworkInterface": "the interface is named by Lambda",
}
# botocore's method -> why no function may call it, though it stands in code that ships.
NOT_SERVED = {"delete_object": "only `artemis forget` and `artemis purge` delete, under the role of whoever runs them"}


def policy(content: Mapping[str, Any], deployed: Deployed) -> dict[str, Any]:
    """The policy document. ``content``: the stage file's."""
    statements = [*_logs(deployed), *_models(content), *_buckets(content), *_database(deployed), *_platform(deployed)]
    return {"Version": "2012-10-17", "Statement": statements}


def path_of(root: Path, stage: str) -> Path:
    """Where a stage's policy lies; Chalice finds it by ``iam_policy_file``."""
    return root / ".chalice" / f"policy-{stage}.json"


def as_text(document: Mapping[str, Any]) -> str:
    """The file's content."""
    return json.dumps(document, indent=2) + "\n"


def _allow(sid: str, actions: Iterable[str], resources: str | list[str]) -> Statement:
    return {"Sid": sid, "Effect": "Allow", "Action": sorted(actions), "Resource": resources}


def _logs(deployed: Deployed) -> Iterator[Statement]:
    groups = f"arn:*:logs:*:*:log-group:/aws/lambda/{deployed.stack}-*"
    yield _allow("WriteLogs", ["logs:CreateLogStream", "logs:PutLogEvents"], groups)  # the template makes the groups


def _models(content: Mapping[str, Any]) -> Iterator[Statement]:
    routing = Routing.of(content)
    chains = routing.providers
    detect = {
        f"rekognition:{REKOGNITION[name]}"
        for name, chain in chains.items()
        if "rekognition" in chain and name in REKOGNITION
    }
    if detect:
        yield _allow("JudgePhotos", detect, "*")
    if any("sagemaker" in chain for chain in chains.values()):
        models = routing.own("sagemaker").get("models") or {}
        endpoints = sorted({f"arn:*:sagemaker:*:*:endpoint/{one['endpoint']}".lower() for one in models.values()})
        yield _allow("Predict", ["sagemaker:InvokeEndpoint"], endpoints)


def _buckets(content: Mapping[str, Any]) -> Iterator[Statement]:
    photos = content.get("photos") or {}
    upload, objects = photos.get("upload"), content.get("objects")
    readable = [f"arn:*:s3:::{bucket}/*" for bucket in photos.get("buckets") or ()]
    writable = [f"arn:*:s3:::{place['bucket']}/{place.get('prefix', '')}*" for place in (upload, objects) if place]
    if readable or writable:
        read = sorted({*readable, *writable})
        yield _allow("ReadObjects", ["s3:GetObject", "s3:GetObjectVersion"], read)
        buckets = sorted({arn.partition("/")[0] for arn in read})
        yield _allow("TellMissingFromForbidden", ["s3:ListBucket"], buckets)
    if writable:
        yield _allow("WriteObjects", ["s3:PutObject"], sorted(set(writable)))


def _database(deployed: Deployed) -> Iterator[Statement]:
    auth, url = (deployed.environment.get(f"ARTEMIS_DATABASE_{name}", "") for name in ("AUTH", "URL"))
    if auth == "iam":
        if REFERENCE.fullmatch(url):
            raise CannotShip(
                "ARTEMIS_DATABASE_AUTH is iam, so ARTEMIS_DATABASE_URL holds no secret: write it in plain, not as a "
                "reference, so that the policy can name the database user"
            )
        yield _allow("ConnectToDatabase", ["rds-db:connect"], f"arn:*:rds-db:*:*:dbuser:*/{make_url(url).username}")
    if auth.startswith("secret:"):
        name = auth.removeprefix("secret:")
        arn = name if name.startswith("arn:") else f"arn:*:secretsmanager:*:*:secret:{name}-??????"
        yield _allow("ReadDatabaseSecret", ["secretsmanager:GetSecretValue"], arn)


def _platform(deployed: Deployed) -> Iterator[Statement]:
    if deployed.content.get("xray"):
        yield _allow("SendTraces", ["xray:PutTelemetryRecords", "xray:PutTraceSegments"], "*")
    if deployed.content.get("subnet_ids"):
        verbs = ("CreateNetworkInterface", "DescribeNetworkInterfaces", "DeleteNetworkInterface")
        yield _allow("JoinNetwork", [f"ec2:{verb}" for verb in verbs], "*")
