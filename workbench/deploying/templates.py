"""A packaged template made ready for CloudFormation: where its code lies, and whom its roles have to serve."""

from __future__ import annotations

import json
from typing import Any


def with_code(template: bytes, bucket: str, key: str) -> bytes:
    """The template with its functions' code in a bucket."""
    content = json.loads(template)
    for resource in content["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = {"Bucket": bucket, "Key": key}
    return _written(content)


def assembled(template: bytes, also: bytes) -> bytes:
    """A template whose roles may do besides what those of another may.

    While a new version is tried, the live one goes on under the same roles, and must lose nothing.
    """
    content, other = json.loads(template), json.loads(also)["Resources"]
    for identity, resource in content["Resources"].items():
        if resource["Type"] == "AWS::IAM::Role" and identity in other:
            own = resource["Properties"].setdefault("Policies", [])
            documents = [one["PolicyDocument"] for one in own]
            own += [
                {**one, "PolicyName": f"{one['PolicyName']}BesideIt"}
                for one in other[identity]["Properties"].get("Policies", [])
                if one["PolicyDocument"] not in documents
            ]
    return _written(content)


def _written(content: Any) -> bytes:
    return (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()
